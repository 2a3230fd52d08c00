"""All lanes of an alerter: start them, wake them, publish what they did, stop them."""

import asyncio
from collections.abc import Iterable, Sequence
from datetime import timedelta

import structlog

from alerts.channels.assemble import OpenChannel
from alerts.delivery import DeliveryLedger, Interrupted, Lane, LedgerUnavailableError
from schemas.base import content_id
from schemas.delivery import Delivery, Outcome
from schemas.streams import DELIVERIES
from services.alerter.lane import LaneSender
from services.ports import Clock, Publisher
from services.runtime.cancellation import cancel_until_ended

log = structlog.get_logger()

UPKEEP_SECONDS = 15.0
PUBLISH_BATCH = 200
# Deliveries recorded this long ago and still unpublished were left behind by an alerter that stopped.
LEFT_BEHIND_AFTER = timedelta(seconds=60)


class Dispatcher:
    """Sends everything that is queued for its channels, each lane on its own.

    `owner` names this alerter in the ledger; it must be the same after a restart and differ between alerters.
    """

    def __init__(
        self,
        channels: Sequence[OpenChannel],
        *,
        ledger: DeliveryLedger,
        publisher: Publisher,
        clock: Clock,
        owner: str,
        grace_seconds: float = 10.0,
    ) -> None:
        self._channels = tuple(channels)
        self._ledger = ledger
        self._publisher = publisher
        self._clock = clock
        self._owner = owner
        self._grace_seconds = grace_seconds
        self._recorded: asyncio.Queue[Delivery] = asyncio.Queue()
        self._senders = {
            opened.lane: LaneSender(opened, ledger=ledger, clock=clock, owner=owner, recorded=self._recorded.put_nowait)
            for opened in self._channels
        }
        self._tasks: list[asyncio.Task[None]] = []

    @property
    def lanes(self) -> tuple[Lane, ...]:
        """The lanes served here."""
        return tuple(self._senders)

    def wake(self, lanes: Iterable[Lane]) -> None:
        """Look into these lanes at once."""
        for lane in lanes:
            if sender := self._senders.get(lane):
                sender.wake()

    async def start(self) -> None:
        """Take back what this alerter left half done, then serve every lane in the background."""
        await self._take_back(self._owner)
        await self._warn_of_orphans()
        self._tasks = [asyncio.create_task(sender.run(), name=f"lane {lane}") for lane, sender in self._senders.items()]
        self._tasks += [
            asyncio.create_task(self._publish_recorded(), name="publish deliveries"),
            asyncio.create_task(self._upkeep(), name="alerter upkeep"),
        ]

    async def watch(self) -> None:
        """Wait until stopped; raise the fault of a background task that should never have ended."""
        if not self._tasks:
            return
        done, _ = await asyncio.wait(self._tasks, return_when=asyncio.FIRST_EXCEPTION)
        for task in done:
            if not task.cancelled() and (fault := task.exception()) is not None:
                raise fault

    async def stop(self) -> None:
        """Let what is under way end within the grace, publish what was recorded, close the channels."""
        await asyncio.gather(*(sender.stop(self._grace_seconds) for sender in self._senders.values()))
        await cancel_until_ended(self._tasks)
        await self._publish(self._drain())
        await asyncio.gather(*(opened.channel.aclose() for opened in self._channels))

    async def _publish_recorded(self) -> None:
        while True:
            first = await self._recorded.get()
            batch = [first, *self._drain(PUBLISH_BATCH - 1)]
            await self._publish(batch)

    def _drain(self, limit: int | None = None) -> list[Delivery]:
        batch: list[Delivery] = []
        while not self._recorded.empty() and (limit is None or len(batch) < limit):
            batch.append(self._recorded.get_nowait())
        return batch

    async def _publish(self, deliveries: Sequence[Delivery]) -> None:
        """Publish deliveries that are in the ledger; those that fail stay there and are tried again by the upkeep."""
        if not deliveries:
            return
        results = await asyncio.gather(
            *(self._publisher.publish(DELIVERIES, delivery) for delivery in deliveries),
            return_exceptions=True,
        )
        for delivery, result in zip(deliveries, results, strict=True):
            if isinstance(result, BaseException):
                log.warning("delivery_unpublished", delivery_id=delivery.id, reason=str(result))
        done = [
            delivery
            for delivery, result in zip(deliveries, results, strict=True)
            if not isinstance(result, BaseException)
        ]
        try:
            await self._ledger.published(done)
        except LedgerUnavailableError as error:
            log.warning("ledger_unavailable", reason=str(error))

    async def _upkeep(self) -> None:
        while True:
            try:
                await self._take_back(None)
                left_behind = await self._ledger.unpublished(self._clock.now() - LEFT_BEHIND_AFTER)
                await self._publish(left_behind)
            except LedgerUnavailableError as error:
                log.warning("ledger_unavailable", reason=str(error))
            await asyncio.sleep(UPKEEP_SECONDS)

    async def _take_back(self, owner: str | None) -> None:
        interrupted = await self._ledger.reclaim(self._clock.now(), owner)
        for one in interrupted:
            log.warning("delivery_interrupted", lane=str(one.lane), alert_id=one.alert_id, attempt=one.attempt)
        await self._publish([self._describe(one) for one in interrupted])
        self.wake({one.lane for one in interrupted})

    def _describe(self, interrupted: Interrupted) -> Delivery:
        return Delivery(
            id=content_id("attempt", interrupted.key, str(interrupted.attempt)),
            idempotency_key=interrupted.key,
            alert_id=interrupted.alert_id,
            receiver=interrupted.lane.receiver,
            channel=interrupted.lane.channel,
            attempt=interrupted.attempt,
            outcome=Outcome.UNKNOWN,
            reason="the alerter stopped before the outcome was recorded",
            attempted_at=self._clock.now(),
            duration_seconds=0.0,
        )

    async def _warn_of_orphans(self) -> None:
        for lane, count in (await self._ledger.waiting()).items():
            if lane not in self._senders:
                log.warning("queued_alerts_without_channel", lane=str(lane), count=count)
