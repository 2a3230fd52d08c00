"""Faust apps as Redline needs them: one a service, the same on both brokers."""

import asyncio
from dataclasses import dataclass
from typing import Any

import faust
from faust.tables.manager import TableManager
from faust.types import TopicT
from yarl import URL

from schemas.streams import STREAMS, Stream
from services.runtime import kafka, sqlite_transport
from services.runtime.faults import BrokerUrlError
from services.runtime.sqlite_log import close_shared, open_shared


@dataclass(frozen=True)
class BrokerConfig:
    """Where the streams are: `sqlite:///absolute/path/log.db` or `kafka://host:port,host:port`.

    `synchronous` (full: survives power loss; normal: survives a crash of the process) is for the embedded log, the
    other two are for Kafka, when streams are created.
    """

    url: str
    synchronous: str = "full"
    replication_factor: int = 1
    min_insync_replicas: int = 1

    @property
    def scheme(self) -> str:
        """`sqlite` or `kafka`."""
        return self.url.partition("://")[0]

    @property
    def embedded(self) -> bool:
        """Whether the streams are in a file of this process."""
        return self.scheme == "sqlite"


class NoTables(TableManager):
    """Starts at once: Faust waits a second for tables to be declared, and Redline has none."""

    async def on_start(self) -> None:
        """Open the way for the subscription, which waits until tables are known."""
        await self._update_channels()
        await self.recovery.start()


class FixedSettings(faust.Settings):
    """Faust's settings, deaf to the environment, which would win over what is said here."""

    def getenv(self, env_name: str) -> Any:
        """Return nothing, whatever the environment says."""
        return None


class RedlineApp(faust.App):
    """A Faust app that finds its streams created, and leaves no directories behind."""

    Settings = FixedSettings
    broker: BrokerConfig

    async def on_start(self) -> None:
        """Start as Faust does; but it would make a consumer even for an app that only produces."""
        if self.producer_only:
            self.finalize()
        else:
            await super().on_start()

    async def on_first_start(self) -> None:
        """Create the streams. Faust would make a directory for tables here; Redline has no tables."""
        if not self.broker.embedded:
            await kafka.create_streams(
                self.broker.url,
                STREAMS,
                replication_factor=self.broker.replication_factor,
                min_insync_replicas=self.broker.min_insync_replicas,
            )
            return
        path, synchronous = sqlite_transport.parse_url(_sqlite_url(self.broker))
        log = await asyncio.to_thread(open_shared, path, synchronous)
        try:
            for stream in STREAMS:
                await log.create_stream(stream.name, stream.partitions, stream.retention)
        finally:
            await asyncio.to_thread(close_shared, log)


def create_app(service: str, broker: BrokerConfig, *, producer_only: bool = False) -> RedlineApp:
    """Return the app of a service; its consumer group is `redline-<service>`. Raises BrokerUrlError."""
    urls = _urls(broker)
    app = RedlineApp(
        f"redline-{service}",
        broker=urls,
        broker_commit_interval=0.5,
        # A partition that waits for a dependency is paused here; the broker must not think the consumer dead.
        broker_max_poll_interval=3600.0,
        # The partitions of a worker that was killed wait this long for another.
        broker_session_timeout=20.0,
        broker_heartbeat_interval=3.0,
        broker_max_poll_records=500,
        consumer_auto_offset_reset="earliest",
        consumer_max_fetch_size=kafka.MAX_MESSAGE_BYTES,
        producer_max_request_size=kafka.MAX_MESSAGE_BYTES,
        key_serializer="raw",
        value_serializer="raw",
        processing_guarantee="at_least_once",
        stream_wait_empty=True,
        topic_disable_leader=True,
        topic_replication_factor=broker.replication_factor,
        topic_allow_declare=False,
        autodiscover=False,
        web_enabled=False,
        store="memory://",
        TableManager=NoTables,
    )
    app.broker = broker
    app.producer_only = producer_only
    transport = sqlite_transport.Transport if broker.embedded else kafka.Transport
    app.transport = transport(urls, app)
    return app


def topic(app: faust.App, stream: Stream[Any]) -> TopicT:
    """Return the app's Faust topic for a stream, raw bytes in and out."""
    return app.topic(
        stream.name,
        key_type=bytes,
        value_type=bytes,
        key_serializer="raw",
        value_serializer="raw",
        partitions=stream.partitions,
        retention=stream.retention,
    )


def _urls(broker: BrokerConfig) -> list[URL]:
    if broker.embedded:
        url = _sqlite_url(broker)
        sqlite_transport.parse_url(url)
        return [url]
    if broker.scheme != "kafka":
        raise BrokerUrlError(f"broker_url {broker.url} must begin with sqlite:/// or kafka://")
    return [URL(f"kafka://{address}") for address in kafka.addresses(broker.url)]


def _sqlite_url(broker: BrokerConfig) -> URL:
    url = URL(broker.url)
    return url if "synchronous" in url.query else url.update_query(synchronous=broker.synchronous)
