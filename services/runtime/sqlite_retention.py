"""Removing what the embedded log need not keep any longer."""

import sqlite3
from collections.abc import Collection

from services.runtime.sqlite_reader import committed_by, high_of, low_of
from services.runtime.sqlite_schema import message_id, offset_of

# Small steps, because appends wait while one runs.
STEP_MESSAGES = 500
STEP_PAGES = 500


def mark_seen(connection: sqlite3.Connection, groups: Collection[str], now_ms: int) -> None:
    """Note that these groups are running."""
    connection.executemany(
        "UPDATE members SET seen_at_ms = ? WHERE group_id = ?", [(now_ms, group) for group in groups]
    )


def remove_expired(connection: sqlite3.Connection, lane: int, now_ms: int, running_groups: Collection[str]) -> int:
    """Remove up to STEP_MESSAGES expired messages from the low end of a lane, and return how many went."""
    stream, retention_ms = connection.execute(
        "SELECT s.id, s.retention_ms FROM streams s JOIN lanes l ON l.stream_id = s.id WHERE l.id = ?", (lane,)
    ).fetchone()
    low = low_of(connection, lane)
    keep_from = _first_needed(connection, lane, stream, now_ms - retention_ms, running_groups)
    last = message_id(lane, min(keep_from, low + STEP_MESSAGES))
    rows = connection.execute(
        "SELECT id, timestamp_ms FROM messages WHERE id >= ? AND id < ? ORDER BY id",
        (message_id(lane, low), last),
    ).fetchall()
    expired = 0
    # Offsets only ever go from the low end, so the first message that stays ends the step.
    while expired < len(rows) and rows[expired][1] < now_ms - retention_ms:
        expired += 1
    if not expired:
        return 0
    new_low = offset_of(rows[expired - 1][0]) + 1
    connection.execute(
        "DELETE FROM messages WHERE id >= ? AND id < ?", (message_id(lane, low), message_id(lane, new_low))
    )
    connection.execute("UPDATE lanes SET low = ? WHERE id = ?", (new_low, lane))
    return expired


def _first_needed(
    connection: sqlite3.Connection, lane: int, stream: int, cutoff_ms: int, running_groups: Collection[str]
) -> int:
    members = connection.execute("SELECT group_id, seen_at_ms FROM members WHERE stream_id = ?", (stream,)).fetchall()
    live = [group for group, seen_at_ms in members if group in running_groups or seen_at_ms >= cutoff_ms]
    needed = [committed_by(connection, group, lane) or 0 for group in live]
    return min(needed, default=high_of(connection, lane))


def shrink(connection: sqlite3.Connection) -> int:
    """Give up to STEP_PAGES free pages back to the file system, and return how many are left."""
    connection.execute(f"PRAGMA incremental_vacuum({STEP_PAGES})").fetchall()
    return int(connection.execute("PRAGMA freelist_count").fetchone()[0])
