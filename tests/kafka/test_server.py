import uuid

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import UnknownTopicOrPartitionError

from tests.kafka.server import KafkaServer

pytestmark = pytest.mark.kafka


async def create(bootstrap: str, partitions: int = 1) -> str:
    name = f"test.{uuid.uuid4().hex}"
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        await admin.create_topics([NewTopic(name, partitions, 1)])
    finally:
        await admin.close()
    return name


async def produce(bootstrap: str, stream: str, *values: bytes) -> None:
    async with AIOKafkaProducer(bootstrap_servers=bootstrap, acks="all") as producer:
        for value in values:
            await producer.send_and_wait(stream, value)


async def consume(bootstrap: str, stream: str, count: int, **options: object) -> list[bytes]:
    consumer = AIOKafkaConsumer(stream, bootstrap_servers=bootstrap, auto_offset_reset="earliest", **options)
    async with consumer:
        values = [(await consumer.getone()).value for _ in range(count)]
        if "group_id" in options:
            await consumer.commit()
    return values


async def test_what_is_produced_is_consumed(kafka: str) -> None:
    stream = await create(kafka)
    await produce(kafka, stream, b"a", b"b")
    assert await consume(kafka, stream, 2) == [b"a", b"b"]


async def test_a_stream_that_was_not_declared_does_not_appear(kafka: str) -> None:
    stream = await create(kafka, partitions=8)
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka)
    await admin.start()
    try:
        known, unknown = await admin.describe_topics([stream, f"{stream}.unknown"])
    finally:
        await admin.close()
    assert len(known["partitions"]) == 8
    assert unknown["error_code"] == UnknownTopicOrPartitionError.errno


async def test_data_and_offsets_survive_a_restart(kafka_server: KafkaServer) -> None:
    bootstrap = kafka_server.bootstrap
    stream = await create(bootstrap)
    await produce(bootstrap, stream, b"a", b"b", b"c")
    options = {"group_id": f"group.{stream}", "enable_auto_commit": False}
    assert await consume(bootstrap, stream, 2, max_poll_records=2, **options) == [b"a", b"b"]
    kafka_server.restart()
    assert kafka_server.bootstrap == bootstrap
    assert await consume(bootstrap, stream, 1, **options) == [b"c"]


async def test_what_was_acknowledged_survives_kill_9(kafka_server: KafkaServer) -> None:
    stream = await create(kafka_server.bootstrap)
    await produce(kafka_server.bootstrap, stream, b"a")
    kafka_server.kill()
    kafka_server.start()
    async with AIOKafkaConsumer(bootstrap_servers=kafka_server.bootstrap) as consumer:
        end = await consumer.end_offsets([TopicPartition(stream, 0)])
    assert list(end.values()) == [1]
    assert await consume(kafka_server.bootstrap, stream, 1) == [b"a"]
