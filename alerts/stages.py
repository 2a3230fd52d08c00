"""What stands between an alert that waits and the message that tells it: each policy is one stage. Pure.

A flush goes through STAGES in order. Each takes out the alerts whose fate it decides, and says of each why.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from zoneinfo import ZoneInfo

from alerts.budget import budget_day, fits
from alerts.card import thread_subject
from alerts.digests import digest_item, next_digest_at
from alerts.groups import Group, counted, is_reminder
from alerts.inhibition import Inhibitor
from alerts.route_options import Receiver
from alerts.routing import Target
from alerts.silences import Silence, silenced_by
from alerts.time_intervals import TimeInterval, muted_by, muted_until
from schemas.alert import Alert
from schemas.notification import DigestItem, DigestReason, Notification, NotificationKind, notification_id
from schemas.story import Novelty
from schemas.trace import Stage, TraceStep

MAX_ALERTS_AT_ONCE = 200  # nobody reads more of one message, and its JSON must fit the stream


@dataclass(frozen=True)
class Surroundings:
    """What a flush needs to know of the world at its moment.

    `mute` and `active` are the time intervals that the target's policy names; `inhibited` holds what inhibits an alert,
    by the alert's id; `spent_today` counts the receiver's messages of its `budget_day`.
    """

    receiver: Receiver
    mute: tuple[TimeInterval, ...] = ()
    active: tuple[TimeInterval, ...] = ()
    silences: Sequence[Silence] = ()
    inhibited: Mapping[str, Inhibitor] = field(default_factory=dict)
    spent_today: int = 0


@dataclass(frozen=True)
class Flush:
    """A group on its way to being told: `left` are the alerts whose fate is open, in the order in which they came."""

    group: Group
    target: Target
    around: Surroundings
    now: datetime
    left: tuple[Alert, ...]
    steps: tuple[TraceStep, ...] = ()
    waiting: tuple[Alert, ...] = ()
    muted_until: datetime | None = None
    digest_items: tuple[DigestItem, ...] = ()
    notification: Notification | None = None

    def take_out(
        self, stage: Stage, why: Callable[[Alert], str | None], ref: Callable[[Alert], str | None] = lambda _: None
    ) -> "Flush":
        """Return the flush without the alerts that there is a reason against; `ref` leads on from its step."""
        reasons = [(alert, why(alert)) for alert in self.left]
        left = tuple(alert for alert, reason in reasons if reason is None)
        out = tuple(self._step(alert, stage, reason, ref(alert)) for alert, reason in reasons if reason is not None)
        # What a reminder tells was told, whatever becomes of the reminder.
        return replace(self, left=left, steps=self.steps if is_reminder(self.group) else (*self.steps, *out))

    def into_digest(self, alerts: Sequence[Alert], because: DigestReason, stage: Stage, reason: str) -> "Flush":
        """Return the flush with these of its alerts moved to the digest; a reminder's are only left out."""
        chosen = {alert.id for alert in alerts}
        flush = self.take_out(stage, lambda alert: reason if alert.id in chosen else None)
        if not chosen or is_reminder(self.group):
            return flush
        return replace(flush, digest_items=(*flush.digest_items, digest_item(self.group, alerts, because)))

    def _step(self, alert: Alert, stage: Stage, reason: str, ref: str | None) -> TraceStep:
        return TraceStep(
            subject_kind="alert",
            subject=alert.id,
            stage=stage,
            at=self.now,
            reason=reason,
            watch_topic=alert.watch_topic,
            receiver=self.target.receiver,
            route=self.target.label,
            ref=ref,
        )


def in_words(moment: datetime, zone: ZoneInfo) -> str:
    """Return a moment as a reader in this zone writes it, to the minute."""
    return f"{moment.astimezone(zone):%Y-%m-%d %H:%M %Z}"


def drop_silenced(flush: Flush) -> Flush:
    """Take out what somebody silenced. It is not told later."""

    silences = {alert.id: silenced_by(alert, flush.around.silences, flush.now) for alert in flush.left}

    def why(alert: Alert) -> str | None:
        silence = silences[alert.id]
        if silence is None:
            return None
        until = in_words(silence.ends_at, flush.around.receiver.zone)
        return f"silenced by {silence.author} until {until}: {silence.comment}"

    def which(alert: Alert) -> str | None:
        silence = silences[alert.id]
        return silence.id if silence else None

    return flush.take_out(Stage.SILENCED, why, which)


def drop_inhibited(flush: Flush) -> Flush:
    """Take out what something greater makes needless. It is not told later."""

    def why(alert: Alert) -> str | None:
        inhibitor = flush.around.inhibited.get(alert.id)
        if inhibitor is None or flush.now >= inhibitor.until:
            return None
        until = in_words(inhibitor.until, flush.around.receiver.zone)
        return f"inhibited until {until} by the {inhibitor.kind} {inhibitor.alert_id}: {inhibitor.title}"

    return flush.take_out(Stage.INHIBITED, why)


def drop_told(flush: Flush) -> Flush:
    """Take out what adds nothing to what its group was told."""
    if is_reminder(flush.group):
        return flush

    def why(alert: Alert) -> str | None:
        if flush.group.revision and alert.story and alert.story.novelty is Novelty.NOTHING:
            return "adds nothing to its story, which was told"
        return None

    return flush.take_out(Stage.REPEATED, why)


def wait_for_mute(flush: Flush) -> Flush:
    """Hold everything back while the receiver is not to be disturbed."""
    around = flush.around
    zone = around.receiver.zone
    until = muted_until(around.mute, around.active, flush.now, zone) if flush.left else None
    if until is None:
        return flush
    names = muted_by(around.mute, around.active, flush.now, zone)
    muting = {interval.name for interval in around.mute}
    why = ", ".join(names) if muting.issuperset(names) else f"outside {', '.join(names)}"
    waiting = flush.take_out(Stage.MUTED, lambda _: f"muted until {in_words(until, zone)} ({why})")
    return replace(waiting, waiting=flush.left, muted_until=until)


def to_digest(flush: Flush) -> Flush:
    """Move everything of a digest route to the digest."""
    if not flush.target.policy.digest:
        return flush
    reason = f"its route tells by digest only: waits for that of {_next_digest(flush)}"
    return flush.into_digest(flush.left, DigestReason.ROUTED, Stage.IN_DIGEST, reason)


def within_one_message(flush: Flush) -> Flush:
    """Move what one message cannot hold to the digest, the least urgent and latest first."""
    if len(flush.left) <= MAX_ALERTS_AT_ONCE:
        return flush
    urgent_first = sorted(flush.left, key=lambda alert: -alert.severity.rank)
    reason = f"more than {MAX_ALERTS_AT_ONCE} alerts at once: waits for the digest of {_next_digest(flush)}"
    return flush.into_digest(urgent_first[MAX_ALERTS_AT_ONCE:], DigestReason.OVER_BUDGET, Stage.OVER_BUDGET, reason)


def within_budget(flush: Flush) -> Flush:
    """Move everything to the digest when the receiver has had its messages of the day."""
    receiver, spent = flush.around.receiver, flush.around.spent_today
    most_urgent = max((alert.severity for alert in flush.left), key=lambda severity: severity.rank, default=None)
    if most_urgent is None or receiver.budget is None or fits(receiver, spent, most_urgent):
        return flush
    day = budget_day(receiver, flush.now)
    reason = (
        f"over budget: {spent} of {receiver.budget.per_day} messages of {day} ({receiver.time_zone}) were used; "
        f"waits for the digest of {_next_digest(flush)}"
    )
    return flush.into_digest(flush.left, DigestReason.OVER_BUDGET, Stage.OVER_BUDGET, reason)


def tell(flush: Flush) -> Flush:
    """Make one message of what is left."""
    if not flush.left:
        return flush
    group, reminder = flush.group, is_reminder(flush.group)
    told = group if reminder else counted(group, flush.left)
    revision = group.revision + 1
    causes = [alert.id for alert in flush.left]
    if reminder:
        causes.append(f"reminder {revision}")
        kind = NotificationKind.REMINDER
    else:
        kind = NotificationKind.UPDATE if group.revision else NotificationKind.NEW
    message = Notification(
        id=notification_id(group.receiver, group.key, *causes),
        kind=kind,
        receiver=group.receiver,
        group_key=group.key,
        group_labels=group.labels,
        thread=group.thread,
        revision=revision,
        alerts=flush.left,
        articles=told.articles,
        outlets=told.outlets,
        decided_at=flush.now,
        time_zone=flush.around.receiver.time_zone,
    )
    # What the first message is called, the others of its thread are called, for mail clients thread by subjects, too.
    subject = group.thread_subject or thread_subject(max(flush.left, key=lambda alert: alert.severity.rank))
    return replace(
        flush,
        group=told.model_copy(update={"thread_subject": subject}),
        notification=message.model_copy(update={"thread_subject": subject}),
        left=(),
    )


STAGES: tuple[Callable[[Flush], Flush], ...] = (
    drop_silenced,
    drop_inhibited,
    drop_told,
    wait_for_mute,
    to_digest,
    within_one_message,
    within_budget,
    tell,
)


def _next_digest(flush: Flush) -> str:
    receiver = flush.around.receiver
    return in_words(next_digest_at(receiver, flush.now), receiver.zone)
