"""Matches to the tracker's handler."""

import faust

from schemas.streams import MATCHES
from services.runtime.consume import Rejections, subscribe
from services.tracker.handler import TrackerHandler


def install(app: faust.App, handler: TrackerHandler, dead_letters: Rejections) -> None:
    """Let the handler see every match."""
    subscribe(app, MATCHES, handler.handle, dead_letters)
