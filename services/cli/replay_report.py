"""What `redline replay` says besides the alerts: why matches raised none, what was sent, and that it waits."""

import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.markup import escape
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from schemas.trace import Stage, TraceStep
from services.cli.output import err
from services.plurals import counted

if TYPE_CHECKING:
    from services.bootstrap import IsolatedDelivery

QUIET_SECONDS = 2.0  # a wait that is shorter than this needs no words
# What the tracker's reasons are to people; one that is not here stands as it is.
_REASONS = {
    "adds_nothing": ("adds nothing to its story", "add nothing to their stories"),
    "back_list": ("stood in its feed before that was followed", "stood in their feeds before these were followed"),
}


class NotAlerted:
    """Takes what was decided, and counts why matches raised no alert."""

    def __init__(self) -> None:
        self._steps: dict[str, TraceStep] = {}

    async def note(self, steps: Sequence[TraceStep]) -> None:
        """Keep the steps that end without an alert, each once."""
        self._steps |= {step.id: step for step in steps if step.stage is Stage.NOT_ALERTED}

    def summary(self) -> str:
        """Return why matches raised no alert, as `2 matches raised no alert: 2 add nothing to their stories`."""
        if not self._steps:
            return ""
        reasons = Counter(step.reason.partition(":")[0] for step in self._steps.values())
        words = (
            f"{count} {_REASONS.get(reason, (reason, reason))[count != 1]}" for reason, count in reasons.most_common()
        )
        return f"{counted(len(self._steps), 'match')} raised no alert: {', '.join(words)}"


@contextmanager
def waiting(patience_seconds: float) -> Iterator[Callable[[int], None]]:
    """Show on stderr that messages are waited for: a bar on a terminal, else one line if it takes a while.

    What this gives is to be called with the number of messages that are under way.
    """
    began_at = time.monotonic()
    columns = (TextColumn("{task.description}"), BarColumn(), TimeRemainingColumn(elapsed_when_finished=True))
    with Progress(*columns, console=err, transient=True, disable=not err.is_terminal) as progress:
        task = progress.add_task("sending", total=patience_seconds, visible=False)
        told = False

        def show(under_way: int) -> None:
            nonlocal told
            waited = time.monotonic() - began_at
            if waited < QUIET_SECONDS:
                return
            what = (
                f"sending {counted(under_way, 'message')}" if under_way else "waiting for the next messages of groups"
            )
            progress.update(task, completed=min(waited, patience_seconds), description=what, visible=True)
            if not told and not err.is_terminal:
                err.print(f"{what}, for {patience_seconds:g} s at most ...")
            told = True

        yield show


def report(delivery: "IsolatedDelivery") -> None:
    """Say on stderr what was sent, by channel, and what still waited."""
    lanes = ", ".join(f"{escape(lane)} {count}" for lane, count in sorted(delivery.sent.items()))
    total = counted(delivery.sent.total(), "message")
    err.print(f"sent {total}: {lanes}" if lanes else "sent nothing")
    if delivery.left:
        err.print(delivery.left)
