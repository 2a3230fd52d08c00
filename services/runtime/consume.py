"""Handling one stream with one handler: in order within a partition, concurrently across partitions.

Each message ends in one of three ways, and only the first two let the commit go past it:

- handled: the handler returned;
- dead letter: it is not the contract (UNDECODABLE), the handler refused it (REFUSED), raised (HANDLER_FAILED), or ran
  out of time on every attempt (HANDLER_TIMED_OUT), and the letter was published;
- left: the worker stopped, or the partition moved, while the message waited; it will be delivered again.

A dependency that cannot be reached is nobody's fault: the message waits, and its partition with it, for as long as the
worker runs. Nothing is skipped and nothing is reordered.

A partition is in order, and eight partitions together hide the latency of the publishes and commits that each handler
awaits; that is what makes a stage fast.
"""

import asyncio
import random
import time
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar, cast

import faust
import structlog
from faust.types import TP, EventT, Message, StreamT
from redis import exceptions as redis

from schemas.base import StreamContract
from schemas.codec import DecodeError, decode
from schemas.dead_letter import RejectReason
from schemas.streams import Stream
from services.runtime import metrics
from services.runtime.apps import topic
from services.runtime.faults import RejectError, UnavailableError
from services.runtime.strict_commit import StrictCommit

C = TypeVar("C", bound=StreamContract)
Handle = Callable[[C], Awaitable[None]]

logger = structlog.get_logger(__name__)

# Faults of a dependency, not of the message.
UNAVAILABLE = (
    UnavailableError,
    redis.ConnectionError,
    redis.TimeoutError,
    redis.BusyLoadingError,
)


class Rejections(Protocol):
    """Keeps what could not be handled."""

    async def reject(self, message: Message, reason: RejectReason, error: str) -> None:
        """Return once the message is kept as a dead letter."""
        ...


@dataclass(frozen=True)
class HandlerPolicy:
    """How long a handler may take, and how it is tried again. The timeout must be below the worker's grace period."""

    timeout_seconds: float = 20.0
    attempts: int = 3
    retry_first_seconds: float = 0.2
    retry_most_seconds: float = 30.0

    def delay(self, failures: int) -> float:
        """Return how long to wait after this many failures in a row: doubling, with jitter, bounded."""
        longest = min(self.retry_first_seconds * 2.0 ** min(failures - 1, 32), self.retry_most_seconds)
        return longest * random.uniform(0.5, 1.0)  # noqa: S311 - spreads retries, keeps no secret


def subscribe(
    app: faust.App,
    stream: Stream[C],
    handle: Handle[C],
    dead_letters: Rejections,
    policy: HandlerPolicy | None = None,
) -> None:
    """Let `handle` see every message of the stream, at least once. Call before the app starts."""
    subscription = _Subscription(app, stream, handle, dead_letters, policy or HandlerPolicy())
    app.agent(topic(app, stream), name=f"{app.conf.id}.{stream.name}", concurrency=1)(subscription.run)


class _Subscription(Generic[C]):
    """One stream of one app: a lane for each partition."""

    def __init__(
        self,
        app: faust.App,
        stream: Stream[C],
        handle: Handle[C],
        dead_letters: Rejections,
        policy: HandlerPolicy,
    ) -> None:
        self._app = app
        self._stream = stream
        self._handle = handle
        self._dead_letters = dead_letters
        self._policy = policy
        self._lanes: dict[TP, deque[Message]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._log = logger.bind(service=app.conf.id, stream=stream.name)
        self._settled = metrics.SETTLED.labels(app.conf.id, stream.name)
        self._handling = metrics.HANDLING.labels(app.conf.id, stream.name)

    async def run(self, stream: StreamT[bytes]) -> None:
        """Put each message into the lane of its partition. How many wait is bounded by StrictCommit."""
        try:
            async for event in stream.events():
                self._enqueue(cast("EventT[bytes]", event).message)
        finally:
            for task in self._tasks:
                task.cancel()

    def _enqueue(self, message: Message) -> None:
        lane = self._lanes.get(message.tp)
        if lane is not None:
            lane.append(message)
            return
        self._lanes[message.tp] = deque([message])
        task = asyncio.create_task(self._run_lane(message.tp))
        self._tasks.add(task)
        task.add_done_callback(self._lane_ended)

    def _lane_ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            # A fault of this module, not of a handler: better to stop than to leave a partition standing.
            self._app.add_future(self._app.crash(error))

    async def _run_lane(self, tp: TP) -> None:
        consumer = cast("StrictCommit", self._app.consumer)
        lane = self._lanes[tp]
        try:
            while lane:
                message = lane.popleft()
                # Refused when messages must be left: they are delivered again, in order.
                if consumer.begin(message):
                    await self._see_through(consumer, message)
        finally:
            del self._lanes[tp]

    async def _see_through(self, consumer: StrictCommit, message: Message) -> None:
        settled, began = False, time.monotonic()
        try:
            settled = await self._settle(consumer, message)
        finally:
            if settled:
                consumer.settle(message)
                self._settled.inc()
                self._handling.observe(time.monotonic() - began)
            else:
                consumer.leave(message)

    async def _settle(self, consumer: StrictCommit, message: Message) -> bool:
        """Handle the message or make it a dead letter; False if it must be left."""
        try:
            value = decode(self._stream.contract, message.value)
        except DecodeError as error:
            return await self._reject(consumer, message, RejectReason.UNDECODABLE, str(error))
        for attempt in range(1, self._policy.attempts + 1):
            try:
                return await self._while_available(consumer, message, lambda: self._handle_in_time(value))
            except _OutOfTimeError:
                self._log.warning("handler_timed_out", attempt=attempt, **_where(message))
                last = attempt == self._policy.attempts
                if not last and await consumer.sleep_unless_draining(self._policy.delay(attempt)):
                    return False
            except RejectError as error:
                return await self._reject(consumer, message, RejectReason.REFUSED, str(error))
            except Exception as error:  # noqa: BLE001 - whatever a handler raises, its message is kept
                self._log.exception("handler_failed", **_where(message))
                return await self._reject(
                    consumer, message, RejectReason.HANDLER_FAILED, f"{type(error).__name__}: {error}"
                )
        limit = f"no end within {self._policy.timeout_seconds:g} s, {self._policy.attempts} times"
        return await self._reject(consumer, message, RejectReason.HANDLER_TIMED_OUT, limit)

    async def _handle_in_time(self, value: C) -> None:
        scope = asyncio.timeout(self._policy.timeout_seconds)
        try:
            async with scope:
                await self._handle(value)
        except TimeoutError as error:
            # A handler may raise a TimeoutError of its own; only ours means that it took too long.
            if scope.expired():
                raise _OutOfTimeError from error
            raise

    async def _reject(self, consumer: StrictCommit, message: Message, reason: RejectReason, error: str) -> bool:
        metrics.DEAD_LETTERS.labels(self._app.conf.id, self._stream.name, reason.value).inc()
        return await self._while_available(consumer, message, lambda: self._dead_letters.reject(message, reason, error))

    async def _while_available(
        self, consumer: StrictCommit, message: Message, work: Callable[[], Awaitable[None]]
    ) -> bool:
        """Do the work once its dependencies are there: True when done, False if the message must be left."""
        failures = 0
        since = time.monotonic()
        while True:
            try:
                await work()
            except UNAVAILABLE as error:
                failures += 1
                if failures == 1:
                    self._log.warning("dependency_unavailable", error=str(error), **_where(message))
                consumer.wait_out(message)
                if await consumer.sleep_unless_draining(self._policy.delay(failures)):
                    return False
                continue
            if failures:
                waited = round(time.monotonic() - since, 1)
                self._log.info("dependency_available", waited_seconds=waited, **_where(message))
            return True


class _OutOfTimeError(Exception):
    """The handler took longer than the policy allows."""


def _where(message: Message) -> dict[str, Any]:
    return {"partition": message.partition, "offset": message.offset}
