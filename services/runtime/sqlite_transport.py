"""A Faust transport on the embedded log: `sqlite:///absolute/path/log.db?synchronous=full`.

Faust finds it through the `faust.transports` entry point. Partitions are chosen as Kafka's clients choose them, every
partition of a subscribed stream is assigned to the one consumer of the group, and an append wakes consumers at once.

Faust 0.15.3 is pinned because of what is used here beyond its documented interface: `App.on_rebalance_start`,
`App.consumer_generation_id` and the `_read_offset` of a consumer. tests/integration/runtime/test_faust_touch_points.py
fails when one of them changes.
"""

import asyncio
from collections.abc import Awaitable, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any, ClassVar, cast
from urllib.parse import unquote

from faust.transport import base
from faust.types import TP, HeadersArg, RecordMetadata
from faust.types.transports import ConsumerT, ProducerT
from mode import Seconds, want_seconds
from yarl import URL

from services.runtime.faults import BrokerUrlError, LogWriteError
from services.runtime.sqlite_consumer import Consumer
from services.runtime.sqlite_log import Appended, SqliteLog, Synchronous, close_shared, open_shared
from services.runtime.sqlite_partitions import CREATE_TIME, partition_for
from services.runtime.sqlite_writer import Listener

FOR_EVER = timedelta(days=36_500)


def parse_url(url: URL) -> tuple[Path, Synchronous]:
    """Return the file and durability that a broker URL names, else raise BrokerUrlError."""
    if url.scheme != "sqlite" or url.host or not url.raw_path.strip("/"):
        raise BrokerUrlError(f"broker_url {url} must look like sqlite:///absolute/path/log.db")
    synchronous = url.query.get("synchronous", "full").lower()
    if synchronous not in ("full", "normal"):
        raise BrokerUrlError(f"broker_url: synchronous={synchronous} must be full or normal")
    unknown = sorted(set(url.query) - {"synchronous"})
    if unknown:
        raise BrokerUrlError(f"broker_url: unknown option {unknown[0]}; only synchronous is known")
    return Path(unquote(url.raw_path)), cast("Synchronous", synchronous)


class Producer(base.Producer):
    """Appends to the log, runs its retention on a schedule, and ends the app when the log cannot be written."""

    transport: "Transport"
    _log: SqliteLog | None = None
    _listener: Listener | None = None

    async def on_start(self) -> None:
        """Open the log."""
        self._log = await self.transport.open_log()
        self._listener = Listener(asyncio.get_running_loop(), on_failure=self._on_log_failure)
        self._log.listen(self._listener)
        await super().on_start()

    async def on_stop(self) -> None:
        """Close the log."""
        await super().on_stop()
        log, self._log = self._log, None
        if log is None:
            return
        if self._listener is not None:
            log.unlisten(self._listener)
        await self.transport.close_log(log)

    def _on_log_failure(self, failure: LogWriteError) -> None:
        self.add_future(self.crash(failure))

    @base.Producer.task
    async def _retain(self) -> None:
        while not self.should_stop:
            await self.sleep(self.transport.retention_seconds)
            if not self.should_stop:
                await self._opened().enforce_retention()

    async def send(  # noqa: PLR0917 - Faust's signature
        self,
        topic: str,
        key: bytes | None,
        value: bytes | None,
        partition: int | None,
        timestamp: float | None,
        headers: HeadersArg | None,
        *,
        transactional_id: str | None = None,
    ) -> Awaitable[RecordMetadata]:
        """Queue a message; what is returned resolves once it is durable."""
        sent: asyncio.Future[RecordMetadata] = asyncio.get_running_loop().create_future()
        appended = self._append(topic, key, value, partition, timestamp, headers)
        appended.add_done_callback(lambda done: _pass_on(done, sent))
        return sent

    async def send_and_wait(  # noqa: PLR0917 - Faust's signature
        self,
        topic: str,
        key: bytes | None,
        value: bytes | None,
        partition: int | None,
        timestamp: float | None,
        headers: HeadersArg | None,
        *,
        transactional_id: str | None = None,
    ) -> RecordMetadata:
        """Append a message, and return once it is durable."""
        return _metadata(await self._append(topic, key, value, partition, timestamp, headers))

    def _append(  # noqa: PLR0917 - the same
        self,
        stream: str,
        key: bytes | None,
        value: bytes | None,
        partition: int | None,
        timestamp: float | None,
        headers: HeadersArg | None,
    ) -> asyncio.Future[Appended]:
        pairs = headers.items() if isinstance(headers, Mapping) else headers or ()
        return self._opened().append(
            stream,
            self.key_partition(stream, key).partition if partition is None else partition,
            key,
            value,
            headers=[(name, content) for name, content in pairs],
            timestamp_ms=None if timestamp is None else int(timestamp * 1000),
        )

    async def flush(self) -> None:
        """Return once every message sent before is durable."""
        await self.buffer.flush()
        if self._log is not None and self._log.failure is None:
            await self._log.flush()

    async def create_topic(
        self, topic: str, partitions: int, replication: int, *, retention: Seconds | None = None, **_: Any
    ) -> None:
        """Make sure that the stream exists. One machine keeps one replica, whatever is asked for."""
        await self.transport.create_stream(self._opened(), topic, partitions, retention)

    def key_partition(self, topic: str, key: bytes | None) -> TP:
        """Return the partition of this key."""
        partitions = self._opened().partitions(topic)
        if partitions is None:
            raise KeyError(f"there is no stream {topic}")
        return TP(topic, partition_for(key, partitions))

    def supports_headers(self) -> bool:
        """Headers are kept."""
        return True

    def _opened(self) -> SqliteLog:
        if self._log is None:
            raise RuntimeError("the producer is not started")
        return self._log


class Transport(base.Transport):
    """The embedded log, shared by all apps of the process."""

    Consumer: ClassVar[type[ConsumerT]] = Consumer
    Producer: ClassVar[type[ProducerT]] = Producer

    driver_version = "sqlite"
    retention_seconds = 600.0

    async def open_log(self) -> SqliteLog:
        """Open the log of this URL, or share the one that is open. Needs its `close_log`."""
        path, synchronous = parse_url(self.url[0])
        return await asyncio.to_thread(open_shared, path, synchronous)

    async def close_log(self, log: SqliteLog) -> None:
        """Give up one use of the log."""
        await asyncio.to_thread(close_shared, log)

    async def create_stream(self, log: SqliteLog, name: str, partitions: int, retention: Seconds | None) -> None:
        """Make sure that the stream exists. Without a retention, messages are kept for ever."""
        kept = FOR_EVER if retention is None else timedelta(seconds=want_seconds(retention))
        await log.create_stream(name, partitions, kept)


def _metadata(appended: Appended) -> RecordMetadata:
    return RecordMetadata(
        appended.stream,
        appended.partition,
        TP(appended.stream, appended.partition),
        appended.offset,
        appended.timestamp_ms / 1000,
        CREATE_TIME,
    )


def _pass_on(done: asyncio.Future[Appended], sent: asyncio.Future[RecordMetadata]) -> None:
    if sent.done():
        return
    error = done.exception()
    if error is None:
        sent.set_result(_metadata(done.result()))
    else:
        sent.set_exception(error)
