"""Ids by how they begin, so that people may type a part of one; nothing is ever scanned for it.

Key: `<namespace>:{outbox}:ids:<first six characters>`, a set of `<what>:<id>`. A key is forgotten 35 days after the
last id was put there, so an id may outlive what it stands for.
"""

from datetime import timedelta
from enum import StrEnum
from typing import Any, NamedTuple, cast

from redis.asyncio import Redis
from redis.exceptions import RedisError

from services.runtime.faults import UnavailableError

LEAST_CHARS = 6  # of an id that is typed; 16 million beginnings, so even 100,000 ids seldom share one
KEEP_IDS = timedelta(days=35)


class IdKind(StrEnum):
    """What an id stands for."""

    ARTICLE = "article"
    ALERT = "alert"
    DELIVERY = "delivery"


class FoundId(NamedTuple):
    """An id, and what it stands for."""

    kind: IdKind
    id: str


def id_key(whole_id: str, namespace: str = "redline") -> str:
    """Return the key of the set that this id is in."""
    return f"{namespace}:{{outbox}}:ids:{whole_id[:LEAST_CHARS]}"


def index_id(pipeline: Any, kind: IdKind, whole_id: str, namespace: str = "redline") -> None:
    """Queue on a pipeline what makes an id findable."""
    key = id_key(whole_id, namespace)
    pipeline.sadd(key, f"{kind}:{whole_id}")
    pipeline.expire(key, KEEP_IDS)


class ValkeyIds:
    """Finds ids by how they begin."""

    def __init__(self, client: Redis, *, namespace: str = "redline") -> None:
        self._client = client
        self._namespace = namespace

    async def beginning_with(self, prefix: str) -> tuple[FoundId, ...]:
        """Return every id that begins so, sorted; none for fewer than six characters. Raises UnavailableError."""
        if len(prefix) < LEAST_CHARS:
            return ()
        try:
            rows = cast("set[bytes]", await self._client.smembers(id_key(prefix, self._namespace)))
        except (RedisError, OSError) as error:
            raise UnavailableError(f"{type(error).__name__}: {error}") from error
        found = (row.decode().partition(":") for row in rows)
        return tuple(sorted(FoundId(IdKind(kind), one) for kind, _, one in found if one.startswith(prefix)))
