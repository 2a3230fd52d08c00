"""What every feed store promises: the one in Valkey, and the fake that stands in for it."""

from datetime import UTC, datetime, timedelta

import pytest
from redis.asyncio import Redis

from schemas.feed import Feed
from services.domain.feeds.changes import Changes, Seen
from services.domain.feeds.schedule import DueReason
from services.fetcher.state import FeedState
from services.fetcher.store import Claim, FeedStore, LeaseLostError, StoreUnavailableError, ValkeyFeedStore
from tests.fakes import EPOCH, InMemoryFeedStore

HOUR = timedelta(hours=1)
ONE = Feed(id="one", url="https://example.org/1", outlet="Example Times")
TWO = Feed(id="two", url="https://example.org/2", outlet="Example Times", interval=HOUR, since=EPOCH)
SEEN = Seen(2, ("a", "b"), EPOCH - HOUR, EPOCH)


@pytest.fixture(params=["valkey", "fake"])
async def store(request: pytest.FixtureRequest, valkey: Redis) -> FeedStore:
    return ValkeyFeedStore(valkey) if request.param == "valkey" else InMemoryFeedStore()


async def claimed(store: FeedStore, feed: Feed = ONE, now: datetime = EPOCH) -> Claim:
    await store.reconcile([feed], now)
    claim = await store.claim(feed.id, now)
    assert claim is not None
    return claim


def polled(feed: Feed, due_at: datetime | None, reason: DueReason = DueReason.DEFAULT) -> FeedState:
    return FeedState(url=feed.url, interval=feed.interval, due_at=due_at, due_reason=reason)


async def test_added_feeds_come_back_and_every_change_changes_the_version(store: FeedStore) -> None:
    versions = [await store.version()]
    await store.add_feed(TWO)
    versions.append(await store.version())
    await store.add_feed(ONE)
    assert await store.added_feeds() == (ONE, TWO)
    versions.append(await store.version())
    assert await store.remove_feed("two")
    assert not await store.remove_feed("never there")
    assert await store.added_feeds() == (ONE,)
    versions.append(await store.version())
    assert len(set(versions)) == 4


async def test_new_feeds_are_due_now_and_feeds_not_named_are_due_never(store: FeedStore) -> None:
    await store.reconcile([ONE], EPOCH)
    await store.reconcile([ONE, TWO], EPOCH + HOUR)
    assert await store.due(EPOCH + HOUR) == ["one", "two"]
    assert await store.next_due_at(EPOCH) == EPOCH + HOUR
    await store.reconcile([TWO], EPOCH + HOUR)
    assert await store.due(EPOCH + HOUR) == ["two"]


async def test_a_claim_is_held_by_one_and_can_be_given_back(store: FeedStore) -> None:
    claim = await claimed(store)
    assert await store.claim("one", EPOCH) is None
    assert await store.renew(claim)
    await store.release(claim)
    assert not await store.renew(claim)
    assert await store.claim("one", EPOCH) is not None


async def test_a_feed_another_fetcher_has_polled_since_it_was_listed_cannot_be_claimed(store: FeedStore) -> None:
    await store.record(await claimed(store), polled(ONE, EPOCH + HOUR), Changes())
    assert await store.claim("one", EPOCH + timedelta(minutes=1)) is None
    assert await store.claim("one", EPOCH + HOUR) is not None


async def test_an_outcome_is_remembered_with_its_timer(store: FeedStore) -> None:
    state = polled(ONE, EPOCH + HOUR).model_copy(
        update={"etag": '"\xe9"', "skip_hours": (1, 2), "first_read_at": EPOCH}
    )
    await store.record(await claimed(store), state, Changes(remembered={"x": SEEN, "y": SEEN}))
    assert await store.state("one") == state
    assert await store.seen("one") == {"x": SEEN, "y": SEEN}
    assert await store.next_due_at(EPOCH) == EPOCH + HOUR
    claim = await store.claim("one", EPOCH + HOUR)
    assert claim is not None
    await store.record(claim, state, Changes(forgotten=frozenset({"y"})))
    assert await store.seen("one") == {"x": SEEN}
    assert (await store.state("two"), await store.seen("two")) == (None, {})


async def test_a_lost_claim_records_nothing(store: FeedStore) -> None:
    claim = await claimed(store)
    await store.release(claim)
    with pytest.raises(LeaseLostError):
        await store.record(claim, polled(ONE, EPOCH + HOUR), Changes(remembered={"x": SEEN}))
    assert (await store.state("one"), await store.seen("one")) == (None, {})
    assert await store.due(EPOCH) == ["one"]


async def test_a_feed_removed_during_its_poll_stays_removed(store: FeedStore) -> None:
    claim = await claimed(store)
    await store.reconcile([], EPOCH)
    await store.record(claim, polled(ONE, EPOCH + HOUR), Changes())
    assert await store.next_due_at(EPOCH) is None


@pytest.mark.parametrize(
    ("reason", "change", "is_due"),
    [
        (DueReason.DEFAULT, {}, False),
        (DueReason.DEFAULT, {"title": "New name"}, False),
        (DueReason.DEFAULT, {"interval": timedelta(minutes=1)}, True),
        (DueReason.DEFAULT, {"url": "https://example.org/moved"}, True),
        (DueReason.RETRY_AFTER, {"interval": timedelta(minutes=1)}, False),
        (DueReason.RETRY_AFTER, {"url": "https://example.org/moved"}, True),
        (DueReason.GONE, {"interval": timedelta(minutes=1)}, False),
        (DueReason.GONE, {"url": "https://example.org/moved"}, True),
    ],
)
async def test_a_timer_holds_until_the_user_changes_address_or_interval(
    store: FeedStore, reason: DueReason, change: dict[str, object], is_due: bool
) -> None:
    due_at = None if reason is DueReason.GONE else EPOCH + HOUR
    await store.record(await claimed(store), polled(ONE, due_at, reason), Changes())
    await store.reconcile([ONE.model_copy(update=change)], EPOCH)
    assert (await store.due(EPOCH) == ["one"]) is is_due


async def test_a_store_that_is_not_there_says_so() -> None:
    client = Redis(unix_socket_path="/nonexistent/valkey.sock")
    with pytest.raises(StoreUnavailableError):
        await ValkeyFeedStore(client).version()
    await client.aclose()


async def test_a_state_that_cannot_be_read_counts_as_none(valkey: Redis) -> None:
    await valkey.set("redline:feed:{one}:state", b'{"etag": 5}')
    await valkey.hset("redline:feeds", "bad", "{")
    store = ValkeyFeedStore(valkey)
    assert await store.state("one") is None
    assert await store.added_feeds() == ()
    await store.reconcile([ONE], datetime.now(UTC))


async def test_many_feeds_are_added_at_once_but_none_takes_the_place_of_another(valkey: Redis) -> None:
    store = ValkeyFeedStore(valkey)
    await store.add_feed(ONE)
    before = await store.version()
    usurper = ONE.model_copy(update={"url": "https://example.org/other"})
    assert await store.add_feeds([usurper, TWO]) == ("one",)
    assert await store.added_feeds() == (ONE, TWO)
    assert await store.version() == before + 1
    assert await store.add_feeds([]) == ()
