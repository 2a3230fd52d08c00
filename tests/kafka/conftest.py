import os
from collections.abc import Iterator

import pytest

from tests.kafka.prepare import why_unavailable
from tests.kafka.server import KafkaServer


@pytest.fixture(scope="session")
def kafka_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KafkaServer]:
    """A real Kafka for the session, to restart or kill. Skips where there is none, and fails where CI is set."""
    if (reason := why_unavailable()) is not None:
        if os.environ.get("CI"):
            pytest.fail(f"no Kafka in CI: {reason}")
        pytest.skip(f"no Kafka: {reason}")
    server = KafkaServer(tmp_path_factory.mktemp("kafka"))
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def kafka(kafka_server: KafkaServer) -> str:
    """The bootstrap address of a real Kafka, `host:port`."""
    return kafka_server.bootstrap
