"""Positions of watch topics in Valkey/Redis: every claim on a topic's ladder, and what was told of its shifts.

Keys, in one hash slot a topic, `<namespace>:positions:{<topic>}:<shelf>`: a hash from id to JSON for each shelf of
services/tracker/position_records.py, and `...:state`, a hash with the `version`, which counts the changes, and
`due_at`, when there is something to do. `<namespace>:positions:topics` is the set of the topics that have any.
"""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from redis.asyncio import Redis
from redis.exceptions import RedisError

from schemas.shift import PositionState
from services.tracker.due_topics import DueTopics, read_moment, unavailable, written_moment
from services.tracker.position_records import Change, Shelf, StoredPositions, stored

_SHELVES = tuple(Shelf)

_COMMIT = """
-- KEYS: the shelves, then the state.
-- ARGV: expected version, due_at or '', how many records to write, (shelf, id, record) each, (shelf, id) to remove each
-- -> the new version, or -1 if somebody else was faster
local state = KEYS[#KEYS]
if (redis.call('HGET', state, 'version') or '0') ~= ARGV[1] then
  return -1
end
local at = 4
for _ = 1, tonumber(ARGV[3]) do
  redis.call('HSET', KEYS[tonumber(ARGV[at])], ARGV[at + 1], ARGV[at + 2])
  at = at + 3
end
while at < #ARGV do
  redis.call('HDEL', KEYS[tonumber(ARGV[at])], ARGV[at + 1])
  at = at + 2
end
if ARGV[2] == '' then
  redis.call('HDEL', state, 'due_at')
else
  redis.call('HSET', state, 'due_at', ARGV[2])
end
return redis.call('HINCRBY', state, 'version', 1)
"""


class ValkeyPositionStore:
    """Keeps the positions of every topic. Every method raises UnavailableError when the store cannot be reached."""

    def __init__(self, client: Redis, *, namespace: str = "redline") -> None:
        self._client = client
        self._topics = DueTopics(client, f"{namespace}:positions")
        self._commit = client.register_script(_COMMIT)

    async def topics(self) -> tuple[str, ...]:
        """Return the ids of the topics of which anything is kept, in order."""
        return await self._topics.names()

    async def states(self, watch_topic: str) -> tuple[PositionState, ...]:
        """Return what is known of each actor of a topic, in the order of their ids; to be read only."""
        return (await self.load(watch_topic)).states

    async def version(self, watch_topic: str) -> int:
        """Return the version of the topic's positions; 0 where there are none."""
        try:
            return int(await self._client.hget(self._topics.key(watch_topic, "state"), "version") or 0)
        except (RedisError, OSError) as error:
            raise unavailable(error) from error

    async def due(self, watch_topics: Sequence[str]) -> Mapping[str, datetime]:
        """Return when there is something to do for a topic, of those of these where anything waits."""
        return await self._topics.due(watch_topics)

    async def load(self, watch_topic: str) -> StoredPositions:
        """Return everything that is kept of the topic, as of one moment, without records that cannot be read."""
        try:
            async with self._client.pipeline(transaction=True) as pipeline:
                for key in self._keys(watch_topic):
                    pipeline.hgetall(key)
                *shelves, state = await pipeline.execute()
        except (RedisError, OSError) as error:
            raise unavailable(error) from error
        named = {
            shelf: {name.decode("utf-8", "replace"): line for name, line in rows.items()}
            for shelf, rows in zip(_SHELVES, shelves, strict=True)
        }
        due_at = state.get(b"due_at")
        version = int(state.get(b"version", 0))
        # A topic that was followed for years has many claims, and the loop has other things to do meanwhile.
        return await asyncio.to_thread(stored, watch_topic, named, read_moment(due_at) if due_at else None, version)

    async def commit(self, watch_topic: str, change: Change, *, expected: int) -> int | None:
        """Keep a change and return the new version; None, and no change, if the version is not the expected."""
        written, removed = list(change.written()), list(change.removed())
        arguments: list[Any] = [str(expected), written_moment(change.due_at), len(written)]
        for shelf, name, line in written:
            arguments += [_SHELVES.index(shelf) + 1, name, line]
        for shelf, name in removed:
            arguments += [_SHELVES.index(shelf) + 1, name]
        if expected == 0:
            await self._topics.add(watch_topic)  # the name of a topic that has nothing does no harm
        try:
            version = int(await self._commit(keys=self._keys(watch_topic), args=arguments))
        except (RedisError, OSError) as error:
            raise unavailable(error) from error
        return None if version < 0 else version

    def _keys(self, watch_topic: str) -> list[str]:
        return [self._topics.key(watch_topic, name) for name in (*_SHELVES, "state")]


class InMemoryPositionStore:
    """Keeps positions for as long as this process runs, for a replay that leaves nothing behind."""

    def __init__(self) -> None:
        self._shelves: dict[str, dict[Shelf, dict[str, bytes]]] = {}
        self._versions: dict[str, int] = {}
        self._due: dict[str, datetime] = {}

    async def topics(self) -> tuple[str, ...]:
        """Return the ids of the topics of which anything is kept, in order."""
        return tuple(sorted(self._versions))

    async def states(self, watch_topic: str) -> tuple[PositionState, ...]:
        """Return what is known of each actor of a topic, in the order of their ids; to be read only."""
        return (await self.load(watch_topic)).states

    async def version(self, watch_topic: str) -> int:
        """Return the version of the topic's positions; 0 where there are none."""
        return self._versions.get(watch_topic, 0)

    async def due(self, watch_topics: Sequence[str]) -> Mapping[str, datetime]:
        """Return when there is something to do for a topic, of those of these where anything waits."""
        return {watch_topic: self._due[watch_topic] for watch_topic in watch_topics if watch_topic in self._due}

    async def load(self, watch_topic: str) -> StoredPositions:
        """Return everything that is kept of the topic, without records that cannot be read."""
        shelves, due_at = self._shelves.get(watch_topic, {}), self._due.get(watch_topic)
        return stored(watch_topic, shelves, due_at, self._versions.get(watch_topic, 0))

    async def commit(self, watch_topic: str, change: Change, *, expected: int) -> int | None:
        """Keep a change and return the new version; None, and no change, if the version is not the expected."""
        if self._versions.get(watch_topic, 0) != expected:
            return None
        shelves = self._shelves.setdefault(watch_topic, {shelf: {} for shelf in Shelf})
        for shelf, name, line in change.written():
            shelves[shelf][name] = line
        for shelf, name in change.removed():
            shelves[shelf].pop(name, None)
        self._due.pop(watch_topic, None)
        if change.due_at is not None:
            self._due[watch_topic] = change.due_at
        self._versions[watch_topic] = expected + 1
        return expected + 1
