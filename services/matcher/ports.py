"""What the matcher needs of the world, beside what every service needs."""

from collections.abc import AsyncGenerator, Iterable
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from schemas.watch import WatchRule
from services.runtime.faults import UnavailableError


class RuleStoreUnavailableError(UnavailableError):
    """The rule store cannot be reached now; the same call can be made again."""


class StoredKey(NamedTuple):
    """What a stored rule is kept under."""

    watch_topic: str
    rule_id: str

    @classmethod
    def of(cls, rule: WatchRule) -> "StoredKey":
        """Return the key of a rule."""
        return cls(rule.watch_topic, rule.id)

    def __str__(self) -> str:
        return f"{self.watch_topic}/{self.rule_id}"


@dataclass(frozen=True, slots=True)
class RuleChanges:
    """What became of the stored rules since an earlier version: those put as they are now, and those removed.

    The rules are at least as new as `version`; what changed while they were read comes again with the next question.
    """

    version: int
    put: tuple[WatchRule, ...] = ()
    removed: tuple[StoredKey, ...] = ()


class RuleStore(Protocol):
    """Keeps the rules that users add, beside the provisioned ones. Every change raises `version`.

    Every method raises RuleStoreUnavailableError when the store cannot be reached. A stored rule that cannot be read
    is logged and left out, the others still count.
    """

    async def version(self) -> int:
        """Return a number that differs after every change."""

    async def changes(self, since: int) -> RuleChanges | None:
        """Return what changed after version `since`; None if that is not known any more: read all rules anew."""

    async def rules(self) -> tuple[WatchRule, ...]:
        """Return every stored rule, by watch topic and id."""

    def stream(self, watch_topic: str | None = None, rule_id: str | None = None) -> AsyncGenerator[WatchRule, None]:
        """Yield the stored rules in no order, each once, without holding them all; of one topic or id only if given.

        A rule that changes meanwhile comes as it was or as it is.
        """

    async def get(self, keys: Iterable[StoredKey]) -> dict[StoredKey, WatchRule]:
        """Return those of these rules that are stored."""

    async def put(self, rule: WatchRule) -> None:
        """Keep a rule, in place of the one of the same topic and id."""

    async def put_batch(self, rules: Iterable[WatchRule], *, replace: bool) -> tuple[StoredKey, ...]:
        """Keep all of these in one change; without `replace`, return the keys of those left out: they are taken."""

    async def exchange(self, held: WatchRule, rule: WatchRule) -> bool:
        """Keep `rule` in place of `held`, of the same key; say no, and do nothing, if another is stored by now."""

    async def remove(self, watch_topic: str, rule_id: str) -> bool:
        """Forget a rule; say whether it was there."""
