"""One lane: claim what is due, send it, decide, record. Lanes share nothing, so a slow one delays no other."""

import asyncio
import random
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import structlog

from alerts.channels.assemble import OpenChannel
from alerts.channels.base import Attempt, SendResult, Unknown
from alerts.delivery import (
    Decision,
    DeliveryLedger,
    Dispatch,
    Finish,
    Lane,
    LedgerUnavailableError,
    TryAgain,
    decide,
    held_back,
)
from schemas.base import content_id
from schemas.delivery import Delivery, Outcome
from services.alerter import metrics
from services.ports import Clock
from services.runtime.cancellation import cancel_until_ended

log = structlog.get_logger()

# How late an alert may be noticed that another alerter queued.
POLL_SECONDS = 1.0
LEDGER_PAUSE_SECONDS = 1.0
# A lease outlasts the longest send by far enough to record it.
LEASE_MARGIN = timedelta(seconds=60)


class LaneSender:
    """Sends what is due in one lane, until told to stop."""

    def __init__(
        self,
        opened: OpenChannel,
        *,
        ledger: DeliveryLedger,
        clock: Clock,
        owner: str,
        recorded: Callable[[Delivery], None],
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._opened = opened
        self._ledger = ledger
        self._clock = clock
        self._owner = owner
        self._recorded = recorded
        self._chance = chance
        self._lease = timedelta(seconds=opened.policy.send_timeout) + LEASE_MARGIN
        self._resume_at = datetime.min.replace(tzinfo=UTC)
        self._under_way: set[asyncio.Task[None]] = set()
        self._awake = asyncio.Event()
        self._stopping = False
        self._log = log.bind(lane=str(opened.lane))

    @property
    def lane(self) -> Lane:
        """The lane this serves."""
        return self._opened.lane

    def wake(self) -> None:
        """Look for due entries now rather than at the next poll."""
        self._awake.set()

    async def run(self) -> None:
        """Serve the lane until `stop`; a ledger out of reach is waited for."""
        while not self._stopping:
            self._awake.clear()
            try:
                await self.turn()
                pause = await self._pause()
            except LedgerUnavailableError as error:
                self._log.warning("ledger_unavailable", reason=str(error))
                pause = LEDGER_PAUSE_SECONDS
            if pause > 0 and not self._stopping:
                await self._rest(pause)

    async def turn(self) -> int:
        """Begin to send what is due, as far as there is room and the pace allows; return how many."""
        self._raise_faults()
        now = self._clock.now()
        room = self._opened.concurrency - len(self._under_way)
        if room <= 0 or now < self._resume_at:
            return 0
        if self._opened.pace_seconds:
            room = 1
        dispatches = await self._ledger.claim_due(self.lane, owner=self._owner, limit=room, now=now, lease=self._lease)
        if dispatches and self._opened.pace_seconds:
            self._resume_at = now + timedelta(seconds=self._opened.pace_seconds)
        for dispatch in dispatches:
            task = asyncio.create_task(self._deliver(dispatch), name=f"deliver {self.lane}")
            self._under_way.add(task)
            task.add_done_callback(self._ended)
        return len(dispatches)

    async def settle(self) -> None:
        """Wait until nothing is under way."""
        while self._under_way:
            await asyncio.wait(set(self._under_way))
        self._raise_faults()

    async def stop(self, grace_seconds: float) -> None:
        """Dispatch no more, let what is under way end within the grace, and leave the rest to be reclaimed."""
        self._stopping = True
        self.wake()
        if not self._under_way:
            return
        _, late = await asyncio.wait(set(self._under_way), timeout=grace_seconds)
        if late:
            self._log.warning("deliveries_interrupted", count=len(late))
            await cancel_until_ended(late)

    async def close(self, grace_seconds: float) -> None:
        """Stop, and close the channel."""
        await self.stop(grace_seconds)
        await self._opened.channel.aclose()

    _fault: BaseException | None = None

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._under_way.discard(task)
        if not task.cancelled() and task.exception() is not None:
            self._fault = task.exception()
        self.wake()

    def _raise_faults(self) -> None:
        if self._fault is not None:
            fault, self._fault = self._fault, None
            raise fault

    async def _pause(self) -> float:
        """Return the seconds until there may be something to do, short of being woken."""
        if len(self._under_way) >= self._opened.concurrency:
            return POLL_SECONDS  # the end of a delivery wakes the lane
        now = self._clock.now()
        if now < self._resume_at:
            return (self._resume_at - now).total_seconds()
        due_at = await self._ledger.next_due_at(self.lane)
        if due_at is None:
            return POLL_SECONDS
        return min((due_at - now).total_seconds(), POLL_SECONDS)

    async def _rest(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._awake.wait()
        except TimeoutError:
            return

    async def _deliver(self, dispatch: Dispatch) -> None:
        started_at = self._clock.now()
        decision: Decision | None = held_back(dispatch, self._opened.policy)
        if decision is None:
            result = await self._send(dispatch)
            decision = decide(result, dispatch, self._opened.policy, now=self._clock.now(), chance=self._chance())
        if isinstance(decision, TryAgain) and decision.hold_lane:
            self._resume_at = max(self._resume_at, decision.due_at)
        delivery = describe(dispatch, decision, started_at, self._clock.now())
        self._tell(delivery, decision)
        if delivery.outcome is Outcome.SENT:
            metrics.TOLD_AFTER.observe((self._clock.now() - dispatch.notification.decided_at).total_seconds())
        if not await self._record(dispatch, decision, delivery):
            self._log.warning("claim_lost", idempotency_key=dispatch.key, attempt=dispatch.attempt)
        self._recorded(delivery)

    async def _send(self, dispatch: Dispatch) -> SendResult:
        """Send once, within the time the policy allows; a channel that fails in an unforeseen way ends as unknown."""
        repeats = dispatch.may_have_arrived
        attempt = Attempt(dispatch.attempt, dispatch.doubtful or repeats > 0, dispatch.thread_ref, repeats)
        sending = asyncio.ensure_future(self._opened.channel.send(dispatch.notification, dispatch.key, attempt))
        try:
            await asyncio.wait({sending}, timeout=self._opened.policy.send_timeout)
        finally:
            if not sending.done():
                sending.cancel()
                await asyncio.wait({sending})
        if sending.cancelled():
            return Unknown(f"no outcome within {self._opened.policy.send_timeout:g} s")
        if error := sending.exception():
            self._log.error("channel_failed", exc_info=error, alert_id=dispatch.notification.lead_id)
            return Unknown(f"{type(error).__name__}: {error}")
        return sending.result()

    async def _record(self, dispatch: Dispatch, decision: Decision, delivery: Delivery) -> bool:
        while True:
            try:
                return await self._ledger.record(dispatch, decision, delivery, owner=self._owner)
            except LedgerUnavailableError as error:
                # What was sent must not be forgotten: a restart would send it again.
                self._log.warning("ledger_unavailable", reason=str(error), idempotency_key=dispatch.key)
                await asyncio.sleep(LEDGER_PAUSE_SECONDS)

    def _tell(self, delivery: Delivery, decision: Decision) -> None:
        metrics.DELIVERIES.labels(*self.lane, delivery.outcome.value).inc()
        bound = self._log.bind(alert_id=delivery.alert_id, attempt=delivery.attempt)
        if delivery.outcome is Outcome.SENT:
            bound.info("alert_delivered", external_ref=delivery.external_ref)
        elif isinstance(decision, TryAgain):
            due_at = decision.due_at.isoformat()
            bound.warning("delivery_delayed", outcome=delivery.outcome.value, reason=delivery.reason, due_at=due_at)
        else:
            bound.error("delivery_failed", outcome=delivery.outcome.value, reason=delivery.reason)


def describe(dispatch: Dispatch, decision: Decision, attempted_at: datetime, ended_at: datetime) -> Delivery:
    """Return the record of one attempt. The same attempt, the same id."""
    return Delivery(
        id=content_id("attempt", dispatch.key, str(dispatch.attempt)),
        idempotency_key=dispatch.key,
        alert_id=dispatch.notification.lead_id,
        alert_ids=dispatch.notification.alert_ids,
        notification_id=dispatch.notification.id,
        receiver=dispatch.lane.receiver,
        channel=dispatch.lane.channel,
        attempt=dispatch.attempt,
        outcome=decision.outcome,
        reason=decision.reason,
        external_ref=decision.external_ref if isinstance(decision, Finish) else None,
        attempted_at=attempted_at,
        duration_seconds=max(0.0, (ended_at - attempted_at).total_seconds()),
    )
