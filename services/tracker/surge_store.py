"""Beginnings of stories and surges of watch topics in Valkey/Redis.

Keys, in one hash slot a topic: `<namespace>:surges:{<topic>}:starts` a sorted set of beginnings as JSON by the second
in which they began, and `...:state` a hash: `version`, which counts the changes, `record`, the state as JSON, and
`due_at`, when something is to be done without another story. `<namespace>:surges:topics` is the set of topics that have
any.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from redis.asyncio import Redis
from redis.exceptions import RedisError

from services.tracker.due_topics import DueTopics, unavailable, written_moment

_COMMIT = """
-- KEYS: starts, state. ARGV: expected version, record, due_at or '', the score to forget below or '',
-- (score, start) each
-- -> the new version, or -1 if somebody else was faster
local starts, state = KEYS[1], KEYS[2]
if (redis.call('HGET', state, 'version') or '0') ~= ARGV[1] then
  return -1
end
for at = 5, #ARGV, 2 do
  redis.call('ZADD', starts, ARGV[at], ARGV[at + 1])
end
if ARGV[4] ~= '' then
  redis.call('ZREMRANGEBYSCORE', starts, '-inf', '(' .. ARGV[4])
end
redis.call('HSET', state, 'record', ARGV[2])
if ARGV[3] == '' then
  redis.call('HDEL', state, 'due_at')
else
  redis.call('HSET', state, 'due_at', ARGV[3])
end
return redis.call('HINCRBY', state, 'version', 1)
"""


@dataclass(frozen=True)
class StoredSurges:
    """The beginnings of a topic's stories as JSON, in no certain order, its state as JSON, and the version of both."""

    starts: tuple[bytes, ...] = ()
    state: bytes | None = None
    version: int = 0


@dataclass(frozen=True)
class SurgeChange:
    """What one step changes of a topic, committed whole or not at all: its state, and a beginning more, if any."""

    state: bytes
    due_at: datetime | None = None
    starts: tuple[tuple[datetime, bytes], ...] = ()
    forget_before: datetime | None = None


class ValkeySurgeStore:
    """Keeps the surges of every topic. Every method raises UnavailableError when the store cannot be reached."""

    def __init__(self, client: Redis, *, namespace: str = "redline") -> None:
        self._client = client
        self._topics = DueTopics(client, f"{namespace}:surges")
        self._commit = client.register_script(_COMMIT)

    async def topics(self) -> tuple[str, ...]:
        """Return the ids of the topics of which anything is kept, in order."""
        return await self._topics.names()

    async def due(self, watch_topics: Sequence[str]) -> Mapping[str, datetime]:
        """Return when something is to be done, of those of these topics where anything is."""
        return await self._topics.due(watch_topics)

    async def load(self, watch_topic: str) -> StoredSurges:
        """Return everything that is kept of the topic, as of one moment."""
        starts, state = self._keys(watch_topic)
        try:
            async with self._client.pipeline(transaction=True) as pipeline:
                pipeline.zrange(starts, 0, -1)
                pipeline.hgetall(state)
                rows, fields = await pipeline.execute()
        except (RedisError, OSError) as error:
            raise unavailable(error) from error
        return StoredSurges(tuple(rows), fields.get(b"record"), int(fields.get(b"version", 0)))

    async def commit(self, watch_topic: str, change: SurgeChange, *, expected: int) -> int | None:
        """Keep a change and return the new version; None, and no change, if the version is not the expected."""
        before = repr(change.forget_before.timestamp()) if change.forget_before else ""
        arguments: list[Any] = [str(expected), change.state, written_moment(change.due_at), before]
        for at, record in change.starts:
            arguments += [repr(at.timestamp()), record]
        if expected == 0:
            await self._topics.add(watch_topic)  # the name of a topic that has nothing does no harm
        try:
            version = int(await self._commit(keys=self._keys(watch_topic), args=arguments))
        except (RedisError, OSError) as error:
            raise unavailable(error) from error
        return None if version < 0 else version

    def _keys(self, watch_topic: str) -> list[str]:
        return [self._topics.key(watch_topic, name) for name in ("starts", "state")]


class InMemorySurgeStore:
    """Keeps surges for as long as this process runs, for a replay that leaves nothing behind."""

    def __init__(self) -> None:
        self._topics: dict[str, StoredSurges] = {}
        self._times: dict[str, dict[bytes, datetime]] = {}
        self._due: dict[str, datetime] = {}

    async def topics(self) -> tuple[str, ...]:
        """Return the ids of the topics of which anything is kept, in order."""
        return tuple(sorted(self._topics))

    async def due(self, watch_topics: Sequence[str]) -> Mapping[str, datetime]:
        """Return when something is to be done, of those of these topics where anything is."""
        return {name: self._due[name] for name in watch_topics if name in self._due}

    async def load(self, watch_topic: str) -> StoredSurges:
        """Return everything that is kept of the topic."""
        return self._topics.get(watch_topic, StoredSurges())

    async def commit(self, watch_topic: str, change: SurgeChange, *, expected: int) -> int | None:
        """Keep a change and return the new version; None, and no change, if the version is not the expected."""
        if (await self.load(watch_topic)).version != expected:
            return None
        times = self._times.setdefault(watch_topic, {})
        times.update((record, at) for at, record in change.starts)
        if change.forget_before:
            for record in [record for record, at in times.items() if at < change.forget_before]:
                del times[record]
        self._due.pop(watch_topic, None)
        if change.due_at is not None:
            self._due[watch_topic] = change.due_at
        self._topics[watch_topic] = StoredSurges(tuple(times), change.state, expected + 1)
        return expected + 1
