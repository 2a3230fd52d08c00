"""How every lane of the ledger stands, for people: what waits, since when, and how its last attempt ended.

Reads what ledger_scripts.py writes: `lanes`, `due:<lane>` and `held:<lane>`, `queued` for the age of what waits, and
`last:<lane>`, a hash of the last recorded attempt.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import cast

from redis.asyncio import Redis

from alerts.delivery import EntryState, Lane
from services.alerter.faults import translated
from services.alerter.ledger_entries import lane_of
from services.alerter.moments import moment_of, text_of
from services.runtime.faults import UnavailableError

CHUNK = 10_000  # ages asked for at once; the server does nothing else meanwhile


@dataclass(frozen=True)
class LaneState:
    """`last` is how the last attempt left its entry: pending means that it failed, and is tried again."""

    waiting: int = 0
    oldest_queued_at: datetime | None = None
    last: EntryState | None = None
    last_reason: str = ""
    last_at: datetime | None = None


async def lane_states(client: Redis, *, namespace: str = "redline") -> Mapping[Lane, LaneState]:
    """Return how each lane that was ever used stands, by name. Raises UnavailableError."""
    prefix = f"{namespace}:{{outbox}}:"
    with translated(UnavailableError):
        lanes = sorted(lane_of(lane) for lane in await client.smembers(f"{prefix}lanes"))
        return {lane: await _state(client, prefix, lane) for lane in lanes}


async def _state(client: Redis, prefix: str, lane: Lane) -> LaneState:
    pipeline = client.pipeline(transaction=True)
    pipeline.zrange(f"{prefix}due:{lane}", 0, -1)
    pipeline.zrange(f"{prefix}held:{lane}", 0, -1)
    pipeline.hgetall(f"{prefix}last:{lane}")
    due, held, fields = await pipeline.execute()
    waiting = [text_of(key) for key in (*due, *held)]
    ages: list[float] = []
    for start in range(0, len(waiting), CHUNK):
        scores = await client.zmscore(f"{prefix}queued", waiting[start : start + CHUNK])
        ages += [score for score in scores if score is not None]
    last = cast("dict[bytes, bytes]", fields)
    return LaneState(
        waiting=len(waiting),
        oldest_queued_at=moment_of(min(ages)) if ages else None,
        last=EntryState(last[b"state"].decode()) if last else None,
        last_reason=last[b"reason"].decode() if last else "",
        last_at=moment_of(last[b"at"]) if last else None,
    )
