"""What every feed store promises: the one in Valkey, and the fake that stands in for it."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from redis.asyncio import Redis

from schemas.feed import Feed
from services.domain.feeds.changes import Changes, Seen
from services.domain.feeds.schedule import DueReason
from services.fetcher.history import Move, MoveReason, PollOutcome, PollRecord
from services.fetcher.state import FeedState
from services.fetcher.store import (
    Claim,
    FeedStore,
    LeaseLostError,
    SeenIn,
    StoreUnavailableError,
    Turn,
    ValkeyFeedStore,
)
from services.runtime.valkey import connect
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
    (claim,) = (await store.claim_due(now, 10)).claims
    assert claim.feed_id == feed.id
    return claim


async def claims(store: FeedStore, now: datetime = EPOCH, limit: int = 10) -> list[str]:
    return [claim.feed_id for claim in (await store.claim_due(now, limit)).claims]


def feeds_on(host: str, count: int) -> list[Feed]:
    return [
        Feed(id=f"{host}-{number}", url=f"https://{host}.example.org/{number}", outlet="O") for number in range(count)
    ]


def polled(feed: Feed, due_at: datetime | None, reason: DueReason = DueReason.DEFAULT) -> FeedState:
    state = FeedState(url=feed.url, interval=feed.interval, due_at=due_at, due_reason=reason)
    return state.model_copy(update={"last_polled_at": EPOCH, "is_gone": reason is DueReason.GONE})


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
    assert (await store.timer("one"), await store.timer("two")) == (EPOCH, EPOCH + HOUR)
    await store.reconcile([TWO], EPOCH + HOUR)
    assert (await store.timer("one"), await store.timer("two")) == (None, EPOCH + HOUR)
    assert await claims(store, EPOCH + HOUR) == ["two"]


async def test_a_claim_is_held_by_one_and_can_be_given_back(store: FeedStore) -> None:
    claim = await claimed(store)
    assert await claims(store) == []
    assert await store.renew([claim], EPOCH) == []
    await store.release(claim, EPOCH)
    assert await store.renew([claim], EPOCH) == [claim]
    assert await claims(store) == ["one"]


async def test_a_claim_given_back_for_later_is_due_then(store: FeedStore) -> None:
    await store.release(await claimed(store), EPOCH, due_at=EPOCH + HOUR)
    assert await claims(store) == []
    assert await claims(store, EPOCH + HOUR) == ["one"]


async def test_a_host_is_claimed_once_however_many_feeds_it_has(store: FeedStore) -> None:
    await store.reconcile([*feeds_on("big", 5), *feeds_on("small", 1)], EPOCH)
    turn = await store.claim_due(EPOCH, 10)
    assert sorted(claim.host for claim in turn.claims) == ["big.example.org", "small.example.org"]
    assert (await store.claim_due(EPOCH, 10)).claims == ()
    big = next(claim for claim in turn.claims if claim.host == "big.example.org")
    await store.release(big, EPOCH, due_at=EPOCH + HOUR)
    (following,) = (await store.claim_due(EPOCH, 10)).claims
    assert following.host == "big.example.org"
    assert following.feed_id != big.feed_id


async def test_the_longest_overdue_come_first_and_a_limit_leaves_the_rest(store: FeedStore) -> None:
    for number in range(3):
        await store.reconcile(
            [feed for name in "cab"[: number + 1] for feed in feeds_on(name, 1)], EPOCH + number * HOUR
        )
    now = EPOCH + 5 * HOUR
    assert await claims(store, now, limit=2) == ["c-0", "a-0"]
    assert await claims(store, now, limit=2) == ["b-0"]


async def test_hosts_with_many_overdue_feeds_take_turns_with_the_others(store: FeedStore) -> None:
    await store.reconcile([*feeds_on("big", 20)], EPOCH)
    await store.reconcile([*feeds_on("big", 20), *feeds_on("x", 1), *feeds_on("y", 1)], EPOCH + HOUR)
    now, order = EPOCH + HOUR, []
    for _ in range(4):  # one slot, for which all compete
        now += timedelta(seconds=1)
        (claim,) = (await store.claim_due(now, 1)).claims
        order.append(claim.host.partition(".")[0])
        await store.record(
            claim, FeedState(due_at=now + HOUR, last_polled_at=now, url=f"https://{claim.host}/"), Changes()
        )
    assert order[0] == "big"
    assert sorted(order[1:3]) == ["x", "y"]
    assert order[3] == "big"


async def test_the_turn_says_when_there_is_more_to_do_and_which_feeds_were_added(store: FeedStore) -> None:
    assert await store.claim_due(EPOCH, 1) == Turn(0)
    await store.add_feed(ONE)
    await store.record(await claimed(store), polled(ONE, EPOCH + HOUR), Changes())
    turn = await store.claim_due(EPOCH, 1)
    assert (turn.version, turn.claims, turn.next_at) == (await store.version(), (), EPOCH + HOUR)


async def test_a_claim_brings_the_state(store: FeedStore) -> None:
    first = await claimed(store)
    assert first.state is None
    await store.record(first, polled(ONE, EPOCH + HOUR), Changes())
    (claim,) = (await store.claim_due(EPOCH + HOUR, 1)).claims
    assert claim.state == polled(ONE, EPOCH + HOUR)
    assert claim.due_at == EPOCH + HOUR


async def test_a_feed_that_moved_competes_for_its_new_host(store: FeedStore) -> None:
    await store.reconcile([ONE, *feeds_on("new", 1)], EPOCH)
    found = {claim.feed_id: claim for claim in (await store.claim_due(EPOCH, 10)).claims}
    at = polled(ONE, EPOCH + HOUR)
    move = Move(
        at=EPOCH,
        feed_id="one",
        from_url=ONE.url,
        to_url="https://new.example.org/",
        answers=3,
        reason=MoveReason.FAILED,
    )
    moved = at.model_copy(update={"moved_url": "https://new.example.org/", "moves": (move,)})
    await store.record(found["one"], moved, Changes(), move)
    assert await claims(store, EPOCH + HOUR) == []  # the other feed there is being polled
    await store.release(found["new-0"], EPOCH + HOUR, due_at=EPOCH + 9 * HOUR)
    (claim,) = (await store.claim_due(EPOCH + HOUR, 10)).claims
    assert (claim.feed_id, claim.host, claim.state) == ("one", "new.example.org", moved)
    assert await store.moves(5) == (move,)
    await store.record(claim, moved, Changes())
    await store.reconcile([ONE], EPOCH + HOUR)  # the same feed: nothing changes
    assert (await store.timer("one")) == EPOCH + HOUR


async def test_a_feed_hastened_during_its_poll_is_due_again_after_it(store: FeedStore) -> None:
    claim = await claimed(store)
    assert await store.hasten("one", EPOCH + timedelta(seconds=1))
    await store.record(claim, polled(ONE, EPOCH + HOUR), Changes())
    assert await store.timer("one") == EPOCH + timedelta(seconds=1)
    (again,) = (await store.claim_due(EPOCH + timedelta(seconds=1), 1)).claims
    await store.record(again, polled(ONE, EPOCH + HOUR), Changes())
    assert await store.hasten("one", EPOCH + timedelta(seconds=2))
    assert await claims(store, EPOCH + timedelta(seconds=2)) == ["one"]
    assert not await store.hasten("never there", EPOCH)


async def test_a_feed_that_is_gone_cannot_be_hastened(store: FeedStore) -> None:
    await store.record(await claimed(store), polled(ONE, None, DueReason.GONE), Changes())
    assert not await store.hasten("one", EPOCH)
    assert await store.timer("one") == datetime.max.replace(tzinfo=UTC)
    assert await claims(store, EPOCH + 1000 * HOUR) == []


async def test_a_feed_polled_since_is_not_due_any_more(store: FeedStore) -> None:
    await store.record(await claimed(store), polled(ONE, EPOCH + HOUR), Changes())
    assert await claims(store, EPOCH + timedelta(minutes=1)) == []
    assert await claims(store, EPOCH + HOUR) == ["one"]


async def test_an_outcome_is_remembered_with_its_timer(store: FeedStore) -> None:
    record = PollRecord(at=EPOCH, outcome=PollOutcome.READ, entries=2, published=2, redirected_to="https://e.example/")
    state = polled(ONE, EPOCH + HOUR).model_copy(
        update={"etag": '"\xe9"', "skip_hours": (1, 2), "first_read_at": EPOCH, "history": (record,)}
    )
    await store.record(await claimed(store), state, Changes(remembered={"x": SEEN, "y": SEEN}))
    assert await store.state("one") == state
    assert await store.seen("one") == SeenIn({"x": SEEN, "y": SEEN}, 2)
    assert await store.seen("one", ["y", "z"]) == SeenIn({"y": SEEN}, 2)
    assert await store.timer("one") == EPOCH + HOUR
    (claim,) = (await store.claim_due(EPOCH + HOUR, 1)).claims
    await store.record(claim, state, Changes(forgotten=frozenset({"y"})))
    assert await store.seen("one") == SeenIn({"x": SEEN}, 1)
    assert (await store.state("two"), await store.seen("two", ["x"])) == (None, SeenIn({}, 0))


async def test_thousands_of_articles_are_remembered_at_once(store: FeedStore) -> None:
    many = {f"{number:032x}": SEEN for number in range(6000)}
    await store.record(await claimed(store), polled(ONE, EPOCH), Changes(remembered=many))
    assert await store.seen("one", list(many)) == SeenIn(many, 6000)
    (claim,) = (await store.claim_due(EPOCH, 1)).claims
    await store.record(claim, polled(ONE, EPOCH), Changes(forgotten=frozenset(many)))
    assert (await store.seen("one")).count == 0


async def test_a_lost_claim_records_nothing(store: FeedStore) -> None:
    claim = await claimed(store)
    await store.release(claim, EPOCH)
    with pytest.raises(LeaseLostError):
        await store.record(claim, polled(ONE, EPOCH + HOUR), Changes(remembered={"x": SEEN}))
    assert (await store.state("one"), await store.seen("one")) == (None, SeenIn({}, 0))
    assert await claims(store) == ["one"]


async def test_a_feed_removed_during_its_poll_stays_removed(store: FeedStore) -> None:
    claim = await claimed(store)
    await store.reconcile([], EPOCH)
    await store.record(claim, polled(ONE, EPOCH + HOUR), Changes())
    assert await store.timer("one") is None


async def test_a_feed_whose_address_changed_during_its_poll_is_asked_at_the_new_one_now(store: FeedStore) -> None:
    claim = await claimed(store)
    elsewhere = ONE.model_copy(update={"url": "https://elsewhere.example/1"})
    await store.reconcile([elsewhere], EPOCH + timedelta(seconds=1))
    await store.record(claim, polled(ONE, EPOCH + HOUR), Changes())
    (again,) = (await store.claim_due(EPOCH + timedelta(seconds=1), 1)).claims
    assert again.host == "elsewhere.example"


async def test_a_feed_that_comes_back_keeps_the_time_it_had(store: FeedStore) -> None:
    await store.record(await claimed(store), polled(ONE, EPOCH + HOUR), Changes())
    await store.reconcile([], EPOCH)
    await store.reconcile([ONE], EPOCH)
    assert await store.timer("one") == EPOCH + HOUR


@pytest.mark.parametrize(
    ("reason", "change", "is_due"),
    [
        (DueReason.DEFAULT, {}, False),
        (DueReason.DEFAULT, {"title": "New name"}, False),
        (DueReason.DEFAULT, {"interval": timedelta(minutes=1)}, True),
        (DueReason.DEFAULT, {"interval": timedelta(minutes=20)}, False),
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
    soon = EPOCH + timedelta(minutes=5)
    await store.reconcile([ONE.model_copy(update=change)], soon)
    assert (await claims(store, soon) == ["one"]) is is_due


async def test_a_new_interval_counts_from_the_last_poll(store: FeedStore) -> None:
    await store.record(await claimed(store), polled(ONE, EPOCH + HOUR), Changes())
    often = ONE.model_copy(update={"interval": timedelta(minutes=20)})
    await store.reconcile([often], EPOCH + timedelta(minutes=5))
    assert await store.timer("one") == EPOCH + timedelta(minutes=20)


async def test_a_store_that_is_not_there_says_so() -> None:
    client = connect("unix:///nonexistent/valkey.sock", pauses_s=())
    with pytest.raises(StoreUnavailableError):
        await ValkeyFeedStore(client).version()
    await client.aclose()


async def test_a_state_that_cannot_be_read_counts_as_none(valkey: Redis) -> None:
    await valkey.set("redline:feed:{one}:state", b'{"etag": 5}')
    await valkey.hset("redline:feeds", "bad", "{")
    store = ValkeyFeedStore(valkey)
    assert await store.state("one") is None
    assert await store.added_feeds() == ()
    await store.reconcile([ONE], EPOCH)
    assert await claims(store) == ["one"]


async def test_many_feeds_are_added_at_once_but_none_takes_the_place_of_another(valkey: Redis) -> None:
    store = ValkeyFeedStore(valkey)
    await store.add_feed(ONE)
    before = await store.version()
    usurper = ONE.model_copy(update={"url": "https://example.org/other"})
    assert await store.add_feeds([usurper, TWO]) == ("one",)
    assert await store.added_feeds() == (ONE, TWO)
    assert await store.version() == before + 1
    assert await store.add_feeds([]) == ()


async def test_scripts_survive_a_server_that_forgot_them(valkey: Redis) -> None:
    store = ValkeyFeedStore(valkey)
    await store.reconcile([ONE], EPOCH)
    await valkey.script_flush()
    assert await claims(store) == ["one"]
    await valkey.script_flush()
    both = await asyncio.gather(store.timer("one"), store.timer("two"), store.claim_due(EPOCH, 1))
    assert list(both[:2]) == [EPOCH, None]


async def test_the_lease_of_a_dead_fetcher_ends_by_itself_and_holds_only_its_host(valkey: Redis) -> None:
    store = ValkeyFeedStore(valkey, lease=timedelta(milliseconds=200))
    now = datetime.now(UTC)
    await store.reconcile([*feeds_on("dead", 2), *feeds_on("fine", 1)], now)
    first = (await store.claim_due(now, 2)).claims
    assert len(first) == 2
    turn = await store.claim_due(now, 2)
    assert turn.claims == ()
    assert turn.next_at == pytest.approx(now + timedelta(milliseconds=200), abs=timedelta(milliseconds=1))
    async with asyncio.timeout(5):
        while await claims(store, datetime.now(UTC)) == []:
            await asyncio.sleep(0.02)
    with pytest.raises(LeaseLostError):
        await store.record(first[0], polled(ONE, now), Changes())


async def test_a_thousand_feeds_of_one_host_cost_a_claim_as_much_as_one(valkey: Redis) -> None:
    store = ValkeyFeedStore(valkey)
    await store.reconcile([*feeds_on("big", 1000), *feeds_on("small", 1)], EPOCH)
    before = await commands(valkey)
    assert len((await store.claim_due(EPOCH, 50)).claims) == 2
    assert await commands(valkey) - before < 20
    before = await commands(valkey)
    assert (await store.claim_due(EPOCH, 50)).claims == ()
    assert await commands(valkey) - before < 8


async def test_following_a_file_of_thousands_of_feeds_costs_what_changed(valkey: Redis) -> None:
    store = ValkeyFeedStore(valkey)
    feeds = [feed for host in range(1000) for feed in feeds_on(f"h{host}", 2)]
    await store.reconcile(feeds, EPOCH)
    await store.reconcile(feeds[::-1], EPOCH + HOUR)
    before = await commands(valkey)
    await store.reconcile(feeds[1:], EPOCH + HOUR)
    assert await commands(valkey) - before < 30
    assert (await store.timer(feeds[0].id), await store.timer(feeds[-1].id)) == (None, EPOCH)


async def commands(valkey: Redis) -> int:
    """Return how many commands the server has run, those in scripts included."""
    stats: Any = await valkey.info("commandstats")
    return sum(stat["calls"] for name, stat in stats.items() if not name.startswith("cmdstat_info"))
