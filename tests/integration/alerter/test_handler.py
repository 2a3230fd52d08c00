"""What the handler promises its stream: durable when it returns, and the same alert again changes nothing."""

from pathlib import Path

import pytest
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from alerts.delivery import LedgerUnavailableError
from schemas.trace import Stage
from services.alerter.alert_store import ValkeyAlerts
from services.runtime.faults import UnavailableError
from tests.integration.alerter.timeline import HOUR, Timeline, at, mention

ROUTES = """
route: {receiver: desk}
receivers:
- name: desk
  channels: [{type: console}, {type: console, name: second}]
"""


async def test_alert_is_queued_for_every_channel_and_kept(client: Redis, namespace: str) -> None:
    t = Timeline(client, namespace, ROUTES)
    a = mention("a")
    await t.alerters[0].handler.handle(a)
    assert {str(lane): count for lane, count in (await t.ledger.waiting()).items()} == {
        "desk/console": 1,
        "desk/second": 1,
    }
    assert await ValkeyAlerts(client, namespace=namespace).get(a.id) == a
    steps = await t.steps_of(a)
    assert [step.stage for step in steps] == [Stage.ROUTED, Stage.GROUPED, Stage.QUEUED, Stage.QUEUED]
    assert {step.ref for step in steps if step.stage is Stage.QUEUED} == {
        entry.key for entry in await t.ledger.entries_of(a.id)
    }


async def test_same_alert_again_changes_nothing(client: Redis, namespace: str) -> None:
    t = Timeline(client, namespace, "route: {receiver: desk}")
    a = mention("a")
    t.push(0, a, a)
    t.push(6 * 24 * HOUR, a)  # when its group is forgotten long since
    t.expect(at(0), "desk", [a])
    await t.play(until=7 * 24 * HOUR)
    assert len(await t.steps_of(a)) == 3


async def test_alert_is_not_taken_while_the_store_is_out_of_reach(tmp_path: Path, client: Redis) -> None:
    t = Timeline(client, "unused", "route: {receiver: desk}")
    t.client = Redis(unix_socket_path=str(tmp_path / "none"), retry=Retry(NoBackoff(), 0))
    t.rebuild()
    with pytest.raises(UnavailableError):
        await t.alerters[0].handler.handle(mention("a"))
    with pytest.raises(LedgerUnavailableError):
        await t.alerters[0].flusher.turn()


async def test_group_that_cannot_be_read_holds_nobody_else(client: Redis, namespace: str) -> None:
    t = Timeline(client, namespace, "route: {receiver: desk, group_wait: 10s}")
    bad, good = mention("bad"), mention("good")

    async def damage() -> None:
        (key,) = await t.groups.waiting_groups()
        await client.hset(f"{namespace}:{{outbox}}:group:{key}", "state", "{}")

    t.push(0, bad)
    t.do(1, damage)
    t.push(2, good)
    t.expect(at(12), "desk", [good])
    await t.play(until=60)
