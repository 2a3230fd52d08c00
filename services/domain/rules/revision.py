"""Who made a rule what it is, and when."""

from datetime import datetime

from schemas.watch import WatchRule

_PROVENANCE = {"author", "created_at", "updated_by", "updated_at"}


def created(rule: WatchRule, now: datetime, author: str | None) -> WatchRule:
    """Return a new rule with its author and time; what the rule says of them itself stays."""
    return rule.model_copy(update={"author": rule.author or author, "created_at": rule.created_at or now})


def revised(held: WatchRule, rule: WatchRule, now: datetime, author: str | None) -> WatchRule | None:
    """Return `rule` as the successor of `held`, or None if it says the same."""
    if _content(held) == _content(rule):
        return None
    provenance = {"author": held.author, "created_at": held.created_at, "updated_by": author, "updated_at": now}
    return rule.model_copy(update=provenance)


def _content(rule: WatchRule) -> dict[str, object]:
    return rule.model_dump(exclude=_PROVENANCE)
