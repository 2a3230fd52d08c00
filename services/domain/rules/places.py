"""Where the conditions of one article hold, in sorted arrays, so that many are looked up in one step."""

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from services.domain.rules.arrays import Ints, stretch

Keys: TypeAlias = NDArray[np.int64]
Found: TypeAlias = NDArray[np.bool_]
_SHIFT = 32


class Places:
    """Places of conditions: `firsts` and `lasts` are the positions of their first and last word."""

    __slots__ = ("_by_first", "_by_last", "firsts", "lasts")

    def __init__(self, conditions: Ints, firsts: Ints, lasts: Ints) -> None:
        keys = _keys(conditions, firsts)
        order = np.argsort(keys)
        self._by_first = keys[order]
        self.firsts = firsts[order]
        self.lasts = lasts[order]
        self._by_last: Keys | None = None

    def of(self, conditions: Ints) -> tuple[Ints, Ints]:
        """Return the indices of the places of these conditions, and for each the index of its condition."""
        begin = np.searchsorted(self._by_first, _keys(conditions, 0))
        end = np.searchsorted(self._by_first, _keys(conditions + 1, 0))
        return stretch(begin.astype(np.int32), (end - begin).astype(np.int32))

    def any_first(self, conditions: Ints, low: Ints, high: Ints) -> Found:
        """Say for each condition whether it has a place whose first word is at a position from low to high."""
        return _any_between(self._by_first, conditions, low, high)

    def any_last(self, conditions: Ints, low: Ints, high: Ints) -> Found:
        """Say for each condition whether it has a place whose last word is at a position from low to high."""
        if self._by_last is None:
            self._by_last = np.sort((self._by_first >> _SHIFT << _SHIFT) | self.lasts)
        return _any_between(self._by_last, conditions, low, high)


def _keys(conditions: Ints, positions: Ints | int) -> Keys:
    return conditions.astype(np.int64) << _SHIFT | positions


def _any_between(keys: Keys, conditions: Ints, low: Ints, high: Ints) -> Found:
    if not len(keys):
        return np.zeros(len(conditions), np.bool_)
    at = np.searchsorted(keys, _keys(conditions, low))
    return (at < len(keys)) & (keys[np.minimum(at, len(keys) - 1)] <= _keys(conditions, high))
