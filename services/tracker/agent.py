"""Matches to the tracker's handler, and shifts and surges to their readers when their time has come."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress

import faust
import structlog

from schemas.streams import MATCHES
from services.ports import Announces, Clock
from services.runtime.consume import UNAVAILABLE, Rejections, subscribe
from services.tracker.handler import TrackerHandler

TURN_SECONDS = 5.0  # shifts wait for an hour of grace, so that nobody will miss the seconds

log = structlog.get_logger(__name__)


def install(app: faust.App, handler: TrackerHandler, dead_letters: Rejections) -> None:
    """Let the handler see every match."""
    subscribe(app, MATCHES, handler.handle, dead_letters)


async def announce_in_time(stop: asyncio.Event, announcers: Sequence[Announces], clock: Clock) -> None:
    """Announce what becomes due though no match comes, until `stop` is set; what cannot be done now is tried again."""
    while not stop.is_set():
        for announcer in announcers:
            try:
                await announcer.announce_due(clock.now())
            except UNAVAILABLE as error:
                log.warning("announcements_wait", of=type(announcer).__name__, reason=str(error))
        with suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), TURN_SECONDS)
