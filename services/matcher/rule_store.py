"""The rules users add at run time, in Valkey."""

from collections.abc import AsyncGenerator, Iterable, Iterator
from contextlib import contextmanager
from itertools import islice
from typing import Any, cast

import structlog
from redis.asyncio import Redis
from redis.commands.core import AsyncScript
from redis.exceptions import RedisError

from schemas.codec import DecodeError, decode, encode
from schemas.watch import WatchRule
from services.matcher import rule_scripts
from services.matcher.ports import RuleChanges, RuleStoreUnavailableError, StoredKey

RULES_KEY = "redline:rules"
VERSION_KEY = "redline:rules:version"
CHANGES_KEY = "redline:rules:changes"
COMPLETE_SINCE_KEY = "redline:rules:changes:since"
_KEYS = (RULES_KEY, VERSION_KEY, CHANGES_KEY, COMPLETE_SINCE_KEY)
# Beyond that many, reading all rules anew costs a follower no more; the log then takes some 10 MB.
MAX_CHANGES = 100_000
CHUNK = 1000  # rules a request: some 300 KB, and milliseconds of the server's only thread

log = structlog.get_logger()


class ValkeyRuleStore:
    """Rules as one hash in Valkey, with a log of which changed last."""

    def __init__(self, valkey: Redis, *, max_changes: int = MAX_CHANGES) -> None:
        self._valkey = valkey
        self._max_changes = max_changes
        self._put = valkey.register_script(rule_scripts.PUT)
        self._exchange = valkey.register_script(rule_scripts.EXCHANGE)
        self._remove = valkey.register_script(rule_scripts.REMOVE)

    async def version(self) -> int:
        """Return the number of changes so far."""
        with _translated():
            return int(await self._valkey.get(VERSION_KEY) or 0)

    async def changes(self, since: int) -> RuleChanges | None:
        """Return what changed after version `since`; None if that is not known any more: read all rules anew."""
        with _translated():
            async with self._valkey.pipeline(transaction=True) as transaction:
                transaction.get(VERSION_KEY)
                transaction.get(COMPLETE_SINCE_KEY)
                transaction.zrangebyscore(CHANGES_KEY, f"({since}", "+inf")
                raw_version, complete_since, fields = await transaction.execute()
        version = int(raw_version or 0)
        if since == version:
            return RuleChanges(version)
        if since > version or complete_since is None or since < int(complete_since):
            return None
        changed = [_key(field) for field in fields]
        found = await self.get(changed)
        return RuleChanges(version, tuple(found.values()), tuple(key for key in changed if key not in found))

    async def rules(self) -> tuple[WatchRule, ...]:
        """Return every stored rule, by watch topic and id."""
        found = [rule async for rule in self.stream()]
        return tuple(sorted(found, key=StoredKey.of))

    async def stream(
        self, watch_topic: str | None = None, rule_id: str | None = None
    ) -> AsyncGenerator[WatchRule, None]:
        """Yield the stored rules in no order, each once, in chunks; of one topic or id only if given."""
        pattern = None if watch_topic is rule_id is None else f"{watch_topic or '*'}/{rule_id or '*'}"
        seen: set[bytes] = set()  # a hash that grows or shrinks during a scan shows a field twice
        cursor, begun = 0, False
        while cursor or not begun:
            begun = True
            with _translated():
                cursor, chunk = await self._valkey.hscan(RULES_KEY, cursor, match=pattern, count=CHUNK)
            for field, raw in cast("dict[bytes, bytes]", chunk).items():  # the client speaks bytes
                if field not in seen and (rule := _readable(field, raw)):
                    yield rule
                seen.add(field)

    async def get(self, keys: Iterable[StoredKey]) -> dict[StoredKey, WatchRule]:
        """Return those of these rules that are stored."""
        found: dict[StoredKey, WatchRule] = {}
        for chunk in _chunks(keys):
            with _translated():
                raws = await self._valkey.hmget(RULES_KEY, [str(key) for key in chunk])
            for key, raw in zip(chunk, cast("list[bytes | None]", raws), strict=True):
                if raw is not None and (rule := _readable(str(key).encode(), raw)):
                    found[key] = rule
        return found

    async def put(self, rule: WatchRule) -> None:
        """Keep a rule, in place of the one of the same topic and id."""
        await self.put_batch([rule], replace=True)

    async def put_batch(self, rules: Iterable[WatchRule], *, replace: bool) -> tuple[StoredKey, ...]:
        """Keep all of these in one change; without `replace`, return the keys of those left out: they are taken.

        The server does nothing else meanwhile, so a million rules are best put a few thousand at a time.
        """
        pairs = [part for rule in rules for part in (str(StoredKey.of(rule)), encode(rule))]
        left = await self._run(self._put, int(replace), *pairs)
        return tuple(_key(field) for field in left)

    async def exchange(self, held: WatchRule, rule: WatchRule) -> bool:
        """Keep `rule` in place of `held`, of the same key; say no, and do nothing, if another is stored by now."""
        field = str(StoredKey.of(held))
        while True:
            with _translated():
                raw = cast("bytes | None", await self._valkey.hget(RULES_KEY, field))
            # What is stored may have been written by a version with fewer fields, so it is compared as a rule.
            if raw is None or _readable(field.encode(), raw) != held:
                return False
            if await self._run(self._exchange, field, raw, encode(rule)):
                return True

    async def remove(self, watch_topic: str, rule_id: str) -> bool:
        """Forget a rule; say whether it was there."""
        return bool(await self._run(self._remove, str(StoredKey(watch_topic, rule_id))))

    async def _run(self, script: AsyncScript, *arguments: Any) -> Any:
        with _translated():
            return await script(keys=_KEYS, args=[self._max_changes, *arguments])


def _readable(field: bytes, raw: bytes) -> WatchRule | None:
    try:
        return decode(WatchRule, raw)
    except DecodeError as error:
        log.error("stored_rule_unreadable", rule=field.decode(errors="replace"), error=str(error))
        return None


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except (RedisError, OSError) as error:
        raise RuleStoreUnavailableError(f"the rule store failed: {error}") from error


def _key(field: bytes) -> StoredKey:
    watch_topic, _, rule_id = field.decode(errors="replace").partition("/")
    return StoredKey(watch_topic, rule_id)


def _chunks(keys: Iterable[StoredKey]) -> Iterator[list[StoredKey]]:
    waiting = iter(keys)
    while chunk := list(islice(waiting, CHUNK)):
        yield chunk
