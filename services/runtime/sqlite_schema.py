"""The tables of the embedded log, and how its connections are opened.

A message's rowid is its lane (one partition of one stream) and its offset in one integer, so that a partition lies
together in one B-tree, a read is a range scan and an append needs no second index:

    id = lane << 40 | offset

The next offset of a lane is one past its last message; `lanes.low` is the earliest offset, and the next one too while
the lane is empty, so that offsets never start again after retention took everything.
"""

import sqlite3
from pathlib import Path

from services.runtime.faults import LogUnreadableError, LogWriteError

OFFSET_BITS = 40
OFFSET_MASK = (1 << OFFSET_BITS) - 1
APPLICATION_ID = 0x52_4C_4F_47  # "RLOG"
FORMAT = 1
BUSY_TIMEOUT_SECONDS = 10
# The write-ahead log is cut back to this size whenever it has been copied into the database.
WAL_SIZE_LIMIT_BYTES = 64 * 1024 * 1024

TABLES = """
CREATE TABLE streams (
    id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, partitions INTEGER NOT NULL, retention_ms INTEGER NOT NULL
);
CREATE TABLE lanes (
    id INTEGER PRIMARY KEY, stream_id INTEGER NOT NULL REFERENCES streams, partition INTEGER NOT NULL,
    low INTEGER NOT NULL DEFAULT 0, UNIQUE (stream_id, partition)
);
CREATE TABLE messages (
    id INTEGER PRIMARY KEY, timestamp_ms INTEGER NOT NULL, key BLOB, value BLOB, headers TEXT
);
CREATE TABLE commits (
    group_id TEXT NOT NULL, lane_id INTEGER NOT NULL REFERENCES lanes, next_offset INTEGER NOT NULL,
    PRIMARY KEY (group_id, lane_id)
) WITHOUT ROWID;
CREATE TABLE members (
    group_id TEXT NOT NULL, stream_id INTEGER NOT NULL REFERENCES streams, seen_at_ms INTEGER NOT NULL,
    PRIMARY KEY (group_id, stream_id)
) WITHOUT ROWID;
"""


def message_id(lane: int, offset: int) -> int:
    """Return the rowid of a message."""
    return lane << OFFSET_BITS | offset


def offset_of(rowid: int) -> int:
    """Return the offset within its lane of the message with this rowid."""
    return rowid & OFFSET_MASK


def open_for_writing(path: Path, synchronous: str) -> sqlite3.Connection:
    """Open or create a log; the caller holds its lock. Transactions are begun and ended by hand."""
    try:
        connection = sqlite3.connect(path, timeout=BUSY_TIMEOUT_SECONDS, isolation_level=None, check_same_thread=False)
    except sqlite3.OperationalError as error:
        raise LogWriteError(path, str(error)) from error
    try:
        _prepare(connection, path, synchronous)
    except BaseException:
        connection.close()
        raise
    return connection


def _prepare(connection: sqlite3.Connection, path: Path, synchronous: str) -> None:
    try:
        fresh = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0] == 0
        if fresh:
            connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute(f"PRAGMA synchronous = {synchronous}")
        connection.execute(f"PRAGMA journal_size_limit = {WAL_SIZE_LIMIT_BYTES}")
        if fresh:
            connection.executescript(
                f"BEGIN; {TABLES} PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = {FORMAT}; COMMIT;"
            )
        _check_format(connection, path)
    except sqlite3.OperationalError as error:
        raise LogWriteError(path, str(error)) from error
    except sqlite3.DatabaseError as error:
        raise LogUnreadableError(path, str(error)) from error


def open_for_reading(path: Path) -> sqlite3.Connection:
    """Open a log that another thread or process may be writing; this connection cannot change it."""
    try:
        connection = sqlite3.connect(
            f"{path.absolute().as_uri()}?mode=ro",
            uri=True,
            timeout=BUSY_TIMEOUT_SECONDS,
            isolation_level=None,
            check_same_thread=False,
        )
    except sqlite3.OperationalError as error:
        raise LogUnreadableError(path, str(error)) from error
    try:
        _check_format(connection, path)
    except sqlite3.DatabaseError as error:
        connection.close()
        raise LogUnreadableError(path, str(error)) from error
    except LogUnreadableError:
        connection.close()
        raise
    return connection


def _check_format(connection: sqlite3.Connection, path: Path) -> None:
    application = connection.execute("PRAGMA application_id").fetchone()[0]
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    if application != APPLICATION_ID:
        raise LogUnreadableError(path, "it is another program's database")
    if version != FORMAT:
        raise LogUnreadableError(path, f"it has format {version}, this version reads format {FORMAT}")
