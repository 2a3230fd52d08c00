"""Whose the embedded log is, what it refuses to open, and what it says when it cannot write."""

import asyncio
import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from services.runtime.faults import LogError, LogLockedError, LogUnreadableError, LogWriteError
from services.runtime.sqlite_log import SqliteLog, close_shared, open_shared
from services.runtime.sqlite_writer import Listener
from tests.unit.runtime.embedded_logs import DAY


def test_a_second_process_is_refused_with_the_file_and_the_holder(tmp_path: Path) -> None:
    path = tmp_path / "log.db"
    log = SqliteLog(path)
    program = (
        f"from pathlib import Path; from services.runtime.sqlite_log import SqliteLog; SqliteLog(Path({str(path)!r}))"
    )
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    log.close()
    assert f"LogLockedError: {path} is in use by process {os.getpid()}" in result.stderr.replace(
        "services.runtime.faults.", ""
    )


def test_a_closed_log_can_be_opened_again(tmp_path: Path) -> None:
    SqliteLog(tmp_path / "log.db").close()
    SqliteLog(tmp_path / "log.db").close()


def test_apps_of_one_process_share_one_log(tmp_path: Path) -> None:
    one = open_shared(tmp_path / "log.db", "normal")
    assert open_shared(tmp_path / "." / "log.db", "normal") is one
    close_shared(one)
    with pytest.raises(LogLockedError):
        SqliteLog(tmp_path / "log.db")
    close_shared(one)
    SqliteLog(tmp_path / "log.db").close()


def test_one_log_has_one_durability(tmp_path: Path) -> None:
    log = open_shared(tmp_path / "log.db", "normal")
    with pytest.raises(LogError, match="open with synchronous=normal, not full"):
        open_shared(tmp_path / "log.db", "full")
    close_shared(log)


@pytest.mark.parametrize(
    ("content", "message"), [(b"not a database, but long enough to be one" * 10, "not a database")]
)
def test_a_file_that_is_no_database_is_refused(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "log.db"
    path.write_bytes(content)
    with pytest.raises(LogUnreadableError, match=message):
        SqliteLog(path)
    assert path.read_bytes() == content


def test_another_programs_database_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "log.db"
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE theirs (x)")
    connection.close()
    with pytest.raises(LogUnreadableError, match="another program's database"):
        SqliteLog(path)


def test_a_newer_format_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "log.db"
    SqliteLog(path).close()
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA user_version = 2")
    connection.close()
    with pytest.raises(LogUnreadableError, match="format 2, this version reads format 1"):
        SqliteLog(path)


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(LogWriteError, match=r"cannot write .*/file/log\.db"):
        SqliteLog(tmp_path / "file" / "log.db")


async def test_a_failed_write_fails_everything_pending_and_everything_later(tmp_path: Path) -> None:
    log = SqliteLog(tmp_path / "log.db", "normal")
    await log.create_stream("news", 1, DAY)
    told: asyncio.Future[LogWriteError] = asyncio.get_running_loop().create_future()
    log.listen(Listener(asyncio.get_running_loop(), on_failure=told.set_result))
    await _fill_the_disk_after(log, 20)
    kept = await log.append("news", 0, None, b"fits")
    pending = [log.append("news", 0, None, b"x" * 50_000) for _ in range(5)]
    results = await asyncio.gather(*pending, return_exceptions=True)
    assert [type(it) for it in results] == [LogWriteError] * 5
    assert "database or disk is full" in str(await told)
    with pytest.raises(LogWriteError, match="Free disk space"):
        await log.append("news", 0, None, b"fits")
    assert [it.offset for it in (await log.read({("news", 0): 0}))["news", 0]] == [kept.offset]
    log.close()


async def _fill_the_disk_after(log: SqliteLog, pages: int) -> None:
    await log._writer.submit(lambda connection: connection.execute(f"PRAGMA max_page_count = {pages}").fetchall())


async def test_a_late_listener_learns_that_the_log_has_failed(tmp_path: Path) -> None:
    log = SqliteLog(tmp_path / "log.db", "normal")
    await log.create_stream("news", 1, DAY)
    await _fill_the_disk_after(log, 20)
    with pytest.raises(LogWriteError):
        await log.append("news", 0, None, b"x" * 500_000)
    told: asyncio.Future[LogWriteError] = asyncio.get_running_loop().create_future()
    log.listen(Listener(asyncio.get_running_loop(), on_failure=told.set_result))
    assert "disk is full" in str(await told)
    log.close()


async def test_a_closed_log_refuses_writes(tmp_path: Path) -> None:
    log = SqliteLog(tmp_path / "log.db")
    await log.create_stream("news", 1, DAY)
    log.close()
    with pytest.raises(LogWriteError, match="it is closed"):
        await log.append("news", 0, None, b"")
