"""Sweeps over ten thousand feeds with the real fetcher, and a plain httpx and feedparser loop beside it.

    python -m bench.fetching [--feeds 10000] [--changed-feeds 1500] [--concurrency 64] [--workers 2]

The fetcher is what `redline fetcher` runs: loop, poller, client, parse processes, Valkey, and the embedded log it
publishes on, in a process of its own. The feeds are served by another (bench/feed_site.py), each at an address of its
own. Between two sweeps the fetcher stops and every timer is set to now: what is measured is the time from its start
until every feed has been polled and recorded. After each sweep every feed is looked at: one that was not asked exactly
once, whose poll failed or that brought another number of articles than its server had, ends the benchmark. CPU is
read from /proc, so this needs Linux.
"""

import argparse
import asyncio
import os
import resource
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import feedparser
import httpx
from redis.asyncio import Redis
from rich.console import Console
from rich.table import Table

from bench.feed_site import ITEMS, NEW_ITEMS, Site, feed_site, raise_file_limit
from bench.fetcher_process import FetcherProcess, Meter, fetcher_process, machine_speed
from schemas.feed import Feed
from services import bootstrap
from services.fetcher.feed_scripts import HOSTS_KEY
from services.fetcher.history import PollOutcome
from services.fetcher.store import ValkeyFeedStore
from services.runtime.log import configure_logging
from services.settings import FetchSettings, Settings

CHANGED_EVERY = 10
SPREAD_SECONDS = 60.0
# A sweep of which nothing was recorded for so long will not end.
STUCK_SECONDS = 60.0
_SHOWN_FAULTS = 5


@dataclass(frozen=True)
class Timed:
    """How long a sweep took; CPU seconds by process. `late` says how late each feed was asked."""

    name: str
    polls: int
    changed: int
    seconds: float
    cpu: dict[str, float]
    resident_mb: float
    late: tuple[float, ...] = ()


class Fetcher:
    """The fetcher service on a folder of its own, started and stopped around each sweep."""

    def __init__(self, site: Site, count: int, settings: Settings, process: FetcherProcess) -> None:
        self._site = site
        self._ids = [_feed_id(number) for number in range(count)]
        self._settings = settings
        self._process = process

    async def sweep(self, name: str, brought: Callable[[int], int], due_at: Callable[[int], float] | None) -> Timed:
        """Make feeds due, now or at their times; run the fetcher until all are polled.

        `brought` says how many articles each feed has that were not told before.
        """
        async with bootstrap.open_valkey(self._settings) as valkey:
            meter = Meter(self._process.pid, self._site.pid)
            if due_at is not None:
                await self._set_timers(valkey, due_at)
            self._site.arrivals()
            before, started, began_at = meter.read(), time.perf_counter(), time.time()
            self._process.start()
            await self._until_polled(valkey, meter)
            seconds, after = time.perf_counter() - started, meter.read()
            self._process.stop()
            arrivals = self._site.arrivals()
            await self._check(name, valkey, arrivals, began_at, brought)
        late = [max(times[0] - due_at(feed), 0) for feed, times in arrivals.items()] if due_at else []
        print(f"{name}: {seconds:.1f} s", file=sys.stderr, flush=True)
        spent = {kind: after[kind] - before[kind] for kind in after}
        changed = sum(brought(feed) > 0 for feed in range(len(self._ids)))
        return Timed(name, len(self._ids), changed, seconds, spent, meter.most_resident, tuple(late))

    async def _until_polled(self, valkey: Redis, meter: Meter) -> None:
        polled, changed_at = 0, time.monotonic()
        while polled < len(self._ids):
            self._process.check()
            await asyncio.sleep(0.1)
            meter.read()
            before, polled = polled, await valkey.zcount(HOSTS_KEY, time.time() + 2 * SPREAD_SECONDS, "+inf")
            if polled != before:
                changed_at = time.monotonic()
            elif time.monotonic() - changed_at > STUCK_SECONDS:
                raise SystemExit(f"stuck: {len(self._ids) - polled} feeds were not polled")

    async def _check(
        self,
        name: str,
        valkey: Redis,
        arrivals: dict[int, list[float]],
        began_at: float,
        brought: Callable[[int], int],
    ) -> None:
        """Raise SystemExit unless each feed was asked once, and its poll recorded with what it brought."""
        states = await ValkeyFeedStore(valkey).states(self._ids)
        faults = []
        for number, feed_id in enumerate(self._ids):
            asked, state = len(arrivals.get(number, ())), states.get(feed_id)
            last = state.history[-1] if state and state.history else None
            expected = PollOutcome.READ if brought(number) else PollOutcome.UNCHANGED
            if asked != 1:
                faults.append(f"{feed_id} was asked {asked} times")
            elif last is None or last.at.timestamp() < began_at:
                faults.append(f"{feed_id}: no poll was recorded")
            elif (last.outcome, last.published) != (expected, brought(number)):
                faults.append(f"{feed_id}: {last.outcome}, {last.published} articles {last.message}".rstrip())
        if faults:
            shown = "\n  ".join(faults[:_SHOWN_FAULTS])
            raise SystemExit(f"{name}: {len(faults)} of {len(self._ids)} feeds were not polled well:\n  {shown}")

    async def _set_timers(self, valkey: Redis, due_at: Callable[[int], float]) -> None:
        store = ValkeyFeedStore(valkey)
        moments = [datetime.fromtimestamp(due_at(number), UTC) for number in range(len(self._ids))]
        await asyncio.gather(*(store.hasten(*timer) for timer in zip(self._ids, moments, strict=True)))


@contextmanager
def fetcher_of(site: Site, count: int, fetch: FetchSettings) -> Iterator[Fetcher]:
    """Yield a fetcher that has never seen these feeds."""
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings.model_validate({"data_dir": Path(folder), "fetch": fetch})
        feeds = tuple(Feed(id=_feed_id(n), url=site.url(n), outlet=f"Outlet {n}") for n in range(count))
        with fetcher_process(settings, feeds) as process:
            yield Fetcher(site, count, settings, process)


def _feed_id(number: int) -> str:
    return f"feed-{number}"


async def plain_loop(site: Site, name: str, count: int, every: int, concurrency: int) -> Timed:
    """Ask and parse in one process, keeping nothing but the entity tags; as many requests at once."""
    etags = [site.etag(feed) for feed in range(count)]
    site.change(every)
    room = asyncio.Semaphore(concurrency)
    read = 0
    meter = Meter(os.getpid(), site.pid)
    own, before, started = time.process_time(), meter.read(), time.perf_counter()
    limits = httpx.Limits(max_connections=concurrency, max_keepalive_connections=concurrency)
    async with httpx.AsyncClient(limits=limits, timeout=30) as client:

        async def ask(feed: int) -> None:
            nonlocal read
            async with room:
                response = await client.get(site.url(feed), headers={"If-None-Match": etags[feed]})
            if response.status_code == 200 and len(feedparser.parse(response.content).entries) == ITEMS:
                read += 1
            elif response.status_code != 304:
                raise SystemExit(f"{name}: {site.url(feed)} answered {response.status_code}, or not with a feed")

        await asyncio.gather(*(ask(feed) for feed in range(count)))
    seconds, cpu = time.perf_counter() - started, {"fetcher": time.process_time() - own}
    if read != -(-count // every):
        raise SystemExit(f"{name}: {read} documents were read, not {-(-count // every)}")
    cpu["site"] = meter.read()["site"] - before["site"]
    print(f"{name}: {seconds:.1f} s", file=sys.stderr, flush=True)
    return Timed(name, count, read, seconds, cpu, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)


async def measure_sweeps(count: int, fetch: FetchSettings) -> list[Timed]:
    """Return the sweeps of `count` feeds, most of which have not changed."""

    def brought(feed: int) -> int:
        return 0 if feed % CHANGED_EVERY else NEW_ITEMS

    with feed_site(count, large_every=CHANGED_EVERY) as site:
        with fetcher_of(site, count, fetch) as fetcher:
            name = "first sweep, all new, a tenth large"
            rows = [await fetcher.sweep(name, lambda feed: 1 if feed % CHANGED_EVERY else ITEMS, None)]
            site.change(CHANGED_EVERY)
            now = time.time()
            row = await fetcher.sweep("sweep, 90 % unchanged", brought, lambda _: now)
            rows.append(replace(row, late=()))
            site.change(CHANGED_EVERY)
            first = time.time() + 5
            name = f"due evenly over {SPREAD_SECONDS:.0f} s, 90 % unchanged"
            rows.append(await fetcher.sweep(name, brought, lambda feed: first + feed * SPREAD_SECONDS / count))
        name = "plain loop, 90 % unchanged"
        return [*rows, await plain_loop(site, name, count, CHANGED_EVERY, fetch.concurrency)]


async def measure_changed(count: int, fetch: FetchSettings) -> list[Timed]:
    """Return a sweep in which every feed has changed."""
    with feed_site(count, large_every=1) as site:
        with fetcher_of(site, count, fetch) as fetcher:
            await fetcher.sweep("first sweep, all large", lambda _: ITEMS, None)
            site.change(1)
            now = time.time()
            row = await fetcher.sweep("sweep, all changed", lambda _: NEW_ITEMS, lambda _: now)
        name = "plain loop, all changed"
        return [replace(row, late=()), await plain_loop(site, name, count, 1, fetch.concurrency)]


def percentile(values: Sequence[float], share: float) -> float:
    """Return the value below which this share of the values lies."""
    return sorted(values)[min(len(values) - 1, int(len(values) * share))]


def report(rows: Sequence[Timed], speeds: Sequence[float]) -> None:
    """Print the table."""
    table = Table(title="Fetching")
    kinds = ("fetcher", "parsing", "valkey", "site")
    names = ("", "polls", "changed", "seconds", "polls/s", "changed/s", *(f"CPU {kind}" for kind in kinds), "MB")
    for name in (*names, "late p50", "late p99"):
        table.add_column(name, justify="right" if name else "left", no_wrap=not name)
    for row in rows:
        rates = (f"{row.seconds:.1f}", f"{row.polls / row.seconds:.0f}", f"{row.changed / row.seconds:.0f}")
        cpu = (f"{row.cpu[kind]:.1f}" if kind in row.cpu else "" for kind in kinds)
        late = (f"{percentile(row.late, share):.2f}" if row.late else "" for share in (0.5, 0.99))
        table.add_row(row.name, str(row.polls), str(row.changed), *rates, *cpu, f"{row.resident_mb:.0f}", *late)
    console = Console(width=170)
    console.print(table)
    console.print(
        "CPU and lateness in seconds. MB: fetcher and parse workers, or the plain loop, at their most."
        f" sum(range(1000)) took {min(speeds):.1f} to {max(speeds):.1f} us between the sweeps."
    )


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
    speeds = [machine_speed()]
    rows = asyncio.run(measure_sweeps(arguments.feeds, fetch))
    speeds.append(machine_speed())
    rows += asyncio.run(measure_changed(arguments.changed_feeds, fetch))
    report(rows, [*speeds, machine_speed()])


if __name__ == "__main__":
    main()
