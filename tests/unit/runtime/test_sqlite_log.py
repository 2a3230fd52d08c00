"""The embedded log keeps what it was given, in order, and says so only when it is durable."""

import asyncio
import sqlite3
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.runtime.faults import GroupTakenError, LogError, StreamMismatchError
from services.runtime.sqlite_log import SqliteLog
from services.runtime.sqlite_reader import LogReader
from services.runtime.sqlite_writer import Listener, WriterThread
from tests.fakes import FakeClock
from tests.unit.runtime.embedded_logs import DAY, offsets

PARTITIONS = 3


@pytest.fixture
async def log(tmp_path: Path) -> AsyncIterator[SqliteLog]:
    log = SqliteLog(tmp_path / "log.db", "normal", FakeClock())
    await log.create_stream("news", PARTITIONS, 10 * DAY)
    yield log
    log.close()


# -- messages ------------------------------------------------------------------------------------------------------


async def test_a_message_is_read_back_as_it_was_given(log: SqliteLog) -> None:
    at = await log.append("news", 1, b"key", b"\x00\xff", headers=[("h", b"\x80")], timestamp_ms=12)
    (record,) = (await log.read({("news", 1): 0}))["news", 1]
    assert (at.partition, at.offset) == (1, 0)
    assert (record.key, record.value, record.timestamp_ms) == (b"key", b"\x00\xff", 12)


async def test_a_message_without_key_or_value_stays_one(log: SqliteLog) -> None:
    await log.append("news", 0, None, None)
    (record,) = (await log.read({("news", 0): 0}))["news", 0]
    assert (record.key, record.value) == (None, None)


async def test_partitions_count_on_their_own(log: SqliteLog) -> None:
    placed = [await log.append("news", partition, None, b"") for partition in (0, 1, 0)]
    assert [(it.partition, it.offset) for it in placed] == [(0, 0), (1, 0), (0, 1)]


async def test_reading_stops_at_the_largest_batch_asked_for(log: SqliteLog) -> None:
    await asyncio.gather(*(log.append("news", 0, None, b"") for _ in range(5)))
    assert [it.offset for it in (await log.read({("news", 0): 1}, max_records=2))["news", 0]] == [1, 2]


async def test_a_partition_at_its_end_is_not_in_the_answer(log: SqliteLog) -> None:
    await log.append("news", 0, None, b"")
    assert await log.read({("news", 0): 1, ("news", 1): 0}) == {}


async def test_a_large_message_comes_alone_rather_than_not_at_all(
    log: SqliteLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.runtime.sqlite_log.READ_MAX_BYTES", 10)
    await asyncio.gather(*(log.append("news", 0, None, b"x" * 50) for _ in range(2)))
    assert await offsets(log) == [0]


async def test_an_unknown_partition_is_named(log: SqliteLog) -> None:
    with pytest.raises(LogError, match="no partition 9 of news"):
        log.append("news", 9, None, b"")


async def test_messages_seen_by_a_reader_are_durable(log: SqliteLog) -> None:
    await log.append("news", 0, b"k", b"v")
    with LogReader(log.path) as reader:
        lane = reader.lane("news", 0)
        assert lane is not None
        assert (reader.low(lane), reader.high(lane), len(reader.read(lane, 0, 10, 1000))) == (0, 1, 1)


async def test_listeners_learn_of_an_append_at_once(log: SqliteLog) -> None:
    appended = asyncio.Event()
    log.listen(Listener(asyncio.get_running_loop(), on_append=appended.set))
    await log.append("news", 0, None, b"")
    await asyncio.wait_for(appended.wait(), 1)


async def test_a_caller_that_went_away_does_not_undo_its_message(log: SqliteLog) -> None:
    sent = log.append("news", 0, None, b"x")
    sent.cancel()
    await log.flush()
    assert await offsets(log) == [0]


# -- order ---------------------------------------------------------------------------------------------------------


async def test_a_commit_is_never_durable_before_the_sends_that_preceded_it(log: SqliteLog) -> None:
    """A second reader watches while sends and commits race; commit n was asked for after n sends."""
    with LogReader(log.path) as reader:
        lane = reader.lane("news", 0)
        assert lane is not None
        watching = True

        def watch() -> list[tuple[int, int]]:
            seen = []
            while watching:
                # The commit is read first: whatever it covers must already be there.
                committed = reader.committed("g", lane) or 0
                seen.append((committed, reader.high(lane)))
            return seen

        watcher = asyncio.get_running_loop().run_in_executor(None, watch)
        for n in range(1, 400):
            sent = log.append("news", 0, None, b"x")
            done = log.commit("g", {("news", 0): n})
            if n % 7 == 0:
                await asyncio.gather(sent, done)
        await log.flush()
        watching = False
        seen = await watcher
    assert all(high >= committed for committed, high in seen)
    assert seen[-1][0] > 0


# -- streams and groups --------------------------------------------------------------------------------------------


async def test_no_cursor_leaves_the_writer(tmp_path: Path) -> None:
    # Its disposal in another thread would reset a statement that the writer may be at.
    connection = sqlite3.connect(tmp_path / "x.db", isolation_level=None, check_same_thread=False)
    writer = WriterThread(tmp_path / "x.db", connection, lambda: None)
    try:
        with pytest.raises(TypeError, match="cursor"):
            await writer.submit(lambda held: held.execute("SELECT 1"))
        assert await writer.submit(lambda held: held.execute("SELECT 1").fetchone()) == (1,)
    finally:
        writer.close()
        connection.close()


async def test_a_stream_may_change_its_retention_but_not_its_partitions(log: SqliteLog) -> None:
    await log.create_stream("news", PARTITIONS, DAY)
    with pytest.raises(StreamMismatchError, match="has 3 partitions, this version needs 4"):
        await log.create_stream("news", 4, DAY)


async def test_a_group_has_one_consumer(log: SqliteLog) -> None:
    await log.join("g", ["news"])
    with pytest.raises(GroupTakenError, match="g already reads"):
        await log.join("g", ["news"])
    log.leave("g")
    await log.join("g", ["news"])


async def test_a_group_that_never_committed_has_no_offset(log: SqliteLog) -> None:
    await log.commit("g", {("news", 0): 5})
    assert await log.committed("g", "news", 0) == 5
    assert await log.committed("g", "news", 1) is None
    assert await log.committed("other", "news", 0) is None


# -- against a model -----------------------------------------------------------------------------------------------

appends = st.tuples(st.just("append"), st.integers(0, PARTITIONS - 1), st.binary(max_size=20))
commits = st.tuples(st.just("commit"), st.integers(0, PARTITIONS - 1), st.integers(0, 30))
reopens = st.tuples(st.just("reopen"), st.just(0), st.just(0))


@settings(max_examples=40, deadline=None)
@given(st.lists(st.one_of(appends, appends, commits, reopens), max_size=40))
def test_log_agrees_with_lists_and_a_dict(steps: list[tuple[str, int, bytes | int]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(_compare(Path(folder), steps))


async def _compare(folder: Path, steps: list[tuple[str, int, bytes | int]]) -> None:
    messages: list[list[bytes]] = [[] for _ in range(PARTITIONS)]
    committed: dict[int, int] = {}
    log = SqliteLog(folder / "log.db", "normal")
    await log.create_stream("news", PARTITIONS, DAY)
    for step, partition, detail in steps:
        if isinstance(detail, bytes):
            assert (await log.append("news", partition, None, detail)).offset == len(messages[partition])
            messages[partition].append(detail)
        elif step == "commit":
            committed[partition] = detail
            await log.commit("g", {("news", partition): detail})
        else:
            log.close()
            log = SqliteLog(folder / "log.db", "normal")
    found = await log.read({("news", partition): 0 for partition in range(PARTITIONS)})
    for partition, expected in enumerate(messages):
        records = found.get(("news", partition), [])
        assert [(it.offset, it.value) for it in records] == list(enumerate(expected))
        assert log.high("news", partition) == len(expected)
        assert await log.committed("g", "news", partition) == committed.get(partition)
    log.close()
