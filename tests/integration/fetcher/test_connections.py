"""Which connections are used again, and which are given up."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from services.fetcher import connections
from services.fetcher.answers import Failed, FailureReason, Fetched, FetchResult
from services.fetcher.client import FeedClient
from services.fetcher.policy import FetchPolicy
from tests.fakes import FakeClock

MOVED = b"HTTP/1.1 302 Said\r\nLocation: /feed\r\nContent-Length: 5\r\n\r\nmoved"
FEED = b"HTTP/1.1 200 Said\r\nContent-Length: 6\r\n\r\n<rss/>"
LONG = b"HTTP/1.1 200 Said\r\nContent-Length: 3000\r\n\r\n" + b"x" * 3000


class KeepAlive:
    """A server that leaves connections open. On each it answers `lasts` requests, and hangs up on the next."""

    def __init__(self, answer: bytes = FEED, lasts: int = 1000, hangs_up_idle: bool = False) -> None:
        self.opened = self.open_now = 0
        self.port = 0
        self._answer, self._lasts, self._hangs_up_idle = answer, lasts, hangs_up_idle

    def url(self, path: str = "/feed") -> str:
        return f"http://127.0.0.1:{self.port}{path}"

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.opened += 1
        self.open_now += 1
        try:
            for _ in range(self._lasts):
                head = await reader.readuntil(b"\r\n\r\n")
                writer.write(MOVED if head.startswith(b"GET /old ") else self._answer)
            if not self._hangs_up_idle:
                await reader.readuntil(b"\r\n\r\n")
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            self.open_now -= 1
            writer.close()


@asynccontextmanager
async def serving(server: KeepAlive) -> AsyncIterator[KeepAlive]:
    listener = await asyncio.start_server(server.handle, "127.0.0.1", 0)
    server.port = listener.sockets[0].getsockname()[1]
    try:
        yield server
    finally:
        listener.close()
        await listener.wait_closed()


@pytest.fixture
async def client() -> AsyncIterator[FeedClient]:
    client = FeedClient(FetchPolicy(allow_private=True, timeout_seconds=5.0, max_body_bytes=2000), FakeClock())
    yield client
    await client.aclose()


async def fetched(result: FetchResult) -> None:
    assert isinstance(result, Fetched), result
    assert result.body == b"<rss/>"


async def test_a_redirect_and_the_next_feed_of_a_host_share_a_connection(client: FeedClient) -> None:
    async with serving(KeepAlive()) as server:
        await fetched(await client.fetch(server.url("/old")))
        await fetched(await client.fetch(server.url("/another")))
        assert server.opened == 1
        await client.aclose()


async def test_requests_at_once_have_connections_of_their_own(client: FeedClient) -> None:
    async with serving(KeepAlive()) as server:
        for result in await asyncio.gather(*(client.fetch(server.url()) for _ in range(3))):
            await fetched(result)
        assert server.opened == 3
        await client.aclose()


@pytest.mark.parametrize("hangs_up_idle", [True, False], ids=["before it is asked again", "when it is asked again"])
async def test_a_server_that_hangs_up_is_asked_on_a_new_connection(client: FeedClient, hangs_up_idle: bool) -> None:
    async with serving(KeepAlive(lasts=1, hangs_up_idle=hangs_up_idle)) as server:
        for _ in range(3):
            await fetched(await client.fetch(server.url()))
        assert server.opened == 3
        await client.aclose()


async def test_a_server_that_answers_nothing_is_not_asked_for_ever(client: FeedClient) -> None:
    async with serving(KeepAlive(lasts=0)) as server:
        assert isinstance(await client.fetch(server.url()), Failed)
        assert server.opened == 1


async def test_a_connection_with_half_an_answer_on_it_is_not_used_again(client: FeedClient) -> None:
    async with serving(KeepAlive(LONG)) as server:
        for _ in range(2):
            assert isinstance(await client.fetch(server.url()), Failed)
        assert server.opened == 2


async def test_idle_connections_end_after_a_while_and_are_never_many(
    client: FeedClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "_MAX_IDLE", 2)
    async with serving(KeepAlive()) as one, serving(KeepAlive()) as two, serving(KeepAlive()) as three:
        for server in (one, two, three):
            await fetched(await client.fetch(server.url()))
        async with asyncio.timeout(5):
            while one.open_now:
                await asyncio.sleep(0.01)
        assert (two.open_now, three.open_now) == (1, 1)
        await client.aclose()


async def test_a_port_where_nobody_listens_is_told_in_words(client: FeedClient) -> None:
    async with serving(KeepAlive()) as server:
        pass
    result = await client.fetch(server.url())
    assert isinstance(result, Failed)
    assert (result.reason, result.message) == (
        FailureReason.NO_CONNECTION, f"127.0.0.1:{server.port}: connection refused",
    )  # fmt: skip
