"""Where feeds, their timers and what was seen in them are kept.

Keys in Valkey (all under `redline:`):

    feeds               hash: feed id -> Feed, those added at run time
    feeds:version       number: raised by every change of `feeds`
    feeds:due           sorted set: feed id by the time of its next poll; +inf for a feed that is gone
    feed:{id}:state     FeedState
    feed:{id}:seen      hash: article id -> what is remembered of it
    feed:{id}:lease     who polls the feed now; expires by itself if that fetcher dies
"""

import math
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from secrets import token_hex
from typing import Any, Protocol

import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError, WatchError

from schemas.codec import DecodeError, decode, encode
from schemas.feed import Feed
from services.domain.feeds.changes import Changes, Seen
from services.fetcher.state import FeedState, is_due_anew

FEEDS_KEY = "redline:feeds"
VERSION_KEY = "redline:feeds:version"
DUE_KEY = "redline:feeds:due"
# Short, because a feed whose fetcher was killed waits this long; renewed while a poll lasts.
LEASE = timedelta(seconds=15)

# Claims a feed only while it is still due: another fetcher may have polled it since it was listed.
_CLAIM = """
local due = redis.call('ZSCORE', KEYS[1], ARGV[1])
if not due or tonumber(due) > tonumber(ARGV[2]) then return 0 end
return redis.call('SET', KEYS[2], ARGV[3], 'NX', 'PX', ARGV[4]) and 1 or 0
"""
_RENEW = "return redis.call('GET', KEYS[1]) == ARGV[1] and redis.call('PEXPIRE', KEYS[1], ARGV[2]) or 0"
_RELEASE = "return redis.call('GET', KEYS[1]) == ARGV[1] and redis.call('DEL', KEYS[1]) or 0"

log = structlog.get_logger(__name__)


class StoreUnavailableError(Exception):
    """The store cannot be reached or refuses to answer; what was asked may or may not have been done."""


class LeaseLostError(Exception):
    """The poll took so long that another fetcher may have the feed now; its outcome was not recorded."""


@dataclass(frozen=True, slots=True)
class Claim:
    """The right to poll one feed, for as long as the lease is renewed."""

    feed_id: str
    token: str


class FeedStore(Protocol):
    """Keeps feeds added at run time, every feed's timer and state, and what was seen in it."""

    async def version(self) -> int:
        """Return a number that differs after every change of the added feeds."""

    async def added_feeds(self) -> tuple[Feed, ...]:
        """Return the feeds added at run time, by id."""

    async def add_feed(self, feed: Feed) -> None:
        """Keep a feed, in place of the one of the same id."""

    async def remove_feed(self, feed_id: str) -> bool:
        """Forget an added feed; say whether it was there. What was seen in it stays, in case it comes back."""

    async def reconcile(self, feeds: Sequence[Feed], now: datetime) -> None:
        """Make exactly these feeds have timers. Those that have one keep it; new and changed ones are due now."""

    async def due(self, now: datetime) -> list[str]:
        """Return the ids of the feeds that are due, the longest overdue first."""

    async def next_due_at(self, after: datetime) -> datetime | None:
        """Return when the next feed falls due after this time."""

    async def claim(self, feed_id: str, now: datetime) -> Claim | None:
        """Return the right to poll this feed, or None if it is not due any more or somebody has it."""

    async def renew(self, claim: Claim) -> bool:
        """Prolong a claim; say whether it still held."""

    async def release(self, claim: Claim) -> None:
        """Give a claim back without an outcome."""

    async def state(self, feed_id: str) -> FeedState | None:
        """Return what is remembered of a feed, or None before its first poll."""

    async def seen(self, feed_id: str) -> dict[str, Seen]:
        """Return the articles seen in a feed, by id."""

    async def record(self, claim: Claim, state: FeedState, changes: Changes) -> None:
        """Keep the outcome of a poll and its `due_at` as one, and end the claim; raise LeaseLostError if it is lost."""


class ValkeyFeedStore:
    """The feed store in Valkey or Redis."""

    def __init__(self, valkey: Redis, *, lease: timedelta = LEASE) -> None:
        # redis-py's annotations admit str where a client that does not decode answers bytes.
        self._valkey: Any = valkey
        self._lease_ms = int(lease / timedelta(milliseconds=1))
        self._claim = valkey.register_script(_CLAIM)
        self._renew = valkey.register_script(_RENEW)
        self._release = valkey.register_script(_RELEASE)

    async def version(self) -> int:
        """Return the number of changes of the added feeds so far."""
        async with _translated():
            return int(await self._valkey.get(VERSION_KEY) or 0)

    async def added_feeds(self) -> tuple[Feed, ...]:
        """Return the feeds added at run time, by id; one that cannot be read is logged and left out."""
        async with _translated():
            stored: dict[bytes, bytes] = await self._valkey.hgetall(FEEDS_KEY)
        feeds = []
        for field, raw in sorted(stored.items()):
            try:
                feeds.append(decode(Feed, raw))
            except DecodeError as error:
                log.error("stored_feed_unreadable", feed=field.decode(errors="replace"), error=str(error))
        return tuple(feeds)

    async def add_feed(self, feed: Feed) -> None:
        """Keep a feed, in place of the one of the same id."""
        async with _translated(), self._valkey.pipeline(transaction=True) as transaction:
            transaction.hset(FEEDS_KEY, feed.id, encode(feed).decode())
            transaction.incr(VERSION_KEY)
            await transaction.execute()

    async def add_feeds(self, feeds: Sequence[Feed]) -> tuple[str, ...]:
        """Keep feeds in one round trip; return the ids that others took meanwhile, whose feeds were not kept."""
        if not feeds:
            return ()
        async with _translated(), self._valkey.pipeline(transaction=True) as transaction:
            for feed in feeds:
                transaction.hsetnx(FEEDS_KEY, feed.id, encode(feed).decode())
            transaction.incr(VERSION_KEY)
            *kept, _ = await transaction.execute()
        return tuple(feed.id for feed, is_kept in zip(feeds, kept, strict=True) if not is_kept)

    async def remove_feed(self, feed_id: str) -> bool:
        """Forget an added feed; say whether it was there."""
        async with _translated(), self._valkey.pipeline(transaction=True) as transaction:
            transaction.hdel(FEEDS_KEY, feed_id)
            transaction.incr(VERSION_KEY)
            removed, _ = await transaction.execute()
        return bool(removed)

    async def reconcile(self, feeds: Sequence[Feed], now: datetime) -> None:
        """Make exactly these feeds have timers."""
        async with _translated():
            timers = {key.decode(): score for key, score in await self._valkey.zrange(DUE_KEY, 0, -1, withscores=True)}
            raws = await self._valkey.mget([_state_key(feed.id) for feed in feeds]) if feeds else []
            due_now = {
                feed.id: now.timestamp()
                for feed, raw in zip(feeds, raws, strict=True)
                if is_due_anew(feed, _decode_state(feed.id, raw), _moment(timers.get(feed.id)))
            }
            stale = timers.keys() - {feed.id for feed in feeds}
            if due_now:
                await self._valkey.zadd(DUE_KEY, due_now)
            if stale:
                await self._valkey.zrem(DUE_KEY, *stale)

    async def due(self, now: datetime) -> list[str]:
        """Return the ids of the feeds that are due, the longest overdue first."""
        async with _translated():
            return [key.decode() for key in await self._valkey.zrangebyscore(DUE_KEY, "-inf", now.timestamp())]

    async def next_due_at(self, after: datetime) -> datetime | None:
        """Return when the next feed falls due after this time."""
        async with _translated():
            bounds = (f"({after.timestamp()}", "(+inf")
            found = await self._valkey.zrangebyscore(DUE_KEY, *bounds, start=0, num=1, withscores=True)
        return _moment(found[0][1]) if found else None

    async def claim(self, feed_id: str, now: datetime) -> Claim | None:
        """Return the right to poll this feed, or None if it is not due any more or somebody has it."""
        claim = Claim(feed_id, token_hex(16))
        keys = [DUE_KEY, _lease_key(feed_id)]
        async with _translated():
            granted = await self._claim(keys=keys, args=[feed_id, now.timestamp(), claim.token, self._lease_ms])
        return claim if granted else None

    async def renew(self, claim: Claim) -> bool:
        """Prolong a claim; say whether it still held."""
        async with _translated():
            return bool(await self._renew(keys=[_lease_key(claim.feed_id)], args=[claim.token, self._lease_ms]))

    async def release(self, claim: Claim) -> None:
        """Give a claim back without an outcome."""
        async with _translated():
            await self._release(keys=[_lease_key(claim.feed_id)], args=[claim.token])

    async def state(self, feed_id: str) -> FeedState | None:
        """Return what is remembered of a feed, or None before its first poll."""
        async with _translated():
            return _decode_state(feed_id, await self._valkey.get(_state_key(feed_id)))

    async def seen(self, feed_id: str) -> dict[str, Seen]:
        """Return the articles seen in a feed, by id."""
        async with _translated():
            stored: dict[bytes, bytes] = await self._valkey.hgetall(_seen_key(feed_id))
        return {key.decode(): _unpack(raw.decode()) for key, raw in stored.items()}

    async def record(self, claim: Claim, state: FeedState, changes: Changes) -> None:
        """Keep the outcome of a poll as one transaction, if the claim still holds when it commits."""
        lease_key, seen_key = _lease_key(claim.feed_id), _seen_key(claim.feed_id)
        async with _translated(), self._valkey.pipeline(transaction=True) as transaction:
            await transaction.watch(lease_key)
            if await transaction.get(lease_key) != claim.token.encode():
                raise LeaseLostError(f"the claim on feed {claim.feed_id} expired during its poll")
            transaction.multi()
            if changes.remembered:
                packed = {key: _pack(value) for key, value in changes.remembered.items()}
                transaction.hset(seen_key, mapping=packed)
            if changes.forgotten:
                transaction.hdel(seen_key, *changes.forgotten)
            transaction.set(_state_key(claim.feed_id), encode(state))
            # XX: a feed that was removed during its poll stays removed.
            due = state.due_at.timestamp() if state.due_at else math.inf
            transaction.zadd(DUE_KEY, {claim.feed_id: due}, xx=True)
            transaction.delete(lease_key)
            try:
                await transaction.execute()
            except WatchError as error:
                raise LeaseLostError(f"the claim on feed {claim.feed_id} changed hands during its poll") from error


@asynccontextmanager
async def _translated() -> AsyncIterator[None]:
    try:
        yield
    except (RedisError, OSError) as error:
        raise StoreUnavailableError(f"the feed store failed: {error}") from error


def _state_key(feed_id: str) -> str:
    return f"redline:feed:{{{feed_id}}}:state"


def _seen_key(feed_id: str) -> str:
    return f"redline:feed:{{{feed_id}}}:seen"


def _lease_key(feed_id: str) -> str:
    return f"redline:feed:{{{feed_id}}}:lease"


def _moment(score: float | None) -> datetime | None:
    if score is None:
        return None
    # +inf is the timer of a feed that is gone: later than everything.
    return datetime.max.replace(tzinfo=UTC) if math.isinf(score) else datetime.fromtimestamp(score, UTC)


def _decode_state(feed_id: str, raw: bytes | None) -> FeedState | None:
    """Return the stored state; one that cannot be read is logged and counts as none, so the feed starts anew."""
    if raw is None:
        return None
    try:
        return decode(FeedState, raw)
    except DecodeError as error:
        log.error("feed_state_unreadable", feed_id=feed_id, error=str(error))
        return None


def _pack(seen: Seen) -> str:
    """Return `revision|first seen|last seen|revision ids`: a seen-set has thousands, so not JSON."""
    moments = f"{seen.first_seen_at.timestamp():.6f}|{seen.last_seen_at.timestamp():.6f}"
    return f"{seen.revision}|{moments}|{','.join(seen.revision_ids)}"


def _unpack(text: str) -> Seen:
    revision, first, last, revision_ids = text.split("|")
    moments = (datetime.fromtimestamp(float(value), UTC) for value in (first, last))
    return Seen(int(revision), tuple(revision_ids.split(",")), *moments)
