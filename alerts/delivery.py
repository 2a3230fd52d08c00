"""The retry policy as pure decisions, and the ledger that makes every delivery happen once."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import NamedTuple, Protocol

from alerts.channels.base import Refused, RetryAfter, SendResult, Sent, Unknown
from alerts.options import OnUnknown
from schemas.base import content_id
from schemas.delivery import Delivery, Outcome
from schemas.notification import Notification, NotificationKind

KEEP_FINISHED = timedelta(days=35)  # a redelivery within this span sends nothing, and a resend can be asked for
MAX_REASON_CHARS = 500


class Lane(NamedTuple):
    """One channel of one receiver: what is queued, paced and held back together."""

    receiver: str
    channel: str

    def __str__(self) -> str:
        return f"{self.receiver}/{self.channel}"


class LedgerUnavailableError(Exception):
    """The ledger cannot be reached now; nothing was changed, or the same call can be made again."""


class EntryState(StrEnum):
    """Where a delivery stands."""

    PENDING = "pending"  # waits until it is due
    SENDING = "sending"  # claimed by one alerter, until its lease ends
    SENT = "sent"
    UNKNOWN = "unknown"  # may have arrived; repeated when due, or held for good
    DEAD = "dead"


@dataclass(frozen=True)
class Dispatch:
    """A queued notification that this alerter, and no other, may send now.

    `attempt` counts this one. Of earlier attempts since it was last queued, `failures` counts those that said why they
    failed, `unknowns` those of them that may have arrived, and `interruptions` those that may have arrived because
    their alerter stopped. An attempt before it was last queued that may have arrived leaves it `doubtful`. `thread_ref`
    is the external ref of the message that began its thread in this lane, where it was sent.
    """

    key: str
    lane: Lane
    notification: Notification
    attempt: int
    unknowns: int
    queued_at: datetime
    thread_ref: str | None = None
    doubtful: bool = False
    interruptions: int = 0
    failures: int = 0

    @property
    def may_have_arrived(self) -> int:
        """How many earlier attempts since it was last queued may have arrived."""
        return self.unknowns + self.interruptions


@dataclass(frozen=True)
class Entry:
    """A delivery as the ledger holds it. `notification` is gone once it was sent.

    `due_at` is when it is tried next; `waits_for` the key of its thread's first message, which must be finished before.
    """

    key: str
    lane: Lane
    state: EntryState
    lead_id: str
    notification_id: str
    kind: NotificationKind
    thread: str
    attempt: int
    queued_at: datetime
    due_at: datetime | None = None
    waits_for: str | None = None
    finished_at: datetime | None = None
    reason: str = ""
    external_ref: str | None = None
    notification: Notification | None = None


class Resend(StrEnum):
    """What became of the wish to send something again."""

    QUEUED = "queued"
    NOT_KNOWN = "not_known"  # no such entry, or no longer
    ALREADY_SENT = "already_sent"
    UNDER_WAY = "under_way"  # it waits or is being sent as it is


@dataclass(frozen=True)
class Finish:
    """Do not try again: sent, dead, or unknown and held."""

    outcome: Outcome
    reason: str = ""
    external_ref: str | None = None


@dataclass(frozen=True)
class TryAgain:
    """Try again at `due_at`. `hold_lane` keeps the other messages of the lane back until then, too."""

    outcome: Outcome
    due_at: datetime
    reason: str
    hold_lane: bool = False


Decision = Finish | TryAgain


@dataclass(frozen=True)
class RetryPolicy:
    """How a lane goes about failure; spans in seconds.

    Pauses double from `first_pause` to `longest_pause`, each shortened by up to `jitter` of itself, so that alerts that
    failed together do not come back together. `max_repeats` bounds how often a message that may have arrived is sent
    again; None where the other side recognises every repeat, or is asked before it. Repeats after an interruption do
    not count where the other side is likely to recognise them (`recognised`): a duplicate is then less probable than
    that the message never left.
    """

    give_up_after: timedelta = timedelta(hours=24)
    first_pause: float = 1.0
    longest_pause: float = 300.0
    jitter: float = 0.5
    send_timeout: float = 30.0
    on_unknown: OnUnknown = OnUnknown.RESEND
    max_repeats: int | None = None
    recognised: bool = False


def decide(result: SendResult, dispatch: Dispatch, policy: RetryPolicy, *, now: datetime, chance: float) -> Decision:
    """Say what follows from one attempt; `chance`, from 0 to 1, is what the jitter takes."""
    match result:
        case Sent(external_ref, note):
            return Finish(Outcome.SENT, note[:MAX_REASON_CHARS], external_ref)
        case Refused(reason):
            return Finish(Outcome.DEAD, reason[:MAX_REASON_CHARS])
        case RetryAfter():
            pause = pause_before_retry(dispatch.failures + 1, policy, chance)
            return _retry(result, dispatch, dispatch.queued_at + policy.give_up_after, now, pause)
        case Unknown():
            pause = pause_before_retry(dispatch.failures + 1, policy, chance)
            return _after_unknown(result, dispatch, policy, now, pause)


def held_back(dispatch: Dispatch, policy: RetryPolicy) -> Finish | None:
    """Say that a dispatch must not be sent, because it may have arrived and the policy allows no (further) repeat."""
    if dispatch.may_have_arrived and policy.on_unknown is OnUnknown.HOLD:
        return Finish(Outcome.UNKNOWN, "may have arrived; held, as on_unknown says")
    if policy.max_repeats is not None and _counted(dispatch, policy) > policy.max_repeats:
        return Finish(Outcome.UNKNOWN, f"may have arrived; held after {policy.max_repeats} repeats")
    return None


def _counted(dispatch: Dispatch, policy: RetryPolicy) -> int:
    """Return how many attempts count towards `max_repeats`."""
    return dispatch.unknowns if policy.recognised else dispatch.may_have_arrived


def pause_before_retry(failures: int, policy: RetryPolicy, chance: float) -> float:
    """Return the seconds to wait after the nth failure."""
    doublings = min(failures - 1, 32)
    pause = min(policy.first_pause * 2.0**doublings, policy.longest_pause)
    return pause * (1 - policy.jitter * chance)


def _retry(result: RetryAfter, dispatch: Dispatch, deadline: datetime, now: datetime, pause: float) -> Decision:
    reason = result.reason[:MAX_REASON_CHARS]
    if now >= deadline:
        return _given_up(dispatch, f"gave up after {dispatch.attempt} attempts: {reason}")
    if result.seconds is None:
        # The last try is made at the deadline itself rather than a pause too early.
        return TryAgain(Outcome.RETRY, min(now + timedelta(seconds=pause), deadline), reason)
    if result.seconds > (deadline - now).total_seconds():
        return _given_up(dispatch, f"asked to wait {result.seconds:.0f} s, past the deadline: {reason}")
    # No sooner than the ordinary pause: some answer Retry-After: 0 and mean it not.
    wait = timedelta(seconds=max(result.seconds, min(pause, 1.0)))
    return TryAgain(Outcome.RETRY, min(now + wait, deadline), reason, hold_lane=True)


def _given_up(dispatch: Dispatch, reason: str) -> Finish:
    if dispatch.may_have_arrived or dispatch.doubtful:
        return Finish(Outcome.UNKNOWN, f"may have arrived; held: {reason}")
    return Finish(Outcome.DEAD, reason)


def _after_unknown(result: Unknown, dispatch: Dispatch, policy: RetryPolicy, now: datetime, pause: float) -> Decision:
    reason = result.reason[:MAX_REASON_CHARS]
    if policy.on_unknown is OnUnknown.HOLD:
        return Finish(Outcome.UNKNOWN, f"{reason}; held, as on_unknown says")
    if result.final or (policy.max_repeats is not None and _counted(dispatch, policy) >= policy.max_repeats):
        return Finish(Outcome.UNKNOWN, f"{reason}; held: no repeats left")
    if now >= dispatch.queued_at + policy.give_up_after:
        return Finish(Outcome.UNKNOWN, f"{reason}; held: gave up after {dispatch.attempt} attempts")
    return TryAgain(Outcome.UNKNOWN, now + timedelta(seconds=pause), reason)


def interrupted_delivery(
    key: str,
    lane: Lane,
    attempt: int,
    *,
    lead_id: str,
    alert_ids: tuple[str, ...],
    notification_id: str,
    noticed_at: datetime,
) -> Delivery:
    """Return the record of an attempt whose alerter stopped before it could say how it ended."""
    return Delivery(
        id=content_id("attempt", key, str(attempt)),
        idempotency_key=key,
        alert_id=lead_id,
        alert_ids=alert_ids,
        notification_id=notification_id,
        receiver=lane.receiver,
        channel=lane.channel,
        attempt=attempt,
        outcome=Outcome.UNKNOWN,
        reason="the alerter stopped before the outcome was recorded",
        attempted_at=noticed_at,
        duration_seconds=0.0,
    )


class DeliveryLedger(Protocol):
    """A durable outbox keyed by idempotency key: pending -> sending -> sent, unknown or dead.

    A thread's messages wait in their lane until the first of them is finished; if that one was sent, they know its ref.
    Every method raises LedgerUnavailableError when the store cannot be reached, and may then be called again.
    """

    async def enqueue(self, notification: Notification, lanes: Sequence[Lane], now: datetime) -> int:
        """Queue the notification once for each lane; return for how many it was new. Durable when it returns."""
        ...

    async def claim_due(
        self, lane: Lane, *, owner: str, limit: int, now: datetime, lease: timedelta
    ) -> Sequence[Dispatch]:
        """Take up to `limit` due entries, oldest due first; no other owner gets them before the lease ends.

        Entries whose thread's first message is unfinished are passed over, and due again when it is finished.
        """
        ...

    async def record(self, dispatch: Dispatch, decision: Decision, delivery: Delivery, *, owner: str) -> bool:
        """Note how an attempt ended, and keep the delivery to be published; False if the claim was lost."""
        ...

    async def reclaim(self, now: datetime, owner: str | None = None) -> Sequence[Delivery]:
        """Make entries whose lease ended, and every one that `owner` was sending, unknown and due at once.

        The attempts that were interrupted so are returned, and wait to be published.
        """
        ...

    async def next_due_at(self, lane: Lane) -> datetime | None:
        """Return when the lane's next entry is due, or None if it has none waiting."""
        ...

    async def waiting(self) -> Mapping[Lane, int]:
        """Return the number of entries waiting in each lane that has any, also lanes no route leads to any more."""
        ...

    async def unfinished(self) -> int:
        """Return how many deliveries are waiting or being sent."""
        ...

    async def unpublished(
        self, recorded_before: datetime, limit: int = 1000, *, owner: str | None = None
    ) -> Sequence[Delivery]:
        """Return recorded deliveries that nobody has reported as published, oldest first.

        With `owner`, only of entries that this alerter was the last to send.
        """
        ...

    async def published(self, deliveries: Sequence[Delivery]) -> None:
        """Forget that these deliveries wait to be published."""
        ...

    async def entry(self, key: str) -> Entry | None:
        """Return one entry; None if there is none, or no longer."""
        ...

    async def entries_of(self, alert_id: str) -> Sequence[Entry]:
        """Return every entry that tells of this alert, oldest first."""
        ...

    async def failed(self, limit: int = 1000) -> Sequence[Entry]:
        """Return entries that ended dead or unknown, latest first."""
        ...

    async def resend(self, key: str, now: datetime, lane: Lane | None = None) -> Resend:
        """Give a dead or unknown entry a new life under its key; with `lane`, there, and also one that waits.

        The deadline counts from `now`. Leaves a step in the trace of every alert it tells of.
        """
        ...

    async def oldest_queued_at(self) -> datetime | None:
        """Return since when the oldest unfinished entry waits, or None if there is none."""
        ...
