"""An event loop whose clock jumps to the next timer whenever nothing else is left to do.

Sockets are real, as long as both ends are in this loop: what one end sends on loopback is there for the other at once.
Whatever waits for another process says so with `outside`, and the clock stands still meanwhile.
"""

import asyncio
import selectors
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

REAL_PATIENCE_SECONDS = 60.0


class _JumpingSelector(selectors.DefaultSelector):
    def __init__(self) -> None:
        super().__init__()
        self.jumped = 0.0
        self.outside = 0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        events = super().select(0)
        if events or timeout == 0:
            return events
        if self.outside or timeout is None:
            events = super().select(REAL_PATIENCE_SECONDS)
            if not events:
                raise RuntimeError("nothing happens: what was waited for never came")
            return events
        # Rounded up, or the loop would find the timer a hair's breadth in the future for ever.
        self.jumped += max(timeout, 1e-6)
        return []


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    """Use it with `run_until_complete`; a week of waiting takes as long as what is done in it."""

    def __init__(self, start: datetime) -> None:
        self._jumping = _JumpingSelector()
        self._start = start
        super().__init__(self._jumping)

    def time(self) -> float:
        return self._jumping.jumped

    def now(self) -> datetime:
        """Return the time in this world; with it, the loop is a Clock."""
        return self._start + timedelta(seconds=self.time())

    @contextmanager
    def outside(self) -> Iterator[None]:
        """Let the clock stand still while something waits for another process."""
        self._jumping.outside += 1
        try:
            yield
        finally:
            self._jumping.outside -= 1


class ThisMachine:
    """A resolver by which every host name leads to this machine."""

    async def addresses(self, _host: str, _port: int) -> Sequence[str]:
        return ["127.0.0.1"]


class Outside:
    """A port whose adapter talks to another process."""

    def __init__(self, inner: Any, loop: VirtualTimeLoop) -> None:
        self._inner = inner
        self._loop = loop

    def __getattr__(self, name: str) -> Callable[..., Any]:
        method = getattr(self._inner, name)

        async def call(*arguments: Any, **options: Any) -> Any:
            with self._loop.outside():
                return await method(*arguments, **options)

        return call
