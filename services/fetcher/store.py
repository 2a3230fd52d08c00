"""Where feeds, their timers and what was seen in them are kept.

Keys in Valkey (all under `redline:`), beside those of the timers in feed_scripts.py:

    feeds               hash: feed id -> Feed, those added at run time
    feeds:version       number: raised by every change of `feeds`
    feeds:audit         list: Move, newest first
    feed:{id}:state     FeedState
    feed:{id}:seen      hash: article id -> what is remembered of it
"""

import asyncio
import math
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import islice
from secrets import token_hex
from typing import Any, Protocol, TypeVar

import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError

from schemas.codec import DecodeError, decode, encode
from schemas.feed import Feed
from services.domain.feeds.changes import Changes, Seen
from services.fetcher import feed_scripts as scripts
from services.fetcher.history import Move
from services.fetcher.moves import host_of
from services.fetcher.script_runner import Script, ScriptRunner
from services.fetcher.state import FeedState, timer_of

FEEDS_KEY = "redline:feeds"
# So many feeds in one request: each of them is decoded while everything else waits.
CHUNK = 500
# Short, because a host whose fetcher was killed waits this long; renewed while a poll lasts.
LEASE = timedelta(seconds=15)

T = TypeVar("T")

log = structlog.get_logger(__name__)


class StoreUnavailableError(Exception):
    """The store cannot be reached or refuses to answer; what was asked may or may not have been done."""


class LeaseLostError(Exception):
    """The poll took so long that another fetcher may have the feed now; its outcome was not recorded."""


@dataclass(frozen=True, slots=True)
class Claim:
    """The right to poll one feed and so to ask its host, for as long as the lease is renewed."""

    feed_id: str
    token: str
    host: str = ""
    due_at: datetime | None = None
    # As it was when the feed was claimed; nobody else changes it before the claim ends.
    state: FeedState | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Turn:
    """What there is to do: feeds claimed, and when there may be more. `version` is that of the added feeds."""

    version: int
    claims: tuple[Claim, ...] = ()
    next_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class SeenIn:
    """What is remembered of some articles of a feed, and of how many in all."""

    known: Mapping[str, Seen]
    count: int


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
        """Make exactly these feeds have timers. Those that have one keep it; new and changed ones get theirs."""

    async def claim_due(self, now: datetime, limit: int) -> Turn:
        """Claim up to `limit` feeds that are due, of as many hosts, none of which is being asked by anybody.

        The longest overdue come first; hosts with many take turns with the others.
        """

    async def renew(self, claims: Sequence[Claim], now: datetime) -> list[Claim]:
        """Prolong claims; return those that were lost."""

    async def release(self, claim: Claim, now: datetime, *, due_at: datetime | None = None) -> None:
        """Give a claim back without an outcome, due when it was or at another time."""

    async def hasten(self, feed_id: str, now: datetime) -> bool:
        """Make a feed due now, even if it is being polled; say whether it has a timer that can be hastened."""

    async def timer(self, feed_id: str) -> datetime | None:
        """Return when a feed is due; the last possible time for one that is gone, None for one not followed."""

    async def state(self, feed_id: str) -> FeedState | None:
        """Return what is remembered of a feed, or None before its first poll."""

    async def seen(self, feed_id: str, article_ids: Sequence[str] | None = None) -> SeenIn:
        """Return what is remembered of these articles of a feed, or of all."""

    async def record(self, claim: Claim, state: FeedState, changes: Changes, move: Move | None = None) -> None:
        """Keep the outcome of a poll and its `due_at` as one, and end the claim; raise LeaseLostError if it is lost."""

    async def moves(self, limit: int) -> tuple[Move, ...]:
        """Return the last moves of all feeds, newest first."""


class ValkeyFeedStore:
    """The feed store in Valkey or Redis."""

    def __init__(self, valkey: Redis, *, lease: timedelta = LEASE) -> None:
        # redis-py's annotations admit str where a client that does not decode answers bytes.
        self._valkey: Any = valkey
        self._scripts = ScriptRunner(valkey)
        self._lease = lease
        self._lease_ms = int(lease / timedelta(milliseconds=1))
        self._added: dict[str, tuple[bytes, Feed]] = {}

    async def version(self) -> int:
        """Return the number of changes of the added feeds so far."""
        async with _translated():
            return int(await self._valkey.get(scripts.VERSION_KEY) or 0)

    async def added_feeds(self) -> tuple[Feed, ...]:
        """Return the feeds added at run time, by id; one that cannot be read is logged and left out."""
        added: dict[str, tuple[bytes, Feed]] = {}
        async for field_, raw in self._scan(FEEDS_KEY):
            feed_id = field_.decode(errors="replace")
            known = self._added.get(feed_id)
            try:
                added[feed_id] = known if known is not None and known[0] == raw else (raw, decode(Feed, raw))
            except DecodeError as error:
                log.error("stored_feed_unreadable", feed=feed_id, error=str(error))
        self._added = added
        return tuple(added[feed_id][1] for feed_id in sorted(added))

    async def add_feed(self, feed: Feed) -> None:
        """Keep a feed, in place of the one of the same id."""
        async with _translated(), self._valkey.pipeline(transaction=True) as transaction:
            transaction.hset(FEEDS_KEY, feed.id, encode(feed).decode())
            transaction.incr(scripts.VERSION_KEY)
            await transaction.execute()

    async def add_feeds(self, feeds: Sequence[Feed]) -> tuple[str, ...]:
        """Keep feeds in one round trip; return the ids that others took meanwhile, whose feeds were not kept."""
        if not feeds:
            return ()
        async with _translated(), self._valkey.pipeline(transaction=True) as transaction:
            for feed in feeds:
                transaction.hsetnx(FEEDS_KEY, feed.id, encode(feed).decode())
            transaction.incr(scripts.VERSION_KEY)
            *kept, _ = await transaction.execute()
        return tuple(feed.id for feed, is_kept in zip(feeds, kept, strict=True) if not is_kept)

    async def remove_feed(self, feed_id: str) -> bool:
        """Forget an added feed; say whether it was there."""
        async with _translated(), self._valkey.pipeline(transaction=True) as transaction:
            transaction.hdel(FEEDS_KEY, feed_id)
            transaction.incr(scripts.VERSION_KEY)
            removed, _ = await transaction.execute()
        return bool(removed)

    async def reconcile(self, feeds: Sequence[Feed], now: datetime) -> None:
        """Make exactly these feeds have timers; looks only at those whose address or interval is another."""
        timed = {field_.decode(): raw.partition(b"\n")[2] async for field_, raw in self._scan(scripts.TIMED_KEY)}
        changed = [feed for feed in feeds if timed.get(feed.id) != _terms(feed)]
        for some in _batched(changed, CHUNK):
            async with _translated():
                raws = await self._valkey.mget([_state_key(feed.id) for feed in some])
            placed: list[Any] = []
            for feed, raw in zip(some, raws, strict=True):
                state = _decode_state(feed.id, raw)
                due_at = timer_of(feed, state, now, has_timer=feed.id in timed)
                address = state.for_feed(feed).address if state else feed.url
                placed += [feed.id, host_of(address), _terms(feed), _score(due_at) if due_at else ""]
            await self._run(scripts.PLACE, *placed)
        for gone in _batched(timed.keys() - {feed.id for feed in feeds}, CHUNK):
            await self._run(scripts.REMOVE, *gone)

    async def claim_due(self, now: datetime, limit: int) -> Turn:
        """Claim up to `limit` feeds that are due, each of another host that nobody is asking, in one round trip."""
        token = token_hex(12)
        version, soonest, found = await self._run(scripts.CLAIM, now.timestamp(), limit, self._lease_ms, token)
        claims = []
        for feed_id, host, due, raw in _batched(found, 4):
            name = feed_id.decode()
            state = _decode_state(name, raw or None)
            claims.append(Claim(name, f"{token}:{name}", host.decode(), _moment(float(due)), state))
        return Turn(int(version or 0), tuple(claims), _moment(float(soonest)) if soonest else None)

    async def renew(self, claims: Sequence[Claim], now: datetime) -> list[Claim]:
        """Prolong claims; return those that were lost."""
        pairs = [part for claim in claims for part in (claim.host, claim.token)]
        kept = await self._run(scripts.RENEW, self._lease_ms, (now + self._lease).timestamp(), *pairs)
        return [claim for claim, held in zip(claims, kept, strict=True) if not held]

    async def release(self, claim: Claim, now: datetime, *, due_at: datetime | None = None) -> None:
        """Give a claim back without an outcome, due when it was or at another time."""
        await self._finish(claim, now, due_at or claim.due_at, claim.host)

    async def hasten(self, feed_id: str, now: datetime) -> bool:
        """Make a feed due now, even if it is being polled; say whether it has a timer that can be hastened."""
        return bool(await self._run(scripts.HASTEN, feed_id, now.timestamp()))

    async def timer(self, feed_id: str) -> datetime | None:
        """Return when a feed is due; the last possible time for one that is gone, None for one not followed."""
        due = await self._run(scripts.TIMER, feed_id)
        return _moment(float(due)) if due else None

    async def state(self, feed_id: str) -> FeedState | None:
        """Return what is remembered of a feed, or None before its first poll."""
        async with _translated():
            return _decode_state(feed_id, await self._valkey.get(_state_key(feed_id)))

    async def states(self, feed_ids: Sequence[str]) -> dict[str, FeedState]:
        """Return what is remembered of these feeds, those that were polled."""
        found: dict[str, FeedState] = {}
        for some in _batched(feed_ids, CHUNK):
            async with _translated():
                raws = await self._valkey.mget([_state_key(feed_id) for feed_id in some])
            decoded = ((feed_id, _decode_state(feed_id, raw)) for feed_id, raw in zip(some, raws, strict=True))
            found |= {feed_id: state for feed_id, state in decoded if state is not None}
        return found

    async def seen(self, feed_id: str, article_ids: Sequence[str] | None = None) -> SeenIn:
        """Return what is remembered of these articles of a feed, or of all."""
        if article_ids is None:
            known = {name.decode(): _unpack(raw.decode()) async for name, raw in self._scan(_seen_key(feed_id))}
            return SeenIn(known, len(known))
        asked = [self._run(scripts.SEEN, feed_id, *some) for some in tuple(_batched(article_ids, CHUNK)) or ((),)]
        answers = await asyncio.gather(*asked)
        found = zip(article_ids, (raw for _, some in answers for raw in some), strict=True)
        return SeenIn({name: _unpack(raw.decode()) for name, raw in found if raw is not None}, answers[0][0])

    async def record(self, claim: Claim, state: FeedState, changes: Changes, move: Move | None = None) -> None:
        """Keep the outcome of a poll as one, if the claim still holds."""
        remembered = [part for name, value in changes.remembered.items() for part in (name, _pack(value))]
        outcome = (
            # Most of a state is what every feed has; unread and unmoved feeds cost nothing here.
            state.model_dump_json(exclude_defaults=True),
            encode(move) if move else "",
            len(remembered),
            *remembered,
            *changes.forgotten,
        )
        at = state.last_polled_at or claim.due_at
        held = await self._finish(claim, at, state.due_at, host_of(state.address), *outcome)
        if not held:
            raise LeaseLostError(f"the claim on feed {claim.feed_id} was lost during its poll")

    async def moves(self, limit: int) -> tuple[Move, ...]:
        """Return the last moves of all feeds, newest first."""
        async with _translated():
            return tuple(decode(Move, raw) for raw in await self._valkey.lrange(scripts.AUDIT_KEY, 0, limit - 1))

    async def _finish(
        self, claim: Claim, now: datetime | None, due_at: datetime | None, host: str, *outcome: Any
    ) -> bool:
        claimed = _score(claim.due_at)
        terms = (claim.host, claim.token, claim.feed_id, claimed, _score(now), _score(due_at), host)
        return bool(await self._run(scripts.FINISH, *terms, *outcome))

    async def _run(self, script: Script, *arguments: Any) -> Any:
        async with _translated():
            return await self._scripts.run(script, *arguments)

    async def _scan(self, key: str) -> AsyncIterator[tuple[bytes, bytes]]:
        async with _translated():
            async for field_, raw in self._valkey.hscan_iter(key, count=CHUNK):
                yield field_, raw


@asynccontextmanager
async def _translated() -> AsyncIterator[None]:
    try:
        yield
    except (RedisError, OSError) as error:
        raise StoreUnavailableError(f"the feed store failed: {error}") from error


def _batched(items: Iterable[T], size: int) -> Iterator[tuple[T, ...]]:
    iterator = iter(items)
    while some := tuple(islice(iterator, size)):
        yield some


def _state_key(feed_id: str) -> str:
    return f"redline:feed:{{{feed_id}}}:state"


def _seen_key(feed_id: str) -> str:
    return f"redline:feed:{{{feed_id}}}:seen"


def _terms(feed: Feed) -> bytes:
    """Return what a feed's timer depends on; when it changes, the timer is looked at again."""
    return f"{feed.interval.total_seconds() if feed.interval else ''} {feed.url}".encode()


def _score(due_at: datetime | None) -> float:
    return due_at.timestamp() if due_at else math.inf


def _moment(score: float) -> datetime:
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
    first_seen_at, last_seen_at = datetime.fromtimestamp(float(first), UTC), datetime.fromtimestamp(float(last), UTC)
    return Seen(int(revision), tuple(revision_ids.split(",")), first_seen_at, last_seen_at)
