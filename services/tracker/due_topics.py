"""What the stores of positions and of surges share in Valkey/Redis: the topics they know, and when each is due.

Keys: `<prefix>:topics`, the set of topics of which anything is kept, and `<prefix>:{<topic>}:state`, a hash in which
`due_at` says when there is something to do for the topic.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from redis.asyncio import Redis
from redis.exceptions import RedisError

from services.runtime.faults import UnavailableError


class DueTopics:
    """Knows the topics of one store. Every method raises UnavailableError when the store cannot be reached."""

    def __init__(self, client: Redis, prefix: str) -> None:
        self._client = client
        self._prefix = prefix

    def key(self, watch_topic: str, name: str) -> str:
        """Return the key under which something of a topic is kept; all of a topic is in one hash slot."""
        return f"{self._prefix}:{{{watch_topic}}}:{name}"

    async def names(self) -> tuple[str, ...]:
        """Return the ids of the topics of which anything is kept, in order."""
        try:
            names = await self._client.smembers(f"{self._prefix}:topics")
        except (RedisError, OSError) as error:
            raise unavailable(error) from error
        return tuple(sorted(name.decode() if isinstance(name, bytes) else name for name in names))

    async def add(self, watch_topic: str) -> None:
        """Know a topic; that is of another slot than what is kept of it, and so comes before it."""
        try:
            await self._client.sadd(f"{self._prefix}:topics", watch_topic)
        except (RedisError, OSError) as error:
            raise unavailable(error) from error

    async def due(self, watch_topics: Sequence[str]) -> Mapping[str, datetime]:
        """Return when there is something to do for a topic, of those of these where anything waits."""
        try:
            async with self._client.pipeline(transaction=False) as pipeline:
                for watch_topic in watch_topics:
                    pipeline.hget(self.key(watch_topic, "state"), "due_at")
                found = await pipeline.execute()
        except (RedisError, OSError) as error:
            raise unavailable(error) from error
        return {name: read_moment(raw) for name, raw in zip(watch_topics, found, strict=True) if raw is not None}


def written_moment(moment: datetime | None) -> str:
    """Return a moment as it is kept; nothing for None."""
    return moment.astimezone(UTC).isoformat() if moment else ""


def read_moment(raw: bytes) -> datetime:
    """Return a kept moment; one that cannot be read is due at once, which writes it anew."""
    try:
        return datetime.fromisoformat(raw.decode()).astimezone(UTC)
    except ValueError:
        return datetime.min.replace(tzinfo=UTC)


def unavailable(error: Exception) -> UnavailableError:
    """Return a fault of the client as the fault that callers know."""
    return UnavailableError(f"{type(error).__name__}: {error}")
