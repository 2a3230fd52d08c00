"""Retention takes what is old, and nothing that a running group has yet to see."""

import asyncio
from pathlib import Path

from services.runtime.sqlite_log import SqliteLog
from tests.fakes import FakeClock
from tests.unit.runtime.embedded_logs import DAY, offsets


async def aged_log(path: Path, clock: FakeClock, messages: int = 4) -> SqliteLog:
    """Return a log with one message a day in partition 0, the first one `messages` days old."""
    log = SqliteLog(path / "log.db", "normal", clock)
    await log.create_stream("news", 1, 2 * DAY)
    for _ in range(messages):
        await log.append("news", 0, None, b"x" * 100)
        clock.advance(DAY)
    return log


async def test_retention_takes_what_is_older_than_the_stream_keeps(tmp_path: Path) -> None:
    log = await aged_log(tmp_path, FakeClock())
    assert await log.enforce_retention() == 2
    assert (await log.low("news", 0), log.high("news", 0), await offsets(log)) == (2, 4, [2, 3])
    log.close()


async def test_retention_keeps_what_a_running_group_has_yet_to_commit(tmp_path: Path) -> None:
    clock = FakeClock()
    log = await aged_log(tmp_path, clock, 0)
    await log.join("g", ["news"])
    for _ in range(4):
        await log.append("news", 0, None, b"")
        clock.advance(DAY)
    await log.commit("g", {("news", 0): 1})
    assert await log.enforce_retention() == 1
    assert await offsets(log) == [1, 2, 3]
    log.close()


async def test_retention_forgets_a_group_that_was_away_for_longer_than_messages_are_kept(tmp_path: Path) -> None:
    clock = FakeClock()
    log = await aged_log(tmp_path, clock, 0)
    await log.join("gone", ["news"])
    log.leave("gone")
    await log.append("news", 0, None, b"")
    clock.advance(2 * DAY)
    assert await log.enforce_retention() == 0
    clock.advance(DAY)
    assert await log.enforce_retention() == 1
    log.close()


async def test_offsets_go_on_after_retention_took_everything(tmp_path: Path) -> None:
    clock = FakeClock()
    log = await aged_log(tmp_path, clock)
    clock.advance(30 * DAY)
    await log.enforce_retention()
    log.close()
    log = SqliteLog(log.path, "normal", clock)
    assert (await log.low("news", 0), log.high("news", 0)) == (4, 4)
    assert (await log.append("news", 0, None, b"")).offset == 4
    log.close()


async def test_a_group_is_never_sent_below_the_earliest_message(tmp_path: Path) -> None:
    log = await aged_log(tmp_path, FakeClock())
    await log.commit("g", {("news", 0): 1})
    await log.enforce_retention()
    assert await log.committed("g", "news", 0) == 2
    assert await offsets(log, start=0) == [2, 3]
    log.close()


async def test_retention_gives_the_space_back(tmp_path: Path) -> None:
    clock = FakeClock()
    log = SqliteLog(tmp_path / "log.db", "normal", clock)
    await log.create_stream("news", 1, DAY)
    await asyncio.gather(*(log.append("news", 0, None, b"x" * 4000) for _ in range(1500)))
    log.close()
    before = log.path.stat().st_size
    clock.advance(2 * DAY)
    log = SqliteLog(log.path, "normal", clock)
    assert await log.enforce_retention() == 1500
    log.close()
    assert log.path.stat().st_size < before / 10
