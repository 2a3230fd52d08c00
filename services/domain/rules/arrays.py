"""Growing arrays of 32-bit integers: what a million rules are held in.

All are append-only. A view shows what was there when it was taken, and stays right whatever is added later.
"""

from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Ints: TypeAlias = NDArray[np.int32]
Flags: TypeAlias = NDArray[np.uint8]
Mask: TypeAlias = NDArray[np.bool_]
Weights: TypeAlias = NDArray[np.float64]

NO_INTS: Ints = np.empty(0, np.int32)
WIDTH = 8
_ALL = np.uint64(0x0101010101010101)
_MOST_LATE = 4_096


class IntArray:
    """Integers in the order they were appended."""

    __slots__ = ("_data", "_late", "_size")

    def __init__(self) -> None:
        self._data: Ints = NO_INTS
        self._size = 0
        self._late: list[int] = []  # appended since the last look: a list takes single numbers ten times as fast

    def __len__(self) -> int:
        return self._size + len(self._late)

    def append(self, value: int) -> int:
        """Add one integer; return its index."""
        at = self._size + len(self._late)
        self._late.append(value)
        if len(self._late) > _MOST_LATE:
            self._settle()
        return at

    def extend(self, values: Sequence[int]) -> int:
        """Add integers; return the index of the first."""
        at = self._size + len(self._late)
        self._late.extend(values)
        if len(self._late) > _MOST_LATE:
            self._settle()
        return at

    def extend_array(self, values: Ints) -> None:
        """Add the integers of an array."""
        self._settle()
        self._put(values)

    @property
    def view(self) -> Ints:
        """Return the integers there are now; those added later do not show."""
        if self._late:
            self._settle()
        return self._data[: self._size]

    def reorder(self, order: Ints, width: int = 1) -> None:
        """Put the first integers into this order, `width` at a time: those at `order[0]` first. Those behind stay."""
        # Into a new array, as a view of the old one may be in use.
        data = self.view.copy()
        groups = data.reshape(-1, width)
        groups[: len(order)] = groups[order]
        self._data = data

    def _settle(self) -> None:
        self._put(np.array(self._late, np.int32))
        self._late.clear()

    def _put(self, values: Ints) -> None:
        end = self._size + len(values)
        if end > len(self._data):
            grown = np.zeros(max(end, len(self._data) * 5 // 4), np.int32)
            grown[: self._size] = self._data[: self._size]
            self._data = grown
        self._data[self._size : end] = values
        self._size = end


class Rows:
    """Rows of up to WIDTH integers above 0, numbered in the order they were added; 0 fills them up."""

    __slots__ = ("_values",)

    def __init__(self) -> None:
        self._values = IntArray()

    def __len__(self) -> int:
        return len(self._values) // WIDTH

    def add(self, values: Sequence[int]) -> int:
        """Add a row; return its number."""
        if len(values) > WIDTH:
            raise ValueError(f"a row has room for {WIDTH} integers, not for {len(values)}")
        return self._values.extend((*values, *_FILLING[len(values)])) // WIDTH

    def extend_array(self, rows: Ints) -> None:
        """Add the rows of an array of two dimensions."""
        self._values.extend_array(rows.ravel())

    def reorder(self, order: Ints, rows: int = 1) -> None:
        """Put the first rows into this order, so many at a time: those at `order[0]` first. Those behind stay."""
        self._values.reorder(order, rows * WIDTH)

    @property
    def view(self) -> Ints:
        """Return the rows there are now as an array of two dimensions."""
        return self._values.view.reshape(-1, WIDTH)

    def any_true(self, rows: Ints, truth: Flags) -> Mask:
        """Say for each row whether `truth` is 1 for any of its integers. `truth` of 0 must be 0."""
        some: Mask = self._flags(rows, truth) != 0
        return some

    def all_true(self, rows: Ints, truth: Flags) -> Mask:
        """Say for each row whether `truth` is 1 for all of its integers, those that fill it up included."""
        every: Mask = self._flags(rows, truth) == _ALL
        return every

    def _flags(self, rows: Ints, truth: Flags) -> NDArray[np.uint64]:
        """Return what `truth` is for the integers of each row, a byte for each."""
        flags: NDArray[np.uint64] = truth.take(self.view.take(rows, 0)).view(np.uint64).ravel()
        return flags


_FILLING = [(0,) * (WIDTH - length) for length in range(WIDTH + 1)]


def stretch(starts: Ints, lengths: Ints) -> tuple[Ints, Ints]:
    """Return start, start + 1, ... of each stretch in a row, and for each the index of the stretch it belongs to."""
    ends = lengths.cumsum(dtype=np.int32)
    if not len(ends):
        return NO_INTS, NO_INTS
    owners = np.arange(len(starts), dtype=np.int32).repeat(lengths)
    return np.arange(ends[-1], dtype=np.int32) + (starts - ends + lengths).take(owners), owners


def gather(rows: Ints) -> tuple[Ints, Ints]:
    """Return the integers of rows (of two dimensions) without the filling, and for each the index of its row."""
    owners, columns = rows.nonzero()
    return rows[owners, columns], owners.astype(np.int32)


def distinct(values: Ints) -> Ints:
    """Return each value once, in rising order."""
    if len(values) < 2:
        return values
    ordered = values.copy()
    ordered.sort()
    kept = np.empty(len(ordered), np.bool_)
    kept[0] = True
    np.not_equal(ordered[1:], ordered[:-1], out=kept[1:])
    return ordered[kept]


def grown_flags(flags: Flags, size: int) -> Flags:
    """Return flags for at least `size` indices; the same array if it is large enough. All flags must be 0."""
    return flags if len(flags) >= size else np.zeros(max(size, len(flags) * 3 // 2), np.uint8)
