"""The fetcher service in a process of its own, and what it costs: so that nothing of who measures is in the figures."""

import asyncio
import multiprocessing
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from alerts.routing import Routes
from bench.feed_site import raise_file_limit
from schemas.feed import Feed
from services import bootstrap
from services.provisioning.catalogues import load_watched
from services.runtime.log import configure_logging
from services.settings import LoadedSettings, Settings

_TICKS = os.sysconf("SC_CLK_TCK")
_PAGE = os.sysconf("SC_PAGE_SIZE")
_STOP_SECONDS = 30


@dataclass(frozen=True)
class FetcherProcess:
    """A process that runs the fetcher between `start` and `stop`, as often as it is asked to."""

    pid: int
    _process: Any
    _pipe: Connection

    def start(self) -> None:
        """Begin to start the service."""
        self._pipe.send("start")

    def stop(self) -> None:
        """Stop the service, and return when it has stopped."""
        self._pipe.send("stop")
        if not self._pipe.poll(_STOP_SECONDS):
            raise SystemExit("the fetcher does not stop")
        self._pipe.recv()

    def check(self) -> None:
        """Raise SystemExit if the process has ended."""
        if not self._process.is_alive():
            raise SystemExit(f"the fetcher ended with {self._process.exitcode}")


@contextmanager
def fetcher_process(settings: Settings, feeds: tuple[Feed, ...]) -> Iterator[FetcherProcess]:
    """Yield the process, its imports done; end it afterwards."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_run, args=(settings, feeds, theirs))
    process.start()
    theirs.close()
    try:
        ours.recv()
        yield FetcherProcess(process.pid or 0, process, ours)
    finally:
        ours.close()
        process.join(_STOP_SECONDS)
        if process.is_alive():
            process.kill()


def _run(settings: Settings, feeds: tuple[Feed, ...], pipe: Connection) -> None:
    configure_logging("error", "console")
    raise_file_limit()
    pipe.send("imported")
    with suppress(EOFError):
        while pipe.recv() == "start":
            asyncio.run(_serve(settings, feeds, pipe))
            pipe.send("stopped")


async def _serve(settings: Settings, feeds: tuple[Feed, ...], pipe: Connection) -> None:
    """Run the service until whoever measures says something, or is gone."""
    stop = asyncio.Event()
    asyncio.get_running_loop().add_reader(pipe.fileno(), stop.set)
    provisioned = bootstrap.Provisioned(
        watched=lambda: load_watched(settings.topics, settings.actors),
        feeds=lambda: feeds,
        routes=lambda: Routes.model_validate({"route": {"receiver": "r"}, "receivers": [{"name": "r"}]}),
        channels=lambda routes, **_: (),
    )
    loaded = LoadedSettings(settings, {}, {}, None)
    await bootstrap.run_services(loaded, ["fetcher"], stop=stop, provisioned=provisioned)
    asyncio.get_running_loop().remove_reader(pipe.fileno())
    pipe.recv()


@dataclass
class Meter:
    """Reads from /proc what the fetcher, its parse workers, Valkey and the feeds' server have taken so far."""

    fetcher_pid: int
    site_pid: int
    most_resident: float = 0.0  # MB, of fetcher and parse workers together
    _cpu: dict[int, tuple[str, float]] = field(default_factory=dict)

    def read(self) -> dict[str, float]:
        """Return CPU seconds so far by kind of process, those that have ended included."""
        resident = 0.0
        for pid in [self.site_pid, *_descendants(os.getpid())]:
            if (kind := self._kind(pid)) is None:
                continue
            with suppress(FileNotFoundError, ProcessLookupError):
                times = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
                pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
                self._cpu[pid] = (kind, (int(times[11]) + int(times[12])) / _TICKS)
                resident += pages * _PAGE / 2**20 if kind in {"fetcher", "parsing"} else 0
        self.most_resident = max(self.most_resident, resident)
        totals = dict.fromkeys(("fetcher", "parsing", "valkey", "site"), 0.0)
        for kind, seconds in self._cpu.values():
            totals[kind] += seconds
        return totals

    def _kind(self, pid: int) -> str | None:
        if pid in {self.fetcher_pid, self.site_pid}:
            return "fetcher" if pid == self.fetcher_pid else "site"
        try:
            command = Path(f"/proc/{pid}/cmdline").read_bytes()
        except (FileNotFoundError, ProcessLookupError):
            return None
        if b"parse_worker" in command:
            return "parsing"
        return "valkey" if b"valkey-server" in command.split(b"\0")[0] else None


def _descendants(pid: int) -> list[int]:
    found: list[int] = []
    with suppress(FileNotFoundError, ProcessLookupError):
        for task in Path(f"/proc/{pid}/task").iterdir():
            for child in (task / "children").read_text().split():
                found += [int(child), *_descendants(int(child))]
    return found


def machine_speed() -> float:
    """Return how many microseconds `sum(range(1000))` takes now: other load on the machine shows in it."""
    best = float("inf")
    for _ in range(20):
        started = time.perf_counter()
        for _ in range(500):
            sum(range(1000))
        best = min(best, (time.perf_counter() - started) / 500)
    return best * 1e6
