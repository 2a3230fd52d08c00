"""Where the rules themselves are kept: encoded, because a million of them as objects would fill the memory."""

from collections.abc import Iterator

from schemas.watch import WatchRule


class RuleShelf:
    """Rules by slot, and slots by watch topic and rule id."""

    def __init__(self) -> None:
        self._slots: dict[str, dict[str, int]] = {}
        self._encoded: list[bytes | None] = []
        self._size = 0

    def __len__(self) -> int:
        return self._size

    def frozen(self) -> Iterator[WatchRule]:
        """Return the rules of this moment, by slot."""
        kept = [encoded for encoded in self._encoded if encoded is not None]
        return map(WatchRule.model_validate_json, kept)

    def slot(self, watch_topic: str, rule_id: str) -> int | None:
        """Return the slot of a rule, or None if there is no such rule."""
        return self._slots.get(watch_topic, {}).get(rule_id)

    def put(self, rule: WatchRule) -> int:
        """Keep a rule that is not there yet; return its slot, one more than that of the rule put before."""
        slot = len(self._encoded)
        self._encoded.append(rule.model_dump_json(exclude_defaults=True).encode())
        self._slots.setdefault(rule.watch_topic, {})[rule.id] = slot
        self._size += 1
        return slot

    def take(self, watch_topic: str, rule_id: str) -> int:
        """Drop a rule that is there; return the slot it had, which no other rule will get."""
        rules = self._slots[watch_topic]
        slot = rules.pop(rule_id)
        if not rules:
            del self._slots[watch_topic]
        self._encoded[slot] = None
        self._size -= 1
        return slot

    def rule(self, slot: int) -> WatchRule:
        """Return the rule of a slot; KeyError if it was dropped."""
        encoded = self._encoded[slot]
        if encoded is None:
            raise KeyError(slot)
        return WatchRule.model_validate_json(encoded)

    @property
    def dropped(self) -> int:
        """Return how many slots are empty."""
        return len(self._encoded) - self._size
