"""Sweeps over ten thousand feeds with the real fetcher, and a plain httpx and feedparser loop beside it.

    python -m bench.fetching [--feeds 10000] [--concurrency 64] [--workers 2]

The fetcher is what `redline fetcher` runs: loop, poller, client, parse processes, Valkey, and the embedded log it
publishes on. The feeds are served by a process of their own (bench/feed_site.py), each at an address of its own.
Between two sweeps the fetcher stops and every timer is set to now: what is measured is the time from its start until
every feed has been polled and recorded. CPU is read from /proc, so this needs Linux.
"""

import argparse
import asyncio
import os
import resource
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import feedparser
import httpx
from redis.asyncio import Redis
from rich.console import Console
from rich.table import Table

from alerts.routing import Routes
from bench.feed_site import Site, feed_site, raise_file_limit
from schemas.feed import Feed
from services import bootstrap
from services.fetcher.feed_scripts import HOSTS_KEY
from services.fetcher.store import ValkeyFeedStore
from services.provisioning.catalogues import load_watched
from services.runtime.log import configure_logging
from services.settings import FetchSettings, LoadedSettings, Settings

CHANGED_EVERY = 10
SPREAD_SECONDS = 60.0
_TICKS = os.sysconf("SC_CLK_TCK")
_PAGE = os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True)
class Timed:
    """How long a sweep took; CPU seconds by process."""

    name: str
    polls: int
    changed: int
    seconds: float
    cpu_fetcher: float
    cpu_parsing: float = 0.0
    cpu_valkey: float = 0.0
    cpu_site: float = 0.0
    resident_mb: float = field(default=0.0, kw_only=True)

    def __post_init__(self) -> None:
        print(f"{self.name}: {self.seconds:.1f} s", file=sys.stderr, flush=True)


@dataclass
class _Meter:
    """Reads CPU and memory of this process, of the parse workers and of what runs beside them."""

    site: Site
    most_resident: float = 0.0
    _last: dict[int, tuple[str, float]] = field(default_factory=dict)

    def read(self) -> dict[str, float]:
        """Return CPU seconds so far by kind of process, those that have ended included."""
        resident = 0.0
        for pid in [os.getpid(), self.site.pid, *_descendants(os.getpid())]:
            if (kind := self._kind(pid)) is None:
                continue
            try:
                times = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
                pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
            except (FileNotFoundError, ProcessLookupError):
                continue
            self._last[pid] = (kind, (int(times[11]) + int(times[12])) / _TICKS)
            resident += pages * _PAGE / 2**20 if kind in {"fetcher", "parsing"} else 0
        self.most_resident = max(self.most_resident, resident)
        totals = dict.fromkeys(("fetcher", "parsing", "valkey", "site"), 0.0)
        for kind, seconds in self._last.values():
            totals[kind] += seconds
        return totals

    def _kind(self, pid: int) -> str | None:
        if pid == os.getpid():
            return "fetcher"
        if pid == self.site.pid:
            return "site"
        try:
            command = Path(f"/proc/{pid}/cmdline").read_bytes()
        except (FileNotFoundError, ProcessLookupError):
            return None
        if b"parse_worker" in command:
            return "parsing"
        return "valkey" if b"valkey-server" in command.split(b"\0")[0] else None


def _descendants(pid: int) -> list[int]:
    found = []
    for task in Path(f"/proc/{pid}/task").iterdir():
        try:
            children = [int(child) for child in (task / "children").read_text().split()]
        except (FileNotFoundError, ProcessLookupError):
            continue
        for child in children:
            found += [child, *(_descendants(child) if Path(f"/proc/{child}").exists() else [])]
    return found


class Fetcher:
    """The fetcher service on a folder of its own, started and stopped around each sweep."""

    def __init__(self, site: Site, count: int, folder: Path, fetch: FetchSettings) -> None:
        self._settings = Settings.model_validate({"data_dir": folder, "fetch": fetch})
        self._site = site
        self._feeds = tuple(Feed(id=f"feed-{n}", url=site.url(n), outlet=f"Outlet {n}") for n in range(count))

    async def sweep(self, name: str, changed: int, *, due_at: Callable[[int], float] | None = None) -> Timed:
        """Make feeds due, now or at their times; run the fetcher until all are polled."""
        async with bootstrap.open_valkey(self._settings) as valkey:
            meter = _Meter(self._site)
            if due_at is not None:
                await self._set_timers(ValkeyFeedStore(valkey), due_at)
            self._site.arrivals()
            before, started = meter.read(), time.perf_counter()
            await self._run_until_idle(valkey, meter)
            seconds, after = time.perf_counter() - started, meter.read()
        spent = {kind: after[kind] - before[kind] for kind in after}
        return Timed(
            name,
            len(self._feeds),
            changed,
            seconds,
            *(spent[kind] for kind in ("fetcher", "parsing", "valkey", "site")),
            resident_mb=meter.most_resident,
        )

    async def _run_until_idle(self, valkey: Redis, meter: _Meter) -> None:
        stop = asyncio.Event()
        provisioned = bootstrap.Provisioned(
            watched=lambda: load_watched(self._settings.topics, self._settings.actors),
            feeds=lambda: self._feeds,
            routes=lambda: Routes.model_validate({"route": {"receiver": "r"}, "receivers": [{"name": "r"}]}),
            channels=lambda _: (),
        )
        loaded = LoadedSettings(self._settings, {}, {}, None)
        running = asyncio.create_task(bootstrap.run_services(loaded, ["fetcher"], stop=stop, provisioned=provisioned))
        polled = 0
        while polled < len(self._feeds):
            if running.done():
                running.result()
                raise SystemExit("stopped before every feed was polled")
            await asyncio.sleep(0.1)
            meter.read()
            later = time.time() + 2 * SPREAD_SECONDS
            polled = await valkey.zcount(HOSTS_KEY, later, "+inf")
        stop.set()
        await running

    async def _set_timers(self, store: ValkeyFeedStore, due_at: Callable[[int], float]) -> None:
        for start in range(0, len(self._feeds), 500):
            some = range(start, min(start + 500, len(self._feeds)))
            moments = (datetime.fromtimestamp(due_at(number), UTC) for number in some)
            await asyncio.gather(*(store.hasten(self._feeds[n].id, at) for n, at in zip(some, moments, strict=True)))


async def plain_loop(site: Site, name: str, feeds: Sequence[int], etags: dict[int, str], concurrency: int) -> Timed:
    """Ask and parse in one process, keeping nothing but the entity tags it was given."""
    room = asyncio.Semaphore(concurrency)
    changed = 0
    meter = _Meter(site)
    before, started = meter.read(), time.perf_counter()
    limits = httpx.Limits(max_connections=concurrency, max_keepalive_connections=concurrency)
    async with httpx.AsyncClient(limits=limits, timeout=30) as client:

        async def ask(feed: int) -> None:
            nonlocal changed
            async with room:
                response = await client.get(site.url(feed), headers={"If-None-Match": etags[feed]})
            if response.status_code == 200:
                changed += 1
                feedparser.parse(response.content)

        await asyncio.gather(*(ask(feed) for feed in feeds))
    seconds, after = time.perf_counter() - started, meter.read()
    return Timed(
        name,
        len(feeds),
        changed,
        seconds,
        after["fetcher"] - before["fetcher"],
        cpu_site=after["site"] - before["site"],
        resident_mb=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    )


def percentile(values: Sequence[float], share: float) -> float:
    """Return the value below which this share of the values lies."""
    return sorted(values)[min(len(values) - 1, int(len(values) * share))]


async def measure_sweeps(count: int, fetch: FetchSettings, folder: Path) -> tuple[list[Timed], list[float]]:
    """Return the sweeps of `count` feeds, and how late each feed was asked when they fell due evenly."""
    with feed_site(count, large_every=CHANGED_EVERY) as site:
        fetcher = Fetcher(site, count, folder, fetch)
        rows = [await fetcher.sweep("first sweep, all new, a tenth large", count)]
        site.change(CHANGED_EVERY)
        now = time.time()
        rows.append(await fetcher.sweep("sweep, 90 % unchanged", count // CHANGED_EVERY, due_at=lambda _: now))
        site.change(CHANGED_EVERY)
        first = time.time() + 5
        spread = {feed: first + feed * SPREAD_SECONDS / count for feed in range(count)}
        name = f"due evenly over {SPREAD_SECONDS:.0f} s, 90 % unchanged"
        rows.append(await fetcher.sweep(name, count // CHANGED_EVERY, due_at=spread.__getitem__))
        late = [max(at - spread[feed], 0) for feed, times in site.arrivals().items() for at in times]
        etags = {feed: site.etag(feed) for feed in range(count)}
        site.change(CHANGED_EVERY)
        plain = await plain_loop(site, "plain loop, 90 % unchanged", range(count), etags, fetch.concurrency)
        return [*rows, plain], late


async def measure_changed(count: int, fetch: FetchSettings, folder: Path) -> list[Timed]:
    """Return a sweep in which every feed has changed."""
    with feed_site(count, large_every=1) as site:
        fetcher = Fetcher(site, count, folder, fetch)
        await fetcher.sweep("first sweep, all large", count)
        site.change(1)
        now = time.time()
        row = await fetcher.sweep("all changed", count, due_at=lambda _: now)
        etags = {feed: site.etag(feed) for feed in range(count)}
        site.change(1)
        return [row, await plain_loop(site, "plain loop, all changed", range(count), etags, fetch.concurrency)]


def report(rows: Sequence[Timed], late: Sequence[float]) -> None:
    """Print the table."""
    table = Table(title="Fetching; CPU in seconds, resident: fetcher and parse workers at their most")
    names = ("", "polls", "changed", "seconds", "polls/s", "changed/s", "fetcher", "parsing", "valkey", "site", "MB")
    for name in names:
        table.add_column(name, justify="right" if name else "left")
    for row in rows:
        cpu = (f"{value:.1f}" for value in (row.cpu_fetcher, row.cpu_parsing, row.cpu_valkey, row.cpu_site))
        rates = (f"{row.seconds:.1f}", f"{row.polls / row.seconds:.0f}", f"{row.changed / row.seconds:.0f}")
        table.add_row(row.name, str(row.polls), str(row.changed), *rates, *cpu, f"{row.resident_mb:.0f}")
    console = Console(width=140)
    console.print(table)
    shares = ", ".join(f"p{share * 100:.0f} {percentile(late, share):.2f} s" for share in (0.5, 0.99)) if late else ""
    console.print(f"Asked late by {shares}; at most {max(late, default=0):.2f} s.")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="Benchmark the fetcher.")
    parser.add_argument("--feeds", type=int, default=10_000)
    parser.add_argument("--changed-feeds", type=int, default=1_500)
    parser.add_argument("--concurrency", type=int, default=64)
    parser.add_argument("--workers", type=int, default=2)
    arguments = parser.parse_args()
    configure_logging("error", "console")
    raise_file_limit()
    fetch = FetchSettings(allow_private=True, concurrency=arguments.concurrency, parse_workers=arguments.workers)
    with tempfile.TemporaryDirectory() as one, tempfile.TemporaryDirectory() as two:
        rows, late = asyncio.run(measure_sweeps(arguments.feeds, fetch, Path(one)))
        rows += asyncio.run(measure_changed(arguments.changed_feeds, fetch, Path(two)))
    report(rows, late)


if __name__ == "__main__":
    main()
