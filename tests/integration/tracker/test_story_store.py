"""The story store in a real Valkey behaves as the one in memory, also when two trackers write at once."""

import asyncio

import pytest
from redis.asyncio import Redis

from services.runtime.faults import UnavailableError
from services.runtime.valkey import connect
from services.tracker.story_store import InMemoryStoryStore, StoredStories, ValkeyStoryStore


@pytest.fixture(params=["memory", "valkey"])
def store(request: pytest.FixtureRequest, client: Redis, namespace: str) -> InMemoryStoryStore | ValkeyStoryStore:
    return InMemoryStoryStore() if request.param == "memory" else ValkeyStoryStore(client, namespace=namespace)


async def test_placements_are_kept_in_their_order(store: InMemoryStoryStore | ValkeyStoryStore) -> None:
    assert await store.load("arms") == StoredStories((), 0)
    assert await store.append("arms", b"a", expected=0) == 1
    assert await store.append("arms", b"b", expected=1) == 2
    assert await store.append("other", b"c", expected=0) == 1
    assert await store.load("arms") == StoredStories((b"a", b"b"), 2)
    assert await store.version("arms") == 2


async def test_the_oldest_are_dropped(store: InMemoryStoryStore | ValkeyStoryStore) -> None:
    for number, record in enumerate((b"a", b"b", b"c")):
        await store.append("arms", record, expected=number)
    assert await store.append("arms", b"d", expected=3, drop=2) == 4
    assert (await store.load("arms")).records == (b"c", b"d")


async def test_who_knows_an_older_version_changes_nothing(store: InMemoryStoryStore | ValkeyStoryStore) -> None:
    await store.append("arms", b"a", expected=0)
    assert await store.append("arms", b"b", expected=0, drop=1) is None
    assert await store.load("arms") == StoredStories((b"a",), 1)


async def test_of_two_at_once_one_wins(client: Redis, namespace: str) -> None:
    store = ValkeyStoryStore(client, namespace=namespace)
    results = await asyncio.gather(*(store.append("arms", b"%d" % number, expected=0) for number in range(8)))
    assert sorted(results, key=str) == [1, *[None] * 7]
    assert len((await store.load("arms")).records) == 1


async def test_a_store_out_of_reach_is_named_as_such() -> None:
    store = ValkeyStoryStore(connect("unix:///nonexistent/s", pauses_s=()))
    for call in (store.version("arms"), store.load("arms"), store.append("arms", b"a", expected=0)):
        with pytest.raises(UnavailableError):
            await call
