"""All lanes of an alerter: start them, wake them, publish what they did, exchange and stop them."""

import asyncio
from collections.abc import Collection, Coroutine, Iterable, Sequence
from datetime import timedelta
from typing import Any

import structlog

from alerts.channels.assemble import OpenChannel
from alerts.delivery import DeliveryLedger, Lane, LedgerUnavailableError
from schemas.delivery import Delivery
from schemas.streams import DELIVERIES
from services.alerter import metrics
from services.alerter.lane import LaneSender
from services.ports import Clock, Publisher
from services.runtime.cancellation import cancel_until_ended

log = structlog.get_logger()

UPKEEP_SECONDS = 15.0
PUBLISH_BATCH = 200
# Deliveries recorded this long ago and still unpublished were left behind by another alerter that stopped.
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
        self._ledger = ledger
        self._publisher = publisher
        self._clock = clock
        self._owner = owner
        self._grace_seconds = grace_seconds
        self._recorded: asyncio.Queue[Delivery] = asyncio.Queue()
        self._senders = {opened.lane: self._sender(opened) for opened in channels}
        self._tasks: set[asyncio.Task[None]] = set()
        self._retiring: set[asyncio.Task[None]] = set()
        self._fault: asyncio.Future[None] | None = None

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
        await self.take_back()
        # Nothing was recorded here since the start, so what is recorded and unpublished was left behind.
        await self._publish(await self._ledger.unpublished(self._clock.now(), owner=self._owner))
        await self._warn_of_orphans()
        self._fault = asyncio.get_running_loop().create_future()
        for sender in self._senders.values():
            self._spawn(sender.run(), f"lane {sender.lane}")
        self._spawn(self._publish_recorded(), "publish deliveries")
        self._spawn(self._upkeep(), "alerter upkeep")

    async def take_back(self) -> None:
        """Make what this alerter was sending when it died, and may have arrived, due again."""
        await self._take_back(self._owner)

    async def watch(self) -> None:
        """Wait until stopped; raise the fault of a background task that should never have ended."""
        if self._fault is not None:
            await asyncio.shield(self._fault)

    async def take_over(self, channels: Sequence[OpenChannel], unchanged: Collection[Lane] = ()) -> None:
        """Serve these channels from now on.

        Lanes that are `unchanged` go on with the channel they have. The others close after what is under way, beside
        the new ones.
        """
        kept = {lane: sender for lane, sender in self._senders.items() if lane in unchanged}
        for sender in self._senders.values():
            if sender.lane not in kept:
                self._retire(sender)
        senders = {}
        for opened in channels:
            if running := kept.pop(opened.lane, None):
                senders[opened.lane] = running
                await opened.channel.aclose()
            else:
                senders[opened.lane] = self._sender(opened)
                if self._fault is not None:
                    self._spawn(senders[opened.lane].run(), f"lane {opened.lane}")
        for sender in kept.values():
            self._retire(sender)
        self._senders = senders
        try:
            await self._warn_of_orphans()
        except LedgerUnavailableError as error:
            log.warning("ledger_unavailable", reason=str(error))

    async def settle(self) -> int:
        """Without a start: send what is due at this moment, and return how many attempts that took."""
        attempts = 0
        while begun := sum([await sender.turn() for sender in self._senders.values()]):
            attempts += begun
            for sender in self._senders.values():
                await sender.settle()
        await self._publish(self._drain())
        return attempts

    async def stop(self) -> None:
        """Let what is under way end within the grace, publish what was recorded, close the channels."""
        await asyncio.gather(*(sender.close(self._grace_seconds) for sender in self._senders.values()))
        await asyncio.gather(*self._retiring)
        await cancel_until_ended(self._tasks)
        await self._publish(self._drain())
        if self._fault is not None:
            self._fault.cancel()

    def _sender(self, opened: OpenChannel) -> LaneSender:
        recorded = self._recorded.put_nowait
        return LaneSender(opened, ledger=self._ledger, clock=self._clock, owner=self._owner, recorded=recorded)

    def _spawn(self, work: Coroutine[Any, Any, None], name: str) -> None:
        task = asyncio.create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        fault = None if task.cancelled() else task.exception()
        if fault is not None and self._fault is not None and not self._fault.done():
            self._fault.set_exception(fault)

    def _retire(self, sender: LaneSender) -> None:
        log.info("lane_closes", lane=str(sender.lane))
        task = asyncio.create_task(sender.close(self._grace_seconds), name=f"close lane {sender.lane}")
        self._retiring.add(task)
        task.add_done_callback(self._retiring.discard)

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
                waiting, oldest_at = await self._ledger.waiting(), await self._ledger.oldest_queued_at()
                metrics.show_queue(waiting, oldest_at, self._clock.now())
            except LedgerUnavailableError as error:
                log.warning("ledger_unavailable", reason=str(error))
            await asyncio.sleep(UPKEEP_SECONDS)

    async def _take_back(self, owner: str | None) -> None:
        interrupted = await self._ledger.reclaim(self._clock.now(), owner)
        lanes = [Lane(one.receiver, one.channel) for one in interrupted]
        for one, lane in zip(interrupted, lanes, strict=True):
            log.warning("delivery_interrupted", lane=str(lane), alert_id=one.alert_id, attempt=one.attempt)
        await self._publish(interrupted)
        self.wake(lanes)

    async def _warn_of_orphans(self) -> None:
        for lane, count in (await self._ledger.waiting()).items():
            if lane not in self._senders:
                log.warning("queued_alerts_without_channel", lane=str(lane), count=count)
