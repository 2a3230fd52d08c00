"""The loop on a real Valkey and a real server: who polls what, when, and that nothing is lost or told twice."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from prometheus_client import REGISTRY
from pydantic import BaseModel
from redis.asyncio import Redis

from schemas.article import Arrival, Article
from schemas.feed import Feed
from schemas.streams import ARTICLES, Stream
from services.domain.feeds.schedule import Due, DueReason
from services.fetcher import agent
from services.fetcher.agent import FeedLoop
from services.fetcher.client import FailureReason, FeedClient
from services.fetcher.handler import FeedPoller, PollReport
from services.fetcher.history import PollOutcome
from services.fetcher.parse_pool import ParsePool
from services.fetcher.policy import FetchPolicy
from services.fetcher.store import Claim, ValkeyFeedStore
from tests.fakes import RecordingPublisher
from tests.integration.fetcher.server import FeedServer, Reply, Request, rss

POLICY = FetchPolicy(allow_private=True, timeout_seconds=5.0, user_agent="Redline/test")


class SystemClock:
    def now(self) -> datetime:
        return datetime.now(UTC)


def feed_of(server: FeedServer, feed_id: str = "one", *, seconds: float = 3600, host: str = "127.0.0.1") -> Feed:
    # localhost, 127.0.0.2 and so on are other hosts to the fetcher.
    return Feed(
        id=feed_id,
        url=server.url(f"/{feed_id}.xml", host),
        outlet="Example Times",
        interval=timedelta(seconds=seconds),
    )


@asynccontextmanager
async def fetcher(
    valkey: Redis, publisher: Any, *feeds: Feed, lease: float = 15, concurrency: int = 16
) -> AsyncIterator[FeedLoop]:
    store = ValkeyFeedStore(valkey, lease=timedelta(seconds=lease))
    clock, stop = SystemClock(), asyncio.Event()
    client, pool = FeedClient(POLICY, clock), ParsePool()
    poller = FeedPoller(
        client=client, reader=pool, store=store, publisher=publisher, clock=clock, policy=POLICY.schedule
    )
    loop = FeedLoop(feeds, store=store, poller=poller, clock=clock, concurrency=concurrency)
    running = asyncio.create_task(loop.run(stop))
    try:
        yield loop
    finally:
        stop.set()
        await running
        await pool.aclose()
        await client.aclose()


async def until(condition: Callable[[], object], seconds: float = 5.0) -> None:
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.01)


def articles(publisher: RecordingPublisher) -> list[Article]:
    return publisher.on(ARTICLES)


async def test_the_back_list_then_news_then_an_edit(server: FeedServer, valkey: Redis) -> None:
    publisher = RecordingPublisher()
    server.pages["/one.xml"] = Reply(body=rss("a|Old|Text"))
    async with fetcher(valkey, publisher, feed_of(server, seconds=1)):
        await until(lambda: len(articles(publisher)) == 1)
        server.pages["/one.xml"] = Reply(body=rss("b|New|Text", "a|Old|Text"))
        await until(lambda: len(articles(publisher)) == 2)
        server.pages["/one.xml"] = Reply(body=rss("b|New|Text, not final", "a|Old|Text"))
        await until(lambda: len(articles(publisher)) == 3)
    old, new, edited = articles(publisher)
    assert [item.arrival for item in (old, new, edited)] == [Arrival.BACK_LIST, Arrival.NEW, Arrival.NEW]
    assert (new.revision, edited.revision, edited.id) == (1, 2, new.id)
    assert edited.first_seen_at == new.first_seen_at


async def test_an_unchanged_feed_is_asked_with_conditions_and_costs_nothing(server: FeedServer, valkey: Redis) -> None:
    def page(request: Request) -> Reply:
        known = request.headers.get("if-none-match") == b'"v1"'
        return Reply(304) if known else Reply(body=rss("a|Old|Text"), headers={"ETag": '"v1"'})

    server.pages["/one.xml"] = page
    publisher = RecordingPublisher()
    async with fetcher(valkey, publisher, feed_of(server, seconds=1)):
        await until(lambda: len(server.requests) == 3)
    assert "if-none-match" not in server.requests[0].headers
    assert [request.headers["if-none-match"] for request in server.requests[1:]] == [b'"v1"', b'"v1"']
    assert len(articles(publisher)) == 1


async def test_a_restart_resets_no_timer(server: FeedServer, valkey: Redis) -> None:
    server.pages["/one.xml"] = Reply(body=rss("a|Old|Text"))
    publisher = RecordingPublisher()
    for _ in range(2):
        async with fetcher(valkey, publisher, feed_of(server)):
            await until(lambda: publisher.sent)
            await asyncio.sleep(0.3)
    assert len(server.requests) == 1


async def test_a_feed_added_elsewhere_is_polled_within_two_seconds(server: FeedServer, valkey: Redis) -> None:
    server.pages["/late.xml"] = Reply(body=rss("a|Old|Text"))
    publisher = RecordingPublisher()
    async with fetcher(valkey, publisher):
        await asyncio.sleep(0.2)
        await ValkeyFeedStore(valkey).add_feed(feed_of(server, "late"))
        await until(lambda: publisher.sent, seconds=2)
        await ValkeyFeedStore(valkey).remove_feed("late")
        await asyncio.sleep(1.2)
    assert await ValkeyFeedStore(valkey).timer("late") is None


async def test_one_broken_feed_stops_no_other(server: FeedServer, valkey: Redis) -> None:
    server.pages["/bad.xml"] = Reply(body=b"<html><body>Login</body></html>")
    server.pages["/down.xml"] = Reply(500)
    server.pages["/good.xml"] = Reply(body=rss("a|Old|Text"))
    publisher = RecordingPublisher()
    feeds = [feed_of(server, name) for name in ("bad", "down", "good")]
    async with fetcher(valkey, publisher, *feeds):
        await until(lambda: len(server.requests) == 3 and publisher.sent)
    store = ValkeyFeedStore(valkey)
    bad, down = await store.state("bad"), await store.state("down")
    assert bad is not None
    assert (bad.failure, bad.failures) == (FailureReason.NOT_A_FEED, 1)
    assert "HTML page, not a feed" in bad.message
    assert down is not None
    assert down.failure is FailureReason.SERVER_ERROR


async def test_gone_feeds_are_not_asked_again_even_after_a_restart(server: FeedServer, valkey: Redis) -> None:
    server.pages["/one.xml"] = Reply(410)
    for _ in range(2):
        async with fetcher(valkey, RecordingPublisher(), feed_of(server, seconds=1)):
            await until(lambda: server.requests)
            await asyncio.sleep(1.3)
    assert len(server.requests) == 1


async def test_retry_after_is_obeyed_however_short_the_users_interval(server: FeedServer, valkey: Redis) -> None:
    server.pages["/one.xml"] = Reply(429, headers={"Retry-After": "60"})
    async with fetcher(valkey, RecordingPublisher(), feed_of(server, seconds=1)):
        await until(lambda: server.requests)
        await asyncio.sleep(1.5)
    assert len(server.requests) == 1


async def test_a_host_is_asked_one_request_at_a_time_others_at_once(server: FeedServer, valkey: Redis) -> None:
    hosts = ["127.0.0.1", "127.0.0.1", "127.0.0.1", "localhost"]
    feeds = [feed_of(server, f"feed{number}", host=host) for number, host in enumerate(hosts)]
    for feed in feeds:
        server.pages[f"/{feed.id}.xml"] = Reply(body=rss(f"{feed.id}|Old|Text"), delay=0.3)
    publisher = RecordingPublisher()
    async with fetcher(valkey, publisher, *feeds):
        await until(lambda: len(publisher.sent) == 4)
    assert server.most_at_once == 2


@pytest.mark.slow
async def test_servers_that_hang_keep_no_other_waiting(server: FeedServer, valkey: Redis) -> None:
    server.pages["/hangs.xml"] = Reply(body=rss("a|Late|Text"), delay=4.5)
    feeds = [feed_of(server, "hangs"), feed_of(server, host="localhost")]
    server.pages["/one.xml"] = Reply(body=rss("b|Quick|Text"))
    publisher = RecordingPublisher()
    async with fetcher(valkey, publisher, feeds[0], concurrency=1) as loop:
        await until(lambda: server.requests)
        loop.follow(feeds)
        await until(lambda: publisher.sent, seconds=4)
        assert [article.title for article in articles(publisher)] == ["Quick"]


async def test_a_feed_that_only_another_fetcher_knows_is_left_to_it(server: FeedServer, valkey: Redis) -> None:
    server.pages["/one.xml"] = server.pages["/two.xml"] = Reply(body=rss("a|Old|Text"))
    mine, theirs = feed_of(server), feed_of(server, "two")
    publisher, store = RecordingPublisher(), ValkeyFeedStore(valkey)
    async with fetcher(valkey, publisher, mine):
        await until(lambda: publisher.sent)
        await store.reconcile([mine, theirs], datetime.now(UTC))
        due_at = await store.timer("two")
        while await store.timer("two") == due_at:
            await asyncio.sleep(0.02)
    assert [request.path for request in server.requests] == ["/one.xml"]


async def test_two_fetchers_never_poll_a_feed_twice(server: FeedServer, valkey: Redis) -> None:
    feeds = [feed_of(server, f"feed{number}", host=("127.0.0.1", "localhost")[number % 2]) for number in range(12)]
    for feed in feeds:
        server.pages[f"/{feed.id}.xml"] = Reply(body=rss(f"{feed.id}|Old|Text"), delay=0.05)
    left, right = RecordingPublisher(), RecordingPublisher()
    async with fetcher(valkey, left, *feeds), fetcher(valkey, right, *feeds):
        await until(lambda: len(left.sent) + len(right.sent) >= 12)
        await asyncio.sleep(0.5)
    assert server.most_at_once <= 2  # one a host, of both together
    assert len(server.requests) == 12
    assert len({item.id for item in articles(left) + articles(right)}) == 12


class DyingPublisher(RecordingPublisher):
    """Takes the articles, then is cut off before the poll can be recorded, like a process that is killed."""

    async def publish(self, stream: Stream[Any], value: BaseModel) -> None:
        await super().publish(stream, value)
        await asyncio.Event().wait()


async def test_a_fetcher_killed_before_it_remembers_repeats_the_same_ids(
    server: FeedServer, valkey: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.fetcher.agent.STOP_GRACE", timedelta(seconds=0.1))
    server.pages["/one.xml"] = Reply(body=rss("a|Old|Text", "b|Older|Text"))
    first, second = DyingPublisher(), RecordingPublisher()
    async with fetcher(valkey, first, feed_of(server)):
        await until(lambda: len(first.sent) == 2)
    assert (await ValkeyFeedStore(valkey).seen("one")).count == 0
    async with fetcher(valkey, second, feed_of(server)):
        await until(lambda: len(second.sent) == 2)
    keys = [
        [(item.id, item.revision, item.revision_id, item.arrival) for item in articles(by)] for by in (first, second)
    ]
    assert keys[0] == keys[1]


class FailingPublisher(RecordingPublisher):
    """Fails for one title, as a broker may."""

    async def publish(self, stream: Stream[Any], value: BaseModel) -> None:
        if getattr(value, "title", "") == "Old":
            raise ZeroDivisionError("a fault of ours")
        await super().publish(stream, value)


async def test_an_unexpected_fault_counts_as_a_failed_poll_and_forgets_nothing(
    server: FeedServer, valkey: Redis
) -> None:
    server.pages["/one.xml"] = Reply(body=rss("a|Old|Text"), headers={"ETag": '"v1"'})
    server.pages["/two.xml"] = Reply(body=rss("b|Other|Text"))
    publisher = FailingPublisher()
    async with fetcher(valkey, publisher, feed_of(server), feed_of(server, "two")):
        await until(lambda: publisher.sent)
    store = ValkeyFeedStore(valkey)
    state = await store.state("one")
    assert state is not None
    assert (state.failure, state.failures, state.etag) == (FailureReason.FAULT, 1, None)
    assert (await store.seen("one")).count == 0
    assert (await store.claim_due(datetime.now(UTC), 9)).claims == ()


class CrashingPoller:
    """Crashes after so many seconds, or when it is cut off, and takes so many to record that."""

    def __init__(self, *, polling: float, recording: float) -> None:
        self._polling, self._recording = polling, recording
        self.polled: list[str] = []
        self.recorded: list[str] = []

    async def poll(self, feed: Feed, claim: Claim) -> PollReport:
        self.polled.append(feed.id)
        try:
            await asyncio.sleep(self._polling)
        finally:
            raise ZeroDivisionError("a fault of ours")

    async def record_fault(self, feed: Feed, claim: Claim, error: BaseException) -> PollReport:
        await asyncio.sleep(self._recording)
        self.recorded.append(feed.id)
        return PollReport(feed.id, PollOutcome.FAILED, Due(None, DueReason.BACK_OFF))


async def stopped_during_a_poll(valkey: Redis, feed: Feed, poller: Any) -> None:
    """Run a loop, stop it when its first poll has begun, and see that it leaves nothing running."""
    others, stop = asyncio.all_tasks(), asyncio.Event()
    loop = FeedLoop([feed], store=ValkeyFeedStore(valkey), poller=poller, clock=SystemClock())
    running = asyncio.create_task(loop.run(stop))
    await until(lambda: poller.polled)
    stop.set()
    await running
    assert asyncio.all_tasks() == others


async def test_a_poll_that_crashes_while_the_fetcher_stops_is_recorded(server: FeedServer, valkey: Redis) -> None:
    poller = CrashingPoller(polling=0.1, recording=0.1)
    await stopped_during_a_poll(valkey, feed_of(server), poller)
    assert poller.recorded == ["one"]


async def test_a_poll_that_crashes_when_it_is_cut_off_is_repeated(
    server: FeedServer, valkey: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(agent, "STOP_GRACE", timedelta(seconds=0.1))
    poller = CrashingPoller(polling=60, recording=60)
    await stopped_during_a_poll(valkey, feed_of(server), poller)
    assert poller.recorded == []
    assert len((await ValkeyFeedStore(valkey).claim_due(datetime.now(UTC), 9)).claims) == 1


class CutOffPublisher(RecordingPublisher):
    """Gives its first article up, as a producer that is closed does."""

    is_first = True

    async def publish(self, stream: Stream[Any], value: BaseModel) -> None:
        if self.is_first:
            self.is_first = False
            raise asyncio.CancelledError
        await super().publish(stream, value)


async def test_a_poll_that_is_cut_off_is_repeated(
    server: FeedServer, valkey: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(agent, "RENEW_EVERY", timedelta(seconds=0.1))
    server.pages["/one.xml"] = Reply(body=rss("a|Old|Text"))
    publisher, lost = CutOffPublisher(), counted("redline_feed_polls_lost_total")
    async with fetcher(valkey, publisher, feed_of(server), lease=0.5):
        await until(lambda: publisher.sent, seconds=4)
    assert counted("redline_feed_polls_lost_total") == lost + 1


def counted(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(name, labels) or 0.0


async def test_every_poll_is_counted_with_what_came_of_it(server: FeedServer, valkey: Redis) -> None:
    server.pages["/three.xml"] = Reply(410)
    server.pages["/one.xml"] = Reply(body=rss("a|Old|Text", "b|Other|Text"))
    names = [
        ("redline_feed_polls_total", {"outcome": "read"}),
        ("redline_feed_polls_total", {"outcome": "failed"}),
        ("redline_feed_polls_total", {"outcome": "gone"}),
        ("redline_feed_failures_total", {"reason": "not_found"}),
        ("redline_feed_health_changes_total", {"change": "gone"}),
        ("redline_feed_articles_total", {}),
        ("redline_feed_poll_seconds_count", {}),
        ("redline_feed_poll_lateness_seconds_count", {}),
    ]
    before = [counted(name, **labels) for name, labels in names]
    feeds = [feed_of(server, name) for name in ("one", "two", "three")]
    async with fetcher(valkey, RecordingPublisher(), *feeds):
        await until(lambda: counted("redline_feed_poll_seconds_count") == before[6] + 3)
        assert counted("redline_feeds_followed") == 3
    after = [counted(name, **labels) for name, labels in names]
    assert [now - then for now, then in zip(after, before, strict=True)] == [1, 1, 1, 1, 1, 2, 3, 3]


async def test_the_lease_of_a_dead_fetcher_runs_out(server: FeedServer, valkey: Redis) -> None:
    server.pages["/one.xml"] = Reply(body=rss("a|Old|Text"))
    store, feed = ValkeyFeedStore(valkey, lease=timedelta(seconds=0.5)), feed_of(server)
    now = datetime.now(UTC)
    await store.reconcile([feed], now)
    assert len((await store.claim_due(now, 1)).claims) == 1
    publisher = RecordingPublisher()
    async with fetcher(valkey, publisher, feed):
        await until(lambda: publisher.sent, seconds=3)


async def test_feeds_whose_file_changed_are_followed_at_once(server: FeedServer, valkey: Redis) -> None:
    server.pages["/one.xml"] = server.pages["/two.xml"] = Reply(body=rss("a|Old|Text"))
    publisher = RecordingPublisher()
    async with fetcher(valkey, publisher, feed_of(server)) as loop:
        await until(lambda: len(publisher.sent) == 1)
        loop.follow([feed_of(server), feed_of(server, "two")])
        await until(lambda: len(publisher.sent) == 2, seconds=1)
    assert [request.path for request in server.requests] == ["/one.xml", "/two.xml"]
