"""Silencing a story by the link of an alert: over HTTP, in the store that the alerter reads."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from html import unescape

import httpx
from redis.asyncio import Redis

from alerts.links import Links, make_token
from alerts.silences import silenced_by
from schemas.alert import Alert
from services.alerter.silence_store import ValkeySilences
from services.api.app import build_app
from services.api.silence_page import SilencePages
from services.fetcher.websub_store import ValkeyWebSubStore
from services.runtime.valkey import ping
from tests.fakes import FakeClock
from tests.integration.fetcher.hub import on_loopback
from tests.unit.alerts.examples import NASTY, an_alert, told
from tests.unit.alerts.messages import a_shift

KEY = b"k" * 32
LINKS = Links("https://redline.example", KEY)


@asynccontextmanager
async def api(valkey: Redis, clock: FakeClock | None = None) -> AsyncIterator[httpx.AsyncClient]:
    clock = clock or FakeClock()
    app = build_app(
        callbacks=ValkeyWebSubStore(valkey),
        ready=lambda: ping(valkey),
        clock=clock,
        max_body_bytes=1_000_000,
        pages=SilencePages(ValkeySilences(valkey), KEY, clock).routes(),
    )
    async with on_loopback(app) as url, httpx.AsyncClient(base_url=url) as client:
        yield client


def path(alert: Alert) -> str:
    return str(LINKS.silence(told(alert))).removeprefix("https://redline.example")


async def test_a_look_says_what_it_is_about_and_changes_nothing(valkey: Redis) -> None:
    async with api(valkey) as client:
        shown = await client.get(path(a_shift()))
    assert shown.status_code == 200
    assert "Watch topic: South Korea: arms to Ukraine" in shown.text
    assert "The story: Seoul to review arms for Ukraine" in shown.text
    assert await ValkeySilences(valkey).all() == ()


async def test_a_click_silences_the_story_under_its_topic_for_a_day(valkey: Redis) -> None:
    now = FakeClock().now()
    async with api(valkey) as client:
        done = await client.post(path(a_shift()), data={"action": "silence"})
    (silence,) = await ValkeySilences(valkey).all()
    assert silence.id in done.text
    assert (silence.starts_at, silence.ends_at) == (now, now + timedelta(hours=24))
    assert silence.author == "a reader of desk"
    assert silence.comment == "by the link in an alert: Seoul to review arms for Ukraine"
    later = a_shift(title="Ministry repeats", group_key="another")
    assert silenced_by(later, [silence], now + timedelta(hours=23)) == silence
    assert silenced_by(later, [silence], now + timedelta(hours=24)) is None
    assert silenced_by(an_alert(), [silence], now) is None
    assert silenced_by(later.model_copy(update={"watch_topic": "other"}), [silence], now) is None


async def test_an_alert_without_a_story_is_silenced_with_its_group(valkey: Redis) -> None:
    async with api(valkey) as client:
        assert (await client.post(path(an_alert()))).status_code == 200
    (silence,) = await ValkeySilences(valkey).all()
    now = FakeClock().now()
    assert silenced_by(an_alert(title="Later"), [silence], now) == silence
    assert silenced_by(an_alert(group_key="another"), [silence], now) is None


async def test_pressed_again_it_lasts_from_then_and_stays_one(valkey: Redis) -> None:
    clock = FakeClock()
    async with api(valkey, clock) as client:
        await client.post(path(a_shift()))
        clock.advance(timedelta(minutes=5))
        await client.post(path(a_shift()))
    (silence,) = await ValkeySilences(valkey).all()
    assert silence.ends_at == clock.now() + timedelta(hours=24)


async def test_what_was_pressed_by_mistake_is_undone_and_a_look_says_how_things_stand(valkey: Redis) -> None:
    clock = FakeClock()
    link = str(LINKS.silence(told(a_shift(), time_zone="Asia/Seoul"))).removeprefix("https://redline.example")
    async with api(valkey, clock) as client:
        await client.post(link)
        clock.advance(timedelta(hours=2))
        await client.post(link)
        held = await client.get(link)
        assert "is silent for everybody until" in held.text
        assert " KST." in held.text
        assert 'value="undo"' in held.text
        undone = await client.post(link, data={"action": "undo"})
        assert "come again" in undone.text
        assert 'value="silence"' in (await client.get(link)).text
    assert await ValkeySilences(valkey).active(clock.now()) == ()


async def test_undo_leaves_the_silences_of_others_alone(valkey: Redis) -> None:
    theirs = str(LINKS.silence(told(a_shift(), receiver="night"))).removeprefix("https://redline.example")
    async with api(valkey) as client:
        await client.post(theirs)
        await client.post(path(a_shift()), data={"action": "undo"})
    (silence,) = await ValkeySilences(valkey).active(FakeClock().now())
    assert silence.author == "a reader of night"


async def test_a_link_that_is_not_ours_silences_nothing(valkey: Redis) -> None:
    forged = make_token(["s", "rok-arms", "", "g", "desk", "t", "t", "UTC"], b"another key")
    unsubscribing = str(LINKS.unsubscribe("desk", "email", "a@example.org")).rpartition("/")[2]
    async with api(valkey) as client:
        for token in (forged, unsubscribing, "1.a.b"):
            for answer in (await client.get(f"/silence/{token}"), await client.post(f"/silence/{token}")):
                assert answer.status_code == 404
        assert (await client.post(path(an_alert()), content=b"x" * 5_000)).status_code == 413
    assert await ValkeySilences(valkey).all() == ()


async def test_whatever_a_story_is_called_the_page_shows_it_harmlessly(valkey: Redis) -> None:
    async with api(valkey) as client:
        tags = (await client.get(path(an_alert()))).text.count("<")
        for text in NASTY:
            alert = an_alert(title=text, watch_topic_title=text)
            shown = await client.get(path(alert))
            assert shown.status_code == 200
            assert shown.text.count("<") == tags
            assert not {"\x00", "\x1b", "\u202e"} & set(unescape(shown.text))
            done = await client.post(path(alert))
            assert done.status_code == 200
            assert done.text.count("<") == tags - 2  # it names no watch topic
            undone = await client.post(path(alert), data={"action": "undo"})
            assert not {"\x00", "\x1b", "\u202e"} & set(unescape(done.text + undone.text))
