"""The embedded log: durable, partitioned, append-only streams in one SQLite file.

It keeps what Kafka would: messages by (stream, partition, offset), the offsets that consumer groups committed, and
retention by age. Promises, each with a test:

- What `append` returned is on the disk (`synchronous=full`), or in the operating system's hands (`normal`).
- Appends and commits become durable in the order in which they were asked for (see sqlite_writer.py).
- Offsets of a partition are consecutive, and never used twice.
- One process owns the file; all its apps share one SqliteLog, opened with `open_shared`.
- A write that fails ends the log: every pending and later write raises LogWriteError, and listeners are told.
- Retention removes what is older than the stream keeps, except what a live group has yet to commit. A group is live
  while its app runs, and for as long as the stream keeps messages after it was last seen; then it is abandoned, so
  that a renamed service cannot fill the disk.
"""

import asyncio
import json
import sqlite3
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Literal, TypeVar

from services.runtime.clock import Clock, SystemClock
from services.runtime.faults import (
    GroupTakenError,
    LogError,
    LogWriteError,
    StreamMismatchError,
)
from services.runtime.file_lock import FileLock
from services.runtime.sqlite_reader import Lane, LogReader, Record, committed_by, low_of
from services.runtime.sqlite_retention import mark_seen, remove_expired, shrink
from services.runtime.sqlite_schema import message_id, open_for_writing
from services.runtime.sqlite_writer import Listener, WriterThread

Synchronous = Literal["full", "normal"]
Headers = Sequence[tuple[str, bytes]]
T = TypeVar("T")

READ_MAX_BYTES = 4 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Appended:
    """Where a message came to stand."""

    stream: str
    partition: int
    offset: int
    timestamp_ms: int


class SqliteLog:
    """A log that this process owns. Methods that return futures must be called in an event loop."""

    def __init__(self, path: Path, synchronous: Synchronous = "full", clock: Clock | None = None) -> None:
        """Open or create the log at `path`, or raise a LogError. Blocks."""
        self.path = path
        self.synchronous = synchronous
        self._clock = clock or SystemClock()
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._lock = FileLock(path)
        except OSError as error:
            raise LogWriteError(path, error.strerror or str(error)) from error
        try:
            self._open()
        except BaseException:
            self._lock.close()
            raise

    def _open(self) -> None:
        self._connection = open_for_writing(self.path, self.synchronous)
        try:
            self._reader = LogReader(self.path)
        except BaseException:
            self._connection.close()
            raise
        self._lanes = {(lane.stream, lane.partition): lane for lane in self._reader.lanes()}
        self._partitions = _count(self._lanes)
        # `_next` belongs to the writer thread; `_high` is what readers may see of it: only what is durable.
        self._next = {lane.id: self._reader.high(lane) for lane in self._lanes.values()}
        self._high = dict(self._next)
        self._groups: set[str] = set()
        self._read_thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="log-reader")
        self._writer = WriterThread(self.path, self._connection, self._publish)

    def close(self) -> None:
        """Write what is pending, close the file and give up its lock. Blocks."""
        self._writer.close()
        self._read_thread.shutdown()
        self._reader.close()
        self._connection.close()  # the last connection copies the write-ahead log into the database
        self._lock.close()

    @property
    def failure(self) -> LogWriteError | None:
        """The fault that ended this log, if any."""
        return self._writer.failure

    def listen(self, listener: Listener) -> None:
        """Tell of appended messages and of failure from now on; at once, if it failed before."""
        self._writer.listen(listener)
        if self.failure is not None and listener.on_failure is not None:
            listener.loop.call_soon(listener.on_failure, self.failure)

    def unlisten(self, listener: Listener) -> None:
        """Stop telling this listener."""
        self._writer.unlisten(listener)

    # -- streams ---------------------------------------------------------------------------------------------------

    async def create_stream(self, name: str, partitions: int, retention: timedelta) -> None:
        """Make sure that the stream exists; its retention may change, its partitions may not."""
        found = self._partitions.get(name)
        if found is not None and found != partitions:
            raise StreamMismatchError(name, found, partitions)

        def work(connection: sqlite3.Connection) -> list[Lane]:
            return _create_stream(connection, name, partitions, retention)

        for lane in await self._writer.submit(work):
            self._lanes.setdefault((name, lane.partition), lane)
            self._high.setdefault(lane.id, 0)
        self._partitions[name] = partitions

    def partitions(self, stream: str) -> int | None:
        """Return how many partitions a stream has, or None if there is no such stream."""
        return self._partitions.get(stream)

    # -- messages --------------------------------------------------------------------------------------------------

    def append(
        self,
        stream: str,
        partition: int,
        key: bytes | None,
        value: bytes | None,
        *,
        headers: Headers = (),
        timestamp_ms: int | None = None,
    ) -> asyncio.Future[Appended]:
        """Queue a message now; the future resolves once it is durable."""
        lane = self._lane(stream, partition)
        at = self._now_ms() if timestamp_ms is None else timestamp_ms
        packed = json.dumps([(name, content.hex()) for name, content in headers]) if headers else None

        def work(connection: sqlite3.Connection) -> Appended:
            offset = self._next.setdefault(lane.id, 0)
            connection.execute(
                "INSERT INTO messages (id, timestamp_ms, key, value, headers) VALUES (?, ?, ?, ?, ?)",
                (message_id(lane.id, offset), at, key, value, packed),
            )
            self._next[lane.id] = offset + 1
            return Appended(stream, partition, offset, at)

        return self._writer.submit(work, appends=True)

    async def read(
        self, starts: Mapping[tuple[str, int], int], max_records: int = 500
    ) -> dict[tuple[str, int], list[Record]]:
        """Return records from these offsets on, at most `max_records` a partition, only partitions that have some.

        An offset below the earliest one starts at the earliest one. A partition of large messages may return fewer.
        """
        lanes = [(self._lane(*where), start) for where, start in starts.items() if start < self.high(*where)]
        if not lanes:
            return {}
        budget = max(READ_MAX_BYTES // len(lanes), 1)

        def work() -> dict[tuple[str, int], list[Record]]:
            return {
                (lane.stream, lane.partition): self._reader.read(lane, start, max_records, budget)
                for lane, start in lanes
            }

        found = await self._in_read_thread(work)
        return {where: records for where, records in found.items() if records}

    def high(self, stream: str, partition: int) -> int:
        """Return the next offset: one past the last durable message."""
        return self._high[self._lane(stream, partition).id]

    async def low(self, stream: str, partition: int) -> int:
        """Return the earliest offset."""
        lane = self._lane(stream, partition)
        return await self._in_read_thread(lambda: self._reader.low(lane))

    # -- consumer groups -------------------------------------------------------------------------------------------

    async def join(self, group: str, streams: Sequence[str]) -> None:
        """Enter a group that reads these streams; in this process it must be the only one of its name."""
        if group in self._groups:
            raise GroupTakenError(self.path, group)
        self._groups.add(group)
        now = self._now_ms()

        def work(connection: sqlite3.Connection) -> None:
            connection.executemany(
                "INSERT INTO members (group_id, stream_id, seen_at_ms) SELECT ?, id, ? FROM streams WHERE name = ?"
                " ON CONFLICT DO UPDATE SET seen_at_ms = excluded.seen_at_ms",
                [(group, now, stream) for stream in streams],
            )

        await self._writer.submit(work)

    def leave(self, group: str) -> None:
        """Leave a group, so that another consumer may take its place."""
        self._groups.discard(group)

    def commit(self, group: str, offsets: Mapping[tuple[str, int], int]) -> asyncio.Future[None]:
        """Queue the offsets at which a group goes on; durable after every append asked for before."""
        rows = [(group, self._lane(*where).id, offset) for where, offset in offsets.items()]

        def work(connection: sqlite3.Connection) -> None:
            connection.executemany(
                "INSERT INTO commits (group_id, lane_id, next_offset) VALUES (?, ?, ?)"
                " ON CONFLICT DO UPDATE SET next_offset = excluded.next_offset",
                rows,
            )

        return self._writer.submit(work)

    async def committed(self, group: str, stream: str, partition: int) -> int | None:
        """Return where a group goes on, never below the earliest offset; None if it has not committed."""
        lane = self._lane(stream, partition)

        def work(connection: sqlite3.Connection) -> int | None:
            offset = committed_by(connection, group, lane.id)
            return None if offset is None else max(offset, low_of(connection, lane.id))

        # Asked of the writer, so that a commit just before is seen.
        found: int | None = await self._writer.submit(work)
        return found

    # -- upkeep ----------------------------------------------------------------------------------------------------

    async def flush(self) -> None:
        """Return once everything asked for before is durable."""
        await self._writer.submit(lambda _: None)

    async def enforce_retention(self) -> int:
        """Remove expired messages in small transactions, give their pages back, and return how many went."""
        removed = 0
        now, groups = self._now_ms(), tuple(self._groups)
        await self._writer.submit(lambda connection: mark_seen(connection, groups, now))
        for lane in list(self._lanes.values()):
            step = partial(remove_expired, lane=lane.id, now_ms=now, running_groups=groups)
            while gone := await self._writer.submit(step):
                removed += gone
        while removed and await self._writer.submit(shrink):
            pass
        return removed

    # -- inside ----------------------------------------------------------------------------------------------------

    def _lane(self, stream: str, partition: int) -> Lane:
        try:
            return self._lanes[stream, partition]
        except KeyError:
            raise LogError(self.path, f"{self.path} has no partition {partition} of {stream}") from None

    async def _in_read_thread(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._read_thread, work)

    def _publish(self) -> None:
        self._high.update(self._next)

    def _now_ms(self) -> int:
        return int(self._clock.now().timestamp() * 1000)


def _count(lanes: Mapping[tuple[str, int], Lane]) -> dict[str, int]:
    partitions: dict[str, int] = {}
    for stream, _ in lanes:
        partitions[stream] = partitions.get(stream, 0) + 1
    return partitions


def _create_stream(connection: sqlite3.Connection, name: str, partitions: int, retention: timedelta) -> list[Lane]:
    retention_ms = int(retention.total_seconds() * 1000)
    connection.execute(
        "INSERT INTO streams (name, partitions, retention_ms) VALUES (?, ?, ?)"
        " ON CONFLICT (name) DO UPDATE SET retention_ms = excluded.retention_ms",
        (name, partitions, retention_ms),
    )
    (stream_id,) = connection.execute("SELECT id FROM streams WHERE name = ?", (name,)).fetchone()
    connection.executemany(
        "INSERT OR IGNORE INTO lanes (stream_id, partition) VALUES (?, ?)",
        [(stream_id, partition) for partition in range(partitions)],
    )
    rows = connection.execute("SELECT id, partition FROM lanes WHERE stream_id = ?", (stream_id,)).fetchall()
    return [Lane(lane_id, name, partition) for lane_id, partition in rows]


_shared: dict[Path, tuple[SqliteLog, int]] = {}
_shared_gate = threading.Lock()


def open_shared(path: Path, synchronous: Synchronous = "full") -> SqliteLog:
    """Open the log, or return the one that this process has open. Each call needs its `close_shared`. Blocks."""
    where = path.resolve()
    with _shared_gate:
        log, users = _shared.get(where, (None, 0))
        if log is None:
            log = SqliteLog(where, synchronous)
        elif log.synchronous != synchronous:
            raise LogError(where, f"{where} is open with synchronous={log.synchronous}, not {synchronous}")
        _shared[where] = (log, users + 1)
        return log


def close_shared(log: SqliteLog) -> None:
    """Give up one use of a shared log; the last one closes it. Blocks."""
    with _shared_gate:
        _, users = _shared[log.path]
        if users > 1:
            _shared[log.path] = (log, users - 1)
        else:
            del _shared[log.path]
            log.close()
