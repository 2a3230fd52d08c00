"""A tracker killed at any command to the store or the stream: the next one tells what was decided, and nothing else.

The death is a BaseException, before a command is sent or after it was carried out; the next tracker has nothing but the
store, and the stream gives it the last matches again.
"""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from schemas.alert import Alert, AlertKind
from schemas.article import Article
from schemas.base import StreamContract
from schemas.streams import Stream
from services.tracker.position_store import ValkeyPositionStore
from services.tracker.story_store import InMemoryStoryStore
from tests.integration.alerter.test_crashes import KilledError, Mortal
from tests.unit.tracker.shifting import DAY, HOUR, START, TOPIC, Wires, World, agreed, refused, revised

LATER = START + 20 * DAY
IMMORTAL = 10**9
AGAIN = 2  # so many articles come once more after a death
STORY: list[Article] = [*agreed(), *refused(LATER)]
STORY.append(revised(STORY[3], "Norway and Moldova go on talking.", at=LATER + DAY))


class MortalWires(Wires):
    """A stream of alerts whose writer may die before or after the broker has taken one."""

    def __init__(self, mortal: Mortal) -> None:
        super().__init__()
        self._mortal = mortal

    async def publish(self, stream: Stream[Any], value: StreamContract) -> None:
        if isinstance(value, Alert):
            await self._mortal.counted(lambda: super(MortalWires, self).publish(stream, value))
        else:
            await super().publish(stream, value)


@pytest.fixture
async def mortal(valkey_socket: Path) -> AsyncIterator[Mortal]:
    redis = Mortal(unix_socket_path=str(valkey_socket), protocol=2, retry=Retry(NoBackoff(), 0))
    redis.last = IMMORTAL
    yield redis
    redis.last = IMMORTAL
    await redis.aclose()


async def live(mortal: Mortal, survivor: Redis, namespace: str) -> World:
    """Hear the story with a tracker that dies, and go on with another; return the world as it ends."""
    stories = InMemoryStoryStore()
    first = World(store=ValkeyPositionStore(mortal, namespace=namespace), stories=stories, wires=MortalWires(mortal))
    heard = 0
    try:
        for one in STORY:
            await first.hear(one)
            heard += 1
        await first.settle()
    except KilledError:
        pass
    finally:
        mortal.last = IMMORTAL
    after = World(
        store=ValkeyPositionStore(survivor, namespace=namespace),
        stories=stories,
        wires=first.wires,
        now=first.clock.now() + 2 * HOUR,
    )
    for one in STORY[max(heard - AGAIN, 0) :]:
        await after.hear(one)
    await after.settle()
    return after


def told(world: World) -> dict[str, list[Alert]]:
    by_id: dict[str, list[Alert]] = defaultdict(list)
    for alert in world.told():
        by_id[alert.id].append(alert)
    return by_id


@pytest.mark.slow
async def test_wherever_a_tracker_dies_each_shift_is_told_as_it_was_decided_and_corrected_if_it_must_be(
    mortal: Mortal, client: Redis, namespace: str
) -> None:
    whole = await live(mortal, client, f"{namespace}-whole")
    commands, wanted = mortal.commands, told(whole)
    assert [alerts[0].kind for alerts in wanted.values()] == [AlertKind.SHIFT, AlertKind.CORRECTION]
    assert commands > 30
    for last in range(1, commands + 1):
        for after in (False, True):  # before the command, and after it
            mortal.commands, mortal.last, mortal.after = 0, last, after
            name = f"{namespace}-{last}-{after}"
            world = await live(mortal, client, name)
            found = told(world)
            assert found.keys() == wanted.keys(), (last, after)
            assert all(len(alerts) <= 2 and alerts[0] == alerts[-1] for alerts in found.values()), (last, after)
            assert await states(client, name) == await states(client, f"{namespace}-whole"), (last, after)


async def states(client: Redis, namespace: str) -> Any:
    stored = await ValkeyPositionStore(client, namespace=namespace).load(TOPIC)
    assert stored.outbox == ()
    return stored.states


async def test_two_trackers_on_one_store_tell_each_shift_and_keep_every_claim(client: Redis, namespace: str) -> None:
    wires, stories = Wires(), InMemoryStoryStore()
    one, other = (
        World(store=ValkeyPositionStore(client, namespace=namespace), stories=stories, wires=wires) for _ in range(2)
    )
    for number, article in enumerate(STORY[:4]):
        await (one, other)[number % 2].pass_until(article.first_seen_at)
        await (one, other)[number % 2].hear(article)
    now = LATER + DAY
    await asyncio.gather(*(world.positions.announce_due(now) for world in (one, other, one, other)))
    assert {alert.title for alert in one.told()} == {"Norway (declared): from “Sends weapons” to “Sends nothing”"}
    assert len({alert.id for alert in one.told()}) == 1
    (state,) = await one.store.states(TOPIC)
    assert len(state.claims) == 4
    assert len(state.told) == 1
