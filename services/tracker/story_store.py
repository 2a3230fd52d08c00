"""Stories of watch topics in Valkey/Redis: the placements of each topic in order, from which its index is rebuilt.

Keys, in one hash slot a topic: `<namespace>:stories:{<topic>}:records` a list of placements as JSON, oldest first, and
`...:version`, which counts the changes of the list.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from redis.asyncio import Redis
from redis.exceptions import RedisError

from services.runtime.faults import UnavailableError

_APPEND = """
-- expected version, record, how many of the oldest to drop -> the new version, or -1 if somebody else was faster
local records, version = KEYS[1], KEYS[2]
if (redis.call('GET', version) or '0') ~= ARGV[1] then
  return -1
end
redis.call('RPUSH', records, ARGV[2])
if tonumber(ARGV[3]) > 0 then
  redis.call('LTRIM', records, ARGV[3], -1)
end
return redis.call('INCR', version)
"""


@dataclass(frozen=True)
class StoredStories:
    """The placements of a topic as JSON, oldest first, and the version of the whole."""

    records: tuple[bytes, ...]
    version: int


class ValkeyStoryStore:
    """Keeps the placements of every topic. Every method raises UnavailableError when the store cannot be reached."""

    def __init__(self, client: Redis, *, namespace: str = "redline") -> None:
        self._client = client
        self._namespace = namespace
        self._append = client.register_script(_APPEND)

    async def version(self, watch_topic: str) -> int:
        """Return the version of the topic's stories; 0 where there are none."""
        try:
            return int(await self._client.get(self._keys(watch_topic)[1]) or 0)
        except (RedisError, OSError) as error:
            raise _unavailable(error) from error

    async def load(self, watch_topic: str) -> StoredStories:
        """Return every placement of the topic, as of one moment."""
        records, version = self._keys(watch_topic)
        try:
            async with self._client.pipeline(transaction=True) as pipeline:
                pipeline.lrange(records, 0, -1)
                pipeline.get(version)
                rows, count = await pipeline.execute()
        except (RedisError, OSError) as error:
            raise _unavailable(error) from error
        return StoredStories(tuple(rows), int(count or 0))

    async def append(self, watch_topic: str, record: bytes, *, expected: int, drop: int = 0) -> int | None:
        """Add a placement and forget the `drop` oldest; None, and no change, if the version is not the expected."""
        try:
            version = int(await self._append(keys=self._keys(watch_topic), args=[str(expected), record, drop]))
        except (RedisError, OSError) as error:
            raise _unavailable(error) from error
        return None if version < 0 else version

    def _keys(self, watch_topic: str) -> Sequence[str]:
        prefix = f"{self._namespace}:stories:{{{watch_topic}}}:"
        return [f"{prefix}records", f"{prefix}version"]


def _unavailable(error: Exception) -> UnavailableError:
    return UnavailableError(f"{type(error).__name__}: {error}")


class InMemoryStoryStore:
    """Keeps placements for as long as this process runs, for a replay that leaves nothing behind."""

    def __init__(self) -> None:
        self._topics: dict[str, StoredStories] = {}

    async def version(self, watch_topic: str) -> int:
        """Return the version of the topic's stories; 0 where there are none."""
        return (await self.load(watch_topic)).version

    async def load(self, watch_topic: str) -> StoredStories:
        """Return every placement of the topic."""
        return self._topics.get(watch_topic, StoredStories((), 0))

    async def append(self, watch_topic: str, record: bytes, *, expected: int, drop: int = 0) -> int | None:
        """Add a placement and forget the `drop` oldest; None, and no change, if the version is not the expected."""
        stored = await self.load(watch_topic)
        if stored.version != expected:
            return None
        self._topics[watch_topic] = StoredStories((*stored.records, record)[drop:], expected + 1)
        return expected + 1
