"""Flushing one group: read it and its surroundings, plan, and commit all that the plan says, or plan anew."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

import structlog

from alerts.delivery import Lane
from alerts.digests import merge_items, next_digest_at
from alerts.groups import Group, is_forgotten, wanted_alerts
from alerts.pipeline import Plan, plan
from alerts.route_options import Receiver, Routes
from alerts.routing import Target
from schemas.alert import Alert
from schemas.delivery import idempotency_key
from schemas.notification import Notification
from schemas.trace import Stage, TraceStep
from services.alerter import metrics
from services.alerter.admission import MAX_CONFLICTS, Admission, nobody_reached
from services.alerter.alert_store import ValkeyAlerts
from services.alerter.audience import Audience, CurrentAudience
from services.alerter.faults import ContendedError
from services.alerter.group_store import Commit, DigestLine, HeldGroup, Message, Spent, ValkeyGroups
from services.alerter.surroundings import SurroundingsReader
from services.ports import Clock

log = structlog.get_logger()


@dataclass(frozen=True)
class Ground:
    """What flushes of groups and of digests stand on; `wake` has lanes look for what was queued for them."""

    audience: CurrentAudience
    alerts: ValkeyAlerts
    groups: ValkeyGroups
    admission: Admission
    clock: Clock
    wake: Callable[[Iterable[Lane]], None]


@dataclass(frozen=True)
class Addressee:
    """Whom a group is for: the route that it came by, the receiver, and the receiver's open lanes."""

    target: Target
    receiver: Receiver
    lanes: tuple[Lane, ...]


class GroupFlush:
    """Tells what groups have to tell. Two at once do no harm: one commits, the other plans anew."""

    def __init__(self, ground: Ground, surroundings: SurroundingsReader) -> None:
        self._audience = ground.audience
        self._alerts = ground.alerts
        self._groups = ground.groups
        self._admission = ground.admission
        self._clock = ground.clock
        self._wake = ground.wake
        self._surroundings = surroundings

    async def flush(self, key: str, at_hand: HeldGroup | None = None, alert: Alert | None = None) -> tuple[str, ...]:
        """Do what a group wants at this moment; return the keys of other groups that became due by it.

        `at_hand` is the group as it was a moment ago, and `alert` one of its alerts, which then need not be read.
        """
        for _ in range(MAX_CONFLICTS):
            held, at_hand = at_hand or await self._groups.load(key), None
            audience, now = self._audience(), self._clock.now()
            if held.group is None or is_forgotten(held.group, now):
                if await self._groups.commit(Commit(held, None), now):
                    return ()
                continue
            to = _addressee(held.group, audience)
            if to is None:
                moved = await self._route_anew(held, held.group, now)
                if moved is not None:
                    return moved
            elif await self._tell(held, await self._alerts_of(held.group, alert), to, audience.routes, now):
                return ()
        raise ContendedError(f"group {key} was changed {MAX_CONFLICTS} times under our hands")

    async def _alerts_of(self, group: Group, at_hand: Alert | None) -> tuple[Group, tuple[Alert, ...]]:
        """Return a group with those of its wanted alerts that are kept."""
        wanted = wanted_alerts(group)
        known = {at_hand.id: at_hand} if at_hand else {}
        known |= await self._alerts.get_many([one for one in wanted if one not in known])
        return group, tuple(known[one] for one in wanted if one in known)

    async def _tell(
        self,
        held: HeldGroup,
        what: tuple[Group, tuple[Alert, ...]],
        to: Addressee,
        routes: Routes,
        now: datetime,
    ) -> bool:
        """Tell what the plan says; False if what it was made of has changed."""
        group, alerts = what
        around = await self._surroundings.read(routes, to.target, to.receiver, alerts, now)
        planned = plan(group, alerts, to.target, around, now)
        commit = await self._commit_of(held, planned, to, around.spent_today, now)
        if not await self._groups.commit(commit, now):
            return False
        self._report(commit, planned)
        self._wake(to.lanes if commit.messages else ())
        return True

    async def _commit_of(self, held: HeldGroup, planned: Plan, to: Addressee, spent: int, now: datetime) -> Commit:
        told, steps = planned.notification, planned.steps
        messages: tuple[Message, ...] = ()
        if told is not None and to.lanes:
            messages, steps = ((told, to.lanes),), (*steps, *queued(told, to.lanes, now))
        elif told is not None:
            steps = (*steps, *nobody_reached(told.alerts, to.target, now))
        counts = planned.budget_day is not None and to.receiver.budget is not None
        return Commit(
            held=held,
            group=planned.group,
            due_at=planned.due_at,
            messages=messages,
            spent=Spent(to.receiver.name, planned.budget_day, spent) if planned.budget_day and counts else None,
            line=await self._line(planned, to.receiver, now),
            steps=steps,
        )

    async def _line(self, planned: Plan, receiver: Receiver, now: datetime) -> DigestLine | None:
        if not planned.digest_items:
            return None
        held = await self._groups.line(receiver.name, planned.digest_items[0].group_key)
        item = held.item
        for fresh in planned.digest_items:
            item = merge_items(item, fresh)
        return DigestLine(receiver.name, held, item, next_digest_at(receiver, now)) if item else None

    async def _route_anew(self, held: HeldGroup, group: Group, now: datetime) -> tuple[str, ...] | None:
        """Let the alerts of a group whose route is gone into others; None if the group has changed meanwhile."""
        alerts = await self._alerts.get_many(group.pending)
        log.info("group_routed_anew", group=held.key, receiver=group.receiver, alerts=len(alerts))
        self._report_missing(held.key, [one for one in group.pending if one not in alerts])
        due = [one.key for alert in alerts.values() for one in await self._admission.admit(alert, leaving=held.key)]
        # What it told is kept for a while, in case the route comes back.
        rest = group.model_copy(update={"pending": (), "waiting_since": None, "flush_at": None})
        return tuple(dict.fromkeys(due)) if await self._groups.commit(Commit(held, rest), now) else None

    def _report(self, commit: Commit, planned: Plan) -> None:
        metrics.count([notification for notification, _ in commit.messages], commit.steps)
        self._report_missing(commit.held.key, planned.missing)
        for notification, lanes in commit.messages:
            log.info(
                "group_told",
                receiver=notification.receiver,
                group=commit.held.key,
                kind=notification.kind.value,
                alert_ids=[alert.id for alert in notification.alerts],
                lanes=[str(lane) for lane in lanes],
            )

    def _report_missing(self, group: str, missing: Sequence[str]) -> None:
        if missing:
            log.error("alerts_not_kept", group=group, alert_ids=list(missing))


def _addressee(group: Group, audience: Audience) -> Addressee | None:
    target, receiver = audience.target(group.route_id), audience.receiver(group.receiver)
    return Addressee(target, receiver, audience.lanes_of(receiver.name)) if target and receiver else None


def queued(notification: Notification, lanes: Sequence[Lane], now: datetime) -> tuple[TraceStep, ...]:
    """Return the steps that say in which channels, and under which key, a notification tells of its alerts."""
    alerts: dict[str, Alert | None] = dict.fromkeys(notification.alert_ids)
    alerts |= {alert.id: alert for alert in notification.alerts}
    return tuple(
        TraceStep(
            subject_kind="alert",
            subject=alert_id,
            stage=Stage.QUEUED,
            at=now,
            reason=_in_words(notification),
            watch_topic=alert.watch_topic if alert else None,
            receiver=lane.receiver,
            channel=lane.channel,
            ref=idempotency_key(notification.id, *lane),
        )
        for lane in lanes
        for alert_id, alert in alerts.items()
    )


def _in_words(notification: Notification) -> str:
    digest = notification.digest
    if digest is not None:
        return "told in the digest" + (f", part {digest.part} of {digest.parts}" if digest.parts > 1 else "")
    return f"told as {notification.kind.value}, message {notification.revision} of its thread"
