"""Silences in Valkey/Redis: few, so they are one hash; finished ones stay for the record.

Keys, all in the ledger's hash slot: `silences` a hash from id to the silence as JSON; `silences:ends` a sorted set of
ids by their end, in whole microseconds; `silences:version` the number of changes so far.
"""

from datetime import datetime, timedelta
from typing import Any, cast

import structlog
from redis.asyncio import Redis

from alerts.silences import Silence, is_active
from schemas.codec import DecodeError, decode, encode
from services.alerter.faults import translated
from services.alerter.moments import micros
from services.runtime.faults import UnavailableError

log = structlog.get_logger()

KEEP_FINISHED = timedelta(days=35)
VERSION = "silences:version"  # the number of changes so far: while it stays the same, so do the silences

_PUT = """
-- id, silence, its end, what ended before is forgotten, silence that it takes the place of or ''
-- -> 1 if it was put, 0 if another is kept by now
local prefix, id, silence, ends_at, forget, held = KEYS[1], ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5]
local silences, ends = prefix .. 'silences', prefix .. 'silences:ends'
if held ~= '' and redis.call('HGET', silences, id) ~= held then
  return 0
end
for _, finished in ipairs(redis.call('ZRANGEBYSCORE', ends, '-inf', '(' .. forget)) do
  redis.call('HDEL', silences, finished)
  redis.call('ZREM', ends, finished)
end
redis.call('HSET', silences, id, silence)
redis.call('ZADD', ends, ends_at, id)
redis.call('INCR', prefix .. 'silences:version')
return 1
"""


class SilenceStoreUnavailableError(UnavailableError):
    """The store cannot be reached, or takes no writes now: full, read-only, or loading."""


class ValkeySilences:
    """Keeps silences, finished ones for 35 days. Every method raises SilenceStoreUnavailableError."""

    def __init__(self, client: Redis, *, namespace: str = "redline") -> None:
        self._client = client
        self._prefix = f"{namespace}:{{outbox}}:"
        self._put = client.register_script(_PUT)

    async def add(self, silence: Silence) -> None:
        """Keep a silence, in place of the one with its id if there is one."""
        await self._exchange(b"", silence, silence.created_at)

    async def get(self, silence_id: str) -> Silence | None:
        """Return a silence, or None if there is none of this id."""
        raw = await self._raw(silence_id)
        return _readable(silence_id, raw) if raw is not None else None

    async def expire(self, silence_id: str, now: datetime) -> bool:
        """End a silence at `now`; say no if there is none of this id, or it has ended before."""
        while True:
            raw = await self._raw(silence_id)
            silence = _readable(silence_id, raw) if raw is not None else None
            if raw is None or silence is None or silence.ends_at <= now:
                return False
            ended = silence.model_copy(update={"starts_at": min(silence.starts_at, now), "ends_at": now})
            if await self._exchange(raw, ended, now):
                return True

    async def all(self) -> tuple[Silence, ...]:
        """Return every silence, finished ones too, in the order in which they were made."""
        with translated(SilenceStoreUnavailableError):
            rows = cast("dict[bytes, bytes]", await self._client.hgetall(f"{self._prefix}silences"))
        found = (_readable(one.decode(), raw) for one, raw in rows.items())
        return tuple(sorted((one for one in found if one), key=lambda one: (one.created_at, one.id)))

    async def active(self, now: datetime) -> tuple[Silence, ...]:
        """Return the silences that hold at `now`."""
        return tuple(silence for silence in await self.all() if is_active(silence, now))

    async def version(self) -> int:
        """Return the number of changes so far: while it stays the same, so do the silences."""
        with translated(SilenceStoreUnavailableError):
            return int(await self._client.get(f"{self._prefix}{VERSION}") or 0)

    async def _raw(self, silence_id: str) -> bytes | None:
        with translated(SilenceStoreUnavailableError):
            return cast("bytes | None", await self._client.hget(f"{self._prefix}silences", silence_id))

    async def _exchange(self, held: bytes, silence: Silence, now: datetime) -> bool:
        args: list[Any] = [silence.id, encode(silence), micros(silence.ends_at), micros(now - KEEP_FINISHED), held]
        with translated(SilenceStoreUnavailableError):
            return bool(await self._put(keys=[self._prefix], args=args))


def _readable(silence_id: str, raw: bytes) -> Silence | None:
    try:
        return decode(Silence, raw)
    except DecodeError as error:
        # It silences nothing: a notice too many is better than a miss.
        log.error("kept_silence_unreadable", silence_id=silence_id, reason=str(error))
        return None
