"""Commit exactly what was settled: the unbroken run of messages that were handled or dead-lettered.

Faust acknowledges a message when its agent asks for the next one, when the agent raises, and when it is cancelled; and
with gaps in what was acknowledged its commit can pass messages still in flight (faust issue 606). So here its
acknowledgements move nothing. Every message that the driver delivers is written down in order; a consumer calls
`begin`, then `settle` or `leave`, and the offset committed is that of the oldest message not settled.

The mixin sits over the consumers of both drivers, whose methods `super()` reaches. It also limits how much of a
partition is in memory, and lets `wait_empty` (stop, rebalance) wait for the messages being handled, which Faust no
longer knows of.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from faust.types import TP, Message
from faust.types.transports import TPorTopicSet

if TYPE_CHECKING:
    from faust.transport.consumer import Consumer as _Consumer
    from faust.transport.consumer import RecordMap
else:
    _Consumer = object

# Outstanding messages a partition: above the first no more are fetched from it, from the second on they are again.
PARTITION_FULL = 128
PARTITION_ROOMY = 64
# While a full partition is left out of a fetch, how long that fetch may wait for the others.
SHORT_FETCH_SECONDS = 0.02


class PartitionProgress:
    """What was delivered of one partition since its last seek, and what became of it."""

    def __init__(self) -> None:
        self._outstanding: deque[int] = deque()
        self._waiting: deque[int] = deque()
        self._running: set[int] = set()
        self._settled: set[int] = set()
        self._last_delivered: int | None = None
        self._committable: int | None = None

    @property
    def outstanding(self) -> int:
        """How many messages were delivered and are not covered by `committable`."""
        return len(self._outstanding)

    @property
    def running(self) -> int:
        """How many messages are being handled."""
        return len(self._running)

    @property
    def committable(self) -> int | None:
        """The offset to go on from after a restart; None until something was settled."""
        return self._committable

    def deliver(self, offset: int) -> None:
        """Write down that the driver delivered this offset. One seen before is not written down again."""
        if self._last_delivered is not None and offset <= self._last_delivered:
            return
        self._last_delivered = offset
        self._outstanding.append(offset)
        self._waiting.append(offset)

    def begin(self, offset: int) -> bool:
        """Say whether to handle this message now: only the oldest one that nobody began, so order is kept."""
        if not self._waiting or self._waiting[0] != offset:
            return False
        self._running.add(self._waiting.popleft())
        return True

    def settle(self, offset: int) -> None:
        """The message was handled or dead-lettered."""
        if offset not in self._running:
            return
        self._running.discard(offset)
        self._settled.add(offset)
        while self._outstanding and self._outstanding[0] in self._settled:
            first = self._outstanding.popleft()
            self._settled.discard(first)
            self._committable = first + 1

    def leave(self, offset: int) -> None:
        """The message was begun and not settled; it holds the commit back until it is delivered again."""
        self._running.discard(offset)


class StrictCommit(_Consumer):
    """Mixin for a Faust consumer; put it before the driver's class."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self._progress: dict[TP, PartitionProgress] = {}
        self._full: set[TP] = set()
        self._outages: set[TP] = set()
        self._changed = asyncio.Event()
        self._draining = asyncio.Event()
        super().__init__(*args, **kwargs)

    # -- what consume.py calls -------------------------------------------------------------------------------------

    def begin(self, message: Message) -> bool:
        """Say whether to handle this message now; if so, `settle` or `leave` must follow."""
        if self._draining.is_set():
            return False
        progress = self._progress.get(message.tp)
        return progress is not None and progress.begin(message.offset)

    def settle(self, message: Message) -> None:
        """The message was handled or dead-lettered: it may be committed once all before it are."""
        self._outages.discard(message.tp)
        progress = self._progress.get(message.tp)
        if progress is not None:
            progress.settle(message.offset)
            if progress.outstanding <= PARTITION_ROOMY:
                self._full.discard(message.tp)
        self._notice()

    def leave(self, message: Message) -> None:
        """The message stays undone, and will be delivered again."""
        self._outages.discard(message.tp)
        progress = self._progress.get(message.tp)
        if progress is not None:
            progress.leave(message.offset)
        self._notice()

    def wait_out(self, message: Message) -> None:
        """The message waits for a dependency to come back; its partition is not stuck, it waits."""
        self._outages.add(message.tp)

    async def sleep_unless_draining(self, seconds: float) -> bool:
        """Return False after this many seconds, or True as soon as messages must be left undone."""
        try:
            await asyncio.wait_for(self._draining.wait(), seconds)
        except TimeoutError:
            return False
        return True

    # -- what worker.py asks ---------------------------------------------------------------------------------------

    def committed_offsets(self) -> dict[TP, int | None]:
        """Return the offset last committed of every assigned partition that is not waiting for a dependency."""
        return {tp: self._committed_offset[tp] for tp in self.assignment() if tp not in self._outages}

    # -- Faust's touch points --------------------------------------------------------------------------------------

    async def getmany(self, timeout: float) -> AsyncIterator[tuple[TP, Message]]:
        """Deliver as the driver does, and write down every message before anybody can settle it."""
        async for tp, message in super().getmany(timeout):
            progress = self._progress.get(tp)
            if progress is None:
                progress = self._progress[tp] = PartitionProgress()
            progress.deliver(message.offset)
            if progress.outstanding >= PARTITION_FULL:
                self._full.add(tp)
            yield tp, message

    async def _getmany(self, active_partitions: set[TP] | None, timeout: float) -> "RecordMap":
        """Fetch only from partitions with room, so that one that waits holds up no other."""
        if not self._full or active_partitions is None:
            return await super()._getmany(active_partitions, timeout)  # type: ignore[safe-super]
        roomy = active_partitions - self._full
        if not roomy:
            await self._wait_for_change(timeout)
            return {}
        return await super()._getmany(roomy, min(timeout, SHORT_FETCH_SECONDS))  # type: ignore[safe-super]

    async def _add_gap(self, tp: TP, offset_from: int, offset_to: int) -> None:
        """Gaps need no book-keeping: progress knows what was delivered, not what ought to be."""

    def _filter_tps_with_pending_acks(self, topics: TPorTopicSet | None = None) -> Iterator[TP]:
        for tp in list(self._progress):
            # Faust's own record of acknowledgements would only ever grow.
            self._acked.pop(tp, None)
            self._acked_index.pop(tp, None)
            if topics is None or tp in topics or tp.topic in topics:
                yield tp

    def _new_offset(self, tp: TP) -> int | None:
        progress = self._progress.get(tp)
        return None if progress is None else progress.committable

    async def wait_empty(self) -> None:
        """Let the messages being handled end, leave those that wait, then commit."""
        self._draining.set()
        await self._wait_until_idle()
        await super().wait_empty()

    def resume_flow(self) -> None:
        """Handle messages again, after a rebalance."""
        if not self.app.should_stop:
            self._draining.clear()
        super().resume_flow()

    async def seek_to_committed(self) -> Mapping[TP, int]:
        """Start every assigned partition again from its commit; what was in memory of it is forgotten."""
        if self._draining.is_set():  # the driver may seek while a rebalance still waits for handlers
            await self._wait_until_idle()
            await self.commit()
        offsets = await super().seek_to_committed()  # type: ignore[safe-super]
        self._forget(self.assignment())
        return offsets

    async def seek_wait(self, partitions: Mapping[TP, int]) -> None:
        """Go on from these offsets."""
        await super().seek_wait(partitions)  # type: ignore[safe-super]
        self._forget(partitions)

    async def seek(self, partition: TP, offset: int) -> None:
        """Go on from this offset."""
        await super().seek(partition, offset)
        self._forget([partition])

    async def on_partitions_revoked(self, revoked: set[TP]) -> None:
        """Commit what was settled of these partitions, then forget them."""
        await super().on_partitions_revoked(revoked)
        self._forget(revoked)

    # -- inside ----------------------------------------------------------------------------------------------------

    def _forget(self, partitions: Iterable[TP]) -> None:
        for tp in partitions:
            self._progress.pop(tp, None)
            self._full.discard(tp)
            self._outages.discard(tp)

    def _notice(self) -> None:
        self._changed.set()

    async def _wait_until_idle(self) -> None:
        while any(progress.running for progress in self._progress.values()) and not self.should_stop:
            await self._wait_for_change(1.0)

    async def _wait_for_change(self, timeout: float) -> None:
        self._changed.clear()
        with suppress(TimeoutError):
            await asyncio.wait_for(self._changed.wait(), timeout)
