"""What hubs push: only what is signed, all of it, in order, and not lost by a crash at any point."""

import asyncio
from datetime import timedelta

import pytest
from redis.asyncio import Redis

from services.domain.feeds.normalize import Reading
from services.domain.feeds.schedule import DueReason
from services.fetcher.history import PollOutcome
from services.fetcher.store import LeaseLostError
from services.fetcher.websub_store import MAX_TRIES, MAX_WAITING
from tests.fakes import RecordingPublisher
from tests.integration.fetcher.server import FeedServer, Reply, rss
from tests.integration.fetcher.websub_world import InlineReader, World, due_in, poll_now, until, until_true, world


@pytest.mark.parametrize("signature", ["", "sha256=00", "sha256=", "md5=0123", "nonsense", "sha1=" + "0" * 40])
async def test_what_is_not_signed_by_the_hub_is_answered_alike_and_dropped(
    server: FeedServer, valkey: Redis, signature: str
) -> None:
    async with world(server, valkey) as w:
        w.publish("a|Old|Text")
        async with w.fetcher(w.feed()):
            await w.subscribed()
            assert await w.hub.distribute(rss("b|Forged|Text"), signature=signature) == [202]
            assert await w.store.waiting() == ()
    assert w.titles() == ["Old"]


@pytest.mark.parametrize("algorithm", ["sha1", "sha256", "sha384", "sha512"])
async def test_every_algorithm_of_the_recommendation_is_understood(
    server: FeedServer, valkey: Redis, algorithm: str
) -> None:
    async with world(server, valkey) as w:
        w.publish("a|Old|Text")
        async with w.fetcher(w.feed()):
            await w.subscribed()
        assert await w.hub.distribute(rss("b|New|Text"), algorithm=algorithm) == [202]
        assert await w.store.waiting() == ("one",)


async def test_what_was_pushed_while_nobody_polled_is_read_after_the_restart_in_order(
    server: FeedServer, valkey: Redis
) -> None:
    async with world(server, valkey) as w:
        w.publish("a|Old|Text")
        async with w.fetcher(w.feed()):
            await w.subscribed()
        for document in (rss("b|New|Text"), rss("b|New|Text"), rss("b|New|Other words"), rss("c|Newer|Text")):
            assert await w.hub.distribute(document) == [202]
        # The api dies here; what it has answered for is in the store.
        async with w.fetcher(w.feed()):
            await until(lambda: len(w.articles()) == 4)
            await until_true(lambda: _nothing_waits(w))
    assert [(article.title, article.revision) for article in w.articles()] == [
        ("Old", 1),
        ("New", 1),
        ("New", 2),
        ("Newer", 1),
    ]
    assert await valkey.keys("redline:feed:{one}:push*") == []


async def _nothing_waits(w: World) -> bool:
    return await w.store.waiting() == ()


class DyingPublisher(RecordingPublisher):
    """Takes articles; the process dies before the poll that brought them is recorded."""

    async def publish(self, stream: object, value: object) -> None:
        await super().publish(stream, value)  # type: ignore[arg-type]
        await asyncio.Event().wait()


async def test_a_fetcher_killed_while_it_reads_a_push_reads_it_again_with_the_same_ids(
    server: FeedServer, valkey: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.fetcher.agent.STOP_GRACE", timedelta(seconds=0.1))
    async with world(server, valkey) as w:
        w.publish("a|Old|Text")
        async with w.fetcher(w.feed()):
            await w.subscribed()
        assert await w.hub.distribute(rss("b|New|Text")) == [202]
        w.publisher = DyingPublisher()
        async with w.fetcher(w.feed()):
            await until(w.articles)
        killed = w.articles()
        w.publisher = RecordingPublisher()
        async with w.fetcher(w.feed()):
            await until(w.articles)
            await until_true(lambda: _nothing_waits(w))
    assert [(a.id, a.revision_id, a.revision) for a in w.articles()] == [
        (a.id, a.revision_id, a.revision) for a in killed
    ]


async def test_a_push_that_comes_during_a_poll_is_read_after_it(server: FeedServer, valkey: Redis) -> None:
    async with world(server, valkey) as w:
        w.publish("a|Old|Text")
        async with w.fetcher(w.feed()):
            await w.subscribed()
            page = server.pages["/one.xml"]
            assert isinstance(page, Reply)
            server.pages["/one.xml"] = Reply(304, delay=0.5)
            await w.feeds.hasten("one", w.clock.now())
            await until(lambda: len(server.requests) == 2)
            assert await w.hub.distribute(rss("b|New|Text")) == [202]
            await until(lambda: "New" in w.titles())


async def test_a_push_that_cannot_be_read_has_the_feed_asked_instead(server: FeedServer, valkey: Redis) -> None:
    async with world(server, valkey) as w:
        w.publish("a|Old|Text")
        async with w.fetcher(w.feed()):
            await w.subscribed()
            await poll_now(w, 2)
            assert (await due_in(w))[1] is DueReason.WEBSUB
            assert await w.hub.distribute(b"<html>oops") == [202]
            await until_true(lambda: _nothing_waits(w))
            wait, _ = await due_in(w)
    assert timedelta(minutes=4) < wait <= timedelta(minutes=5), "soon, but not at once: a hub must not make us hammer"


async def test_a_push_that_polls_fail_on_is_given_up_and_the_feed_asked(server: FeedServer, valkey: Redis) -> None:
    async with world(server, valkey) as w:
        w.publish("a|Old|Text")
        async with w.fetcher(w.feed()):
            subscription = await w.subscribed()
        await w.store.keep(subscription, b"poison", None, w.clock.now())
        for _ in range(MAX_TRIES):
            assert (await w.store.take("one", w.clock.now())).document is not None
        assert (await w.store.take("one", w.clock.now())).document is None
        assert await _nothing_waits(w)


async def test_a_hub_is_told_to_come_back_while_too_much_waits(server: FeedServer, valkey: Redis) -> None:
    async with world(server, valkey) as w:
        w.publish("a|Old|Text")
        async with w.fetcher(w.feed()):
            subscription = await w.subscribed()
        for number in range(MAX_WAITING):
            await w.store.keep(subscription, rss(f"{number}|Item {number}|Text"), None, w.clock.now())
        assert await w.hub.distribute(rss("x|Too much|Text")) == [503]
        async with w.fetcher(w.feed()):
            await until(lambda: len(w.articles()) == MAX_WAITING + 1)
        assert await w.hub.distribute(rss("x|Too much|Text")) == [202]
        await w.store.discard("one")


class BrokenReader(InlineReader):
    """Has a fault of ours."""

    async def read(self, body: bytes, *, content_type: str | None, base_url: str | None) -> Reading:
        raise ZeroDivisionError


async def test_a_fault_of_ours_leaves_the_push_where_it_is(server: FeedServer, valkey: Redis) -> None:
    async with world(server, valkey) as w:
        w.publish("a|Old|Text")
        async with w.fetcher(w.feed()):
            await w.subscribed()
        assert await w.hub.distribute(rss("b|New|Text")) == [202]
        (claim,) = (await w.feeds.claim_due(w.clock.now(), 1)).claims
        with pytest.raises(ZeroDivisionError):
            await w.poller(None, BrokenReader()).poll(w.feed(), claim)
        assert await w.store.waiting() == ("one",)
        report = await w.poller(None, InlineReader()).poll(w.feed(), claim)
        assert (report.outcome, report.published) == (PollOutcome.PUSHED, 1)
        assert await _nothing_waits(w)


async def test_a_poll_that_lost_its_lease_leaves_the_push_to_the_next(server: FeedServer, valkey: Redis) -> None:
    async with world(server, valkey) as w:
        w.publish("a|Old|Text")
        async with w.fetcher(w.feed()):
            await w.subscribed()
        assert await w.hub.distribute(rss("b|New|Text")) == [202]
        (claim,) = (await w.feeds.claim_due(w.clock.now(), 1)).claims
        await w.feeds.release(claim, w.clock.now())
        with pytest.raises(LeaseLostError):
            await w.poller(None, InlineReader()).poll(w.feed(), claim)
        assert await w.store.waiting() == ("one",)
