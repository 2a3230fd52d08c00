"""What the tests of the embedded log share."""

from datetime import timedelta

from services.runtime.sqlite_log import SqliteLog

DAY = timedelta(days=1)


async def offsets(log: SqliteLog, partition: int = 0, start: int = 0) -> list[int]:
    """Return the offsets of what a partition holds from `start` on."""
    found = await log.read({("news", partition): start})
    return [record.offset for record in found.get(("news", partition), [])]
