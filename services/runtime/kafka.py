"""The Kafka transport: Faust's own driver, with strict commits and with sends that only return once they are safe.

An app is given this transport by `create_app`; the scheme `kafka://` stays Faust's own for everybody else.
"""

import asyncio
from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import KafkaError, TopicAlreadyExistsError, for_code
from faust.transport.drivers import aiokafka as driver
from faust.types.transports import ConsumerT, ProducerT
from faust.utils.urls import urllist

from schemas.streams import Stream
from services.runtime.faults import BrokerUnreachableError, StreamMismatchError, UnavailableError
from services.runtime.strict_commit import StrictCommit

DEFAULT_PORT = 9092
CHECK_TIMEOUT_SECONDS = 5.0
# An article with its text, twice: once as itself, once in base64 within a dead letter.
MAX_MESSAGE_BYTES = 8 * 1024 * 1024


class Consumer(StrictCommit, driver.Consumer):
    """Faust's Kafka consumer; commits only what was settled."""


class Producer(driver.Producer):
    """Faust's Kafka producer; a send returns once every in-sync replica has it, and is never stored twice."""

    def _settings_extra(self) -> Mapping[str, Any]:
        return {"acks": "all", "enable_idempotence": True}


class Transport(driver.Transport):
    """Kafka with strict commits and safe sends."""

    Consumer: ClassVar[type[ConsumerT]] = Consumer
    Producer: ClassVar[type[ProducerT]] = Producer


def addresses(url: str) -> list[str]:
    """Return `host:port` of every broker in a URL such as `kafka://a:9092,b:9092`."""
    return driver.server_list(urllist(url, default_scheme="kafka"), DEFAULT_PORT)


async def check_broker(url: str, timeout: float = CHECK_TIMEOUT_SECONDS) -> None:
    """Return if a broker answers within `timeout` seconds, else raise BrokerUnreachableError."""
    admin = await _connect(url, timeout)
    await admin.close()


async def create_streams(
    url: str, streams: Iterable[Stream[Any]], *, replication_factor: int, min_insync_replicas: int
) -> None:
    """Create the streams that the broker does not have, and check the partitions of those it has."""
    admin = await _connect(url, CHECK_TIMEOUT_SECONDS)
    try:
        wanted = {stream.name: stream for stream in streams}
        present = set(await admin.list_topics())
        missing = [stream for name, stream in wanted.items() if name not in present]
        if missing:
            topics = [_topic(stream, replication_factor, min_insync_replicas) for stream in missing]
            _check_created(await admin.create_topics(topics))
        found = await admin.describe_topics([name for name in wanted if name in present])
        for topic in found:
            stream = wanted[topic["topic"]]
            if len(topic["partitions"]) != stream.partitions:
                raise StreamMismatchError(stream.name, len(topic["partitions"]), stream.partitions)
    except KafkaError as error:
        raise UnavailableError(f"cannot create the streams at {', '.join(addresses(url))}: {error}") from error
    finally:
        await admin.close()


def _topic(stream: Stream[Any], replication_factor: int, min_insync_replicas: int) -> NewTopic:
    return NewTopic(
        stream.name,
        stream.partitions,
        replication_factor,
        topic_configs={
            "cleanup.policy": "delete",
            "retention.ms": str(int(stream.retention.total_seconds() * 1000)),
            "min.insync.replicas": str(min_insync_replicas),
            "max.message.bytes": str(MAX_MESSAGE_BYTES),
        },
    )


def _check_created(response: Any) -> None:
    for name, code, *reason in response.topic_errors:
        # Services start together; whoever comes second finds the stream there.
        if code and code != TopicAlreadyExistsError.errno:
            raise for_code(code)(f"{name}: {reason[0] if reason else code}")


async def _connect(url: str, timeout: float) -> AIOKafkaAdminClient:
    servers = addresses(url)
    admin = AIOKafkaAdminClient(bootstrap_servers=servers, request_timeout_ms=int(timeout * 1000))
    try:
        await asyncio.wait_for(admin.start(), timeout)
    except (KafkaError, OSError, TimeoutError) as error:
        await admin.close()
        cause = "no answer" if isinstance(error, TimeoutError) else str(error)
        raise BrokerUnreachableError(", ".join(servers), cause or type(error).__name__) from error
    return admin
