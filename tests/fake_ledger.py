"""The fake of the delivery ledger; tests/integration/alerter/test_ledger.py holds it to the real one's contract."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from alerts.delivery import (
    Decision,
    Dispatch,
    Entry,
    EntryState,
    Finish,
    Lane,
    LedgerUnavailableError,
    Resend,
    interrupted_delivery,
)
from schemas.delivery import Delivery, Outcome, idempotency_key
from schemas.notification import Notification, NotificationKind


@dataclass
class _Entry:
    """One delivery in InMemoryDeliveryLedger."""

    notification: Notification
    lane: Lane
    queued_at: datetime
    due_at: datetime | None
    state: EntryState = EntryState.PENDING
    attempt: int = 0
    unknowns: int = 0
    interruptions: int = 0
    failures: int = 0
    doubtful: bool = False
    owner: str = ""
    lease_until: datetime | None = None
    waits_for: str | None = None
    finished_at: datetime | None = None
    reason: str = ""
    external_ref: str | None = None

    @property
    def thread(self) -> str:
        alone = self.notification.kind in {NotificationKind.DIGEST, NotificationKind.TEST}
        return "" if alone else self.notification.thread


@dataclass
class _Thread:
    """The first message of a thread in one lane, and the ref of the first that arrived."""

    first: str
    ref: str | None = None


class InMemoryDeliveryLedger:
    """A DeliveryLedger in a dict; `reachable = False` makes every call fail as a store that is down does."""

    def __init__(self) -> None:
        self.entries: dict[str, _Entry] = {}
        self.reachable = True
        self._threads: dict[tuple[Lane, str], _Thread] = {}
        self._unpublished: dict[str, tuple[datetime, Delivery]] = {}

    def state_of(self, key: str) -> EntryState:
        return self.entries[key].state

    async def enqueue(self, notification: Notification, lanes: Sequence[Lane], now: datetime) -> int:
        self._check()
        new = {idempotency_key(notification.id, *lane): lane for lane in lanes}
        missing = {key: lane for key, lane in new.items() if key not in self.entries}
        for key, lane in missing.items():
            entry = self.entries[key] = _Entry(notification, lane, now, now)
            if entry.thread and (
                notification.kind is NotificationKind.NEW or (lane, entry.thread) not in self._threads
            ):
                self._threads[lane, entry.thread] = _Thread(key)
        return len(missing)

    async def claim_due(
        self, lane: Lane, *, owner: str, limit: int, now: datetime, lease: timedelta
    ) -> Sequence[Dispatch]:
        self._check()
        waiting = [(entry.due_at, key) for key, entry in self.entries.items() if entry.lane == lane and entry.due_at]
        dispatches: list[Dispatch] = []
        for due_at, key in sorted(waiting):
            if due_at > now or len(dispatches) == limit:
                break
            entry = self.entries[key]
            entry.waits_for = self._unfinished_first(key, entry)
            if entry.waits_for is None:
                dispatches.append(self._claimed(key, entry, owner, now + lease))
        return dispatches

    def _claimed(self, key: str, entry: _Entry, owner: str, lease_until: datetime) -> Dispatch:
        entry.state, entry.owner, entry.due_at, entry.lease_until = EntryState.SENDING, owner, None, lease_until
        entry.attempt += 1
        thread = self._threads.get((entry.lane, entry.thread))
        ref = thread.ref if thread and entry.notification.kind is not NotificationKind.NEW else None
        return Dispatch(
            key,
            entry.lane,
            entry.notification,
            entry.attempt,
            entry.unknowns,
            entry.queued_at,
            ref,
            entry.doubtful,
            entry.interruptions,
            entry.failures,
        )

    def _unfinished_first(self, key: str, entry: _Entry) -> str | None:
        thread = self._threads.get((entry.lane, entry.thread))
        if thread is None or thread.first == key or entry.notification.kind is NotificationKind.NEW:
            return None
        return thread.first if self.entries[thread.first].finished_at is None else None

    async def record(self, dispatch: Dispatch, decision: Decision, delivery: Delivery, *, owner: str) -> bool:
        self._check()
        ended_at = delivery.attempted_at + timedelta(seconds=delivery.duration_seconds)
        self._unpublished[delivery.id] = (ended_at, delivery)
        entry = self.entries[dispatch.key]
        mine = (entry.state, entry.owner, entry.attempt) == (EntryState.SENDING, owner, dispatch.attempt)
        sent_after_all = decision.outcome is Outcome.SENT and entry.state in {EntryState.UNKNOWN, EntryState.PENDING}
        if not (mine or sent_after_all):
            return False
        entry.state = EntryState.PENDING if decision.outcome is Outcome.RETRY else EntryState(decision.outcome.value)
        entry.unknowns += decision.outcome is Outcome.UNKNOWN
        entry.reason, entry.lease_until = decision.reason, None
        if isinstance(decision, Finish):
            entry.due_at, entry.finished_at, entry.external_ref = None, ended_at, decision.external_ref
            self._remember_ref(dispatch.key, entry)
            for other in self.entries.values():
                other.waits_for = None if other.waits_for == dispatch.key else other.waits_for
        else:
            entry.due_at = decision.due_at
            entry.failures += 1
        return True

    def _remember_ref(self, key: str, entry: _Entry) -> None:
        thread = self._threads.get((entry.lane, entry.thread))
        if thread is None or entry.state is not EntryState.SENT or entry.external_ref is None:
            return
        if thread.first == key or (thread.ref is None and entry.notification.kind is not NotificationKind.NEW):
            thread.ref = entry.external_ref

    async def reclaim(self, now: datetime, owner: str | None = None) -> Sequence[Delivery]:
        self._check()
        interrupted = []
        for key, entry in self.entries.items():
            over = entry.lease_until is not None and entry.lease_until <= now
            if entry.state is EntryState.SENDING and (over or entry.owner == owner):
                entry.state, entry.due_at, entry.lease_until = EntryState.UNKNOWN, now, None
                entry.interruptions += 1
                note = entry.notification
                delivery = interrupted_delivery(
                    key,
                    entry.lane,
                    entry.attempt,
                    lead_id=note.lead_id,
                    alert_ids=note.alert_ids,
                    notification_id=note.id,
                    noticed_at=now,
                )
                self._unpublished[delivery.id] = (now, delivery)
                interrupted.append(delivery)
        return interrupted

    async def next_due_at(self, lane: Lane) -> datetime | None:
        self._check()
        waiting = (entry for entry in self.entries.values() if entry.lane == lane and entry.waits_for is None)
        return min((entry.due_at for entry in waiting if entry.due_at), default=None)

    async def oldest_queued_at(self) -> datetime | None:
        self._check()
        return min((entry.queued_at for entry in self.entries.values() if entry.finished_at is None), default=None)

    async def waiting(self) -> Mapping[Lane, int]:
        self._check()
        return Counter(entry.lane for entry in self.entries.values() if entry.due_at)

    async def unfinished(self) -> int:
        self._check()
        return sum(1 for entry in self.entries.values() if entry.finished_at is None)

    async def unpublished(
        self, recorded_before: datetime, limit: int = 1000, *, owner: str | None = None
    ) -> Sequence[Delivery]:
        self._check()
        recorded = sorted(self._unpublished.values(), key=lambda pair: pair[0])
        found = [delivery for ended_at, delivery in recorded if ended_at <= recorded_before]
        return [one for one in found if owner in {None, self.entries[one.idempotency_key].owner}][:limit]

    async def published(self, deliveries: Sequence[Delivery]) -> None:
        self._check()
        for delivery in deliveries:
            self._unpublished.pop(delivery.id, None)

    async def entry(self, key: str) -> Entry | None:
        self._check()
        held = self.entries.get(key)
        if held is None:
            return None
        sending, sent = held.state is EntryState.SENDING, held.state is EntryState.SENT
        return Entry(
            key=key,
            lane=held.lane,
            state=held.state,
            lead_id=held.notification.lead_id,
            notification_id=held.notification.id,
            kind=held.notification.kind,
            thread=held.thread,
            attempt=held.attempt,
            queued_at=held.queued_at,
            due_at=None if held.waits_for or sending else held.due_at,
            waits_for=held.waits_for,
            finished_at=held.finished_at,
            reason=held.reason,
            external_ref=held.external_ref,
            notification=None if sent else held.notification,
        )

    async def entries_of(self, alert_id: str) -> Sequence[Entry]:
        self._check()
        keys = [key for key, entry in self.entries.items() if alert_id in entry.notification.alert_ids]
        found = [entry for key in keys if (entry := await self.entry(key))]
        return sorted(found, key=lambda entry: (entry.queued_at, entry.key))

    async def failed(self, limit: int = 1000) -> Sequence[Entry]:
        self._check()
        ended = [(entry.finished_at, key) for key, entry in self.entries.items() if entry.finished_at]
        found = [entry for _, key in sorted(ended, reverse=True) if (entry := await self.entry(key))]
        return [entry for entry in found if entry.state is not EntryState.SENT][:limit]

    async def resend(self, key: str, now: datetime, lane: Lane | None = None) -> Resend:
        self._check()
        entry = self.entries.get(key)
        if entry is None:
            return Resend.NOT_KNOWN
        if entry.state is EntryState.SENT:
            return Resend.ALREADY_SENT
        moves = lane is not None and lane != entry.lane and entry.state is not EntryState.SENDING
        if entry.finished_at is None and not moves:
            return Resend.UNDER_WAY
        entry.doubtful = entry.doubtful or entry.unknowns + entry.interruptions > 0
        entry.lane, entry.state = lane or entry.lane, EntryState.PENDING
        entry.unknowns = entry.interruptions = entry.failures = 0
        entry.queued_at = entry.due_at = now
        entry.finished_at, entry.waits_for, entry.reason = None, None, ""
        return Resend.QUEUED

    def _check(self) -> None:
        if not self.reachable:
            raise LedgerUnavailableError("the store is down")
