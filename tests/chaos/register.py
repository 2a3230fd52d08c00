"""What the receivers share: the faults to serve, the register of arrivals, and the trap that kills at a message."""

import asyncio
import contextlib
import time
from collections import Counter
from collections.abc import Callable

from tests.chaos.audit import Arrival, Fate, Kind
from tests.chaos.plan import Fault, Plan, item_id

# Longer than any client waits for an answer, so that it is the client who gives up.
HANG_SECONDS = 150.0


class Register:
    """Remembers every message read, says what to do with it, and springs a trap at the nth."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.arrivals: list[Arrival] = []
        self.served: Counter[tuple[str, str]] = Counter()
        self._comings: Counter[tuple[Kind, int, str]] = Counter()
        self._looks = 0
        self._connections = 0
        self._trap: tuple[int, Callable[[], None]] | None = None

    def trap(self, nth: int, spring: Callable[[], None]) -> None:
        """Call `spring` as soon as the nth message from now on has been read, before it is answered."""
        self._trap = (nth, spring)

    def disarm(self) -> None:
        """Take the trap away."""
        self._trap = None

    def read(self, kind: Kind, item: int, mailbox: str = "") -> Fault:
        """Note that a message was read; return what to do with it."""
        faults = self.plan.faults(kind, item, mailbox)
        coming = self._comings[kind, item, mailbox]
        self._comings[kind, item, mailbox] += 1
        fault = faults[coming] if coming < len(faults) else Fault.NONE
        self._serve(kind, fault)
        self._tread()
        return fault

    def look(self) -> Fault:
        """Note that somebody asks for Slack's history; return what to do about it."""
        fault = self.plan.history_fault(self._looks)
        self._looks += 1
        self._serve("history", fault)
        self._tread()
        return fault

    def connection(self) -> int:
        """Return the number of a new SMTP connection."""
        self._connections += 1
        return self._connections

    def serve_stage(self, what: str) -> None:
        """Note a fault served in an SMTP conversation."""
        self.served["smtp", what] += 1

    def note(self, kind: Kind, item: int | None, key: str | None, mailbox: str, fate: Fate, at: float) -> None:
        """Enter what became of a message; `at` is when it had been read."""
        self.arrivals.append(Arrival(kind, None if item is None else item_id(item), key, mailbox, at, fate))

    def _serve(self, where: str, fault: Fault) -> None:
        if fault is not Fault.NONE:
            self.served[str(where), fault.value] += 1

    def _tread(self) -> None:
        if self._trap is None:
            return
        left, spring = self._trap
        self._trap = (left - 1, spring) if left > 1 else None
        if left <= 1:
            spring()


async def until_gone(reader: asyncio.StreamReader) -> None:
    """Say nothing until the client closes."""
    try:
        async with asyncio.timeout(HANG_SECONDS):
            await reader.read(1)
    except (TimeoutError, ConnectionError):
        return


async def closed(writer: asyncio.StreamWriter) -> None:
    """Close a connection, whatever the other side did with it."""
    writer.close()
    with contextlib.suppress(ConnectionError):
        await writer.wait_closed()


def now() -> float:
    """Return the time as deliveries tell it."""
    return time.time()
