"""An alerter killed at any command to the store: what it leaves behind is finished by the next one, once.

The death is a BaseException from the store's client, before the command is sent or after the server has carried it out;
the next alerter has nothing but the store, and the stream gives it all alerts again.
"""

from collections import Counter
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from redis.asyncio import Redis
from redis.asyncio.client import Pipeline
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from schemas.alert import Alert
from schemas.notification import NotificationKind
from schemas.story import Novelty
from schemas.trace import Stage
from schemas.watch import Severity
from tests.integration.alerter.timeline import DAY, HOUR, Timeline, mention, shift
from tests.volume import volume

STEP = volume(13, 1)  # every command takes a minute and more
SUPPRESSED = {Stage.SILENCED, Stage.INHIBITED, Stage.REPEATED}
ROUTES = """
route:
  receiver: desk
  group_by: [story, kind]
  group_interval: 10m
  routes:
    - {match: {severity: info}, digest: true, continue: true}
    - {match: {severity: info}, receiver: night, group_wait: 1m}
receivers:
  - {name: desk, budget: {per_day: 3}}
  - night
"""
LATER_ROUTES = ROUTES.replace("severity: info}, receiver: night", "kind: mention}, receiver: night")


class KilledError(BaseException):
    """The process is gone."""


class Mortal(Redis):
    """A client that ends the process at its nth command, before or after the server has carried it out."""

    commands = 0
    last = 0
    after = False

    async def counted(self, run: Callable[[], Awaitable[Any]]) -> Any:
        self.commands += 1
        if self.commands > self.last or (self.commands == self.last and not self.after):
            raise KilledError
        answer = await run()
        if self.commands == self.last:
            raise KilledError
        return answer

    async def execute_command(self, *args: Any, **options: Any) -> Any:
        return await self.counted(lambda: super(Mortal, self).execute_command(*args, **options))  # type: ignore[no-untyped-call]

    def pipeline(self, transaction: bool = True, shard_hint: str | None = None) -> Pipeline:
        mortal, pipeline = self, super().pipeline(transaction, shard_hint)
        execute = pipeline.execute

        async def counted(raise_on_error: bool = True) -> Any:
            return await mortal.counted(lambda: execute(raise_on_error))

        pipeline.execute = counted  # type: ignore[method-assign]
        return pipeline


class Mortality(Timeline):
    """A timeline that goes on with a new alerter when the first has died; the stream begins again."""

    survivor: Redis
    stream: list[Alert]
    died = False

    async def act(self, action: Callable[[], Awaitable[None]]) -> None:
        try:
            await action()
        except KilledError:
            self.died = True
            self.client = self.survivor
            self.rebuild()
            await self.alerters[0].dispatcher.take_back()
            for alert in self.pushed():
                await self.alerters[0].handler.handle(alert)

    def pushed(self) -> list[Alert]:
        """Return the alerts that have come by now, as often as a stream may give them again."""
        now = self.clock.now()
        return [alert for alert in self.stream if alert.decided_at <= now]


async def dies_at(number: int, *, after: bool, client: Redis, namespace: str, socket: Path) -> bool:
    """Play a day in which the alerter dies at this command; check it; say whether it died at all."""
    mortal = Mortal(unix_socket_path=str(socket), retry=Retry(NoBackoff(), 0))
    mortal.last, mortal.after = number, after
    t = Mortality(client, namespace, ROUTES)
    t.survivor, t.client, t.stream = client, mortal, []
    t.rebuild()
    alerts = [
        mention("a", "one"),
        mention("b", "one"),
        mention("c", "two", severity=Severity.INFO),
        mention("d", "two", severity=Severity.INFO),
        shift("moved", "three"),
        mention("e", "three"),
        mention("f", "four"),
        mention("g", "five"),
        mention("h", "one", Novelty.NOTHING),
    ]
    for second, alert in zip((0, 1, 2, 3, 4, 5, 6, 7, HOUR), alerts, strict=True):
        t.push(second, alert)
        t.stream.append(alert.model_copy(update={"decided_at": t.moment(second)}))
    t.reload(30, LATER_ROUTES)
    await t.run(until=DAY)
    await mortal.aclose()
    await check(t, alerts)
    return t.died


async def check(t: Mortality, alerts: list[Alert]) -> None:
    """Every alert was told once to each receiver, by one idempotency key, or has a reason why not."""
    # A message that was sent and not recorded comes again under its key, which tells it from a second message.
    messages = {(told.lane.receiver, told.notification.id): told.notification for told in t.told}
    times = Counter(
        (receiver, alert_id)
        for (receiver, _), notification in messages.items()
        if notification.kind is not NotificationKind.REMINDER
        for alert_id in notification.alert_ids
    )
    assert set(times.values()) == {1}
    for alert in alerts:
        steps = await t.steps_of(alert)
        for receiver in {step.receiver for step in steps if step.stage is Stage.GROUPED}:
            suppressed = any(step.stage in SUPPRESSED and step.receiver == receiver for step in steps)
            assert times[str(receiver), alert.id] + suppressed == 1, (alert.title, receiver, steps)
    assert await t.ledger.unfinished() == 0
    assert len([one for one in messages.values() if one.receiver == "desk" and not one.digest]) <= 3


@pytest.mark.parametrize("after", [False, True], ids=["before the command", "after it"])
@pytest.mark.slow
async def test_death_at_any_command_loses_nothing_and_tells_nothing_twice(
    client: Redis, namespace: str, valkey_socket: Path, after: bool
) -> None:
    number = 1
    while await dies_at(number, after=after, client=client, namespace=f"{namespace}-{number}", socket=valkey_socket):
        number += STEP
    assert number > 100  # it did get far


@pytest.mark.parametrize("number", [4, 9, 17, 40, 73])
async def test_death_at_some_commands_loses_nothing(
    client: Redis, namespace: str, valkey_socket: Path, number: int
) -> None:
    assert await dies_at(number, after=True, client=client, namespace=namespace, socket=valkey_socket)
