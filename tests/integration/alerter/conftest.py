"""A real Valkey on a unix socket for the ledger's tests: one server a run, one namespace a test."""

import subprocess
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import cast
from uuid import uuid4

import pytest
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from alerts.delivery import DeliveryLedger
from services.alerter.ledger import ValkeyDeliveryLedger
from services.runtime.embedded_valkey import find_binary
from tests.fake_ledger import InMemoryDeliveryLedger


@pytest.fixture(scope="session")
def valkey_socket() -> Iterator[Path]:
    # Not tmp_path: a socket's path may have about 100 characters.
    with tempfile.TemporaryDirectory(prefix="redline-") as folder:
        socket = Path(folder) / "s"
        command = [str(find_binary()), "--port", "0", "--unixsocket", str(socket), "--save", "", "--dir", folder]
        server = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        try:
            deadline = time.monotonic() + 10
            while not socket.exists():
                assert server.poll() is None
                assert time.monotonic() < deadline
                time.sleep(0.01)
            yield socket
        finally:
            server.terminate()
            server.wait(timeout=10)


@pytest.fixture
async def client(valkey_socket: Path) -> AsyncIterator[Redis]:
    redis = Redis(unix_socket_path=str(valkey_socket), protocol=2, retry=Retry(NoBackoff(), 0))
    yield redis
    await redis.aclose()


@pytest.fixture
def namespace() -> str:
    return f"test-{uuid4().hex}"


@pytest.fixture
def valkey_ledger(client: Redis, namespace: str) -> ValkeyDeliveryLedger:
    return ValkeyDeliveryLedger(client, namespace=namespace)


@pytest.fixture(params=["in memory", "valkey"])
def ledger(request: pytest.FixtureRequest) -> DeliveryLedger:
    if request.param == "in memory":
        return InMemoryDeliveryLedger()
    return cast("DeliveryLedger", request.getfixturevalue("valkey_ledger"))
