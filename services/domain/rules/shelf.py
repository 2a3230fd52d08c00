"""Where the rules themselves are kept: encoded, because a million of them as objects would fill the memory."""

import sys
from array import array
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
        self._begins = array("q", (0,))  # where each is in `_encoded`; one more ends the last
        self._is_held = bytearray()
        # One after the other, all but the key: an object for each would take half as much again.
        self._encoded = bytearray()
        self._size = 0

    def __len__(self) -> int:
        return self._size

    def frozen(self) -> Iterator[WatchRule]:
        """Return the rules of this moment, by slot."""
        # All else is only ever added to, so that this alone says what the moment was.
        is_held = bytes(self._is_held)
        return (self._decoded(slot) for slot, held in enumerate(is_held) if held)

    def slot(self, watch_topic: str, rule_id: str) -> int | None:
        """Return the slot of a rule, or None if there is no such rule."""
        slots = self._slots.get(watch_topic)
        return None if slots is None else slots.get(rule_id)

    def put(self, rule: WatchRule) -> int:
        """Keep a rule that is not there yet; return its slot, one more than that of the rule put before."""
        slot = len(self._is_held)
        topic, rule_id = sys.intern(rule.watch_topic), rule.id
        self._encoded += rule.model_dump_json(exclude=_KEY, exclude_defaults=True).encode()
        self._begins.append(len(self._encoded))
        self._is_held.append(1)
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
        self._is_held[slot] = 0
        self._size -= 1
        return slot

    def key(self, slot: int) -> tuple[str, str]:
        """Return the watch topic and id of the rule that has a slot, or had it before it was dropped."""
        return self._topics[slot], self._ids[slot]

    def rule(self, slot: int) -> WatchRule:
        """Return the rule of a slot; KeyError if it was dropped."""
        if not self._is_held[slot]:
            raise KeyError(slot)
        return self._decoded(slot)

    @property
    def dropped(self) -> int:
        """Return how many slots are empty."""
        return len(self._is_held) - self._size

    def _decoded(self, slot: int) -> WatchRule:
        encoded = bytes(self._encoded[self._begins[slot] + 1 : self._begins[slot + 1]])
        # Both are slugs, which JSON writes as they are; what follows them holds a query at least.
        return WatchRule.model_validate_json(
            b'{"watch_topic":"%b","id":"%b",%b' % (self._topics[slot].encode(), self._ids[slot].encode(), encoded)
        )
