"""Reading the embedded log as a Faust consumer: one consumer a group, assigned every partition it subscribes to."""

import asyncio
import json
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from faust.transport import base
from faust.transport.consumer import RecordMap
from faust.types import TP, ConsumerMessage
from mode import Seconds

from services.runtime.sqlite_log import SqliteLog
from services.runtime.sqlite_partitions import CREATE_TIME, partition_for
from services.runtime.sqlite_reader import Record
from services.runtime.sqlite_writer import Listener
from services.runtime.strict_commit import StrictCommit

if TYPE_CHECKING:
    from services.runtime.sqlite_transport import Transport

MAX_RECORDS = 128


class SqliteConsumer(base.Consumer):
    """Reads every partition of the subscribed streams for one group."""

    transport: "Transport"

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self._log: SqliteLog | None = None
        self._listener: Listener | None = None
        self._appended = asyncio.Event()
        self._assignment: set[TP] = set()
        self._positions: dict[TP, int] = {}
        super().__init__(*args, **kwargs)

    @property
    def group(self) -> str:
        """The consumer group: the app's id."""
        return str(self.app.conf.id)

    async def on_start(self) -> None:
        """Open the log and listen to it."""
        await super().on_start()
        self._log = await self.transport.open_log()
        self._listener = Listener(asyncio.get_running_loop(), on_append=self._appended.set)
        self._log.listen(self._listener)

    async def on_stop(self) -> None:
        """Commit, then close the log."""
        log, self._log = self._log, None
        if log is None:
            return
        self._log = log
        try:
            if log.failure is None:
                await super().on_stop()
        finally:
            self._log = None
            if self._listener is not None:
                log.unlisten(self._listener)
            log.leave(self.group)
            await self.transport.close_log(log)

    # -- assignment ------------------------------------------------------------------------------------------------

    async def subscribe(self, topics: Iterable[str]) -> None:
        """Read these streams from now on."""
        # Not awaited here: being assigned waits until the conductor's subscription is done, which waits for us.
        self.add_future(self._assign(frozenset(topics)))

    async def _assign(self, streams: frozenset[str]) -> None:
        log = self._opened()
        self.app.on_rebalance_start()
        if self._assignment:
            await self.on_partitions_revoked(set(self._assignment))
            log.leave(self.group)
        await log.join(self.group, sorted(streams))
        self._assignment = {
            TP(stream, partition) for stream in streams for partition in range(log.partitions(stream) or 0)
        }
        self.app.consumer_generation_id += 1
        await self.on_partitions_assigned(set(self._assignment), self.app.consumer_generation_id)

    def assignment(self) -> set[TP]:
        """Return the partitions this consumer reads."""
        return set(self._assignment)

    def topic_partitions(self, topic: str) -> int | None:
        """Return how many partitions a stream has."""
        return self._opened().partitions(topic)

    def key_partition(self, topic: str, key: bytes | None, partition: int | None = None) -> int | None:
        """Return the partition of this key."""
        partitions = self._opened().partitions(topic)
        if partition is not None or partitions is None:
            return partition
        return partition_for(key, partitions)

    # -- positions -------------------------------------------------------------------------------------------------

    async def seek_to_committed(self) -> Mapping[TP, int]:
        """Go on from what the group committed, or from the earliest message."""
        log = self._opened()
        offsets: dict[TP, int] = {}
        for tp in self.assignment():
            committed = await log.committed(self.group, tp.topic, tp.partition)
            offsets[tp] = await log.low(tp.topic, tp.partition) if committed is None else committed
        self._positions.update(offsets)
        self._appended.set()
        return offsets

    async def _seek(self, partition: TP, offset: int) -> None:
        self._positions[partition] = max(offset, await self._opened().low(partition.topic, partition.partition))
        self._appended.set()

    async def seek_wait(self, partitions: Mapping[TP, int]) -> None:
        """Go on from these offsets."""
        for tp, offset in partitions.items():
            await self._seek(tp, offset)
            self._read_offset[tp] = self._positions[tp] or None

    async def position(self, tp: TP) -> int | None:
        """Return the offset that is read next."""
        return self._positions.get(tp)

    def highwater(self, tp: TP) -> int:
        """Return one past the last message of a partition."""
        return self._opened().high(tp.topic, tp.partition)

    async def highwaters(self, *partitions: TP) -> Mapping[TP, int]:
        """Return one past the last message of these partitions."""
        return {tp: self.highwater(tp) for tp in partitions}

    async def earliest_offsets(self, *partitions: TP) -> Mapping[TP, int]:
        """Return the first offset still kept of these partitions."""
        return {tp: await self._opened().low(tp.topic, tp.partition) for tp in partitions}

    # -- messages --------------------------------------------------------------------------------------------------

    async def _getmany(self, active_partitions: set[TP] | None, timeout: float) -> RecordMap:
        log = self._opened()
        wanted = self._assignment if active_partitions is None else active_partitions & self._assignment
        starts = self._behind(log, wanted)
        if not starts:
            try:
                await asyncio.wait_for(self._appended.wait(), timeout)
            except TimeoutError:
                return {}
            starts = self._behind(log, wanted)
        found = await log.read({(tp.topic, tp.partition): start for tp, start in starts.items()}, MAX_RECORDS)
        records: dict[TP, list[Record]] = {}
        for (stream, partition), batch in found.items():
            tp = TP(stream, partition)
            if self._positions.get(tp) == starts[tp]:  # else a seek came between, and this is not what it asked for
                self._positions[tp] = batch[-1].offset + 1
                records[tp] = batch
        return records

    def _behind(self, log: SqliteLog, wanted: Iterable[TP]) -> dict[TP, int]:
        self._appended.clear()
        return {
            tp: self._positions[tp]
            for tp in wanted
            if tp in self._positions and self._positions[tp] < log.high(tp.topic, tp.partition)
        }

    def _to_message(self, tp: TP, record: Record) -> ConsumerMessage:
        headers = [(name, bytes.fromhex(content)) for name, content in json.loads(record.headers or "[]")]
        return ConsumerMessage(
            record.stream,
            record.partition,
            record.offset,
            record.timestamp_ms / 1000,
            CREATE_TIME,
            headers,
            record.key,
            record.value,
            None,
            tp=tp,
            generation_id=self.app.consumer_generation_id,
        )

    def _new_topicpartition(self, topic: str, partition: int) -> TP:
        return TP(topic, partition)

    async def _commit(self, offsets: Mapping[TP, int]) -> bool:
        await self._opened().commit(self.group, {(tp.topic, tp.partition): offset for tp, offset in offsets.items()})
        return True

    async def create_topic(
        self, topic: str, partitions: int, replication: int, *, retention: Seconds | None = None, **_: Any
    ) -> None:
        """Make sure that the stream exists. One machine keeps one replica, whatever is asked for."""
        await self.transport.create_stream(self._opened(), topic, partitions, retention)

    def _opened(self) -> SqliteLog:
        if self._log is None:
            raise RuntimeError("the consumer is not started")
        return self._log


class Consumer(StrictCommit, SqliteConsumer):
    """Reads every partition for one group, and commits only what was settled."""
