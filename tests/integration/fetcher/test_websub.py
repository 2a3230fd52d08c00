"""A subscription's life at a real hub, and what it does to polling."""

import asyncio
from datetime import timedelta

import pytest
from redis.asyncio import Redis
from structlog.testing import capture_logs

from schemas.feed import Feed
from services.domain.feeds.schedule import DueReason
from services.domain.feeds.websub import ASKED_LEASE, MAX_RETRY, UNSUBSCRIBE_TRIES, Mode, Status, Subscription
from services.fetcher.hub_client import Accepted
from services.fetcher.state import FeedState
from services.fetcher.websub import WebSubSubscriber
from services.fetcher.websub_store import ValkeyWebSubStore
from tests.fakes import FakeClock, InMemoryFeedStore
from tests.integration.fetcher.hub import run_hub
from tests.integration.fetcher.server import FeedServer, Reply, rss
from tests.integration.fetcher.websub_world import POLICY, World, due_in, poll_now, polled, until, until_true, world

DAY = timedelta(days=1)


async def test_a_verified_subscription_slows_polling(server: FeedServer, valkey: Redis) -> None:
    async with world(server, valkey) as w:
        w.publish("a|Old|Text")
        async with w.fetcher(w.feed()):
            await w.subscribed()
            assert (await due_in(w))[1] is DueReason.DEFAULT
            await poll_now(w, 2)
            wait, reason = await due_in(w)
            assert reason is DueReason.WEBSUB
            assert wait > POLICY.max_interval * 3.9
            await w.hub.distribute(rss("b|New|Text"))
            await until(lambda: len(w.articles()) == 2)
            after, same = await due_in(w)
    assert same is reason
    assert abs(after - wait) < timedelta(seconds=15), "a push says nothing of when to ask the feed itself"


async def test_the_users_own_interval_holds_beside_a_subscription(server: FeedServer, valkey: Redis) -> None:
    async with world(server, valkey) as w:
        w.publish("a|Old|Text")
        async with w.fetcher(w.feed(interval=timedelta(hours=2))):
            await w.subscribed()
            await poll_now(w, 2)
            assert (await due_in(w))[1] is DueReason.INTERVAL


@pytest.mark.parametrize("ending", ["denied", "lease over", "another address"])
async def test_losing_the_subscription_returns_to_polling_at_once(
    server: FeedServer, valkey: Redis, ending: str
) -> None:
    async with world(server, valkey) as w:
        topic = w.publish("a|Old|Text")
        async with w.fetcher(w.feed()):
            subscription = await w.subscribed()
            await poll_now(w, 2)
            w.hub.script = [500] * 50
            if ending == "denied":
                answer = await w.hub.deny(topic, subscription.credentials.callback_url, "too  many\nsubscribers")
                assert answer.status_code == 200
            elif ending == "lease over":
                w.clock.ahead += ASKED_LEASE
            else:
                w.publish("a|Old|Text", topic="https://example.org/other")
                await poll_now(w, 3)
            await until_true(lambda: _is_polled_as_usual(w))
            wait, reason = await due_in(w)
            ended = await w.subscription()
    assert reason in {DueReason.DEFAULT, DueReason.RHYTHM}
    assert wait < POLICY.default_interval * 1.2
    if ending == "denied":
        assert ended is not None
        assert (ended.status, ended.reason) == (Status.DENIED, "too many subscribers")
        assert len(w.hub.requests) == 1, "the only hub is not asked again before a day is over"
        assert ended.due_at - w.clock.now() > MAX_RETRY * 0.9


async def test_a_subscription_that_ends_during_a_poll_is_not_relied_on_by_it(server: FeedServer, valkey: Redis) -> None:
    async with world(server, valkey) as w:
        topic = w.publish("a|Old|Text")
        async with w.fetcher(w.feed()):
            subscription = await w.subscribed()
            server.pages["/one.xml"] = Reply(304, delay=3.0)
            await w.feeds.hasten("one", w.clock.now())
            await until(lambda: len(server.requests) == 2)
            await w.hub.deny(topic, subscription.credentials.callback_url)
            await until_true(lambda: _is_settled(w, subscription.due_at))
            assert await valkey.exists("redline:host:{127.0.0.1}:lease"), "the poll still runs"
            await polled(w, 3)
            await until_true(lambda: _is_polled_as_usual(w))


async def _is_settled(w: World, before: object) -> bool:
    found = await w.subscription()
    return found is not None and found.due_at != before and await _is_idle(w)


async def _is_polled_as_usual(w: World) -> bool:
    return (await due_in(w))[1] is not DueReason.WEBSUB


async def test_a_lease_is_renewed_at_the_same_address_before_it_ends(server: FeedServer, valkey: Redis) -> None:
    async with world(server, valkey) as w:
        w.publish("a|Old|Text")
        w.hub.lease_seconds = 3 * 86_400
        async with w.fetcher(w.feed()):
            first = await w.subscribed()
            assert first.expires_at is not None
            assert 1.65 * DAY < first.due_at - w.clock.now() < 2.01 * DAY
            w.clock.ahead += 2.01 * DAY
            await until(lambda: len(w.hub.requests) == 2)
            w.hub.script = [503] * 9
            await until_true(lambda: _renewed(w, first.expires_at))
            second = await w.subscription()
            assert second is not None
            assert second.credentials == first.credentials
            assert w.hub.requests[1] == w.hub.requests[0]
            # The next renewal fails, and again; the subscription stands until its lease is over.
            w.clock.ahead += 2.01 * DAY
            await until(lambda: len(w.hub.requests) >= 3)
            await until_true(lambda: _has_failed(w))
            third = await w.subscription()
            assert third is not None
            assert third.is_live(w.clock.now())
            assert await w.hub.distribute(rss("b|New|Text")) == [202]
            await until(lambda: "New" in w.titles())


async def _renewed(w: World, before: object) -> bool:
    found = await w.subscription()
    return found is not None and found.expires_at != before


async def _has_failed(w: World) -> bool:
    found = await w.subscription()
    return (
        found is not None
        and found.failures > 0
        and "answered 503: no: ***" in found.reason.replace(w.callback_base + "/websub/", "")
    )


async def test_the_next_hub_is_asked_when_one_fails(server: FeedServer, valkey: Redis) -> None:
    async with world(server, valkey) as w, run_hub() as other:
        w.publish("a|Old|Text", hubs=(w.hub.url, "http://127.0.0.1:9/none", other.url))
        w.hub.script = [400] * 9
        async with w.fetcher(w.feed()):
            subscription = await w.subscribed()
    assert subscription.hub == other.url
    assert len(w.hub.requests) == 1
    assert other.requests[0]["hub.callback"] != w.hub.requests[0]["hub.callback"], "what one hub was told is its alone"
    assert other.requests[0]["hub.secret"] != w.hub.requests[0]["hub.secret"]


async def test_a_hub_may_verify_before_it_answers(server: FeedServer, valkey: Redis) -> None:
    async with world(server, valkey) as w:
        w.publish("a|Old|Text")
        w.hub.verify_first = True
        async with w.fetcher(w.feed()):
            await w.subscribed()
            await asyncio.sleep(0.3)
            assert (await w.subscribed()).failures == 0


async def test_a_hub_that_never_verifies_is_asked_again_with_a_hint(server: FeedServer, valkey: Redis) -> None:
    async with world(server, valkey) as w:
        w.publish("a|Old|Text")
        w.hub.verifies = False
        async with w.fetcher(w.feed()):
            await w.until_status(Status.REQUESTED)
            w.clock.ahead += timedelta(minutes=11)
            await until_true(lambda: _says(w, "can it reach fetch.websub_callback"))
            w.hub.verifies = True
            w.clock.ahead += timedelta(minutes=6)
            await w.subscribed()
    assert len(w.hub.requests) == 2


async def _says(w: World, reason: str) -> bool:
    found = await w.subscription()
    return found is not None and reason in found.reason


async def test_news_that_polling_finds_first_ends_the_trust_in_a_hub_until_it_pushes(
    server: FeedServer, valkey: Redis
) -> None:
    async with world(server, valkey) as w:
        w.publish("a|Old|Text")
        async with w.fetcher(w.feed()):
            await w.subscribed()
            w.publish("b|Never pushed|Text", "a|Old|Text")
            await poll_now(w, 2)
            assert (await due_in(w))[1] is DueReason.DEFAULT
            await until_true(lambda: _is_live(w, expected=False))
            await w.hub.distribute(rss("c|Pushed|Text"))
            await until_true(lambda: _is_live(w, expected=True))
            await until(lambda: "Pushed" in w.titles())
            await polled(w, 2)
            await poll_now(w, 3)
            assert (await due_in(w))[1] is DueReason.WEBSUB


async def _is_live(w: World, *, expected: bool) -> bool:
    found = await w.subscription()
    return found is not None and found.is_live(w.clock.now()) is expected


async def test_a_feed_that_is_not_to_be_subscribed_is_not_and_one_that_was_is_ended(
    server: FeedServer, valkey: Redis
) -> None:
    async with world(server, valkey) as w:
        w.publish("a|Old|Text")
        async with w.fetcher(w.feed(websub=False)) as loop:
            await polled(w, 1)
            await asyncio.sleep(0.2)
            assert w.hub.requests == []
            loop.follow([w.feed()])
            await poll_now(w, 2)
            await w.subscribed()
            loop.follow([w.feed(websub=False)])
            await w.until_status(None)
    assert [asked["hub.mode"] for asked in w.hub.requests] == ["subscribe", "unsubscribe"]


async def test_without_a_callback_address_there_is_no_subscription_and_old_ones_end(
    server: FeedServer, valkey: Redis
) -> None:
    async with world(server, valkey) as w:
        w.publish("a|Old|Text")
        async with w.fetcher(w.feed()):
            await w.subscribed()
            await poll_now(w, 2)
            assert (await due_in(w))[1] is DueReason.WEBSUB
        async with w.fetcher(w.feed(), websub=False):
            await polled(w, 3)
            assert (await due_in(w))[1] is not DueReason.WEBSUB
            await w.until_status(None)


async def test_a_hub_that_does_not_let_go_is_forgotten_after_a_few_tries(server: FeedServer, valkey: Redis) -> None:
    async with world(server, valkey) as w:
        w.publish("a|Old|Text")
        async with w.fetcher(w.feed()) as loop:
            await w.subscribed()
            w.hub.script = [500] * 50
            loop.follow([])
            for _ in range(UNSUBSCRIBE_TRIES + 1):
                await asyncio.sleep(0.1)
                await until_true(lambda: _is_idle(w))
                w.clock.ahead += timedelta(minutes=6)
            await w.until_status(None)
        assert [asked["hub.mode"] for asked in w.hub.requests] == ["subscribe", *["unsubscribe"] * UNSUBSCRIBE_TRIES]
        # What it pushes after all is answered so that it ends the subscription.
        assert await w.hub.distribute(rss("b|New|Text")) == [410]


async def _is_idle(w: World) -> bool:
    return await w.store.due(w.clock.now()) == ()


async def test_a_feed_that_names_another_hub_is_subscribed_there_and_left_here(
    server: FeedServer, valkey: Redis
) -> None:
    async with world(server, valkey) as w, run_hub() as other:
        w.publish("a|Old|Text")
        async with w.fetcher(w.feed()):
            await w.subscribed()
            w.publish("a|Old|Text", "b|Also old|Text", hubs=(other.url,))
            await poll_now(w, 2)
            await until(lambda: other.held and not w.hub.held)


async def test_two_fetchers_subscribe_once(server: FeedServer, valkey: Redis) -> None:
    async with world(server, valkey) as w:
        w.publish("a|Old|Text")
        async with w.fetcher(w.feed()), w.fetcher(w.feed()):
            await w.subscribed()
            await asyncio.sleep(1.2)
    assert len(w.hub.requests) == 1


async def test_no_log_shows_what_only_the_hub_may_know(server: FeedServer, valkey: Redis) -> None:
    with capture_logs() as logs:
        async with world(server, valkey) as w:
            topic = w.publish("a|Old|Text")
            w.hub.script = [400]
            async with w.fetcher(w.feed()) as loop:
                await until_true(lambda: _says(w, "answered 400"))
                w.clock.ahead += timedelta(minutes=10)
                subscription = await w.subscribed()
                await w.hub.distribute(rss("b|New|Text"))
                await w.hub.distribute(rss("b|New|Text"), signature="sha1=0")
                await w.hub.deny(topic, subscription.credentials.callback_url)
                loop.follow([])
                await w.until_status(None)
    shown = repr(logs) + repr(subscription)
    events = {entry["event"] for entry in logs}
    assert {"websub_subscribing", "websub_request_failed", "websub_confirmed", "push_kept", "websub_denied"} <= events
    for asked in w.hub.requests:
        assert asked["hub.callback"].rsplit("/", 1)[1] not in shown
        assert asked.get("hub.secret", "never") not in shown


class SlowHubs:
    """A hub that takes its time."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.answers = asyncio.Event()

    async def ask(self, subscription: Subscription, _mode: Mode) -> Accepted:
        self.asked.append(subscription.feed_id)
        await self.answers.wait()
        return Accepted()


class CountingFeeds(InMemoryFeedStore):
    reads = 0

    async def state(self, feed_id: str) -> FeedState | None:
        self.reads += 1
        return await super().state(feed_id)


async def test_feeds_that_wait_for_a_busy_hub_are_not_read_again_at_every_turn(valkey: Redis) -> None:
    """Thousands of feeds have the same hub, which is asked one request at a time."""
    ids = [f"feed-{number}" for number in range(20)]
    followed = {name: Feed(id=name, url=f"https://{name}.example/feed", outlet=name) for name in ids}
    feeds, hubs, store, clock = CountingFeeds(), SlowHubs(), ValkeyWebSubStore(valkey), FakeClock()
    subscriber = WebSubSubscriber(
        store=store, feeds=feeds, hubs=hubs, clock=clock, callback_base="https://redline.example.org"
    )
    for name, feed in followed.items():
        feeds.states[name] = FeedState(url=feed.url, hubs=("https://hub.example/",), topic_url=feed.url)
        await store.look_at(name, clock.now())
    subscriber.follow(followed)
    await subscriber.turn()
    await until(lambda: hubs.asked)
    before = feeds.reads
    for _ in range(5):
        await subscriber.turn()
    assert feeds.reads == before
    hubs.answers.set()
    for _ in range(3 * len(ids)):
        await subscriber.turn()
        await asyncio.sleep(0.01)
    assert sorted(hubs.asked) == sorted(ids), "each has its turn"
