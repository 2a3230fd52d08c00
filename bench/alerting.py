"""How soon an alert that is decided leaves as a request, and how many alerts a second of CPU the alerter takes.

    python -m bench.alerting [--alerts N] [--rate N] [--json]

The alerter is built as in production, on a Valkey of its own whose append-only file is synced at every write. The
receiver is an HTTP server on loopback in a process of its own. Three cases:

- steady: alerts of stories of their own, at `rate` a second, each told at once (group_wait 0); the time is from the
  call of the handler, with which the decision to tell begins, to the arrival of the request;
- burst: the same alerts all at once, four handlers side by side as there are four partitions;
- flood: as many alerts over 300 stories, of which only the first of each is told now, the others wait for the interval.
"""

import argparse
import asyncio
import io
import json
import multiprocessing
import resource
import tempfile
import threading
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import asdict, dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from alerts.channels.assemble import open_channels
from alerts.route_options import Routes
from schemas.alert import Alert, AlertKind, ArticleRef, Excerpt
from schemas.base import StreamContract, content_id
from schemas.match import EvidenceField
from schemas.story import Novelty, StoryRef
from schemas.streams import Stream
from schemas.watch import Severity
from services.bootstrap.alerter import AlerterParts, build_parts
from services.runtime import valkey
from services.runtime.clock import SystemClock
from services.runtime.embedded_valkey import EmbeddedValkey
from services.runtime.log import configure_logging

PARTITIONS = 4
STORIES = 300
TEXT = "South Korea has decided to send artillery shells to Ukraine, the defence ministry in Seoul said on Wednesday. "


@dataclass(frozen=True)
class Measured:
    """One case; milliseconds from the handler's call to the arrival of the request, and CPU of this process."""

    case: str
    alerts: int
    messages: int
    p50_ms: float
    p99_ms: float
    longest_ms: float
    alerts_a_cpu_second: float


class Receiver(BaseHTTPRequestHandler):
    """Notes when which alert arrived."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    arrived: dict[str, float]

    def log_message(self, *_: object) -> None:
        """Keep the output readable."""

    def do_POST(self) -> None:
        """Note what a message tells of."""
        now = time.monotonic()
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        for alert in body["alerts"]:
            self.arrived.setdefault(alert["id"], now)
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()


def receive(pipe: Connection) -> None:
    """Serve until told to stop; answer what has arrived whenever asked."""
    Receiver.arrived = {}
    server = ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    pipe.send(server.server_port)
    while pipe.recv() == "arrived":
        pipe.send(dict(Receiver.arrived))
    server.shutdown()


@contextmanager
def receiver() -> Iterator[tuple[int, Connection]]:
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(target=receive, args=(theirs,), daemon=True)
    process.start()
    try:
        yield ours.recv(), ours
    finally:
        ours.send("stop")
        process.join(5)


class Nowhere:
    """A deliveries stream that nobody reads."""

    async def publish(self, stream: Stream[Any], value: StreamContract) -> None:
        """Take it."""


@asynccontextmanager
async def alerter(port: int, folder: Path) -> AsyncIterator[AlerterParts]:
    """An alerter that tells a webhook at this port."""
    hook = {"type": "webhook", "url": f"http://127.0.0.1:{port}/hook", "allow_private": True}
    routes = {"route": {"receiver": "desk"}, "receivers": [{"name": "desk", "channels": [hook]}]}
    async with EmbeddedValkey(folder) as server:
        client = valkey.connect(server.url)
        parts = build_parts(
            client,
            Routes.model_validate_json(json.dumps(routes)),
            lambda given: open_channels(given, {}, console_file=io.StringIO()),
            publisher=Nowhere(),
            clock=SystemClock(),
            owner="bench",
        )
        await parts.dispatcher.start()
        stop = asyncio.Event()
        flushing = asyncio.create_task(parts.flusher.run(stop))
        try:
            yield parts
        finally:
            stop.set()
            await flushing
            await parts.dispatcher.stop()
            await client.aclose()


def alert(case: str, number: int, story: int) -> Alert:
    """An alert of a few sentences, as a mention has them."""
    name, clock = f"{case} {number}", SystemClock()
    article = ArticleRef(
        id=content_id("article", name),
        revision_id=content_id("revision", name),
        title=TEXT[:60],
        outlet=f"Outlet {number % 50}",
        url=f"https://example.org/{number}",
        first_seen_at=clock.now(),
    )
    about = StoryRef(
        id=content_id(case, str(story)), origin_id=article.id, novelty=Novelty.FACTS, articles=1, outlets=1
    )
    return Alert(
        id=content_id("alert", name),
        kind=AlertKind.MENTION,
        group_key=f"mention/arms/{about.id}",
        watch_topic="arms",
        watch_topic_title="Arms",
        severity=Severity.WARNING,
        title=article.title,
        article=article,
        excerpts=tuple(Excerpt(field=EvidenceField.TEXT, start=0, end=len(TEXT), text=TEXT) for _ in range(3)),
        story=about,
        decided_at=clock.now(),
    )


async def told(
    parts: AlerterParts, pipe: Connection, case: str, alerts: Sequence[Alert], rate: float | None
) -> Measured:
    """Hand the alerts to the handler, at `rate` a second or at once, and wait until nothing is left to send."""
    begun: dict[str, float] = {}
    lanes = [alerts[number::PARTITIONS] for number in range(PARTITIONS)]
    start, cpu = time.monotonic(), time.process_time()

    async def partition(number: int) -> None:
        for place, one in enumerate(lanes[number]):
            if rate:
                await asyncio.sleep(start + (place * PARTITIONS + number) / rate - time.monotonic())
            begun[one.id] = time.monotonic()
            await parts.handler.handle(one)

    await asyncio.gather(*(partition(number) for number in range(PARTITIONS)))
    while await parts.ledger.unfinished():  # noqa: ASYNC110 - the store tells nobody when it is done
        await asyncio.sleep(0.02)
    cpu = time.process_time() - cpu
    pipe.send("arrived")
    arrived: dict[str, float] = pipe.recv()
    spans = sorted(1000 * (arrived[one] - begun[one]) for one in begun if one in arrived)
    p50, p99 = (round(spans[int(len(spans) * share)], 1) for share in (0.5, 0.99))
    return Measured(case, len(alerts), len(spans), p50, p99, round(spans[-1], 1), round(len(alerts) / cpu))


async def measure(count: int, rate: float) -> list[Measured]:
    configure_logging("error", "json")
    with tempfile.TemporaryDirectory(prefix="redline-bench-") as folder, receiver() as (port, pipe):
        async with alerter(port, Path(folder)) as parts:
            await told(parts, pipe, "warm up", [alert("warm up", number, number) for number in range(50)], None)
            return [
                await told(parts, pipe, "steady", [alert("steady", n, n) for n in range(count)], rate),
                await told(parts, pipe, "burst", [alert("burst", n, n) for n in range(count)], None),
                await told(parts, pipe, "flood", [alert("flood", n, n % STORIES) for n in range(count)], None),
            ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--alerts", type=int, default=2_000)
    parser.add_argument("--rate", type=float, default=50.0, help="alerts a second of the steady case")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    measured = asyncio.run(measure(given.alerts, given.rate))
    if given.json:
        print(json.dumps([asdict(one) for one in measured]))
        return
    columns = ("case", "alerts", "messages", "p50 ms", "p99 ms", "longest ms", "alerts/s CPU")
    table = Table(*columns, title=f"{given.alerts} alerts, steady at {given.rate:g}/s")
    for one in measured:
        table.add_row(*map(str, asdict(one).values()))
    Console().print(table)
    Console().print(f"peak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024} MB")


if __name__ == "__main__":
    main()
