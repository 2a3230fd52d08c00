"""What public suites expect of a client of feeds, case by case, against a real server and the code that polls.

The ids are those of a collected list of such cases: fp- is feedparser, lr- lemon24/reader, mf- Miniflux, rb- the
feed reader score of rachelbythebay.com, ws- websub.rocks (in test_websub_cases.py).
"""

import json
import re
from base64 import b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

import pytest
from pydantic import SecretStr

from schemas.base import SecretRef
from schemas.feed import Feed
from schemas.streams import ARTICLES
from services.domain.feeds.normalize import Reading, read_feed
from services.domain.feeds.schedule import DueReason, SchedulePolicy
from services.fetcher.answers import Failed, FailureReason, Fetched, FetchResult, NotModified, Validators
from services.fetcher.client import FeedClient
from services.fetcher.handler import FeedPoller, PollReport
from services.fetcher.history import PollOutcome
from services.fetcher.policy import FetchPolicy
from services.fetcher.state import FeedState
from tests.fakes import FakeClock, InMemoryFeedStore, RecordingPublisher
from tests.integration.fetcher.network import Internet, Names
from tests.integration.fetcher.server import FeedServer, Reply, rss

ROOT = Path(__file__).resolve().parents[3]
SHARED = ROOT.parent / "shared" / "data" / "http_cases.json"
WEBSUB = Path(__file__).with_name("test_websub_cases.py")

# Cases that are not met to the letter, and why.
GAPS = {
    "lr-maxage-cap": "who is not asked for a month is missed for a month: max-age is obeyed for a day at most",
    "lr-nocache": "max-age counts even beside no-cache: to a poller it says how often the document is made anew",
    "mf-enc-46": "concerns HTML pages; a feed's encoding is declared in its first line or by its server",
    "mf-req-31": "a connection is kept five seconds for redirects and further feeds of the host, which spares it work",
}
COVERED: set[str] = set()
NOW = datetime(2010, 1, 1, tzinfo=UTC)
BODY = rss("a|Title|Text")
HOUR = timedelta(hours=1)
T = TypeVar("T")


def case(*ids: str) -> Callable[[T], T]:
    """Say which cases a test covers."""
    COVERED.update(ids)
    return lambda test: test


class Reader:
    """Reads documents in this process, and counts them."""

    def __init__(self) -> None:
        self.documents = 0

    async def read(self, body: bytes, *, content_type: str | None, base_url: str | None) -> Reading:
        self.documents += 1
        return read_feed(body, content_type=content_type, base_url=base_url)


@dataclass
class World:
    """A fetcher of one feed, with a clock of its own. A new client for each poll, as after a restart."""

    server: FeedServer
    path: str = "/feed.xml"
    schedule: SchedulePolicy = field(default_factory=SchedulePolicy)
    options: Mapping[str, Any] = field(default_factory=dict)
    clock: FakeClock = field(default_factory=lambda: FakeClock(NOW))
    store: InMemoryFeedStore = field(default_factory=InMemoryFeedStore)
    publisher: RecordingPublisher = field(default_factory=RecordingPublisher)
    reader: Reader = field(default_factory=Reader)

    @property
    def feed(self) -> Feed:
        return Feed(id="one", url=self.server.url(self.path), outlet="Example Times", **self.options)

    @property
    def state(self) -> FeedState:
        return self.store.states["one"]

    async def poll(self, secrets: Mapping[str, SecretStr] | None = None) -> PollReport:
        client = FeedClient(FetchPolicy(allow_private=True, timeout_seconds=5.0), self.clock)
        poller = FeedPoller(
            client=client,
            reader=self.reader,
            store=self.store,
            publisher=self.publisher,
            clock=self.clock,
            policy=self.schedule,
            jitter=lambda: 0.0,
            secrets=secrets,
        )
        await self.store.reconcile([self.feed], self.clock.now())
        await self.store.hasten("one", self.clock.now())
        (claim,) = (await self.store.claim_due(self.clock.now(), 1)).claims
        try:
            return await poller.poll(self.feed, claim)
        finally:
            await client.aclose()


async def fetch(server: FeedServer, path: str = "/feed.xml", validators: Validators | None = None) -> FetchResult:
    client = FeedClient(FetchPolicy(allow_private=True, timeout_seconds=5.0), FakeClock(NOW))
    try:
        return await client.fetch(server.url(path), validators)
    finally:
        await client.aclose()


async def fetched(server: FeedServer, path: str = "/feed.xml") -> Fetched:
    result = await fetch(server, path)
    assert isinstance(result, Fetched), result
    return result


def moves(server: FeedServer, status: int, target: Reply | None = None) -> None:
    server.pages["/feed.xml"] = Reply(status, headers={"Location": "/target.xml"})
    server.pages["/target.xml"] = target or Reply(body=rss("t|Target|Text"))


@case("fp-301", "fp-303", "fp-307")
@pytest.mark.parametrize(("status", "is_permanent"), [(301, True), (303, False), (307, False)])
async def test_redirects_lead_to_the_feed(server: FeedServer, status: int, is_permanent: bool) -> None:
    moves(server, status)
    result = await fetched(server)
    assert [draft.title for draft in read_feed(result.body).drafts] == ["Target"]
    assert result.status == 200
    assert result.moved_to == (server.url("/target.xml") if is_permanent else None)


@case("fp-302-304")
async def test_not_modified_after_a_redirect_is_no_fault(server: FeedServer) -> None:
    world = World(server)
    moves(server, 302, Reply(body=BODY, headers={"ETag": '"1"'}))
    await world.poll()
    moves(server, 302, Reply(304))
    assert (await world.poll()).outcome is PollOutcome.UNCHANGED
    assert server.asked("/target.xml")[-1].headers["if-none-match"] == b'"1"'


@case("fp-hdr-8", "fp-hdr-10", "fp-hdr-12", "lr-p79")
@pytest.mark.parametrize(
    ("headers", "kept"),
    [
        ({"ETag": 'W/"1"'}, ('W/"1"', None)),
        ({"Last-Modified": "Fri, 01 Jan 2010 00:00:00 GMT"}, (None, "Fri, 01 Jan 2010 00:00:00 GMT")),
        ({}, (None, None)),
    ],
    ids=["etag", "last-modified", "neither"],
)
async def test_validators_are_kept_if_there_are_any(
    server: FeedServer, headers: dict[str, str | bytes], kept: tuple[str | None, str | None]
) -> None:
    world = World(server)
    server.pages["/feed.xml"] = Reply(body=BODY, headers=headers)
    await world.poll()
    assert (world.state.etag, world.state.last_modified) == kept


@case("fp-hdr-14")
async def test_a_relative_content_location_is_the_base_of_links(server: FeedServer) -> None:
    body = b"<rss version='2.0'><channel><title>x</title><item><title>y</title><link>item</link></item></channel></rss>"
    server.pages["/feed.xml"] = Reply(body=body, headers={"Content-Location": "/en/news/feed.xml"})
    world = World(server)
    await world.poll()
    assert [article.url for article in world.publisher.on(ARTICLES)] == [server.url("/en/news/item")]


@dataclass(frozen=True)
class Timed:
    """An answer; the server asks to be left alone for `asked`; the other reader, of hourly steps, waits `expected`."""

    asked: timedelta
    expected: timedelta
    headers: dict[str, str | bytes]
    status: int = 200
    interval: timedelta = HOUR


MINUTES_100 = timedelta(minutes=100)
TIMED = {
    "lr-200-ra": Timed(HOUR, HOUR, {"Retry-After": "6000"}),
    "lr-expires": Timed(MINUTES_100, 2 * HOUR, {"Expires": "Fri, 01 Jan 2010 01:40:00 GMT"}),
    "lr-interval15-ma": Timed(
        timedelta(seconds=2000), timedelta(minutes=45), {"Cache-Control": "max-age=2000"}, interval=HOUR / 4
    ),
    "lr-maxage": Timed(MINUTES_100, 2 * HOUR, {"Cache-Control": "max-age=6000"}),
    "lr-ra-date": Timed(MINUTES_100, 2 * HOUR, {"Retry-After": "Fri, 01 Jan 2010 01:40:00 GMT"}, 429),
    "lr-ra-date-offset": Timed(MINUTES_100, 2 * HOUR, {"Retry-After": "Fri, 01 Jan 2010 02:40:00 +0100"}, 429),
    "lr-ra<int": Timed(timedelta(seconds=3599), HOUR, {"Retry-After": "3599"}, 429),
    "lr-ra=int": Timed(HOUR, HOUR, {"Retry-After": "3600"}, 429),
    "lr-ra>maxage": Timed(MINUTES_100, 2 * HOUR, {"Retry-After": "6000", "Cache-Control": "max-age=3000"}, 429),
    "lr-rel-date-ra": Timed(
        timedelta(minutes=160),
        3 * HOUR,
        {"Date": "Thu, 31 Dec 2009 23:00:00 GMT", "Retry-After": "Fri, 01 Jan 2010 01:40:00 GMT"},
        429,
    ),
    "lr-ra-invalid": Timed(timedelta(seconds=1), HOUR, {"Retry-After": "xyz"}, 429),
    "mf-cc-bad": Timed(HOUR, HOUR, {"Cache-Control": "max-age=invalid"}),
    "mf-exp-bad": Timed(HOUR, HOUR, {"Expires": "invalid-date"}),
    "mf-retry-empty": Timed(timedelta(seconds=1), HOUR, {}, 429),
    "rb-111": Timed(12 * HOUR, 12 * HOUR, {"Cache-Control": "max-age=43200"}),
    # Not met to the letter: see GAPS.
    "lr-nocache": Timed(MINUTES_100, 2 * HOUR, {"Cache-Control": "no-cache, max-age=6000"}),
    "lr-maxage-cap": Timed(24 * HOUR, 24 * HOUR, {"Cache-Control": f"max-age={31 * 86_400 + 1}"}),
}


@case(*TIMED.keys() - GAPS.keys())
@pytest.mark.parametrize("name", TIMED)
async def test_the_next_poll_is_when_the_server_allows_it_and_no_later_than_elsewhere(
    server: FeedServer, name: str
) -> None:
    timed = TIMED[name]
    world = World(server, schedule=SchedulePolicy(min_interval=timed.interval, default_interval=timed.interval))
    server.pages["/feed.xml"] = Reply(timed.status, BODY, timed.headers)
    report = await world.poll()
    assert report.due.at is not None
    assert timed.asked <= report.due.at - NOW <= timed.expected
    if name in {"lr-ra-invalid", "mf-retry-empty"}:
        assert report.due.reason is DueReason.BACK_OFF


@case("lr-p73", "mf-ismod-304")
async def test_not_modified_keeps_its_headers(server: FeedServer) -> None:
    old = Validators('"1"', "Fri, 01 Jan 2010 00:00:00 GMT")
    headers: dict[str, str | bytes] = {"ETag": '"1"', "Cache-Control": "max-age=7200"}
    server.pages["/feed.xml"] = Reply(304, headers=headers)
    result = await fetch(server, validators=old)
    assert result == NotModified(old, fresh_for=2 * HOUR)


@case("lr-p75")
async def test_a_failure_carries_status_and_headers(server: FeedServer) -> None:
    server.pages["/feed.xml"] = Reply(503, b"later", {"Retry-After": "7200"})
    result = await fetch(server)
    assert isinstance(result, Failed)
    assert (result.status, result.retry_after) == (503, 2 * HOUR)
    world = World(server)
    assert (await world.poll()).due.at == NOW + 2 * HOUR
    assert (world.state.last_status, world.state.failure) == (503, FailureReason.SERVER_ERROR)


@case("lr-p77", "mf-req-29", "rb-107")
async def test_validators_go_back_byte_for_byte(server: FeedServer) -> None:
    etag, date = b'W/"\xfc  \'quoted"', b"Friday, maybe; 1 Jan 2010"
    server.pages["/feed.xml"] = Reply(body=BODY, headers={"ETag": etag, "Last-Modified": date})
    world = World(server)
    await world.poll()
    await world.poll()
    asked = server.requests[-1].headers
    assert (asked["if-none-match"], asked["if-modified-since"]) == (etag, date)


@case("lr-p81")
async def test_a_body_that_breaks_off_is_a_failure(server: FeedServer) -> None:
    server.pages["/feed.xml"] = Reply(body=BODY[:-20], headers={"Content-Length": str(len(BODY)), "ETag": '"1"'})
    world = World(server)
    report = await world.poll()
    assert (report.outcome, report.failure) == (PollOutcome.FAILED, FailureReason.BAD_RESPONSE)
    assert world.state.etag is None


@case("lr-p83")
async def test_an_entry_without_id_goes_by_its_address_and_one_without_anything_is_left_out(server: FeedServer) -> None:
    items = "<item><title>One</title><link>https://news.example.org/1</link></item><item></item>"
    server.pages["/feed.xml"] = Reply(body=f"<rss version='2.0'><channel>{items}</channel></rss>".encode())
    world = World(server)
    await world.poll()
    await world.poll()
    assert [article.title for article in world.publisher.on(ARTICLES)] == ["One"]


@case("lr-p85")
async def test_a_broken_json_feed_is_a_failure(server: FeedServer) -> None:
    body = b'{"version": "https://jsonfeed.org/version/1.1", "title": "x", "items": [{"id": "1"'
    server.pages["/feed.xml"] = Reply(body=body, headers={"Content-Type": "application/feed+json"})
    assert (await World(server).poll()).failure is FailureReason.NOT_A_FEED


@case("mf-enc-38", "mf-enc-40", "mf-enc-42", "mf-enc-44")
@pytest.mark.parametrize(
    ("title", "encoding", "declared", "content_type"),
    [
        ("Café à Zürich", "iso-8859-1", None, "application/rss+xml; charset=ISO-8859-1"),
        ("“Straße” – 5 €", "windows-1252", "windows-1252", "text/xml"),
        ("Ελλάδα und Straße", "utf-8", "iso-8859-1", "text/xml"),
        ("Москва и Киев", "koi8-r", "koi8-r", None),
    ],
    ids=["header", "windows-1252", "wrong prolog", "prolog only"],
)
async def test_text_comes_out_whatever_it_was_encoded_in(
    server: FeedServer, title: str, encoding: str, declared: str | None, content_type: str | None
) -> None:
    prolog = f"<?xml version='1.0' encoding='{declared}'?>" if declared else ""
    text = f"{prolog}<rss version='2.0'><channel><item><title>{title}</title><guid>1</guid></item></channel></rss>"
    headers: dict[str, str | bytes] = {"Content-Type": content_type} if content_type else {}
    server.pages["/feed.xml"] = Reply(body=text.encode(encoding), headers=headers)
    world = World(server)
    await world.poll()
    assert [article.title for article in world.publisher.on(ARTICLES)] == [title]


@case("mf-ismod-lm-only")
async def test_the_same_document_at_another_time_is_not_read_again(server: FeedServer) -> None:
    world = World(server)
    for day in (1, 2):
        changed = {"ETag": '"1"', "Last-Modified": f"Fri, 0{day} Jan 2010 00:00:00 GMT"}
        server.pages["/feed.xml"] = Reply(body=BODY, headers={**changed})
        report = await world.poll()
    assert report.outcome is PollOutcome.UNCHANGED
    assert world.reader.documents == 1


@case("mf-req-33")
async def test_redirects_can_be_switched_off(server: FeedServer) -> None:
    moves(server, 301)
    client = FeedClient(FetchPolicy(allow_private=True, max_redirects=0), FakeClock())
    result = await client.fetch(server.url())
    await client.aclose()
    assert isinstance(result, Failed)
    assert result.reason is FailureReason.TOO_MANY_REDIRECTS
    assert server.asked("/target.xml") == []


@case("mf-req-35")
async def test_a_redirect_into_a_private_network_is_refused(server: FeedServer) -> None:
    server.pages["/feed.xml"] = Reply(302, headers={"Location": server.url("/target.xml")})
    names, internet = Names({"news.example.org": [["93.184.215.14"]]}), Internet(server.port)
    client = FeedClient(FetchPolicy(), FakeClock(), resolver=names, dial=internet)
    result = await client.fetch("http://news.example.org/feed.xml")
    await client.aclose()
    assert isinstance(result, Failed)
    assert result.reason is FailureReason.ADDRESS_REFUSED
    assert server.asked("/target.xml") == []


@case("mf-req-37")
async def test_basic_auth_is_sent(server: FeedServer) -> None:
    server.pages["/feed.xml"] = Reply(body=BODY)
    world = World(server, options={"basic_auth": SecretRef(secret="WIRE")})
    await world.poll({"WIRE": SecretStr("desk:päss\n")})
    assert server.requests[0].headers["authorization"] == b"Basic " + b64encode("desk:päss".encode())


@case("rb-109")
async def test_only_the_first_request_is_unconditional(server: FeedServer) -> None:
    server.pages["/feed.xml"] = Reply(body=BODY, headers={"ETag": '"1"'})
    world = World(server)
    await world.poll()
    for answer in (Reply(304), Reply(500), Reply(body=b"not a feed", headers={"ETag": '"2"'}), Reply(304)):
        server.pages["/feed.xml"] = answer
        world.clock.advance(HOUR)
        await world.poll()
    assert [request.headers.get("if-none-match") for request in server.requests] == [None, *[b'"1"'] * 4]


@case("rb-113")
async def test_no_cookie_no_referrer_nothing_added_to_the_address(server: FeedServer) -> None:
    server.pages["/feed.xml?a=1&b"] = Reply(302, headers={"Location": "/target.xml", "Set-Cookie": "id=1; Path=/"})
    server.pages["/target.xml"] = Reply(body=BODY, headers={"Set-Cookie": "id=2; Path=/"})
    world = World(server, path="/feed.xml?a=1&b")
    await world.poll()
    await world.poll()
    assert [request.path for request in server.requests] == ["/feed.xml?a=1&b", "/target.xml"] * 2
    assert not any({"cookie", "referer"} & request.headers.keys() for request in server.requests)


def test_every_case_of_the_list_is_covered_or_a_gap_with_a_reason() -> None:
    if not SHARED.exists():
        pytest.skip(f"the list of cases is not there: {SHARED.name}")
    listed = {item["id"] for item in json.loads(SHARED.read_text())}
    if not WEBSUB.exists():
        listed = {name for name in listed if not name.startswith("ws-")}
    named = re.findall(r"\b(?:test_)?ws[-_][a-z]+[-_]\d+", WEBSUB.read_text()) if WEBSUB.exists() else []
    websub = {name.removeprefix("test_").replace("_", "-") for name in named}
    assert listed - COVERED - websub == set(GAPS)
    assert not COVERED - listed
    assert all(GAPS.values())
