"""Room for polls: a fast lane, and beside it a slow one, so that servers that hang keep nobody else waiting."""

import asyncio
from collections import OrderedDict
from datetime import timedelta
from typing import Any

# Long for a server on the public internet to answer, and a fraction of what it is given.
SLOW_AFTER = timedelta(seconds=2)


class Lanes:
    """Up to `size` polls in the fast lane; one that takes long moves over, while the slow lane has room for as many."""

    def __init__(self, size: int, slow_after: timedelta = SLOW_AFTER) -> None:
        self.slow_after = slow_after
        self._size = size
        # In the order in which they came; a plain dict would be slow to find its first entry.
        self._fast: OrderedDict[asyncio.Task[Any], float] = OrderedDict()
        self._slow: set[asyncio.Task[Any]] = set()

    def enter(self, task: asyncio.Task[Any], now: float) -> None:
        """Put a poll into the fast lane."""
        self._fast[task] = now

    def leave(self, task: asyncio.Task[Any]) -> None:
        """Take a poll out."""
        self._fast.pop(task, None)
        self._slow.discard(task)

    def room(self, now: float) -> int:
        """Return how many polls may enter."""
        late = now - self.slow_after.total_seconds()
        while self._fast and len(self._slow) < self._size:
            task, entered_at = next(iter(self._fast.items()))
            if entered_at > late:
                break
            del self._fast[task]
            self._slow.add(task)
        return self._size - len(self._fast)
