"""Which items wait for which condition: large sorted arrays, and what was added since they were built."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from services.domain.rules.arrays import NO_INTS, Flags, IntArray, Ints, stretch

MIN_SORTED = 4_096


class Posted(NamedTuple):
    """Which item waits for which condition from now on, in place of the first `since` recent postings too."""

    conditions: Ints
    items: Ints
    since: int


class Postings:
    """Items (any integers) by the conditions under which they are posted."""

    __slots__ = ("_items", "_recent_conditions", "_recent_items", "_starts")

    def __init__(self) -> None:
        self._starts: Ints = np.zeros(1, np.int32)  # by condition, where its items begin; one more ends the last
        self._items: Ints = NO_INTS
        self._recent_conditions = IntArray()
        self._recent_items = IntArray()

    @property
    def recent(self) -> int:
        """Return how many postings every look-up goes through one by one."""
        return len(self._recent_items)

    def post(self, item: int, conditions: Sequence[int]) -> None:
        """Let `item` wait for any of the conditions."""
        self._recent_conditions.extend(conditions)
        self._recent_items.extend((item,) * len(conditions))

    def waiting(self, conditions: Ints, truth: Flags) -> Ints:
        """Return the items posted under any of `conditions`, which are distinct and all that `truth` holds.

        An item posted under several of them is returned several times.
        """
        recent = truth.take(self._recent_conditions.view).nonzero()[0]
        found = self._recent_items.view.take(recent)
        if not len(self._items):
            return found
        at, _, _ = self._places(conditions)
        settled = self._items.take(at)
        return np.concatenate((settled, found)) if len(found) else settled

    def pairs_waiting(self, conditions: Ints, truth: Flags) -> tuple[Ints, Ints]:
        """Return what `waiting` does, and for each item the condition under which it was found."""
        recent = truth.take(self._recent_conditions.view).nonzero()[0]
        items, found = self._recent_items.view.take(recent), self._recent_conditions.view.take(recent)
        if not len(self._items):
            return items, found
        at, known, owners = self._places(conditions)
        return np.concatenate((self._items.take(at), items)), np.concatenate((known.take(owners), found))

    def _places(self, conditions: Ints) -> tuple[Ints, Ints, Ints]:
        """Return the places of the items of conditions, the conditions, and for each place which of them it is of."""
        known = conditions[conditions < len(self._starts) - 1]
        starts = self._starts.take(known)
        lengths = self._starts.take(known + 1) - starts
        some = lengths.nonzero()[0]
        at, owners = stretch(starts.take(some), lengths.take(some))
        return at, known.take(some), owners

    def replace(self, conditions: Ints, items: Ints, since: int) -> None:
        """Hold these pairs, sorted, in place of all but the postings made after the first `since` recent ones."""
        late_conditions, late_items = self._recent_conditions.view[since:], self._recent_items.view[since:]
        self._recent_conditions, self._recent_items = IntArray(), IntArray()
        if len(items) < MIN_SORTED:
            # So few are faster gone through than looked up.
            late_conditions, late_items = (
                np.concatenate((conditions, late_conditions)),
                np.concatenate((items, late_items)),
            )
            conditions, items = NO_INTS, NO_INTS
        self._recent_conditions.extend_array(late_conditions)
        self._recent_items.extend_array(late_items)
        size = int(conditions.max(initial=-1)) + 1
        self._starts = np.zeros(size + 1, np.int32)
        np.cumsum(np.bincount(conditions, minlength=size), out=self._starts[1:])
        self._items = items[np.argsort(conditions, kind="stable")]

    def move_recent(self, since: int, distance: int) -> None:
        """Add `distance` to the items posted after the first `since` recent ones."""
        self._recent_items.view[since:] += np.int32(distance)

    @property
    def arrays(self) -> tuple[Ints, Ints, Ints, Ints]:
        """Return where the items of each condition begin, the items, and the recent (conditions, items)."""
        return self._starts, self._items, self._recent_conditions.view, self._recent_items.view

    def pairs(self) -> tuple[Ints, Ints]:
        """Return every posting as (conditions, items)."""
        counts = np.diff(self._starts)
        conditions = np.repeat(np.arange(len(counts), dtype=np.int32), counts)
        return (
            np.concatenate((conditions, self._recent_conditions.view)),
            np.concatenate((self._items, self._recent_items.view)),
        )
