"""The world outside Redline for benchmarks, in a process of its own: feeds to poll and a receiver to send to."""

import multiprocessing
import random
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any

from tests.e2e.scenario import LoopbackServer, Quiet

WORDS = (
    "minister talks budget harbour council market growth report officials election court reform energy border trade "
    "summit visit agreement budget schools railway storm harvest prices tourism museum festival league coach stadium"
).split()
# One article in ten is about what the seed topics watch.
RELEVANT = (
    "South Korea has decided to send artillery shells to Ukraine, the defence ministry in Seoul said.",
    "Russia warned South Korea that supplying weapons to Ukraine would destroy relations between the two countries.",
)
SENTENCES = 14


@dataclass(frozen=True)
class Load:
    """How much there is to do."""

    feeds: int
    items: int

    @property
    def articles(self) -> int:
        """Items of all feeds."""
        return self.feeds * self.items


@dataclass(frozen=True)
class Urls:
    """Where the feeds and the receiver are."""

    site: str
    receiver: str


def document(feed: int, items: int) -> bytes:
    """Return a feed of so many items of about 200 words; the same number, the same document."""
    chance = random.Random(feed)
    body = "".join(_item(feed, number, chance) for number in range(items))
    return f"<rss version='2.0'><channel><title>Feed {feed}</title>{body}</channel></rss>".encode()


def _item(feed: int, number: int, chance: random.Random) -> str:
    sentences = [" ".join(chance.choices(WORDS, k=14)).capitalize() + "." for _ in range(SENTENCES)]
    if number % 10 == 0:
        sentences.insert(chance.randrange(SENTENCES), RELEVANT[number // 10 % len(RELEVANT)])
    title = " ".join(chance.choices(WORDS, k=8)).capitalize()
    return (
        f"<item><guid isPermaLink='false'>{feed}-{number}</guid><title>{title} {feed}-{number}</title>"
        f"<link>https://example.org/{feed}/{number}</link><pubDate>Wed, 27 Nov 2024 09:00:00 GMT</pubDate>"
        f"<description>{' '.join(sentences)}</description></item>"
    )


def _serve(load: Load, received: Any, pipe: Connection) -> None:
    documents = {f"/feed/{number}": document(number, load.items) for number in range(load.feeds)}

    class Handler(Quiet):
        def do_GET(self) -> None:
            self.answer(200, documents[self.path], Content_Type="application/rss+xml", ETag='"1"')

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            with received.get_lock():
                received.value += 1
            self.answer(200)

    with LoopbackServer(Handler) as server:
        pipe.send(server.url)
        pipe.recv()


@contextmanager
def outside(load: Load) -> Iterator[tuple[str, Any]]:
    """Yield the address of feeds (/feed/N) and receiver (/alerts), and the counter of requests received."""
    context = multiprocessing.get_context("spawn")
    received = context.Value("q", 0)
    ours, theirs = context.Pipe()
    process = context.Process(target=_serve, args=(load, received, theirs), daemon=True)
    process.start()
    try:
        yield ours.recv(), received
    finally:
        ours.send("stop")
        process.join(10)
