"""The rules users add at run time, in Valkey."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import cast

import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError

from schemas.codec import DecodeError, decode, encode
from schemas.watch import WatchRule
from services.matcher.ports import RuleStoreUnavailableError

RULES_KEY = "redline:rules"
VERSION_KEY = "redline:rules:version"

log = structlog.get_logger()


class ValkeyRuleStore:
    """Rules as one hash in Valkey; rule and version change in one transaction, so no reader misses a change."""

    def __init__(self, valkey: Redis) -> None:
        self._valkey = valkey

    async def version(self) -> int:
        """Return the number of changes so far."""
        with _translated():
            return int(await self._valkey.get(VERSION_KEY) or 0)

    async def rules(self) -> tuple[WatchRule, ...]:
        """Return every stored rule; one that cannot be read is logged and left out, the others still count."""
        with _translated():
            stored = cast("dict[bytes, bytes]", await self._valkey.hgetall(RULES_KEY))  # the client speaks bytes
        found = []
        for field, raw in sorted(stored.items()):
            try:
                found.append(decode(WatchRule, raw))
            except DecodeError as error:
                log.error("stored_rule_unreadable", rule=field.decode(errors="replace"), error=str(error))
        return tuple(found)

    async def put(self, rule: WatchRule) -> None:
        """Keep a rule, in place of the one of the same topic and id."""
        with _translated():
            async with self._valkey.pipeline(transaction=True) as transaction:
                transaction.hset(RULES_KEY, _field(rule.watch_topic, rule.id), encode(rule).decode())
                transaction.incr(VERSION_KEY)
                await transaction.execute()

    async def remove(self, watch_topic: str, rule_id: str) -> bool:
        """Forget a rule; say whether it was there."""
        with _translated():
            async with self._valkey.pipeline(transaction=True) as transaction:
                transaction.hdel(RULES_KEY, _field(watch_topic, rule_id))
                transaction.incr(VERSION_KEY)
                removed, _ = await transaction.execute()
        return bool(removed)


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except (RedisError, OSError) as error:
        raise RuleStoreUnavailableError(f"the rule store failed: {error}") from error


def _field(watch_topic: str, rule_id: str) -> str:
    return f"{watch_topic}/{rule_id}"
