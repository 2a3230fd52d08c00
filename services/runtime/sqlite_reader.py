"""Reading the embedded log; also from another process, while its owner is writing."""

import sqlite3
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from services.runtime.sqlite_schema import OFFSET_MASK, message_id, offset_of, open_for_reading


@dataclass(frozen=True, slots=True)
class Lane:
    """One partition of one stream, as the log knows it."""

    id: int
    stream: str
    partition: int


@dataclass(frozen=True, slots=True)
class Record:
    """A message as it stands in the log."""

    stream: str
    partition: int
    offset: int
    timestamp_ms: int
    key: bytes | None
    value: bytes | None
    headers: str | None


class LogReader:
    """A read-only view; each call sees one consistent state."""

    def __init__(self, path: Path) -> None:
        self._connection = open_for_reading(path)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    def lanes(self) -> list[Lane]:
        """Return every partition of every stream, by stream and partition."""
        rows = self._connection.execute(
            "SELECT l.id, s.name, l.partition FROM lanes l JOIN streams s ON s.id = l.stream_id ORDER BY 2, 3"
        )
        return [Lane(*row) for row in rows]

    def lane(self, stream: str, partition: int) -> Lane | None:
        """Return one partition, or None if the log has no such one."""
        return next((it for it in self.lanes() if it.stream == stream and it.partition == partition), None)

    def read(self, lane: Lane, start: int, max_records: int, max_bytes: int) -> list[Record]:
        """Return records from offset `start` on, or from the earliest one; at least one, if there is one."""
        rows = self._connection.execute(
            "SELECT id, timestamp_ms, key, value, headers FROM messages WHERE id >= ? AND id <= ? ORDER BY id LIMIT ?",
            (message_id(lane.id, start), message_id(lane.id, OFFSET_MASK), max_records),
        )
        records: list[Record] = []
        size = 0
        try:
            for rowid, timestamp_ms, key, value, headers in rows:
                records.append(Record(lane.stream, lane.partition, offset_of(rowid), timestamp_ms, key, value, headers))
                size += len(value or b"")
                if size >= max_bytes:
                    break
        finally:
            rows.close()
        return records

    def low(self, lane: Lane) -> int:
        """Return the earliest offset of a partition."""
        return low_of(self._connection, lane.id)

    def high(self, lane: Lane) -> int:
        """Return the offset that the next message of a partition will have."""
        return high_of(self._connection, lane.id)

    def committed(self, group: str, lane: Lane) -> int | None:
        """Return the offset at which this group goes on, or None if it has not committed."""
        return committed_by(self._connection, group, lane.id)


def low_of(connection: sqlite3.Connection, lane: int) -> int:
    """Return the earliest offset of a lane."""
    return int(connection.execute("SELECT low FROM lanes WHERE id = ?", (lane,)).fetchone()[0])


def high_of(connection: sqlite3.Connection, lane: int) -> int:
    """Return the next offset of a lane."""
    last = connection.execute(
        "SELECT max(id) FROM messages WHERE id >= ? AND id <= ?",
        (message_id(lane, 0), message_id(lane, OFFSET_MASK)),
    ).fetchone()[0]
    return low_of(connection, lane) if last is None else offset_of(last) + 1


def committed_by(connection: sqlite3.Connection, group: str, lane: int) -> int | None:
    """Return the next offset of a group in a lane, if it committed one."""
    row = connection.execute(
        "SELECT next_offset FROM commits WHERE group_id = ? AND lane_id = ?", (group, lane)
    ).fetchone()
    return None if row is None else int(row[0])
