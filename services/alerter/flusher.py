"""What happens by itself as time passes: groups and digests that are due are flushed, whoever let them become due."""

import asyncio
from contextlib import suppress
from datetime import timedelta

import structlog

from schemas.codec import DecodeError
from services.alerter import metrics
from services.alerter.digest_flush import DigestFlush
from services.alerter.group_flush import GroupFlush
from services.alerter.group_store import DIGESTS_DUE, GROUPS_DUE, ValkeyGroups
from services.ports import Clock
from services.runtime.faults import UnavailableError

log = structlog.get_logger()

# How late may be noticed what another alerter made due.
POLL_SECONDS = 1.0
PAUSE_SECONDS = 1.0
BATCH = 50
# Long enough for a batch; when an alerter dies, its batch is due again this much later.
LEASE = timedelta(seconds=10)


class Flusher:
    """Flushes what is due until told to stop. Any number of alerters may."""

    def __init__(
        self, *, groups: ValkeyGroups, group_flush: GroupFlush, digest_flush: DigestFlush, clock: Clock
    ) -> None:
        self._groups = groups
        self._group_flush = group_flush
        self._digest_flush = digest_flush
        self._clock = clock
        self._awake = asyncio.Event()
        self._routes_are_new = True  # they may have changed while no alerter ran

    def wake(self) -> None:
        """Look at once for what is due."""
        self._awake.set()

    def routes_changed(self) -> None:
        """Look at once at everything that waits, as the routes of now have it."""
        self._routes_are_new = True
        self.wake()

    async def run(self, stop: asyncio.Event) -> None:
        """Serve until `stop` is set; a store out of reach is waited for."""
        while not stop.is_set():
            self._awake.clear()
            try:
                await self.turn()
                pause = await self._pause()
            except UnavailableError as error:
                log.warning("ledger_unavailable", reason=str(error))
                pause = PAUSE_SECONDS
            await self._rest(pause, stop)

    async def turn(self) -> int:
        """Flush everything that is due at this moment; return how many groups and digests that were."""
        if self._routes_are_new:
            await self._groups.reconsider(self._clock.now())
            await self._digest_flush.reschedule()
            self._routes_are_new = False
        flushed = 0
        while due := await self._groups.claim_due(GROUPS_DUE, self._clock.now(), limit=BATCH, lease=LEASE):
            for key in due:
                await self._flush_group(key)
            flushed += len(due)
        while due := await self._groups.claim_due(DIGESTS_DUE, self._clock.now(), limit=BATCH, lease=LEASE):
            for receiver in due:
                for key in await self._digest_flush.flush(receiver):
                    await self._flush_group(key)
            flushed += len(due)
        return flushed

    async def _flush_group(self, key: str) -> None:
        waiting = [key]
        while waiting:
            try:
                waiting += await self._group_flush.flush(waiting.pop())
            except DecodeError as error:
                log.error("group_unreadable", group=key, reason=str(error))  # stays, and is tried again after the lease

    async def _pause(self) -> float:
        for receiver, (count, _) in (await self._groups.digests()).items():
            metrics.DIGEST_WAITING.labels(receiver).set(count)
        due_at = await self._groups.next_due_at()
        seconds = (due_at - self._clock.now()).total_seconds() if due_at else POLL_SECONDS
        return min(max(seconds, 0.0), POLL_SECONDS)

    async def _rest(self, seconds: float, stop: asyncio.Event) -> None:
        waits = [asyncio.create_task(event.wait()) for event in (self._awake, stop)]
        with suppress(TimeoutError):
            await asyncio.wait(waits, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        for wait in waits:
            wait.cancel()
