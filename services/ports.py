"""The ports that every service needs; their adapters are in runtime/, their fakes in tests/fakes.py."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Protocol

from schemas.base import StreamContract
from schemas.streams import Stream
from schemas.trace import TraceStep


class Publisher(Protocol):
    """Puts a contract on a stream; returns once it is durable there."""

    async def publish(self, stream: Stream[Any], value: StreamContract) -> None:
        """Put `value` on `stream` under its key."""


class Clock(Protocol):
    """Says what time it is."""

    def now(self) -> datetime:
        """Return this moment, aware, in UTC."""


class Announces(Protocol):
    """Has things to tell when their time has come, though nothing happens."""

    async def announce_due(self, now: datetime) -> None:
        """Tell what is due at `now`. Raises UnavailableError."""

    async def next_due_at(self) -> datetime | None:
        """Return when there is something to tell again, if nothing happens until then; None if nothing waits."""


class Traces(Protocol):
    """Keeps what was decided about every article and alert."""

    async def note(self, steps: Sequence[TraceStep]) -> None:
        """Keep these steps, each once however often it is told. Raises UnavailableError."""
