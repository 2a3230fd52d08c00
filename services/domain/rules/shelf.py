"""Where the rules themselves are kept: encoded, because a million of them as objects would fill the memory."""

import sys
from collections.abc import Iterator

from schemas.watch import WatchRule

_KEY = {"id", "watch_topic"}


class RuleShelf:
    """Rules by slot, and slots by watch topic and rule id."""

    def __init__(self) -> None:
        self._slots: dict[str, dict[str, int]] = {}
        # By slot. What is dropped keeps its key.
        self._topics: list[str] = []
        self._ids: list[str] = []
        self._encoded: list[bytes | None] = []  # all but the key
        self._size = 0

    def __len__(self) -> int:
        return self._size

    def frozen(self) -> Iterator[WatchRule]:
        """Return the rules of this moment, by slot."""
        # Keys are only ever added, and those of later rules have no counterpart in the copy.
        kept = zip(self._topics, self._ids, self._encoded.copy(), strict=False)
        return (_decoded(topic, rule_id, encoded) for topic, rule_id, encoded in kept if encoded is not None)

    def slot(self, watch_topic: str, rule_id: str) -> int | None:
        """Return the slot of a rule, or None if there is no such rule."""
        slots = self._slots.get(watch_topic)
        return None if slots is None else slots.get(rule_id)

    def put(self, rule: WatchRule) -> int:
        """Keep a rule that is not there yet; return its slot, one more than that of the rule put before."""
        slot = len(self._encoded)
        topic, rule_id = sys.intern(rule.watch_topic), rule.id
        self._encoded.append(rule.model_dump_json(exclude=_KEY, exclude_defaults=True).encode())
        self._topics.append(topic)
        self._ids.append(rule_id)
        self._slots.setdefault(topic, {})[rule_id] = slot
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

    def key(self, slot: int) -> tuple[str, str]:
        """Return the watch topic and id of the rule that has a slot, or had it before it was dropped."""
        return self._topics[slot], self._ids[slot]

    def rule(self, slot: int) -> WatchRule:
        """Return the rule of a slot; KeyError if it was dropped."""
        encoded = self._encoded[slot]
        if encoded is None:
            raise KeyError(slot)
        return _decoded(self._topics[slot], self._ids[slot], encoded)

    @property
    def dropped(self) -> int:
        """Return how many slots are empty."""
        return len(self._encoded) - self._size


def _decoded(watch_topic: str, rule_id: str, encoded: bytes) -> WatchRule:
    # Both are slugs, which JSON writes as they are; what follows them holds a query at least.
    return WatchRule.model_validate_json(
        b'{"watch_topic":"%b","id":"%b",%b' % (watch_topic.encode(), rule_id.encode(), encoded[1:])
    )
