"""Days of polling before a server that judges it, with restarts and a second fetcher in between.

Four days, Monday to Thursday, in every run; the whole week in `make chaos`.

The loop, the poller, the client and the store are the real ones, and so is Valkey; only the clock jumps.
"""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pytest
from redis.asyncio import Redis

from schemas.article import Arrival, Article
from schemas.feed import Feed
from schemas.streams import ARTICLES
from services.fetcher.agent import FeedLoop
from services.fetcher.client import FeedClient
from services.fetcher.handler import FeedPoller
from services.fetcher.history import Move, MoveReason
from services.fetcher.policy import FetchPolicy
from services.fetcher.store import ValkeyFeedStore
from tests.fakes import RecordingPublisher
from tests.integration.fetcher.scoring import DAY, HOUR, Conditions, Scored, ScoringServer
from tests.integration.fetcher.server import FeedServer, Reply, Request
from tests.integration.fetcher.virtual_time import Outside, ThisMachine, VirtualTimeLoop
from tests.unit.fetcher.test_poller import InlineReader
from tests.volume import volume

START = datetime(2024, 11, 25, 0, 0, tzinfo=UTC)  # a Monday
MINUTE = timedelta(minutes=1)
END = START + volume(4, 7) * DAY
MOVE_AFTER = 3
POLICY = FetchPolicy(
    allow_private=True, timeout_seconds=30, user_agent="Redline/test", contact="https://redline.example/contact"
)


def gone_after_two_days(feed: Scored, now: datetime, _: Conditions) -> Reply | None:
    if now < START + 2 * DAY:
        return None
    feed.not_before = START + 1000 * DAY
    return Reply(410)


def moved_after_two_days(feed: Scored, now: datetime, _: Conditions) -> Reply | None:
    if now < START + 2 * DAY:
        return None
    redirected = [at for at in feed.asked_at if at >= START + 2 * DAY]
    feed.not_before = now + (HOUR if len(redirected) < MOVE_AFTER else 1000 * DAY)
    return Reply(301, headers={"Location": "/moved-here.xml"})


def overloaded(feed: Scored, now: datetime, _: Conditions) -> Reply | None:
    """Refuse every third request, in each of the ways there are."""
    number = len(feed.asked_at)
    if number % 3:
        return None
    pause = (2 + number % 5) * HOUR
    answers = [
        (Reply(429, headers={"Retry-After": str(int(pause.total_seconds()))}), pause),
        (Reply(503, headers={"Retry-After": format_datetime(now + pause, usegmt=False)}), pause),
        (Reply(429), HOUR),
        (Reply(503, headers={"Retry-After": "soon"}), HOUR),
        (Reply(503, headers={"Cache-Control": "max-age=18000"}), 5 * HOUR),
    ]
    reply, wait = answers[number // 3 % len(answers)]
    feed.not_before = now + wait
    return reply


def broken_on_tuesday(feed: Scored, now: datetime, _: Conditions) -> Reply | None:
    if now.weekday() != 1:
        return None
    feed.not_before = now + HOUR
    return Reply((500, 404, 502)[len(feed.asked_at) % 3])


def html_on_monday(feed: Scored, now: datetime, conditions: Conditions) -> Reply | None:
    if now.weekday() != 0:
        return None
    feed.not_before, feed.validators = now + HOUR, (b'"page"', None)
    if conditions == feed.validators:
        return Reply(304, headers={"ETag": '"page"'})
    return Reply(200, b"<html><body>Soon</body></html>", {"ETag": '"page"'})


def hangs_at_night(feed: Scored, now: datetime, _: Conditions) -> Reply | None:
    if now.hour >= 6:
        return None
    feed.not_before = now + HOUR
    return Reply(200, b"too late", delay=40)


def all_feeds() -> list[Scored]:
    hours = "".join(f"<hour>{number}</hour>" for number in range(7))
    nights = Scored("skips-hours", channel=f"<skipHours>{hours}</skipHours>", is_closed=lambda now: now.hour < 7)
    skipped = "<skipDays><day>Wednesday</day><day>Sunday</day></skipDays>"
    weekly = Scored("skips-days", item_every=6 * HOUR, channel=skipped, is_closed=lambda now: now.weekday() in {2, 6})
    often = {"Cache-Control": "no-cache, max-age=600"}
    return [
        Scored("busy", item_every=30 * MINUTE),
        Scored("quiet", item_every=2 * DAY),
        Scored("only-etag", last_modified=False, item_every=3 * HOUR),
        Scored("only-date", etag=False, item_every=3 * HOUR),
        Scored("no-validators", etag=False, last_modified=False, item_every=3 * HOUR),
        Scored("max-age", item_every=2 * HOUR, headers={"Cache-Control": "max-age=43200"}, wait=12 * HOUR),
        Scored("every-ten-minutes", item_every=20 * MINUTE, headers=often, wait=10 * MINUTE),
        Scored("ttl", item_every=30 * MINUTE, channel="<ttl>120</ttl>", wait=2 * HOUR),
        nights,
        weekly,
        Scored("gone", special=gone_after_two_days),
        Scored("moves", host="moves", item_every=2 * HOUR, special=moved_after_two_days),
        Scored("moved-here", host="moves", item_every=2 * HOUR),
        Scored("overloaded", item_every=2 * HOUR, special=overloaded),
        Scored("broken", item_every=6 * HOUR, special=broken_on_tuesday),
        Scored("page-first", item_every=6 * HOUR, special=html_on_monday),
        Scored("slow", delay=20.0, item_every=2 * HOUR),
        Scored("hangs", item_every=2 * HOUR, special=hangs_at_night),
        *(Scored(f"together-at-{number}", delay=3.0, item_every=2 * HOUR) for number in range(4)),
    ]


class World:
    """Feeds, their server, and fetchers that come and go."""

    def __init__(self, loop: VirtualTimeLoop, valkey: Redis) -> None:
        self.loop, self._valkey = loop, valkey
        self.publisher = RecordingPublisher()
        self.scoring = ScoringServer(all_feeds(), START, loop.now)
        self.port = 0
        self.feeds: tuple[Feed, ...] = ()
        self.moves: tuple[Move, ...] = ()

    @asynccontextmanager
    async def served(self) -> AsyncIterator[None]:
        listener = await asyncio.start_server(self._handle, "127.0.0.1", 0)
        self.port = listener.sockets[0].getsockname()[1]
        self.feeds = tuple(
            Feed(id=feed.name, url=self.url(feed), outlet="O")
            for feed in self.scoring.feeds.values()
            if feed.name != "moved-here"
        )
        try:
            yield
        finally:
            listener.close()
            await listener.wait_closed()

    def url(self, feed: Scored) -> str:
        host = feed.host or feed.name.partition("-at-")[0]
        return f"http://{host}.example:{self.port}{feed.path}"

    def store(self) -> Any:
        return Outside(ValkeyFeedStore(self._valkey), self.loop)

    async def fetch_until(self, end: datetime) -> None:
        """Run a fetcher that knows nothing of those before it."""
        client, stop = FeedClient(POLICY, self.loop, resolver=ThisMachine()), asyncio.Event()
        store = self.store()
        poller = FeedPoller(
            client=client,
            reader=InlineReader(),
            store=store,
            publisher=self.publisher,
            clock=self.loop,
            policy=POLICY.schedule,
            move_after=MOVE_AFTER,
        )
        running = asyncio.create_task(FeedLoop(self.feeds, store=store, poller=poller, clock=self.loop).run(stop))
        await asyncio.sleep((end - self.loop.now()).total_seconds())
        stop.set()
        await running
        await client.aclose()

    async def _handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        begun: list[Request] = []

        def page(request: Request) -> Reply:
            begun.append(request)
            self.scoring.begin(request)
            return self.scoring.respond(request)

        try:
            await FeedServer(pages=_Always(page)).handle(reader, writer)
        finally:
            for request in begun:
                self.scoring.end(request)


class _Always(dict[str, Any]):
    """Has one page for every path, those with a query included."""

    def __init__(self, page: Callable[[Request], Reply]) -> None:
        super().__init__()
        self._page = page

    def get(self, path: str, default: Any = None) -> Callable[[Request], Reply]:
        return self._page


async def polled(loop: VirtualTimeLoop, socket: Path) -> World:
    """Poll to the end: three fetchers one after the other, and a fourth beside the last."""
    valkey = Redis(unix_socket_path=str(socket), protocol=2)
    with loop.outside():
        await valkey.flushall()
    world = World(loop, valkey)
    async with world.served():
        await world.fetch_until(START + timedelta(hours=30, minutes=7))
        await world.fetch_until(START + timedelta(hours=77, minutes=31))
        await asyncio.gather(world.fetch_until(END), world.fetch_until(END - HOUR))
        with loop.outside():
            world.moves = await ValkeyFeedStore(valkey).moves(9)
            await valkey.aclose()
    return world


@pytest.fixture(scope="module")
def week(valkey_socket: Path) -> Iterator[World]:
    with pytest.MonkeyPatch.context() as patch:
        # What is looked for every second only costs time here.
        patch.setattr("services.fetcher.agent.CHECK_EVERY", 10 * MINUTE)
        patch.setattr("services.fetcher.agent.RENEW_EVERY", 10 * MINUTE)
        while not valkey_socket.exists():
            time.sleep(0.01)
        loop = VirtualTimeLoop(START)
        asyncio.set_event_loop(loop)
        try:
            yield loop.run_until_complete(polled(loop, valkey_socket))
        finally:
            loop.run_until_complete(loop.shutdown_asyncgens())
            asyncio.set_event_loop(None)
            loop.close()


pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


def test_a_week_of_polling(week: World) -> None:
    """One test, since two processes of a run that share the tests of a module would each live through the week."""
    the_server_has_nothing_to_complain_of(week)
    no_feed_is_forgotten(week)
    everything_listed_is_told_once_and_nothing_of_before_is_news(week)
    the_moved_feed_is_asked_where_it_is_and_the_move_is_on_record(week)


def the_server_has_nothing_to_complain_of(week: World) -> None:
    assert week.scoring.violations == []


def no_feed_is_forgotten(week: World) -> None:
    a_week = {"max-age": 10, "every-ten-minutes": 500, "busy": 140, "skips-hours": 80}
    for feed in week.scoring.feeds.values():
        least = a_week.get(feed.name, 20) * (END - START) // (7 * DAY)
        assert len(feed.asked_at) >= least, feed.name


def everything_listed_is_told_once_and_nothing_of_before_is_news(week: World) -> None:
    told: list[Article] = week.publisher.on(ARTICLES)
    counts = Counter((article.title, article.revision) for article in told)
    assert {key: count for key, count in counts.items() if count > 1} == {}
    listed = {title for feed in week.scoring.feeds.values() for title in feed.listed}
    assert {title for title, _ in counts} == listed
    first = {article.title for article in told if article.arrival is Arrival.BACK_LIST}
    assert first <= {f"{feed.name} 0" for feed in week.scoring.feeds.values()} | {
        f"{name} {number}" for name in ("page-first", "hangs") for number in range(9)
    }


def the_moved_feed_is_asked_where_it_is_and_the_move_is_on_record(week: World) -> None:
    (move,) = week.moves
    assert (move.feed_id, move.reason, move.answers) == ("moves", MoveReason.REDIRECTED, MOVE_AFTER)
    assert move.to_url.endswith("/moved-here.xml")


def test_the_scoring_server_sees_what_a_bad_reader_does() -> None:
    clock = [START]
    server = ScoringServer([Scored("one", is_closed=lambda now: now.hour == 1)], START, lambda: clock[0])
    good = {"user-agent": b"Redline (+https://redline.example/contact)", "host": b"one.example:80"}
    reply = server.respond(Request("/one.xml", good))
    etag, date = reply.headers["ETag"], reply.headers["Last-Modified"]
    assert isinstance(etag, bytes)
    assert isinstance(date, bytes)
    assert server.violations == []
    for headers, complaint in [
        (good | {"if-none-match": etag, "if-modified-since": date}, "too early"),
        (good, "in full again"),
        (good | {"if-none-match": etag.strip(b"W/"), "if-modified-since": date}, "instead of"),
        (good | {"cookie": b"reader=1"}, "cookie"),
        ({"host": b"one.example"}, "how to be reached"),
    ]:
        server.violations.clear()
        server.respond(Request("/one.xml", headers))
        assert any(complaint in violation for violation in server.violations), complaint
    server.violations.clear()
    clock[0] += HOUR
    server.respond(Request("/one.xml?now=1", good))
    server.respond(Request("/one.xml", good | {"if-none-match": etag, "if-modified-since": date}))
    for _ in range(2):
        server.begin(Request("/one.xml", good))
    assert [any(word in said for said in server.violations) for word in ("no feed", "skips", "busy")] == [True] * 3
