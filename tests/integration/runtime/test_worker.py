"""A worker starts, stops, and dies loudly, leaving nothing behind that matters."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from schemas.article import Article
from schemas.streams import ARTICLES
from services.runtime.consume import HandlerPolicy
from services.runtime.faults import (
    ConsumerStuckError,
    LogLockedError,
    LogWriteError,
    StreamMismatchError,
    UnavailableError,
    WorkerCrashedError,
)
from services.runtime.health import HealthPolicy
from services.runtime.publisher import StreamPublisher
from services.runtime.sqlite_log import SqliteLog, open_shared
from services.runtime.sqlite_log import close_shared as give_back
from services.runtime.worker import WorkerPolicy
from tests.integration.runtime.harness import House, article, run


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path)


async def ignore(_: Article) -> None:
    return None


async def test_four_apps_are_ready_within_a_second(house: House) -> None:
    apps = [house.producer(), *(house.consumer(ignore, service=name) for name in ("matcher", "tracker", "alerter"))]
    stop = asyncio.Event()
    began = time.monotonic()
    ready: list[float] = []

    def on_ready() -> None:
        ready.append(time.monotonic() - began)
        stop.set()

    await run(apps, stop, on_ready=on_ready)
    assert ready[0] < 1.0


async def test_workers_run_one_after_the_other_in_one_process(house: House) -> None:
    for _ in range(2):
        stop = asyncio.Event()
        await run([house.producer(), house.consumer(ignore)], stop, on_ready=stop.set)


def test_workers_run_in_event_loops_of_their_own(house: House) -> None:
    async def once() -> None:
        stop = asyncio.Event()
        await run([house.producer(), house.consumer(ignore)], stop, on_ready=stop.set)

    asyncio.run(once())
    asyncio.run(once())


def test_apps_may_be_made_before_there_is_an_event_loop(house: House) -> None:
    apps = [house.producer(), house.consumer(ignore)]

    async def once() -> None:
        stop = asyncio.Event()
        await run(apps, stop, on_ready=stop.set)

    asyncio.run(once())


async def test_nothing_is_written_but_the_log(
    house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    stop = asyncio.Event()
    await run([house.consumer(ignore)], stop, on_ready=stop.set)
    assert {path.name for path in tmp_path.iterdir()} == {"log.db", "log.db.lock"}
    assert capsys.readouterr().out == ""


async def test_consumers_are_ready_before_anything_is_sent(house: House) -> None:
    """An async on_ready is awaited, and background tasks run until the stop."""
    stop = asyncio.Event()
    steps: list[str] = []
    producer = house.producer()

    async def on_ready() -> None:
        await StreamPublisher(producer).publish(ARTICLES, article(0))
        steps.append("ready")

    async def handle(given: Article) -> None:
        steps.append(f"handled {given.title}")
        stop.set()

    await run([producer, house.consumer(handle)], stop, on_ready=on_ready)
    assert sorted(steps) == ["handled 0", "ready"]


async def test_a_stop_before_the_start_starts_nothing(house: House) -> None:
    stop = asyncio.Event()
    stop.set()
    await run([house.consumer(ignore)], stop)
    assert not house.path.exists()


# -- ends that are not asked for --------------------------------------------------------------------------------------


async def failing() -> None:
    raise RuntimeError("the schedule is broken")


async def test_a_failed_background_task_ends_the_worker_with_its_reason(house: House) -> None:
    with pytest.raises(WorkerCrashedError, match="background task failing stopped: the schedule is broken"):
        await run([house.producer()], asyncio.Event(), background=[failing])


async def test_a_crashed_app_ends_the_worker_with_its_reason(house: House) -> None:
    app = house.consumer(ignore)

    async def crash() -> None:
        await app.crash(RuntimeError("out of luck"))
        await asyncio.sleep(3600)

    with pytest.raises(WorkerCrashedError, match="redline-matcher stopped: out of luck"):
        await run([house.producer(), app], asyncio.Event(), background=[crash])


async def test_a_background_task_that_is_finished_ends_nothing(house: House) -> None:
    stop = asyncio.Event()

    async def finish() -> None:
        asyncio.get_running_loop().call_later(0.05, stop.set)

    await run([house.producer()], stop, background=[finish])


async def test_a_crash_leaves_the_log_free_for_the_next_start(house: House) -> None:
    with pytest.raises(WorkerCrashedError):
        await run([house.producer(), house.consumer(ignore)], asyncio.Event(), background=[failing])
    SqliteLog(house.path).close()


async def test_two_apps_of_one_service_are_refused(house: House) -> None:
    with pytest.raises(WorkerCrashedError, match="redline-matcher already reads"):
        await run([house.consumer(ignore), house.consumer(ignore)], asyncio.Event())


async def test_a_log_that_another_process_owns_is_named(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    owner = SqliteLog(house.path)
    with pytest.raises(LogLockedError, match="is in use by process"):
        await run([house.consumer(ignore)], asyncio.Event())
    owner.close()


async def test_streams_of_another_shape_are_named(house: House) -> None:
    log = SqliteLog(house.path)
    await log.create_stream(ARTICLES.name, ARTICLES.partitions + 1, ARTICLES.retention)
    log.close()
    with pytest.raises(StreamMismatchError, match=r"redline.articles.v1 has 9 partitions, this version needs 8"):
        await run([house.consumer(ignore)], asyncio.Event())


# -- fault 5: a failed send, and a full disk --------------------------------------------------------------------------


async def fill_the_disk(house: House) -> None:
    log = open_shared(house.path, "normal")
    await log._writer.submit(lambda connection: connection.execute("PRAGMA max_page_count = 1").fetchall())
    give_back(log)


async def test_a_full_disk_fails_the_send_and_ends_the_worker(house: House) -> None:
    producer = house.producer()
    failed: list[str] = []

    async def publish() -> None:
        await fill_the_disk(house)
        try:
            await StreamPublisher(producer).publish(ARTICLES, article(0, "x" * 100_000))
        except UnavailableError as error:
            failed.append(str(error))
        await asyncio.sleep(3600)

    with pytest.raises(WorkerCrashedError, match=r"redline-fetcher stopped: cannot write .*disk is full") as crash:
        await run([producer], asyncio.Event(), background=[publish])
    assert isinstance(crash.value.__cause__, LogWriteError)
    assert len(failed) == 1


async def test_a_message_whose_publish_failed_is_not_committed(house: House) -> None:
    await house.send(map(article, range(3)))
    app = house.consumer(ignore)
    publisher = StreamPublisher(app)

    async def relay(given: Article) -> None:
        await fill_the_disk(house)
        await publisher.publish(ARTICLES, article(9, "x" * 100_000))

    relaying = house.consumer(relay)
    publisher = StreamPublisher(relaying)
    with pytest.raises(WorkerCrashedError, match="disk is full"):
        await run([relaying], asyncio.Event())
    assert (house.committed(), house.letters()) == (0, [])


# -- fault 7: a consumer that stands still ----------------------------------------------------------------------------

STRICT = WorkerPolicy(grace_seconds=0.5, health=HealthPolicy(stuck_after_seconds=0.5, interval_seconds=0.05))


def stuck_for(seconds: float) -> Callable[[Article], Awaitable[None]]:
    async def handle(_: Article) -> None:
        await asyncio.sleep(seconds)

    return handle


async def test_a_stuck_consumer_ends_the_worker(house: House) -> None:
    await house.send([article(0)])
    app = house.consumer(stuck_for(60), HandlerPolicy(timeout_seconds=60))
    with pytest.raises(ConsumerStuckError, match=r"messages wait in redline.articles.v1/\d, but none was committed"):
        await run([app], asyncio.Event(), policy=STRICT)


async def test_a_consumer_without_messages_is_not_stuck(house: House) -> None:
    await house.send([article(0)])
    stop = asyncio.Event()

    async def later() -> None:
        await asyncio.sleep(1.0)
        stop.set()

    app = house.consumer(ignore)
    app.conf.broker_commit_interval = 0.1
    await run([app], stop, background=[later], policy=STRICT)


async def test_a_consumer_that_waits_for_a_dependency_is_not_stuck(house: House) -> None:
    await house.send([article(0)])
    stop = asyncio.Event()

    async def handle(_: Article) -> None:
        raise UnavailableError("no store")

    async def later() -> None:
        await asyncio.sleep(1.0)
        stop.set()

    await run([house.consumer(handle)], stop, background=[later], policy=STRICT)
