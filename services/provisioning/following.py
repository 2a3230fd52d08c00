"""Following provisioned files: read again when they change and are valid, otherwise kept as they last were valid."""

import asyncio
import inspect
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import Generic, TypeVar

import structlog

from services.provisioning.faults import ConfigurationError

T = TypeVar("T")
Mark = tuple[str, int, int]

log = structlog.get_logger(__name__)


def fingerprint(*places: Path) -> tuple[Mark, ...]:
    """Return name, size and time of every file at these places; what is not there just now is left out."""
    marks: list[Mark] = []
    for place in places:
        with suppress(OSError):  # a folder may be swapped for another under our eyes
            for file in sorted(place.iterdir()) if place.is_dir() else [place]:
                state = file.stat()
                marks.append((str(file), state.st_size, state.st_mtime_ns))
    return tuple(marks)


class FileFollower(Generic[T]):
    """Hands on what files say each time they have changed and are valid.

    `since` is their fingerprint from just before they were last read.
    """

    def __init__(
        self,
        places: tuple[Path, ...],
        read: Callable[[], T],
        take_over: Callable[[T], Awaitable[None] | None],
        since: tuple[Mark, ...],
    ) -> None:
        self._places = places
        self._read = read
        self._take_over = take_over
        self._seen = since

    async def check(self) -> None:
        """Read the files if they changed since the last look."""
        now = await asyncio.to_thread(fingerprint, *self._places)
        if now == self._seen:
            return
        self._seen = now
        try:
            content = await asyncio.to_thread(self._read)
        except ConfigurationError as error:
            log.error("files_not_reloaded", faults=[str(fault) for fault in error.faults])
            return
        taking_over = self._take_over(content)
        if inspect.isawaitable(taking_over):
            await taking_over
        log.info("files_reloaded", places=[str(place) for place in self._places])

    async def run(self, stop: asyncio.Event, interval_seconds: float) -> None:
        """Check until `stop` is set."""
        while not stop.is_set():
            await self.check()
            with suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), interval_seconds)
