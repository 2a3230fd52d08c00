"""From a group that is due to what is to be written: message, digest items, trace and the group's next state. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from zoneinfo import ZoneInfo

from alerts.budget import budget_day
from alerts.groups import (
    MAX_REMINDED,
    Group,
    allowed_at,
    due_at,
    is_forgotten,
    is_reminder,
    settled_with,
    wanted_alerts,
)
from alerts.routing import Target
from alerts.stages import STAGES, Flush, Surroundings, in_words
from schemas.alert import Alert
from schemas.notification import DigestItem, Notification
from schemas.trace import Stage, TraceStep

_UTC = ZoneInfo("UTC")

__all__ = ["Plan", "Surroundings", "admission_steps", "plan"]


@dataclass(frozen=True)
class Plan:
    """What a flush comes to; all of it is to be committed at once, or none.

    `group` is the state to keep, None if the group is to be forgotten. `budget_day` is set where a message counts on
    the receiver's budget; the plan then holds only while what was spent on that day is what it was made with.
    `missing` are alerts that were to be told and are not kept any more. `due_at` is when to flush the group again.
    """

    group: Group | None
    notification: Notification | None = None
    digest_items: tuple[DigestItem, ...] = ()
    budget_day: date | None = None
    steps: tuple[TraceStep, ...] = ()
    missing: tuple[str, ...] = ()
    due_at: datetime | None = None


def plan(group: Group, alerts: Iterable[Alert], target: Target, surroundings: Surroundings, now: datetime) -> Plan:
    """Return what to do about a group at `now`; `alerts` are those of its `wanted_alerts` that are kept.

    Asked too early, it changes nothing but the time to ask again; the same question has the same answer.
    """
    if is_forgotten(group, now):
        return Plan(group=None)
    allowed = allowed_at(group, target.policy)
    if allowed is None or now < allowed:
        return _kept(group.model_copy(update={"flush_at": due_at(group, target.policy)}))
    wanted = wanted_alerts(group)
    by_id = {alert.id: alert for alert in alerts}
    flush = Flush(group, target, surroundings, now, tuple(by_id[one] for one in wanted if one in by_id))
    for stage in STAGES:
        flush = stage(flush)
    after = _after(flush)
    after = after.model_copy(update={"flush_at": due_at(after, target.policy)})
    return Plan(
        group=after,
        notification=flush.notification,
        digest_items=flush.digest_items,
        budget_day=budget_day(surroundings.receiver, now) if flush.notification else None,
        steps=flush.steps,
        missing=() if is_reminder(group) else tuple(one for one in wanted if one not in by_id),
        due_at=after.flush_at,
    )


def admission_steps(alert: Alert, target: Target, group: Group, now: datetime) -> tuple[TraceStep, ...]:
    """Return the steps that say which route took an alert, and in which group it waits until when."""
    until = in_words(group.flush_at, _UTC) if group.flush_at else "the next flush"
    labels = ", ".join(f"{name}={value}" for name, value in group.labels.items())
    told = {
        Stage.ROUTED: f"taken by {target.label}",
        Stage.GROUPED: f"waits until {until} in the group of {labels or 'all alerts'}",
    }
    return tuple(
        TraceStep(
            subject_kind="alert",
            subject=alert.id,
            stage=stage,
            at=now,
            reason=reason,
            watch_topic=alert.watch_topic,
            receiver=target.receiver,
            route=target.label,
            ref=group.key,
        )
        for stage, reason in told.items()
    )


def _kept(group: Group) -> Plan:
    return Plan(group=group, due_at=group.flush_at)


def _after(flush: Flush) -> Group:
    """Return the group as it is when the flush is done."""
    waiting = tuple(alert.id for alert in flush.waiting)
    settled = tuple(one for one in flush.group.pending if one not in waiting)
    changes: dict[str, object] = {"settled": settled_with(flush.group, settled), "muted_until": flush.muted_until}
    if is_reminder(flush.group):
        if flush.notification is None and flush.muted_until is None:
            changes["passed_over_at"] = flush.now
    else:
        changes |= {"pending": waiting, "waiting_since": flush.group.waiting_since if waiting else None}
    if flush.notification is not None:
        changes |= {"told_at": flush.now, "passed_over_at": None, "revision": flush.notification.revision}
        if not is_reminder(flush.group):
            urgent_first = sorted(flush.notification.alerts, key=lambda alert: -alert.severity.rank)
            changes["last_alerts"] = tuple(alert.id for alert in urgent_first[:MAX_REMINDED])
    return flush.group.model_copy(update=changes)
