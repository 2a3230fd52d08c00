"""Inhibitors in Valkey/Redis: `inhibitor:<key>` the one of that key that lasts longest, as JSON, until it ends."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

import structlog
from redis.asyncio import Redis

from alerts.inhibition import Inhibitor
from schemas.codec import DecodeError, decode, encode
from services.alerter.faults import translated
from services.alerter.moments import micros

log = structlog.get_logger()

_NOTE = """
-- key, until, ms from now to then, inhibitor
local name, until_, keep = KEYS[1] .. 'inhibitor:' .. ARGV[1], ARGV[2], ARGV[3]
local held = redis.call('HGET', name, 'until')
if not held or tonumber(held) < tonumber(until_) then
  redis.call('HSET', name, 'until', until_, 'inhibitor', ARGV[4])
  redis.call('PEXPIRE', name, keep)
end
"""


class ValkeyInhibitors:
    """Keeps what inhibits alerts. Every method raises LedgerUnavailableError, and may then be called again."""

    def __init__(self, client: Redis, *, namespace: str = "redline") -> None:
        self._client = client
        self._prefix = f"{namespace}:{{outbox}}:"
        self._note = client.register_script(_NOTE)

    async def note(self, inhibitors: Iterable[Inhibitor], now: datetime) -> None:
        """Keep these until they end; what has ended is not kept."""
        for one in inhibitors:
            left_ms = (one.until - now) // timedelta(milliseconds=1)
            if left_ms > 0:
                with translated():
                    await self._note(keys=[self._prefix], args=[one.key, micros(one.until), left_ms, encode(one)])


def inhibitor_key(key: str) -> str:
    """Return where, below the common prefix, the hash is whose field `inhibitor` is the one of this key."""
    return f"inhibitor:{key}"


def inhibitors_of(keys: Sequence[str], raws: Sequence[bytes | None]) -> dict[str, Inhibitor]:
    """Return those there are, from what was read under these keys; ended ones may be among them."""
    return {key: one for key, raw in zip(keys, raws, strict=True) if raw is not None and (one := _readable(raw))}


def _readable(raw: bytes) -> Inhibitor | None:
    try:
        return decode(Inhibitor, raw)
    except DecodeError as error:
        # It inhibits nothing: a notice too many is better than a miss.
        log.error("kept_inhibitor_unreadable", reason=str(error))
        return None
