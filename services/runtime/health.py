"""Noticing a consumer that stands still while messages wait (faust issues 175, 523, 640)."""

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import cast

import faust
import structlog
from faust.types import TP

from services.runtime.faults import ConsumerStuckError
from services.runtime.strict_commit import StrictCommit

logger = structlog.get_logger(__name__)

BROKER_TIMEOUT_SECONDS = 10.0


@dataclass(frozen=True)
class HealthPolicy:
    """A consumer is stuck when a partition has messages and commits none for `stuck_after_seconds`.

    That must be longer than a handler's timeouts together. A partition that waits for a dependency is not stuck.
    """

    stuck_after_seconds: float = 300.0
    interval_seconds: float = 10.0


class CommitWatch:
    """Remembers since when each partition has had messages and no commit."""

    def __init__(self, stuck_after_seconds: float) -> None:
        self._stuck_after_seconds = stuck_after_seconds
        self._still: dict[TP, tuple[int, float]] = {}

    def stuck(self, committed: Mapping[TP, int], ends: Mapping[TP, int], now: float) -> tuple[TP, float] | None:
        """Return a partition that stands still for too long, with its seconds. `now` never goes back."""
        waiting = {tp: at for tp, at in committed.items() if ends.get(tp, 0) > at}
        self._still = {
            tp: self._still[tp] if tp in self._still and self._still[tp][0] == at else (at, now)
            for tp, at in waiting.items()
        }
        for tp, (_, since) in self._still.items():
            if now - since >= self._stuck_after_seconds:
                return tp, now - since
        return None


async def watch_commits(apps: Sequence[faust.App], policy: HealthPolicy) -> None:
    """Raise ConsumerStuckError as soon as a consumer of these apps is stuck; never return."""
    watches = {app: CommitWatch(policy.stuck_after_seconds) for app in apps if not app.producer_only}
    while True:
        await asyncio.sleep(policy.interval_seconds)
        for app, watch in watches.items():
            await _check(app, watch)


async def _check(app: faust.App, watch: CommitWatch) -> None:
    if app.rebalancing or app.should_stop:
        return
    try:
        async with asyncio.timeout(BROKER_TIMEOUT_SECONDS):
            committed, ends = await _positions(cast("StrictCommit", app.consumer))
    except Exception as error:  # noqa: BLE001 - the broker is away: that is an outage, and the driver reconnects
        logger.warning("stream_ends_unknown", service=app.conf.id, error=str(error) or type(error).__name__)
        return
    found = watch.stuck(committed, ends, time.monotonic())
    if found is not None:
        (stream, partition), seconds = found
        raise ConsumerStuckError(app.conf.id, f"{stream}/{partition}", seconds)


async def _positions(consumer: StrictCommit) -> tuple[dict[TP, int], Mapping[TP, int]]:
    committed = consumer.committed_offsets()
    ends = await consumer.highwaters(*committed)
    uncommitted = [tp for tp, offset in committed.items() if offset is None]
    earliest = await consumer.earliest_offsets(*uncommitted) if uncommitted else {}
    return {tp: earliest[tp] if offset is None else offset for tp, offset in committed.items()}, ends
