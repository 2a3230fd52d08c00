"""The page of a topic's positions: over HTTP, from the store that the tracker writes."""

import re
from base64 import b64encode
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from hashlib import sha256
from html import unescape
from pathlib import Path

import httpx
import pytest
from redis.asyncio import Redis

from alerts.links import Links, make_token
from schemas.alert import AlertKind
from schemas.claim import Attribution, Claim
from schemas.ladder import Ladder
from services.api.app import build_app
from services.api.position_page import PositionPages
from services.api.position_view import LadderTopic
from services.bootstrap.api import LadderBook, position_pages
from services.bootstrap.world import World, provisioned_by_files
from services.fetcher.websub_store import ValkeyWebSubStore
from services.provisioning.catalogues import load_watched
from services.runtime.apps import BrokerConfig
from services.runtime.valkey import ping
from services.settings import SEEDS, LoadedSettings, Settings
from services.tracker.position_records import Change
from services.tracker.position_store import ValkeyPositionStore
from tests.fakes import FakeClock
from tests.integration.fetcher.hub import on_loopback
from tests.unit.alerts.examples import NASTY, an_alert, told
from tests.unit.positions.worlds import ACTOR, DAY, START, TOPIC, claim, ladder, said

KEY = b"k" * 32
LINKS = Links("https://redline.example", KEY)


def desk(held: Ladder | None = None, title: str = "Arms to Ukraine") -> LadderTopic:
    return LadderTopic(TOPIC, title, held or ladder(lone_reports=True), {ACTOR: "South Korea", "ukraine": "Ukraine"})


@asynccontextmanager
async def api(valkey: Redis, *topics: LadderTopic) -> AsyncIterator[httpx.AsyncClient]:
    clock = FakeClock(START + 60 * DAY)
    known = {topic.id: topic for topic in topics}
    app = build_app(
        callbacks=ValkeyWebSubStore(valkey),
        ready=lambda: ping(valkey),
        clock=clock,
        max_body_bytes=1_000_000,
        pages=PositionPages(ValkeyPositionStore(valkey), known.get, KEY, clock).routes(),
    )
    async with on_loopback(app) as url, httpx.AsyncClient(base_url=url) as client:
        yield client


async def keep(valkey: Redis, *claims: Claim) -> None:
    store = ValkeyPositionStore(valkey)
    assert await store.commit(TOPIC, Change(claims=claims), expected=await store.version(TOPIC))


def path(zone: str = "UTC") -> str:
    alert = an_alert(kind=AlertKind.SHIFT, watch_topic=TOPIC)
    return str(LINKS.positions(told(alert, time_zone=zone))).removeprefix("https://redline.example")


def with_text(claims: Iterable[Claim], text: str, **changed: str) -> Iterator[Claim]:
    for one in claims:
        evidence = one.evidence.model_copy(update={"text": text})
        yield one.model_copy(update={"evidence": evidence, **changed})


@pytest.fixture
async def moved(valkey: Redis) -> Redis:
    """South Korea refused, then declared that it considers; Ukraine asked; reports say otherwise since."""
    await keep(
        valkey,
        *said(0, "refuse"),
        *with_text(said(20, "consider", 2), "We may yet send them.", url="https://example.org/a?b=1&c=2"),
        claim(40, "deliver", Attribution.UNNAMED),
        claim(41, "deliver", Attribution.NARRATOR),
        claim(10, "request", actor="ukraine"),
    )
    return valkey


async def test_it_says_where_an_actor_stands_and_which_sentences_moved_it(moved: Redis) -> None:
    async with api(moved, desk()) as client:
        answer = await client.get(path())
    assert answer.status_code == 200
    said = " ".join(re.sub("<[^>]+>", " ", unescape(answer.text)).split())
    assert "Arms to Ukraine" in said
    assert "Declared Consider, since 21 Mar 2024" in said
    assert "Reported Deliver, since 10 Apr 2024" in said
    assert "Policy, as told Deliver, told last on 11 Apr 2024" in said
    assert "21 Mar 2024 · Declared · confirmed Refuse → Consider 2 independent origins" in said
    assert said.index("10 Apr 2024 · Reported") < said.index("21 Mar 2024 · Declared")  # the newest first
    assert "We may yet send them. the minister, its own word, asserted · Harbour Gazette" in said
    assert '<a href="https://example.org/a?b=1&amp;c=2"' in answer.text
    assert "Ukraine: Asks 11 Mar 2024 · 1 independent origin" in said


async def test_the_way_there_is_drawn_for_wide_and_narrow_screens_and_read_aloud(moved: Redis) -> None:
    async with api(moved, desk()) as client:
        text = (await client.get(path())).text
    drawn = re.findall(r"<svg.*?</svg>", text, re.DOTALL)
    assert len(drawn) == 2
    assert [len(re.findall("<polygon class=.s[dr]. ", one)) for one in drawn] == [3, 3]  # two shifts and the legend's
    ids = re.findall(' id="([^"]+)"', text)
    assert len(ids) == len(set(ids))
    for one in drawn:
        assert 'role="img"' in one
        assert "<desc" in one
        assert "Refuse from 2024-03-01, then Consider from 2024-03-21" in one


async def test_nothing_is_run_or_loaded_and_its_one_style_sheet_is_the_one_allowed(moved: Redis) -> None:
    async with api(moved, desk()) as client:
        answer = await client.get(path())
    (style,) = re.findall(r"<style>(.*?)</style>", answer.text, re.DOTALL)
    allowed = b64encode(sha256(style.encode()).digest()).decode()
    policy = answer.headers["content-security-policy"]
    assert policy.startswith(f"default-src 'none'; style-src 'sha256-{allowed}'; ")
    assert not re.search(r"<script|<img|<link|<iframe| style=| on\w+=", answer.text)
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["referrer-policy"] == "no-referrer"


async def test_days_are_those_of_the_reader_of_the_alert(moved: Redis) -> None:
    await keep(moved, *(one.model_copy(update={"event_at": START + 50.8 * DAY}) for one in said(50, "refuse")))
    async with api(moved, desk()) as client:
        assert "Refuse, since 20 Apr 2024" in (await client.get(path())).text
        seoul = (await client.get(path("Asia/Seoul"))).text
    assert "Refuse, since 21 Apr 2024" in seoul
    assert "As of 30 Apr 2024 09:00 KST" in seoul


async def test_what_is_said_later_shows_at_the_next_look(moved: Redis) -> None:
    async with api(moved, desk()) as client:
        before = (await client.get(path())).text
        assert (await client.get(path())).text == before
        await keep(moved, *said(55, "refuse"))
        after = (await client.get(path())).text
    assert "Refuse, since 25 Apr 2024" in after
    assert "Refuse, since 25 Apr 2024" not in before


async def test_before_anything_is_said_it_says_so(valkey: Redis) -> None:
    async with api(valkey, desk()) as client:
        assert "Nothing has been said on this ladder yet." in (await client.get(path())).text


async def test_a_link_that_is_not_ours_or_of_another_page_shows_nothing(moved: Redis) -> None:
    forged = make_token(["t", TOPIC, "UTC"], b"another key")
    silencing = str(LINKS.silence(told(an_alert(watch_topic=TOPIC)))).rpartition("/")[2]
    leaving = str(LINKS.unsubscribe("desk", "email", "a@example.org")).rpartition("/")[2]
    async with api(moved, desk()) as client:
        for token in (forged, silencing, leaving, "1.a.b", TOPIC):
            answer = await client.get(f"/topics/{token}")
            assert (answer.status_code, "South Korea" in answer.text) == (404, False)
        assert (await client.post(path())).status_code == 405


async def test_a_topic_that_is_gone_or_has_no_ladder_any_more_is_said_to_be(moved: Redis) -> None:
    async with api(moved) as client:
        answer = await client.get(path())
    assert answer.status_code == 404
    assert "not watched any more" in answer.text


async def test_a_store_that_cannot_be_reached_is_not_an_empty_page(moved: Redis) -> None:
    await moved.set(f"redline:positions:{{{TOPIC}}}:state", "no hash")
    async with api(moved, desk()) as client:
        assert (await client.get(path())).status_code == 503
    await moved.flushall()


async def test_whatever_texts_say_the_page_shows_them_harmlessly(valkey: Redis) -> None:
    tags: set[int] = set()
    for text in NASTY:
        await valkey.flushall()
        hostile = [
            one.model_copy(update={"outlet": text, "speaker": text}) for one in with_text(said(20, "consider"), text)
        ]
        await keep(valkey, *said(0, "refuse"), *hostile)
        named = ladder().model_copy(
            update={"rungs": tuple(one.model_copy(update={"title": text}) for one in ladder().rungs)}
        )
        topic = LadderTopic(TOPIC, text, named, {ACTOR: text})
        async with api(valkey, topic) as client:
            answer = await client.get(path())
        assert answer.status_code == 200
        assert not {"\x00", "\x1b", "\u202e", "\u2066"} & set(unescape(answer.text))
        tags.add(answer.text.count("<"))
    assert len(tags) == 1


async def test_a_link_to_a_place_that_is_not_the_web_is_none(valkey: Redis) -> None:
    await keep(valkey, *said(0, "refuse"), *with_text(said(20, "consider"), "x", url="javascript:alert(1)"))
    async with api(valkey, desk()) as client:
        text = (await client.get(path())).text
    assert "javascript" not in text


async def test_there_are_pages_only_where_links_to_them_are_made(valkey: Redis) -> None:
    for public_url, count in ((None, 0), ("https://redline.example", 1)):
        settings = Settings.model_validate({"api": {"public_url": public_url}})
        async with AsyncExitStack() as closing:
            provisioned = provisioned_by_files(LoadedSettings(settings, {}, {}, None))
            world = World(settings, provisioned, valkey, BrokerConfig("sqlite:///x"), closing=closing)
            routes, following = await position_pages(world, KEY)
        assert (len(routes), len(following)) == (count, count)


def test_the_book_of_ladders_forgets_what_files_no_longer_say(tmp_path: Path) -> None:
    watched = load_watched(SEEDS / "topics", SEEDS / "actors")
    book = LadderBook(watched)
    found = book.find("arms-supply-ukraine")
    assert found is not None
    assert (found.title, found.name("south_korea")) == ("Arms supplies to Ukraine", "South Korea")
    book.take_over(type(watched)(watched.topics, watched.gazetteer, {}))
    assert book.find("arms-supply-ukraine") is None
