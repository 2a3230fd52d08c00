"""What a flush needs to know of the world: silences, inhibitors, mute times, and what is left of the budget."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from redis.asyncio import Redis

from alerts.budget import budget_day
from alerts.inhibition import inhibited_by, inhibitor_keys
from alerts.route_options import Receiver, Routes
from alerts.routing import Target
from alerts.silences import Silence
from alerts.stages import Surroundings
from schemas.alert import Alert
from services.alerter.faults import translated
from services.alerter.group_store import spent_key
from services.alerter.inhibitor_store import inhibitor_key, inhibitors_of
from services.alerter.silence_store import VERSION


class Silences(Protocol):
    """What people silenced. Raises UnavailableError: without knowing, nobody is told."""

    async def all(self) -> tuple[Silence, ...]:
        """Return every silence, finished ones too."""
        ...


class SurroundingsReader:
    """Reads the surroundings of a flush in one go; silences only when they have changed."""

    def __init__(self, client: Redis, *, silences: Silences, namespace: str = "redline") -> None:
        self._client = client
        self._prefix = f"{namespace}:{{outbox}}:"
        self._silences = silences
        self._held: tuple[Silence, ...] = ()
        self._version: int | None = None

    async def read(
        self, routes: Routes, target: Target, receiver: Receiver, alerts: Sequence[Alert], now: datetime
    ) -> Surroundings:
        """Return what concerns these alerts on this route at `now`."""
        policy, rules = target.policy, routes.inhibit_rules
        keys = sorted({key for alert in alerts for key in inhibitor_keys(alert, rules)})
        pipeline = self._client.pipeline(transaction=False)
        pipeline.get(f"{self._prefix}{VERSION}")
        pipeline.get(f"{self._prefix}{spent_key(receiver.name, budget_day(receiver, now))}")
        for key in keys:
            pipeline.hget(f"{self._prefix}{inhibitor_key(key)}", "inhibitor")
        with translated():
            version, spent, *raws = await pipeline.execute()
        found = inhibitors_of(keys, raws)
        inhibited = {alert.id: one for alert in alerts if (one := inhibited_by(alert, rules, found, now))}
        return Surroundings(
            receiver=receiver,
            mute=routes.intervals(policy.mute_time_intervals),
            active=routes.intervals(policy.active_time_intervals),
            silences=await self._current_silences(int(version or 0)),
            inhibited=inhibited,
            spent_today=int(spent or 0),
        )

    async def _current_silences(self, version: int) -> tuple[Silence, ...]:
        # The version was read first: what changes in between is then read again.
        if version != self._version:
            self._held, self._version = await self._silences.all(), version
        return self._held
