"""Articles a second through the whole embedded pipeline, the share of each stage, and a plain loop beside it.

    make bench            (python -m bench.pipeline [--articles N] [--durability full|normal])

The feeds and the receiver are in a process of their own. CPU is that of Redline's process (the parse worker and Valkey
are children and not in it); the plain loop does the same work, parsing included, without streams, store or ledger, so
what it leaves out is what durability costs.
"""

import argparse
import asyncio
import io
import json
import resource
import tempfile
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import httpx
from rich.console import Console
from rich.table import Table

from alerts.channels.assemble import open_channels
from alerts.routing import Routes
from bench.world import Load, outside
from schemas.feed import Feed
from schemas.streams import ALERTS, ARTICLES, MATCHES, Stream
from services import bootstrap
from services.domain.feeds.articles import to_article
from services.domain.feeds.parser import parse_feed
from services.domain.stories.items import from_article
from services.domain.stories.stories import StoryIndex
from services.matcher.watchlist import Watchlist
from services.provisioning.catalogues import load_watched
from services.runtime.log import configure_logging
from services.runtime.sqlite_log import close_shared, open_shared
from services.settings import FetchSettings, LoadedSettings, Settings
from services.tracker.mentions import Skipped, mention

ITEMS_A_FEED = 200
SINCE = datetime(2000, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Timed:
    """How long something took; CPU is that of this process."""

    name: str
    seconds: float
    cpu_seconds: float
    messages: int

    @property
    def rate(self) -> float:
        """Messages a second."""
        return self.messages / self.seconds


class Pipeline:
    """The embedded services on a folder of their own, run all at once or stage by stage."""

    def __init__(self, url: str, load: Load, received: Any, folder: Path, durability: str) -> None:
        self._received = received
        self._settings = Settings.model_validate(
            {
                "data_dir": folder,
                "durability": durability,
                "fetch": FetchSettings(allow_private=True),
                "api": {"port": 0},
            }
        )
        self._feeds = tuple(
            Feed(id=f"feed-{n}", url=f"{url}/feed/{n}", outlet=f"Outlet {n}", since=SINCE) for n in range(load.feeds)
        )
        self._load = load
        channel = {"type": "webhook", "url": f"{url}/alerts"}
        self._routes = json.dumps({"route": {"receiver": "r"}, "receivers": [{"name": "r", "channels": [channel]}]})
        self._log_path = folder / "log.db"

    async def stage(self, name: str, done: Callable[[], Awaitable[bool]], *services: str) -> tuple[float, float]:
        """Run these services until `done`; return seconds and CPU seconds from ready to done."""
        stop, ready = asyncio.Event(), asyncio.Event()
        provisioned = bootstrap.Provisioned(
            watched=lambda: load_watched(self._settings.topics, self._settings.actors),
            feeds=lambda: self._feeds,
            routes=lambda: Routes.model_validate_json(self._routes),
            channels=partial(open_channels, secrets={}, console_file=io.StringIO()),
        )
        loaded = LoadedSettings(self._settings, {}, {}, None)
        running = asyncio.create_task(
            bootstrap.run_services(loaded, services, stop=stop, on_ready=ready.set, provisioned=provisioned)
        )
        await asyncio.wait({running, asyncio.create_task(ready.wait())}, return_when=asyncio.FIRST_COMPLETED)
        started, cpu = time.perf_counter(), _cpu()
        while not await done():
            if running.done():
                running.result()
            await asyncio.sleep(0.02)
        took = time.perf_counter() - started, _cpu() - cpu
        stop.set()
        await running
        return took

    async def fetched(self) -> bool:
        """Whether every article is on its stream."""
        return self.count(ARTICLES) >= self._load.articles

    def settled(self, service: str, stream: Stream[Any]) -> Callable[[], Awaitable[bool]]:
        """Return a question: has this service committed everything on its stream?"""

        async def ask() -> bool:
            log = open_shared(self._log_path, self._settings.durability)
            try:
                for partition in range(stream.partitions):
                    committed = await log.committed(f"redline-{service}", stream.name, partition)
                    if (committed or 0) < log.high(stream.name, partition):
                        return False
                return True
            finally:
                close_shared(log)

        return ask

    def count(self, stream: Stream[Any]) -> int:
        """Return how many messages a stream holds."""
        log = open_shared(self._log_path, self._settings.durability)
        try:
            return sum(log.high(stream.name, partition) for partition in range(stream.partitions))
        finally:
            close_shared(log)

    def received(self, before: int, expected: int) -> Callable[[], Awaitable[bool]]:
        """Return a question: did the receiver get so many requests?"""

        async def ask() -> bool:
            return bool(self._received.value - before >= expected)

        return ask


async def by_stage(pipeline: Pipeline, load: Load, received: Any) -> list[Timed]:
    """Run one service after the other, each over what the one before left on its stream."""
    rows = [Timed("fetcher", *await pipeline.stage("f", pipeline.fetched, "fetcher"), load.articles)]
    rows.append(
        Timed("matcher", *await pipeline.stage("m", pipeline.settled("matcher", ARTICLES), "matcher"), load.articles)
    )
    matches = pipeline.count(MATCHES)
    rows.append(Timed("tracker", *await pipeline.stage("t", pipeline.settled("tracker", MATCHES), "tracker"), matches))
    alerts, before = pipeline.count(ALERTS), received.value
    rows.append(Timed("alerter", *await pipeline.stage("a", pipeline.received(before, alerts), "alerter"), alerts))
    return rows


def plain_loop(url: str, load: Load) -> Timed:
    """Do the same work in one loop: fetch, parse, match, decide, post. Nothing survives a crash of it."""
    watched = load_watched(Settings().topics, Settings().actors)
    watchlist, stories = Watchlist(watched), StoryIndex(watched.gazetteer)
    now = datetime.now(UTC)
    started, cpu = time.perf_counter(), _cpu()
    with httpx.Client() as client:
        for number in range(load.feeds):
            feed = Feed(id=f"feed-{number}", url=f"{url}/feed/{number}", outlet="O", since=SINCE)
            parsed = parse_feed(client.get(feed.url).content, base_url=feed.url)
            for entry in parsed.entries:
                article = to_article(entry, feed, now)
                for match in watchlist.match(article) if article else ():
                    alert = mention(match, stories.place(from_article(match.article))[0], now)
                    if not isinstance(alert, Skipped):
                        client.post(f"{url}/alerts", content=alert.model_dump_json()).raise_for_status()
    return Timed("plain loop, nothing kept", time.perf_counter() - started, _cpu() - cpu, load.articles)


def _cpu() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


async def measure(load: Load, durability: str) -> tuple[list[Timed], Timed, Timed, int]:
    """Return the stages one by one, the whole pipeline, the plain loop, and the number of alerts."""
    with outside(load) as (url, received), tempfile.TemporaryDirectory() as one, tempfile.TemporaryDirectory() as two:
        stages = await by_stage(Pipeline(url, load, received, Path(one), durability), load, received)
        alerts, before = stages[-1].messages, received.value
        whole = Pipeline(url, load, received, Path(two), durability)
        took = await whole.stage("all", whole.received(before, alerts), *bootstrap.BUILDERS)
        return stages, Timed("whole pipeline", *took, load.articles), plain_loop(url, load), alerts


def report(load: Load, durability: str, stages: list[Timed], whole: Timed, plain: Timed, alerts: int) -> None:
    """Print the table."""
    total = sum(row.cpu_seconds for row in stages)
    table = Table(title=f"{load.articles} articles of 200 words, {alerts} alerts, durability {durability}")
    for name in ("stage", "messages", "seconds", "messages/s", "CPU ms a message", "share of CPU"):
        table.add_column(name, justify="left" if name == "stage" else "right")
    for row in (*stages, whole, plain):
        share = f"{row.cpu_seconds / total:.0%}" if row in stages else ""
        cpu = f"{1000 * row.cpu_seconds / row.messages:.2f}"
        table.add_row(row.name, str(row.messages), f"{row.seconds:.2f}", f"{row.rate:.0f}", cpu, share)
    console = Console(width=100)
    console.print(table)
    ratio = whole.cpu_seconds / plain.cpu_seconds
    console.print(f"The whole pipeline handles {whole.rate:.0f} articles/s, at {ratio:.1f} times the plain loop's CPU.")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="Benchmark the embedded pipeline.")
    parser.add_argument("--articles", type=int, default=6000)
    parser.add_argument("--durability", choices=("full", "normal"), default="full")
    arguments = parser.parse_args()
    configure_logging("error", "console")
    load = Load(max(1, arguments.articles // ITEMS_A_FEED), ITEMS_A_FEED)
    report(load, arguments.durability, *asyncio.run(measure(load, arguments.durability)))


if __name__ == "__main__":
    main()
