"""The position store in a real Valkey behaves as the one in memory, also when two trackers write at once."""

import asyncio
from datetime import timedelta

import pytest
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from schemas.base import content_id
from schemas.claim import Claim
from schemas.shift import Told
from services.domain.positions.tracker import PositionTracker
from services.domain.text.gazetteer import Gazetteer
from services.runtime.faults import UnavailableError
from services.tracker.position_records import Change, HeardArticle, Shelf, StoredPositions
from services.tracker.position_store import InMemoryPositionStore, ValkeyPositionStore
from services.tracker.shift_alerts import Scene, shift_alert
from tests.fakes import EPOCH
from tests.unit.positions.worlds import ACTOR, DAY, TOPIC, claim, ladder

Store = InMemoryPositionStore | ValkeyPositionStore


@pytest.fixture(params=["memory", "valkey"])
def store(request: pytest.FixtureRequest, client: Redis, namespace: str) -> Store:
    return InMemoryPositionStore() if request.param == "memory" else ValkeyPositionStore(client, namespace=namespace)


def claims(*rungs: str, actor: str = ACTOR) -> tuple[Claim, ...]:
    return tuple(claim(number, rung, actor=actor).model_copy(update={"cues": ()}) for number, rung in enumerate(rungs))


def told() -> Told:
    tracker = PositionTracker(ladder(), TOPIC, ACTOR)
    tracker.add(claim(day, rung, origin=str(day)) for day, rung in ((0, "refuse"), (10, "deliver"), (10.5, "deliver")))
    (shift,) = tracker.position().shifts
    return Told(id=shift.id, shift=shift, told=True)


async def test_what_is_kept_comes_back(store: Store) -> None:
    shift = told().shift
    tracker = PositionTracker(ladder(), TOPIC, ACTOR)
    scene = Scene("Desk", ladder(), Gazetteer({}, {}), lambda _: None)
    alert = shift_alert(shift, tracker.position(), scene, EPOCH)
    said = claims("refuse", "consider")
    heard = HeardArticle(revision=2, revision_id=content_id("r"), back_list=True, claims=(said[0].id, said[1].id))
    article = content_id("article")
    change = Change(claims=said, articles={article: heard}, told=(told(),), outbox=(alert,), due_at=EPOCH)
    assert await store.load(TOPIC) == StoredPositions()
    assert await store.commit(TOPIC, change, expected=0) == 1
    stored = await store.load(TOPIC)
    (state,) = stored.states
    assert (state.actor, state.claims, state.told) == (ACTOR, said, (told(),))
    assert (stored.articles, stored.outbox, stored.due_at, stored.version) == ({article: heard}, (alert,), EPOCH, 1)
    assert await store.states(TOPIC) == stored.states
    assert await store.topics() == (TOPIC,)


async def test_what_is_removed_is_gone_and_actors_are_apart(store: Store) -> None:
    ours, theirs = claims("refuse", "deliver"), claims("consider", actor="ukraine")
    await store.commit(TOPIC, Change(claims=(*theirs, *ours), told=(told(),), due_at=EPOCH), expected=0)
    removal = Change(withdrawn=(ours[0].id, content_id("unknown")), untold=(told().id,))
    assert await store.commit(TOPIC, removal, expected=1) == 2
    kept = {state.actor: (state.claims, state.told) for state in await store.states(TOPIC)}
    assert kept == {ACTOR: (ours[1:], ()), "ukraine": (theirs, ())}
    assert await store.due([TOPIC]) == {}


async def test_when_something_is_due_is_known_by_topic(store: Store) -> None:
    await store.commit("a", Change(due_at=EPOCH), expected=0)
    await store.commit("b", Change(), expected=0)
    await store.commit("c", Change(due_at=EPOCH + DAY), expected=0)
    assert await store.due(["a", "b", "c", "d"]) == {"a": EPOCH, "c": EPOCH + DAY}
    assert await store.due([]) == {}


async def test_who_knows_an_older_version_changes_nothing(store: Store) -> None:
    await store.commit(TOPIC, Change(claims=claims("refuse"), due_at=EPOCH), expected=0)
    assert await store.commit(TOPIC, Change(withdrawn=(claims("refuse")[0].id,)), expected=0) is None
    (state,) = await store.states(TOPIC)
    assert state.claims == claims("refuse")
    assert (await store.version(TOPIC), await store.due([TOPIC])) == (1, {TOPIC: EPOCH})


async def test_of_two_at_once_one_wins(client: Redis, namespace: str) -> None:
    store = ValkeyPositionStore(client, namespace=namespace)
    results = await asyncio.gather(
        *(store.commit(TOPIC, Change(due_at=EPOCH + n * timedelta(1)), expected=0) for n in range(8))
    )
    assert sorted(results, key=str) == [1, *[None] * 7]


@pytest.mark.parametrize("broken", [b"", b"{", b"\xff\xfe", b"[]", b'{"id": "x"}', b'{"v": 9}'])
async def test_a_record_that_cannot_be_read_is_left_out_and_the_rest_is_not(
    client: Redis, namespace: str, broken: bytes
) -> None:
    store = ValkeyPositionStore(client, namespace=namespace)
    said = claims("refuse", "consider")
    await store.commit(TOPIC, Change(claims=said, told=(told(),), due_at=EPOCH), expected=0)
    for shelf in Shelf:
        await client.hset(f"{namespace}:positions:{{{TOPIC}}}:{shelf}", b"\xffbroken", broken)
    await client.hset(f"{namespace}:positions:{{{TOPIC}}}:claims", said[0].id, broken)
    stored = await store.load(TOPIC)
    (state,) = stored.states
    assert (state.claims, state.told) == (said[1:], (told(),))
    assert (stored.articles, stored.outbox) == ({}, ())


async def test_a_claim_of_another_topic_is_left_out(client: Redis, namespace: str) -> None:
    store = ValkeyPositionStore(client, namespace=namespace)
    await store.commit("other", Change(claims=claims("refuse")), expected=0)
    assert await store.states("other") == ()


async def test_a_due_time_that_cannot_be_read_is_due(client: Redis, namespace: str) -> None:
    store = ValkeyPositionStore(client, namespace=namespace)
    await store.commit(TOPIC, Change(due_at=EPOCH), expected=0)
    await client.hset(f"{namespace}:positions:{{{TOPIC}}}:state", "due_at", b"soon")
    assert (await store.due([TOPIC]))[TOPIC] < EPOCH


async def test_all_keys_of_a_topic_share_a_slot(client: Redis, namespace: str) -> None:
    store = ValkeyPositionStore(client, namespace=namespace)
    change = Change(claims=claims("refuse"), told=(told(),), due_at=EPOCH)
    await store.commit(TOPIC, change, expected=0)
    keys = [key.decode() async for key in client.scan_iter(f"{namespace}:positions:*")]
    assert f"{namespace}:positions:topics" in keys
    assert all(f"{{{TOPIC}}}" in key for key in keys if not key.endswith(":topics"))


async def test_a_store_out_of_reach_is_named_as_such() -> None:
    store = ValkeyPositionStore(Redis(unix_socket_path="/nonexistent/s", retry=Retry(NoBackoff(), 0)))
    keep = store.commit("a", Change(), expected=0)
    calls = (store.topics(), store.states("a"), store.version("a"), store.due(["a"]), keep)
    for call in calls:
        with pytest.raises(UnavailableError):
            await call
