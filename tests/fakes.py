"""Fakes for the ports: real behaviour, in memory. Add a class here when a port gets a second test."""

from datetime import UTC, datetime, timedelta
from typing import Any

from pydantic import BaseModel

from schemas.streams import Stream

EPOCH = datetime(2024, 11, 27, 9, 0, tzinfo=UTC)


class FakeClock:
    """A clock that moves only when told to, or when somebody sleeps on it."""

    def __init__(self, now: datetime = EPOCH) -> None:
        self._now = now
        self.slept: list[float] = []

    def now(self) -> datetime:
        return self._now

    def advance(self, step: timedelta) -> None:
        self._now += step

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self._now += timedelta(seconds=seconds)


class RecordingPublisher:
    """A publisher that keeps what was sent, in order, as (stream, contract)."""

    def __init__(self) -> None:
        self.sent: list[tuple[Stream[Any], BaseModel]] = []

    async def publish(self, stream: Stream[Any], value: BaseModel) -> None:
        self.sent.append((stream, value))

    def on(self, stream: Stream[Any]) -> list[Any]:
        """Return what was sent to one stream."""
        return [value for target, value in self.sent if target is stream]
