"""From an alert to the groups that tell of it: one for each receiver that the routes lead to."""

from collections.abc import Sequence
from datetime import datetime, timedelta

import structlog

from alerts.groups import admit, group_key
from alerts.pipeline import admission_steps
from alerts.routing import Target
from schemas.alert import Alert
from schemas.trace import Stage, TraceStep
from services.alerter import metrics
from services.alerter.audience import CurrentAudience
from services.alerter.faults import ContendedError
from services.alerter.group_store import Admitted, HeldGroup, ValkeyGroups
from services.ports import Clock, Traces

log = structlog.get_logger()

MAX_CONFLICTS = 1000
# Whoever lets an alert into a group that is due flushes it at once; if that fails, it is due again this much later.
LEASE = timedelta(seconds=10)


class Admission:
    """Lets alerts into groups, each once for each receiver, however often it is asked."""

    def __init__(self, *, audience: CurrentAudience, groups: ValkeyGroups, traces: Traces, clock: Clock) -> None:
        self._audience = audience
        self._groups = groups
        self._traces = traces
        self._clock = clock

    async def admit(self, alert: Alert, *, leaving: str | None = None) -> tuple[HeldGroup, ...]:
        """Put the alert into its groups; return those that are due at once, for the caller to flush.

        `leaving` names the group that the alert leaves, because its route is gone.
        """
        audience = self._audience()
        due = []
        for target in audience.targets_of(alert):
            if not audience.lanes_of(target.receiver):
                await self._reaches_nobody(alert, target)
            elif held := await self._into_group(alert, target, leaving):
                due.append(held)
        return tuple(due)

    async def _into_group(self, alert: Alert, target: Target, leaving: str | None) -> HeldGroup | None:
        """Return the alert's group if that is due at once, and the alert was new to it."""
        key, _ = group_key(alert, target)
        for _ in range(MAX_CONFLICTS):
            held, now = await self._groups.load(key), self._clock.now()
            group = admit(held.group, alert, target, now)
            if group is held.group:
                return None
            steps = admission_steps(alert, target, group, now)
            is_due = group.flush_at is not None and group.flush_at <= now
            due_at = now + LEASE if is_due else group.flush_at
            answer, held = await self._groups.admit(held, group, alert.id, steps, due_at=due_at, leaving=leaving)
            if answer is Admitted.ADMITTED:
                log.debug("alert_grouped", alert_id=alert.id, receiver=target.receiver, group=key)
                return held if is_due else None
            if answer is Admitted.KNOWN:
                return None
        raise ContendedError(f"group {key} was changed {MAX_CONFLICTS} times under our hands")

    async def _reaches_nobody(self, alert: Alert, target: Target) -> None:
        log.warning("alert_reaches_nobody", alert_id=alert.id, receiver=target.receiver)
        steps = nobody_reached([alert], target, self._clock.now())
        await self._traces.note(steps)
        metrics.count((), steps)


def nobody_reached(alerts: Sequence[Alert], target: Target, now: datetime) -> tuple[TraceStep, ...]:
    """Return the steps that say that alerts found no open channel."""
    return tuple(
        TraceStep(
            subject_kind="alert",
            subject=alert.id,
            stage=Stage.REACHES_NOBODY,
            at=now,
            reason=f"no channel of {target.receiver} is open",
            watch_topic=alert.watch_topic,
            receiver=target.receiver,
            route=target.label,
        )
        for alert in alerts
    )
