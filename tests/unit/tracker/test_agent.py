"""What becomes due though no match comes is announced all the same, and counted."""

import asyncio
from datetime import datetime
from functools import partial

import pytest
from prometheus_client import REGISTRY

from schemas.alert import AlertKind
from services.runtime.faults import UnavailableError
from services.tracker import agent
from services.tracker.position_store import InMemoryPositionStore
from tests.unit.tracker.shifting import DAY, HOUR, START, TOPIC, World, agreed, refused, watched


class Away(InMemoryPositionStore):
    """A store that cannot be reached the first times it is asked."""

    away = 0

    async def due(self, watch_topics: object) -> dict[str, datetime]:
        self.away -= 1
        if self.away >= 0:
            raise UnavailableError("the store went away")
        return dict(await super().due((TOPIC,)))


async def test_a_shift_is_announced_in_its_time_also_after_a_restart_and_a_store_that_was_away(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(agent, "TURN_SECONDS", 0.001)
    before = World(store=Away())
    await before.hear(*agreed(), *refused(START + 20 * DAY))
    world = World(store=before.store, stories=before.stories, now=START + 21 * DAY)
    assert isinstance(world.store, Away)
    world.store.away = 2
    stop = asyncio.Event()
    running = asyncio.create_task(agent.announce_in_time(stop, announcers=(world.positions,), clock=world.clock))
    async with asyncio.timeout(10):
        while not world.told():
            await asyncio.sleep(0.001)
    stop.set()
    await running
    assert [alert.kind for alert in world.told()] == [AlertKind.SHIFT]
    assert before.told() == []


class Broken:
    """A stream that takes nothing."""

    async def publish(self, stream: object, value: object) -> None:
        raise UnavailableError("no broker")


async def test_what_was_heard_is_announced_though_its_match_was_never_finished() -> None:
    world, (*before, last) = World(), [*agreed(), *refused(START + 20 * DAY)]
    await world.hear(*before)
    now = START + 20 * DAY + 3 * HOUR
    dying = World(store=world.store, stories=world.stories, publisher=Broken(), now=now)
    with pytest.raises(UnavailableError):
        await dying.hear(last)
    after = World(store=world.store, stories=world.stories, now=now)
    await after.settle()
    assert [alert.kind for alert in after.told()] == [AlertKind.SHIFT]


async def test_a_topic_that_cannot_be_announced_stays_due() -> None:
    world = World()
    await world.hear(*agreed(), *refused(START + 20 * DAY))
    now = START + 21 * DAY
    broken = World(store=world.store, stories=world.stories, publisher=Broken(), now=now)
    for _ in range(2):
        with pytest.raises(UnavailableError):
            await broken.positions.announce_due(now)
    assert await world.positions.next_due_at() == now
    after = World(store=world.store, stories=world.stories, now=now + DAY)
    await after.positions.announce_due(now + DAY)
    (shift,) = after.told()
    assert shift.decided_at == now, "as it was decided, not as it is published"
    assert await world.positions.next_due_at() is None


async def test_claims_and_shifts_are_counted_once() -> None:
    sample = partial(REGISTRY.get_sample_value)
    about = {"watch_topic": TOPIC}
    names = (
        ("redline_claims_total", {**about, "eligible": "yes"}),
        ("redline_shifts_told_total", {**about, "kind": "shift", "status": "confirmed"}),
    )
    before = [sample(name, labels) or 0 for name, labels in names]
    world, articles = World(watched()), [*agreed(), *refused(START + 20 * DAY)]
    await world.hear(*articles)
    await world.settle()
    await world.hear(*articles)
    await world.settle()
    assert [(sample(name, labels) or 0) - was for (name, labels), was in zip(names, before, strict=True)] == [4, 1]
