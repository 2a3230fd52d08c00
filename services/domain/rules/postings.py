"""Which items wait for which condition: large sorted arrays, and what was added since they were built."""

from collections.abc import Sequence
from typing import NamedTuple, TypeAlias

import numpy as np

from services.domain.rules.arrays import NO_INTS, Flags, IntArray, Ints, stretch

MIN_SORTED = 4_096
# Where the items of each condition begin, the items, and their guards; the conditions, items and guards of late.
PostingArrays: TypeAlias = tuple[Ints, Ints, Ints, Ints, Ints, Ints]


class Posted(NamedTuple):
    """Which item waits for which condition from now on, in place of the first `since` recent postings too."""

    conditions: Ints
    items: Ints
    guards: Ints
    since: int


class Postings:
    """Items (any integers) by the conditions under which they are posted, each with a guard.

    A guard is what to look at next: a second condition that must hold, say. It stands next to the item, so that most
    items that come to nothing are dropped before anything else of theirs is looked at.
    """

    __slots__ = ("_arrays", "_guards", "_items", "_recent_conditions", "_recent_guards", "_recent_items", "_starts")

    def __init__(self) -> None:
        self._starts: Ints = np.zeros(1, np.int32)  # by condition, where its items begin; one more ends the last
        self._items: Ints = NO_INTS
        self._guards: Ints = NO_INTS
        self._recent_conditions = IntArray()
        self._recent_items = IntArray()
        self._recent_guards = IntArray()
        self._arrays: PostingArrays | None = None

    @property
    def recent(self) -> int:
        """Return how many postings every look-up goes through one by one."""
        return len(self._recent_items)

    def post(self, item: int, conditions: Sequence[int], guard: int | None = None) -> None:
        """Let `item` wait for any of the conditions; without a guard, each guards itself."""
        self._recent_conditions.extend(conditions)
        self._recent_items.extend((item,) * len(conditions))
        self._recent_guards.extend(conditions if guard is None else (guard,) * len(conditions))
        self._arrays = None

    def waiting(self, conditions: Ints, truth: Flags) -> tuple[Ints, Ints]:
        """Return the items posted under any of `conditions`, which are distinct and all that `truth` holds; and their
        guards. An item posted under several of them is returned several times.
        """
        recent = truth.take(self._recent_conditions.view).nonzero()[0]
        items, guards = self._recent_items.view.take(recent), self._recent_guards.view.take(recent)
        if not len(self._items):
            return items, guards
        at = self._at(conditions)
        return np.concatenate((self._items.take(at), items)), np.concatenate((self._guards.take(at), guards))

    def guarded(self, conditions: Ints, truth: Flags) -> Ints:
        """Return of what is `waiting` the items whose guards, which are conditions, hold."""
        items, guards = self.waiting(conditions, truth)
        return items.take(truth.take(guards).nonzero()[0])

    def _at(self, conditions: Ints) -> Ints:
        """Return where the items of conditions are."""
        known = conditions[conditions < len(self._starts) - 1]
        starts = self._starts.take(known)
        lengths = self._starts.take(known + 1) - starts
        some = lengths.nonzero()[0]
        return stretch(starts.take(some), lengths.take(some))[0]

    def replace(self, conditions: Ints, items: Ints, guards: Ints, since: int) -> None:
        """Hold these in place of all but the postings made after the first `since` recent ones."""
        late = [each.view[since:] for each in (self._recent_conditions, self._recent_items, self._recent_guards)]
        if len(items) < MIN_SORTED:
            # So few are faster gone through than looked up.
            late = [np.concatenate(both) for both in zip((conditions, items, guards), late, strict=True)]
            conditions = items = guards = NO_INTS
        self._recent_conditions, self._recent_items, self._recent_guards = IntArray(), IntArray(), IntArray()
        self._recent_conditions.extend_array(late[0])
        self._recent_items.extend_array(late[1])
        self._recent_guards.extend_array(late[2])
        size = int(conditions.max(initial=-1)) + 1
        self._starts = np.zeros(size + 1, np.int32)
        np.cumsum(np.bincount(conditions, minlength=size), out=self._starts[1:])
        order = np.argsort(conditions, kind="stable")
        self._items, self._guards = items[order], guards[order]
        self._arrays = None

    def late_items(self, since: int) -> Ints:
        """Return the items posted after the first `since` recent ones, to be changed in place."""
        return self._recent_items.view[since:]

    @property
    def arrays(self) -> PostingArrays:
        """Return where the items of each condition begin, the items and guards, and the recent (conditions, items,
        guards). The same tuple until something changes."""
        if self._arrays is None:
            recent = self._recent_conditions.view, self._recent_items.view, self._recent_guards.view
            self._arrays = self._starts, self._items, self._guards, *recent
        return self._arrays

    def all(self) -> Posted:
        """Return every posting, to be posted anew."""
        counts = np.diff(self._starts)
        conditions = np.repeat(np.arange(len(counts), dtype=np.int32), counts)
        return Posted(
            np.concatenate((conditions, self._recent_conditions.view)),
            np.concatenate((self._items, self._recent_items.view)),
            np.concatenate((self._guards, self._recent_guards.view)),
            self.recent,
        )
