"""Where subscriptions at hubs are kept, and what hubs push until a poll has read it.

Keys in Valkey (all under `redline:`):

    feed:{id}:websub        Subscription; it holds the secret that the hub signs with
    feed:{id}:pushes        stream of documents as they came: body, type (Content-Type), url (the feed's own), at
    feed:{id}:pushed_bytes  number: how large these are together
    feed:{id}:push_tries    hash: id in that stream -> how often a poll has taken it up
    websub:due              sorted set: feed id by when its subscription is to be looked at
    websub:tokens           hash: token of a callback -> feed id
    websub:pushed           set: ids of the feeds that have pushed documents
"""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError, WatchError

from schemas.codec import DecodeError, decode, encode
from services.domain.feeds.websub import Status, Subscription, heard, missed
from services.domain.feeds.websub_calls import Keeping, Verdict, Verification, judge
from services.fetcher.store import StoreUnavailableError, ValkeyFeedStore
from services.runtime.faults import UnavailableError

WEBSUB_DUE_KEY = "redline:websub:due"
TOKENS_KEY = "redline:websub:tokens"
PUSHED_KEY = "redline:websub:pushed"
# What a hub may have waiting with us. A poll takes a document within a second or two, so more means that no fetcher
# runs; the hub is then told to try again later, since what was accepted is never dropped.
MAX_WAITING = 32
MAX_WAITING_BYTES = 32 * 1024 * 1024
# A document that polls have failed on this often is given up; the feed is then asked itself.
MAX_TRIES = 5

# Keys: stream, bytes, feeds with pushes. Answers 0 when there is no more room.
_KEEP = """
local held = tonumber(redis.call('GET', KEYS[2]) or '0')
local count = redis.call('XLEN', KEYS[1])
if count > 0 and (count >= tonumber(ARGV[6]) or held + #ARGV[2] > tonumber(ARGV[7])) then return 0 end
redis.call('XADD', KEYS[1], '*', 'body', ARGV[2], 'type', ARGV[3], 'url', ARGV[4], 'at', ARGV[5])
redis.call('INCRBY', KEYS[2], #ARGV[2])
redis.call('SADD', KEYS[3], ARGV[1])
return 1
"""
# Keys: subscription, stream, tries. One call, since every poll makes it: the subscription, then the oldest document's
# id, how often it was taken up, and its fields.
_TAKE = """
local subscription = redis.call('GET', KEYS[1])
local oldest = redis.call('XRANGE', KEYS[2], '-', '+', 'COUNT', 1)[1]
if not oldest then return {subscription} end
return {subscription, oldest[1], redis.call('HINCRBY', KEYS[3], oldest[1], 1), unpack(oldest[2])}
"""
# Keys: stream, bytes, feeds with pushes, tries. Drops one document; says whether another waits.
_DROP = """
if redis.call('XDEL', KEYS[1], ARGV[2]) == 1 then redis.call('DECRBY', KEYS[2], ARGV[3]) end
redis.call('HDEL', KEYS[4], ARGV[2])
if redis.call('XLEN', KEYS[1]) > 0 then return 1 end
redis.call('DEL', KEYS[1], KEYS[2], KEYS[4])
redis.call('SREM', KEYS[3], ARGV[1])
return 0
"""
# Lets one fetcher look at a subscription: who comes first puts the time off, and is alone until then.
_CLAIM = """
local due = redis.call('ZSCORE', KEYS[1], ARGV[1])
if not due or tonumber(due) > tonumber(ARGV[2]) then return 0 end
redis.call('ZADD', KEYS[1], ARGV[3], ARGV[1])
return 1
"""
# Ends a look, unless somebody has set another time since it began.
_SETTLE = """
local due = redis.call('ZSCORE', KEYS[1], ARGV[1])
if not due or tonumber(due) ~= tonumber(ARGV[2]) then return 0 end
if ARGV[3] == '' then return redis.call('ZREM', KEYS[1], ARGV[1]) end
return redis.call('ZADD', KEYS[1], ARGV[3], ARGV[1])
"""

log = structlog.get_logger(__name__)


class SubscriptionsUnavailableError(StoreUnavailableError, UnavailableError):
    """The store of subscriptions cannot be reached or refuses to answer."""


@dataclass(frozen=True, slots=True)
class PushedDocument:
    """A document that a hub pushed; `url` is the feed's own address, for relative links."""

    id: str
    body: bytes
    content_type: str | None
    url: str
    arrived_at: datetime


@dataclass(frozen=True, slots=True)
class Pushed:
    """What hubs have done for a feed: the oldest document not read yet, and whether they are to be relied on."""

    document: PushedDocument | None = None
    subscription: Subscription | None = None

    def replaces_polling(self, now: datetime) -> bool:
        """Whether the feed's news comes by itself."""
        return self.subscription is not None and self.subscription.is_live(now)


Change = Callable[[Subscription | None], Subscription | None]


class ValkeyWebSubStore:
    """Subscriptions and pushed documents in Valkey or Redis."""

    def __init__(self, valkey: Redis) -> None:
        # redis-py's annotations admit str where a client that does not decode answers bytes.
        self._valkey: Any = valkey
        self._feeds = ValkeyFeedStore(valkey)
        self._keep = valkey.register_script(_KEEP)
        self._take = valkey.register_script(_TAKE)
        self._drop = valkey.register_script(_DROP)
        self._claim = valkey.register_script(_CLAIM)
        self._settle = valkey.register_script(_SETTLE)

    async def subscription(self, feed_id: str) -> Subscription | None:
        """Return the subscription of a feed."""
        async with _translated():
            return _decode(feed_id, await self._valkey.get(_key(feed_id, "websub")))

    async def by_token(self, token: str) -> Subscription | None:
        """Return the subscription that this callback belongs to."""
        async with _translated():
            feed_id = await self._valkey.hget(TOKENS_KEY, token)
            if feed_id is None:
                return None
            found = await self.subscription(feed_id.decode())
        return found if found is not None and found.credentials.token == token else None

    async def change(self, feed_id: str, change: Change) -> Subscription | None:
        """Replace a feed's subscription by what `change` makes of it, and return that; None forgets it.

        `change` is called again whenever somebody else was faster.
        """
        key = _key(feed_id, "websub")
        while True:
            async with _translated(), self._valkey.pipeline(transaction=True) as transaction:
                await transaction.watch(key)
                old = _decode(feed_id, await transaction.get(key))
                new = change(old)
                if new == old and new is not None:
                    return new
                transaction.multi()
                _write(transaction, feed_id, old, new)
                try:
                    await transaction.execute()
                except WatchError:
                    continue
                return new

    async def look_at(self, feed_id: str, at: datetime) -> None:
        """Have the subscription of this feed, or its lack of one, looked at by then."""
        async with _translated():
            await self._valkey.zadd(WEBSUB_DUE_KEY, {feed_id: at.timestamp()}, lt=True)

    async def due(self, now: datetime) -> tuple[str, ...]:
        """Return the ids of the feeds to look at now, the longest overdue first."""
        async with _translated():
            found = await self._valkey.zrangebyscore(WEBSUB_DUE_KEY, "-inf", now.timestamp())
        return tuple(feed_id.decode() for feed_id in found)

    async def known(self) -> frozenset[str]:
        """Return the ids of the feeds that have a subscription, or are to be looked at."""
        async with _translated():
            return frozenset(feed_id.decode() for feed_id in await self._valkey.zrange(WEBSUB_DUE_KEY, 0, -1))

    async def claim(self, feed_id: str, now: datetime, until: datetime) -> bool:
        """Say whether this fetcher is the one to look at the feed now; nobody else is before `until`."""
        async with _translated():
            return bool(await self._claim(keys=[WEBSUB_DUE_KEY], args=[feed_id, now.timestamp(), until.timestamp()]))

    async def settle(self, feed_id: str, claimed_until: datetime, subscription: Subscription | None) -> None:
        """End the look that this claim allowed; the next one is when the subscription says."""
        due_at = subscription.due_at.timestamp() if subscription else ""
        async with _translated():
            await self._settle(keys=[WEBSUB_DUE_KEY], args=[feed_id, claimed_until.timestamp(), due_at])

    async def verify(self, token: str, said: Verification, now: datetime, jitter: float) -> Verdict:
        """Judge what a hub said at this callback, and keep what it changes."""
        found = await self.by_token(token)
        if found is None:
            return Verdict.NOT_ASKED
        verdicts: list[Verdict] = []

        def change(current: Subscription | None) -> Subscription | None:
            is_ours = current is not None and current.credentials.token == token
            verdict, after = judge(current if is_ours else None, said, now, jitter)
            verdicts.append(verdict)
            return after if is_ours else current

        await self.change(found.feed_id, change)
        return verdicts[-1]

    async def keep(self, subscription: Subscription, body: bytes, content_type: str | None, now: datetime) -> Keeping:
        """Keep a document that a hub pushed until it has been read, and make the feed due."""
        feed_id = subscription.feed_id
        keys = [_key(feed_id, "pushes"), _key(feed_id, "pushed_bytes"), PUSHED_KEY]
        about: list[str | bytes | float] = [feed_id, body, content_type or "", subscription.topic_url, now.timestamp()]
        async with _translated():
            kept = await self._keep(keys=keys, args=[*about, MAX_WAITING, MAX_WAITING_BYTES])
        if not kept:
            return Keeping.FULL
        # Should this be the end of us, the subscriber finds what waits.
        await self._feeds.hasten(feed_id, now)
        if subscription.missed_at is not None:
            await self.change(feed_id, lambda current: heard(current) if current else None)
        return Keeping.KEPT

    async def take(self, feed_id: str, now: datetime) -> Pushed:
        """Return the oldest pushed document, which stays until it is dropped, and the subscription."""
        async with _translated():
            found = await self._take(keys=[_key(feed_id, name) for name in ("websub", "pushes", "push_tries")])
        subscription = _decode(feed_id, found[0])
        if len(found) == 1:
            return Pushed(None, subscription)
        entry_id, tries, *fields = found[1:]
        document = _document(entry_id, dict(zip(fields[::2], fields[1::2], strict=True)))
        if tries > MAX_TRIES:
            log.error("push_given_up", feed_id=feed_id, tries=MAX_TRIES, bytes=len(document.body))
            await self.drop(feed_id, document, now)
            return Pushed(None, subscription)
        return Pushed(document, subscription)

    async def drop(self, feed_id: str, document: PushedDocument, now: datetime) -> None:
        """Forget a document that has been read and recorded; if another waits, the feed is due at once."""
        names = ("pushes", "pushed_bytes")
        keys = [*(_key(feed_id, name) for name in names), PUSHED_KEY, _key(feed_id, "push_tries")]
        async with _translated():
            is_more = await self._drop(keys=keys, args=[feed_id, document.id, len(document.body)])
        if is_more:
            await self._feeds.hasten(feed_id, now)

    async def discard(self, feed_id: str) -> None:
        """Forget all that was pushed for a feed that is not followed any more."""
        names = ("pushes", "pushed_bytes", "push_tries")
        async with _translated(), self._valkey.pipeline(transaction=True) as transaction:
            transaction.delete(*(_key(feed_id, name) for name in names))
            transaction.srem(PUSHED_KEY, feed_id)
            await transaction.execute()

    async def miss(self, feed_id: str, now: datetime) -> None:
        """Note that polling found news that was not pushed."""
        await self.change(feed_id, lambda current: missed(current, now) if current else None)

    async def waiting(self) -> tuple[str, ...]:
        """Return the ids of the feeds that have pushed documents."""
        async with _translated():
            return tuple(sorted(feed_id.decode() for feed_id in await self._valkey.smembers(PUSHED_KEY)))


@asynccontextmanager
async def _translated() -> AsyncIterator[None]:
    try:
        yield
    except (RedisError, OSError) as error:
        raise SubscriptionsUnavailableError(f"the store of subscriptions failed: {error}") from error


def _key(feed_id: str, name: str) -> str:
    return f"redline:feed:{{{feed_id}}}:{name}"


def _write(transaction: Any, feed_id: str, old: Subscription | None, new: Subscription | None) -> None:
    if old is not None and (new is None or new.credentials.token != old.credentials.token):
        transaction.hdel(TOKENS_KEY, old.credentials.token)
    if new is None:
        transaction.delete(_key(feed_id, "websub"))
        # Looked at once more, since what was ended may have to begin anew.
        transaction.zadd(WEBSUB_DUE_KEY, {feed_id: 0}, xx=True)
        return
    transaction.set(_key(feed_id, "websub"), encode(new))
    transaction.hset(TOKENS_KEY, new.credentials.token, feed_id)
    # The end of a subscription is looked at now, whenever the next request is due: polling must take over.
    has_ended = old is not None and old.status is Status.VERIFIED and new.status is not Status.VERIFIED
    transaction.zadd(WEBSUB_DUE_KEY, {feed_id: 0 if has_ended else new.due_at.timestamp()})


def _decode(feed_id: str, raw: bytes | None) -> Subscription | None:
    """Return the stored subscription; one that cannot be read is logged and counts as none, so it is made anew."""
    if raw is None:
        return None
    try:
        return decode(Subscription, raw)
    except DecodeError as error:
        log.error("subscription_unreadable", feed_id=feed_id, error=str(error))
        return None


def _document(entry_id: bytes, fields: dict[bytes, bytes]) -> PushedDocument:
    return PushedDocument(
        id=entry_id.decode(),
        body=fields[b"body"],
        content_type=fields[b"type"].decode("latin-1") or None,
        url=fields[b"url"].decode(),
        arrived_at=datetime.fromtimestamp(float(fields[b"at"]), UTC),
    )
