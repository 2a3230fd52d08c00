"""A stream as an archive: read from its beginning to its present end, by tools beside the running services."""

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.errors import KafkaError
from yarl import URL

from schemas.streams import Stream
from services.runtime import kafka, sqlite_transport
from services.runtime.apps import BrokerConfig
from services.runtime.faults import UnavailableError
from services.runtime.sqlite_log import SqliteLog
from services.runtime.sqlite_reader import LogReader

BATCH_RECORDS = 500
BATCH_BYTES = 4 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Archived:
    """A message as it stands in its stream."""

    partition: int
    offset: int
    key: bytes | None
    value: bytes | None


async def read_stream(broker: BrokerConfig, stream: Stream[Any]) -> AsyncIterator[Archived]:
    """Yield every message that the stream holds now, in order within each partition; a log without it holds none."""
    source = _read_embedded(_path(broker), stream) if broker.embedded else _read_kafka(broker.url, stream)
    async with aclosing(source) as messages:
        async for message in messages:
            yield message


async def append(broker: BrokerConfig, stream: str, partition: int, key: bytes | None, value: bytes | None) -> None:
    """Put a message at the end of a partition. The embedded log must not be in use by another process."""
    if broker.embedded:
        log = SqliteLog(_path(broker))
        try:
            await log.append(stream, partition, key, value)
        finally:
            log.close()
        return
    await kafka.check_broker(broker.url)
    producer = AIOKafkaProducer(bootstrap_servers=kafka.addresses(broker.url), acks="all", enable_idempotence=True)
    await producer.start()
    try:
        await producer.send_and_wait(stream, value, key=key, partition=partition)
    except KafkaError as error:
        raise UnavailableError(f"cannot publish on {stream}: {error}") from error
    finally:
        await producer.stop()


def _path(broker: BrokerConfig) -> Path:
    path, _ = sqlite_transport.parse_url(URL(broker.url))
    return path


async def _read_embedded(path: Path, stream: Stream[Any]) -> AsyncGenerator[Archived, None]:
    if not path.exists():  # noqa: ASYNC240 - one look at a local file
        return
    with LogReader(path) as reader:
        for lane in [lane for lane in reader.lanes() if lane.stream == stream.name]:
            offset, end = reader.low(lane), reader.high(lane)
            while offset < end:
                records = reader.read(lane, offset, BATCH_RECORDS, BATCH_BYTES)
                for record in records:
                    yield Archived(record.partition, record.offset, record.key, record.value)
                offset = records[-1].offset + 1 if records else end


async def _read_kafka(url: str, stream: Stream[Any]) -> AsyncGenerator[Archived, None]:
    await kafka.check_broker(url)
    consumer = AIOKafkaConsumer(bootstrap_servers=kafka.addresses(url), enable_auto_commit=False)
    await consumer.start()
    try:
        partitions = [TopicPartition(stream.name, number) for number in range(stream.partitions)]
        consumer.assign(partitions)
        await consumer.seek_to_beginning(*partitions)
        ends = await consumer.end_offsets(partitions)
        unread = {tp for tp in partitions if await consumer.position(tp) < ends[tp]}
        while unread:
            for tp, records in (await consumer.getmany(*unread, timeout_ms=1000, max_records=BATCH_RECORDS)).items():
                for record in records:
                    if record.offset < ends[tp]:
                        yield Archived(record.partition, record.offset, record.key, record.value)
            unread = {tp for tp in unread if await consumer.position(tp) < ends[tp]}
    except KafkaError as error:
        raise UnavailableError(f"cannot read {stream.name}: {error}") from error
    finally:
        await consumer.stop()
