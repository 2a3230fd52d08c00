"""Running the apps of one process until they are told to stop, or one of them dies.

The apps are started directly, not through `faust.Worker`: that one wants to own the event loop and the process (it
closes the loop, configures logging, changes the directory, prints a banner, sleeps two seconds at the end), holds only
one set of apps in its life, and turns a crash into a log line. Here the loop is the caller's, so that tests and the
demo can run a worker more than once, background tasks live beside the apps, and a crash is an exception with its cause.
"""

import asyncio
import inspect
import signal
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from typing import Any

import faust
import structlog

from services.runtime.faults import RuntimeFaultError, WorkerCrashedError
from services.runtime.health import HealthPolicy, watch_commits

logger = structlog.get_logger(__name__)

OnReady = Callable[[], Awaitable[None] | None]
Background = Callable[[], Awaitable[None]]

GRACE_SECONDS = 30.0
# A Faust service may be marked as crashed from another thread, which wakes nobody here.
CRASH_POLL_SECONDS = 1.0
# After the grace period: how long the apps may take to let go of what they hold.
CUT_SHORT_SECONDS = 5.0


@dataclass(frozen=True)
class WorkerPolicy:
    """How a worker stops, and when it thinks that a consumer is stuck."""

    grace_seconds: float = GRACE_SECONDS
    health: HealthPolicy = field(default_factory=HealthPolicy)


async def run_worker(
    apps: Sequence[faust.App],
    *,
    stop: asyncio.Event,
    on_ready: OnReady | None = None,
    background: Sequence[Background] = (),
    handle_signals: bool = True,
    policy: WorkerPolicy | None = None,
) -> None:
    """Run the apps and background tasks until `stop` is set or SIGINT or SIGTERM arrives, then stop gracefully.

    Apps that consume start first, together; those that only produce start when all of them are ready; background tasks
    after that. They stop the other way round, within the grace period; a second signal ends it at once. Raises the
    RuntimeFaultError that kept an app from starting, or WorkerCrashedError if an app or background task died.
    """
    policy = policy or WorkerPolicy()
    hurry = asyncio.Event()
    tasks: list[asyncio.Task[None]] = []
    with _signals(stop, hurry) if handle_signals else nullcontext():
        try:
            await _start(apps, stop)
            if not stop.is_set():
                tasks = [asyncio.create_task(_run(work), name=_name(work)) for work in background]
                tasks.append(asyncio.create_task(watch_commits(apps, policy.health)))
                await _announce(on_ready)
                await _until_stopped(apps, tasks, stop)
        finally:
            await _stop(apps, tasks, policy.grace_seconds, hurry)


async def _start(apps: Sequence[faust.App], stop: asyncio.Event) -> None:
    for producers_only in (False, True):
        starting = [_start_app(app) for app in apps if bool(app.producer_only) is producers_only]
        if stop.is_set():
            for start in starting:
                start.close()
            return
        results = await asyncio.gather(*starting, return_exceptions=True)
        for error in results:
            if isinstance(error, BaseException):
                raise error
    _raise_crash(apps)


async def _start_app(app: faust.App) -> None:
    try:
        await app.start()
    except RuntimeFaultError:
        raise
    except Exception as error:
        raise WorkerCrashedError(app.conf.id, error) from error


async def _announce(on_ready: OnReady | None) -> None:
    answer = on_ready() if on_ready is not None else None
    if inspect.isawaitable(answer):
        await answer


async def _run(work: Background) -> None:
    await work()


def _name(work: Background) -> str:
    return str(getattr(work, "__qualname__", work))


async def _until_stopped(apps: Sequence[faust.App], tasks: Sequence[asyncio.Task[None]], stop: asyncio.Event) -> None:
    # The events themselves: Service.wait_until_stopped, when cancelled, leaves tasks of its own behind.
    endings = [asyncio.create_task(event.wait()) for app in apps for event in (app._stopped, app._crashed)]
    waiting: list[asyncio.Task[Any]] = [asyncio.create_task(stop.wait()), *endings]
    try:
        while not stop.is_set():
            running = {*waiting, *(task for task in tasks if not task.done())}
            await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED, timeout=CRASH_POLL_SECONDS)
            _raise_crash(apps)
            _raise_failure(tasks)
            for app in apps:
                if app._stopped.is_set():
                    raise WorkerCrashedError(app.conf.id, RuntimeError("it stopped by itself"))
    finally:
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)


def _raise_crash(apps: Sequence[faust.App]) -> None:
    for app in apps:
        if app.crashed:
            raise WorkerCrashedError(app.conf.id, app.crash_reason) from app.crash_reason


def _raise_failure(tasks: Sequence[asyncio.Task[None]]) -> None:
    for task in tasks:
        if not task.done() or task.cancelled():
            continue
        error = task.exception()
        if isinstance(error, WorkerCrashedError):
            raise error
        if error is not None:
            raise WorkerCrashedError(f"background task {task.get_name()}", error) from error


async def _stop(
    apps: Sequence[faust.App], tasks: Sequence[asyncio.Task[None]], grace_seconds: float, hurry: asyncio.Event
) -> None:
    for task in tasks:
        task.cancel()
    stopping = asyncio.create_task(_stop_all(apps, tasks))
    hurrying = asyncio.create_task(hurry.wait())
    first: set[asyncio.Task[Any]] = {stopping, hurrying}
    await asyncio.wait(first, timeout=grace_seconds, return_when=asyncio.FIRST_COMPLETED)
    hurrying.cancel()
    if not stopping.done():
        # What is not committed is delivered again at the next start, so cutting handlers off is safe.
        logger.warning("stop_cut_short", grace_seconds=grace_seconds)
        for app in apps:
            if not app.crashed:
                await app.crash(TimeoutError("its handlers did not end in time"))
        await asyncio.wait({stopping}, timeout=CUT_SHORT_SECONDS)
    stopping.cancel()
    await asyncio.gather(stopping, return_exceptions=True)


async def _stop_all(apps: Sequence[faust.App], tasks: Sequence[asyncio.Task[None]]) -> None:
    await asyncio.gather(*tasks, return_exceptions=True)
    results = await asyncio.gather(*(app.stop() for app in apps), return_exceptions=True)
    for app, result in zip(apps, results, strict=True):
        if isinstance(result, BaseException):
            logger.error("stop_failed", service=app.conf.id, error=str(result))


@contextmanager
def _signals(stop: asyncio.Event, hurry: asyncio.Event) -> Iterator[None]:
    def on_signal() -> None:
        (hurry if stop.is_set() else stop).set()

    loop = asyncio.get_running_loop()
    handled = (signal.SIGINT, signal.SIGTERM)
    for number in handled:
        loop.add_signal_handler(number, on_signal)
    try:
        yield
    finally:
        for number in handled:
            loop.remove_signal_handler(number)
