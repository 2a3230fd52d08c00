"""Ten thousand feeds on loopback, each at an address of its own, from one lean process of raw sockets."""

import asyncio
import multiprocessing
import random
import resource
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any

from bench.world import WORDS

ITEMS = 50
NEW_ITEMS = 3  # of a document that changed
WORDS_AN_ITEM = 80  # which makes a document of 50 items 40 KB


def host(feed: int) -> str:
    """Return the address of a feed."""
    return f"127.1.{feed // 250}.{feed % 250 + 1}"


@dataclass(frozen=True)
class Site:
    """The feeds' server, as those who measure see it."""

    port: int
    pid: int
    _pipe: Connection

    def url(self, feed: int) -> str:
        """Return where a feed is."""
        return f"http://{host(feed)}:{self.port}/feed.xml"

    def change(self, every: int) -> None:
        """Have every so manieth feed bring a few new items."""
        self._ask("change", every)

    def arrivals(self) -> dict[int, list[float]]:
        """Return when each feed was asked since the last call."""
        arrivals: dict[int, list[float]] = self._ask("arrivals", 0)
        return arrivals

    def etag(self, feed: int) -> str:
        """Return the current entity tag of a feed."""
        return str(self._ask("etag", feed))

    def _ask(self, what: str, number: int) -> Any:
        self._pipe.send((what, number))
        return self._pipe.recv()


class _Feeds:
    """What is served: every tenth feed is large from the start, the others once they change."""

    def __init__(self, count: int, large_every: int) -> None:
        self.versions = [0] * count
        self.arrivals: dict[int, list[float]] = {}
        self._large_every = large_every
        chance = random.Random(1)
        self._texts = [" ".join(chance.choices(WORDS, k=WORDS_AN_ITEM)) for _ in range(ITEMS)]

    def answer(self, feed: int, head: bytes) -> bytes:
        self.arrivals.setdefault(feed, []).append(time.time())
        version = self.versions[feed]
        etag = b'"%d-%d"' % (feed, version)
        if etag in head:
            return b"HTTP/1.1 304 Not Modified\r\nETag: %b\r\n\r\n" % etag
        body = self._document(feed, version)
        said = b"Content-Type: application/rss+xml\r\nETag: %b\r\nContent-Length: %d" % (etag, len(body))
        return b"HTTP/1.1 200 OK\r\n%b\r\n\r\n%b" % (said, body)

    def _document(self, feed: int, version: int) -> bytes:
        newest = ITEMS + version * NEW_ITEMS
        is_large = version > 0 or feed % self._large_every == 0
        numbers = range(newest, newest - (ITEMS if is_large else 1), -1)
        items = "".join(self._item(feed, number) for number in numbers)
        return f"<rss version='2.0'><channel><title>Feed {feed}</title>{items}</channel></rss>".encode()

    def _item(self, feed: int, number: int) -> str:
        return (
            f"<item><guid isPermaLink='false'>{feed}-{number}</guid><title>Story {number} of feed {feed}</title>"
            f"<link>https://example.org/{feed}/{number}</link><pubDate>Wed, 27 Nov 2024 {number // 60 % 24:02}:"
            f"{number % 60:02}:00 GMT</pubDate><description>{self._texts[number % ITEMS]}</description></item>"
        )


class _Connection(asyncio.Protocol):
    def __init__(self, feeds: _Feeds, feed: int) -> None:
        self._feeds, self._feed = feeds, feed
        self._transport: asyncio.Transport | None = None
        self._head = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._head += data
        while b"\r\n\r\n" in self._head and self._transport is not None:
            head, _, self._head = self._head.partition(b"\r\n\r\n")
            self._transport.write(self._feeds.answer(self._feed, head))


async def _serve(count: int, large_every: int, pipe: Connection) -> None:
    loop, feeds = asyncio.get_running_loop(), _Feeds(count, large_every)
    port = 0
    for feed in range(count):
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host(feed), port))
        port = port or listener.getsockname()[1]

        def connected(feed: int = feed) -> _Connection:
            return _Connection(feeds, feed)

        await loop.create_server(connected, sock=listener)
    pipe.send(port)
    done = loop.create_future()

    def told() -> None:
        what, number = pipe.recv()
        answer: Any = None
        if what == "change":
            for feed in range(0, count, number):
                feeds.versions[feed] += 1
        elif what == "arrivals":
            answer, feeds.arrivals = feeds.arrivals, {}
        elif what == "etag":
            answer = f'"{number}-{feeds.versions[number]}"'
        else:
            done.set_result(None)
            return
        pipe.send(answer)

    loop.add_reader(pipe.fileno(), told)
    await done


def _run(count: int, large_every: int, pipe: Connection) -> None:
    raise_file_limit()
    asyncio.run(_serve(count, large_every, pipe))


def raise_file_limit() -> None:
    """Allow this process as many open files as it may have."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


@contextmanager
def feed_site(count: int, *, large_every: int) -> Iterator[Site]:
    """Serve so many feeds from a process of its own."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_run, args=(count, large_every, theirs), daemon=True)
    process.start()
    theirs.close()  # so that its end is noticed
    try:
        yield Site(ours.recv(), process.pid or 0, ours)
    finally:
        ours.send(("stop", 0))
        process.join(10)
