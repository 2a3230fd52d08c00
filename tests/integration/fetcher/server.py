"""A loopback HTTP server that answers by script and keeps what it was asked."""

import asyncio
import gzip
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Request:
    path: str
    headers: dict[str, bytes]


@dataclass(frozen=True)
class Reply:
    status: int = 200
    body: bytes = b""
    headers: dict[str, str | bytes] = field(default_factory=dict)
    # Seconds between the bytes of the body, for a server that trickles.
    trickle: float = 0.0
    delay: float = 0.0

    def gzipped(self) -> "Reply":
        return Reply(self.status, gzip.compress(self.body), {**self.headers, "Content-Encoding": "gzip"})


@dataclass
class FeedServer:
    """`pages` maps a path to a reply, or to a function of the request."""

    port: int = 0
    pages: dict[str, Reply | Callable[[Request], Reply]] = field(default_factory=dict)
    requests: list[Request] = field(default_factory=list)
    open_now: int = 0
    most_at_once: int = 0

    def url(self, path: str = "/feed.xml", host: str = "127.0.0.1") -> str:
        return f"http://{host}:{self.port}{path}"

    def asked(self, path: str) -> list[Request]:
        return [request for request in self.requests if request.path == path]

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            await self._answer(head, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    async def _answer(self, head: bytes, writer: asyncio.StreamWriter) -> None:
        first, *lines = head.decode("latin-1").strip().split("\r\n")
        headers = {
            name.lower(): value.strip().encode("latin-1") for name, value in (line.split(":", 1) for line in lines)
        }
        request = Request(first.split()[1], headers)
        self.requests.append(request)
        page = self.pages.get(request.path, Reply(404))
        reply = page(request) if callable(page) else page
        self.open_now += 1
        self.most_at_once = max(self.most_at_once, self.open_now)
        try:
            await asyncio.sleep(reply.delay)
            await _send(reply, writer)
        finally:
            self.open_now -= 1


async def _send(reply: Reply, writer: asyncio.StreamWriter) -> None:
    headers = {"Content-Length": str(len(reply.body)), "Connection": "close", **reply.headers}
    writer.write(f"HTTP/1.1 {reply.status} Said\r\n".encode())
    for name, value in headers.items():
        writer.write(name.encode() + b": " + (value if isinstance(value, bytes) else value.encode()) + b"\r\n")
    writer.write(b"\r\n")
    if not reply.trickle:
        writer.write(reply.body)
    for byte in reply.body if reply.trickle else b"":
        writer.write(bytes([byte]))
        await writer.drain()
        await asyncio.sleep(reply.trickle)
    await writer.drain()


@asynccontextmanager
async def serve() -> AsyncIterator[FeedServer]:
    server = FeedServer()
    listener = await asyncio.start_server(server.handle, "127.0.0.1", 0)
    server.port = listener.sockets[0].getsockname()[1]
    try:
        yield server
    finally:
        listener.close()
        await listener.wait_closed()


def rss(*items: str, channel: str = "") -> bytes:
    """Return an RSS document of these items, each `guid|title|description`."""
    entries = "".join(
        f"<item><guid isPermaLink='false'>{guid}</guid><title>{title}</title><description>{text}</description>"
        f"<link>https://news.example.org/{guid}</link></item>"
        for guid, title, text in (item.split("|") for item in items)
    )
    return f"<rss version='2.0'><channel><title>A feed</title>{channel}{entries}</channel></rss>".encode()
