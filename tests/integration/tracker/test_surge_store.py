"""The surge store in a real Valkey behaves as the one in memory, also when two trackers write at once."""

import asyncio
from datetime import timedelta

import pytest
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from schemas.streams import ALERTS
from services.domain.surges.policy import SurgePolicy
from services.runtime.faults import UnavailableError
from services.tracker.story_store import InMemoryStoryStore
from services.tracker.surge_store import InMemorySurgeStore, StoredSurges, SurgeChange, ValkeySurgeStore
from services.tracker.surges import Surges
from tests.fakes import EPOCH, FakeClock, RecordingPublisher
from tests.unit.surges.streams import MONDAY
from tests.unit.tracker.test_surges import TIMES, match, place

HOUR = timedelta(hours=1)
Store = InMemorySurgeStore | ValkeySurgeStore


@pytest.fixture(params=["memory", "valkey"])
def store(request: pytest.FixtureRequest, client: Redis, namespace: str) -> Store:
    return InMemorySurgeStore() if request.param == "memory" else ValkeySurgeStore(client, namespace=namespace)


async def test_a_topic_is_kept_as_a_whole(store: Store) -> None:
    assert await store.load("arms") == StoredSurges()
    assert await store.topics() == ()
    assert await store.commit("arms", SurgeChange(b"s1", EPOCH, ((EPOCH, b"a"),)), expected=0) == 1
    assert await store.commit("arms", SurgeChange(b"s2", None, ((EPOCH + HOUR, b"b"),)), expected=1) == 2
    assert await store.commit("other", SurgeChange(b"o", EPOCH), expected=0) == 1
    kept = await store.load("arms")
    assert (sorted(kept.starts), kept.state, kept.version) == ([b"a", b"b"], b"s2", 2)
    assert await store.topics() == ("arms", "other")
    assert await store.due(("arms", "other", "none")) == {"other": EPOCH}


async def test_beginnings_are_forgotten_by_their_time(store: Store) -> None:
    starts = tuple((EPOCH + number * HOUR, b"%d" % number) for number in range(4))
    await store.commit("arms", SurgeChange(b"s", starts=starts), expected=0)
    await store.commit("arms", SurgeChange(b"s", forget_before=EPOCH + 2 * HOUR), expected=1)
    assert sorted((await store.load("arms")).starts) == [b"2", b"3"]


async def test_who_knows_an_older_version_changes_nothing(store: Store) -> None:
    await store.commit("arms", SurgeChange(b"s", EPOCH), expected=0)
    late = SurgeChange(b"t", None, ((EPOCH, b"a"),), EPOCH)
    assert await store.commit("arms", late, expected=0) is None
    assert await store.load("arms") == StoredSurges((), b"s", 1)
    assert await store.due(("arms",)) == {"arms": EPOCH}


async def test_of_two_at_once_one_wins(client: Redis, namespace: str) -> None:
    store = ValkeySurgeStore(client, namespace=namespace)
    changes = (SurgeChange(b"%d" % number) for number in range(8))
    results = await asyncio.gather(*(store.commit("arms", change, expected=0) for change in changes))
    assert sorted(results, key=str) == [1, *[None] * 7]


async def test_a_due_time_that_cannot_be_read_is_due_and_written_anew(client: Redis, namespace: str) -> None:
    store = ValkeySurgeStore(client, namespace=namespace)
    await store.commit("arms", SurgeChange(b"{}", EPOCH), expected=0)
    await client.hset(f"{namespace}:surges:{{arms}}:state", "due_at", "soon")
    surges = Surges(store, InMemoryStoryStore(), RecordingPublisher(), FakeClock(), SurgePolicy())
    await surges.announce_due(EPOCH)
    assert await surges.next_due_at() is None


async def test_a_store_out_of_reach_is_named_as_such() -> None:
    store = ValkeySurgeStore(Redis(unix_socket_path="/nonexistent/s", retry=Retry(NoBackoff(), 0)))
    change = SurgeChange(b"s")
    for call in (store.topics(), store.due(("a",)), store.load("a"), store.commit("a", change, expected=0)):
        with pytest.raises(UnavailableError):
            await call


async def test_a_surge_is_the_same_in_both_stores_with_a_new_tracker_after_every_story(
    client: Redis, namespace: str
) -> None:
    told = []
    for store in (InMemorySurgeStore(), ValkeySurgeStore(client, namespace=namespace)):
        publisher, clock = RecordingPublisher(), FakeClock(MONDAY)
        for at in TIMES:
            surges = Surges(store, InMemoryStoryStore(), publisher, clock, SurgePolicy())
            clock.advance(at - clock.now())
            await surges.note(match(at), place(at))
        clock.advance(HOUR)
        await surges.announce_due(clock.now())
        told.append([alert.id for alert in publisher.on(ALERTS)])
    assert told[0] == told[1]
    assert len(told[0]) == 1
