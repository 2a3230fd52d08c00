"""What the matcher needs of the world, beside what every service needs."""

from typing import Protocol

from schemas.watch import WatchRule
from services.runtime.faults import UnavailableError


class RuleStoreUnavailableError(UnavailableError):
    """The rule store cannot be reached now; the same call can be made again."""


class RuleStore(Protocol):
    """Keeps the rules that users add, beside the provisioned ones. Every change raises `version`.

    Every method raises RuleStoreUnavailableError when the store cannot be reached.
    """

    async def version(self) -> int:
        """Return a number that differs after every change."""

    async def rules(self) -> tuple[WatchRule, ...]:
        """Return every stored rule, by watch topic and id."""

    async def put(self, rule: WatchRule) -> None:
        """Keep a rule, in place of the one of the same topic and id."""

    async def remove(self, watch_topic: str, rule_id: str) -> bool:
        """Forget a rule; say whether it was there."""
