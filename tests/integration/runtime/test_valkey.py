import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from redis.exceptions import ConnectionError as ValkeyConnectionError

from services.runtime.embedded_valkey import EmbeddedValkey
from services.runtime.faults import UnavailableError
from services.runtime.valkey import RedisUrlError, check, client_url, connect


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[EmbeddedValkey]:
    async with EmbeddedValkey(tmp_path) as running:
        yield running


async def test_it_speaks_bytes(server: EmbeddedValkey) -> None:
    async with connect(server.url) as client:
        await client.zadd("z", {"a": 1.5})
        assert await client.zrange("z", 0, -1, withscores=True) == [(b"a", 1.5)]


async def test_a_server_that_answers_passes_the_check(server: EmbeddedValkey) -> None:
    await check(server.url)


@pytest.mark.parametrize(
    "url", ["redis://user:hunter2@127.0.0.1:1/0", "valkey://:hunter2@127.0.0.1:1", "unix:///nowhere/valkey.sock"]
)
async def test_a_server_that_does_not_answer_is_named_without_its_password(url: str) -> None:
    with pytest.raises(UnavailableError) as caught:
        await check(url)
    assert "127.0.0.1:1" in str(caught.value) or "/nowhere/valkey.sock" in str(caught.value)
    assert "Check redis_url" in str(caught.value)
    assert "hunter2" not in str(caught.value)


async def test_a_wrong_password_fails_at_once_and_is_not_shown(server: EmbeddedValkey) -> None:
    async with connect(server.url) as admin:
        await admin.config_set("requirepass", "right")
        with pytest.raises(UnavailableError) as caught:
            await check(f"{server.url}?password=hunter2")
    assert "WRONGPASS" in str(caught.value) or "invalid username-password" in str(caught.value)
    assert "hunter2" not in str(caught.value)


async def test_a_client_outlasts_a_restart_of_the_server(tmp_path: Path) -> None:
    async with EmbeddedValkey(tmp_path) as server:
        url = server.url
        client = connect(url, pauses_s=(0.05,) * 200)
        await client.set("k", "v")
    await asyncio.sleep(0.05)  # lets the client see that its idle connection was closed
    reading = asyncio.ensure_future(client.get("k"))
    await asyncio.sleep(0.1)
    assert not reading.done()
    async with EmbeddedValkey(tmp_path):
        assert await reading == b"v"
        await client.aclose()


async def test_a_command_whose_reply_got_lost_is_not_sent_twice(tmp_path: Path) -> None:
    """Or else `SET ... NX` would say that somebody else did what this very client has done."""
    commands: list[bytes] = []

    async def lose_the_reply(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(4096):
            if b"INCR" in data:
                commands.append(data)
                break
            writer.write(b"+OK\r\n" * data.count(b"*"))
        writer.close()

    path = tmp_path / "s.sock"
    async with await asyncio.start_unix_server(lose_the_reply, path):
        async with connect(f"unix://{path}", pauses_s=(0.01, 0.01)) as client:
            with pytest.raises(ValkeyConnectionError):
                await client.incr("k")
    assert len(commands) == 1


@pytest.mark.parametrize(
    ("written", "understood"),
    [
        ("redis://h:1/2", "redis://h:1/2"),
        ("rediss://h", "rediss://h"),
        ("valkey://u:p@h:1/2", "redis://u:p@h:1/2"),
        ("valkeys://h", "rediss://h"),
        ("unix:///a/b.sock?db=1", "unix:///a/b.sock?db=1"),
    ],
)
def test_schemes(written: str, understood: str) -> None:
    assert client_url(written) == understood


@pytest.mark.parametrize(
    ("url", "complaint"),
    [
        ("http://h:1", "the scheme must be one of redis://, rediss://, unix://, valkey://"),
        ("localhost:6379", "the scheme must be one of"),
        ("", "the scheme must be one of"),
        ("redis://", "the host or port is missing"),
        ("redis://h:port", "[Pp]ort"),
        ("redis://h/db", "the database must be a number"),
        ("unix://relative/path", "write unix:///absolute/path"),
        ("mysql://u:hunter2@h", "the scheme"),
    ],
)
def test_what_cannot_be_an_address_is_refused(url: str, complaint: str) -> None:
    with pytest.raises(RedisUrlError, match=complaint) as caught:
        connect(url)
    assert "redis_url" in str(caught.value)
    assert "hunter2" not in str(caught.value)
