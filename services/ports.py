"""The ports that every service needs; their adapters are in runtime/, their fakes in tests/fakes.py."""

from datetime import datetime
from typing import Any, Protocol

from schemas.base import StreamContract
from schemas.streams import Stream


class Publisher(Protocol):
    """Puts a contract on a stream; returns once it is durable there."""

    async def publish(self, stream: Stream[Any], value: StreamContract) -> None:
        """Put `value` on `stream` under its key."""


class Clock(Protocol):
    """Says what time it is."""

    def now(self) -> datetime:
        """Return this moment, aware, in UTC."""
