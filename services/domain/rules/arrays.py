"""Growing arrays of 32-bit integers: what a million rules are held in.

All are append-only. A view shows what was there when it was taken, and stays right whatever is added later.
"""

from collections.abc import Sequence
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

Ints: TypeAlias = NDArray[np.int32]
Indices: TypeAlias = NDArray[np.uint32]
Flags: TypeAlias = NDArray[np.uint8]
Mask: TypeAlias = NDArray[np.bool_]
Weights: TypeAlias = NDArray[np.float64]

NO_INTS: Ints = np.empty(0, np.int32)
WIDTH = 8
_ALL = np.uint64(0x0101010101010101)
_MOST_LATE = 4_096


class IntArray:
    """Integers in the order they were appended."""

    __slots__ = ("_data", "_late", "_size", "_view")

    def __init__(self) -> None:
        self._data: Ints = NO_INTS
        self._view: Ints = NO_INTS
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
        """Return the integers there are now; those added later do not show. The same array until something changes."""
        if self._late:
            self._settle()
        return self._view

    def reorder(self, order: Ints) -> None:
        """Put the first integers into this order: the one at `order[0]` first. Those behind stay."""
        # Into a new array, as a view of the old one may be in use.
        data = self.view.copy()
        data[: len(order)] = data[order]
        self._data = self._view = data

    def _settle(self) -> None:
        self._put(self._late)
        self._late.clear()

    def _put(self, values: Ints | list[int]) -> None:
        end = self._size + len(values)
        if end > len(self._data):
            grown = np.zeros(max(end, len(self._data) * 5 // 4), np.int32)
            grown[: self._size] = self._data[: self._size]
            self._data = grown
        self._data[self._size : end] = values
        self._size = end
        self._view = self._data[:end]


class Bits:
    """Numbers from 0, each in or out."""

    __slots__ = ("words",)

    def __init__(self) -> None:
        self.words: Indices = np.zeros(1, np.uint32)  # the lowest bit of the first is number 0

    def grow(self, size: int) -> None:
        """Make room for so many numbers, of which new ones are out."""
        if size > 32 * len(self.words):
            self.words = np.append(self.words, np.zeros(len(self.words) // 4 + 1, np.uint32))

    def add(self, number: int) -> None:
        """Put a number in, whether it was in or out."""
        self.words[number >> 5] |= np.uint32(1 << (number & 31))

    def copy(self) -> "Bits":
        """Return what stays as it is now."""
        bits = Bits()
        bits.words = self.words.copy()
        return bits

    def without(self, numbers: Ints) -> Mask:
        """Say of each number whether it is out."""
        words, places = self.words.take(numbers >> 5), (numbers & 31).astype(np.uint32)
        out: Mask = words >> places & np.uint32(1) == 0
        return out


class RowsView(NamedTuple):
    """Rows as they were at one moment: a head tells where the integers of a row begin, and how many there are."""

    heads: Ints
    values: Ints

    def any_true(self, heads: Ints, truth: Flags) -> Mask:
        """Say for each head whether `truth` is 1 for any integer of its row."""
        some: Mask = self._flags(heads, truth) != 0
        return some

    def all_true(self, heads: Ints, truth: Flags) -> Mask:
        """Say for each head whether `truth` is 1 for all integers of its row."""
        every: Mask = self._flags(heads, truth) == _ALL
        return every

    def row(self, number: int) -> tuple[int, ...]:
        """Return the integers of one row."""
        head = int(self.heads[number])
        begin = head >> _BITS
        return tuple(self.values[begin : begin + (head & WIDTH - 1) + 1].tolist())

    def full(self, heads: Ints) -> Ints:
        """Return the rows with these heads, all of WIDTH integers: the last of each fills it up."""
        columns = np.minimum(_COLUMNS, (heads & _LAST)[:, None])
        rows: Ints = self.values.take(begins(heads)[:, None] + columns)
        return rows

    def parts(self, heads: Ints) -> tuple[Ints, Ints]:
        """Return the integers of the rows with these heads, and for each the index of its row."""
        at, owners = stretch(begins(heads), widths(heads))
        return self.values.take(at), owners

    def _flags(self, heads: Ints, truth: Flags) -> NDArray[np.uint64]:
        """Return what `truth` is for the integers of each row, a byte for each."""
        flags: NDArray[np.uint64] = truth.take(self.full(heads)).view(np.uint64).ravel()
        return flags


class Rows:
    """Rows of 1 to WIDTH integers, numbered in the order they were added."""

    __slots__ = ("_heads", "_values", "_view")

    def __init__(self) -> None:
        self._heads = IntArray()
        self._values = IntArray()
        self._view: RowsView | None = None

    def __len__(self) -> int:
        return len(self._heads)

    def add(self, values: Sequence[int]) -> int:
        """Add a row; return its head."""
        if not 0 < len(values) <= WIDTH:
            raise ValueError(f"a row has room for 1 to {WIDTH} integers, not for {len(values)}")
        head = self._values.extend(values) << _BITS | len(values) - 1
        self._heads.append(head)
        self._view = None
        return head

    @property
    def view(self) -> RowsView:
        """Return the rows there are now; those added later do not show. The same object until something changes."""
        if self._view is None:
            self._view = RowsView(self._heads.view, self._values.view)
        return self._view

    def put(self, heads: Ints, view: RowsView) -> None:
        """Add the rows of a view that have these heads."""
        values, _ = view.parts(heads)
        sizes = widths(heads)
        starts = sizes.cumsum(dtype=np.int32) - sizes + np.int32(len(self._values))
        self._heads.extend_array(starts << _BITS | heads & _LAST)
        self._values.extend_array(values)
        self._view = None

    def reorder(self, order: Ints) -> None:
        """Put the first rows into this order: that of number `order[0]` first. Those behind stay."""
        # Into new arrays, as a view of the old ones may be in use.
        view = self.view
        self._heads, self._values = IntArray(), IntArray()
        self.put(np.concatenate((view.heads[order], view.heads[len(order) :])), view)


_BITS = 3
_LAST = np.int32(WIDTH - 1)  # the bits of a head that tell which integer of its row is the last
_COLUMNS = np.arange(WIDTH, dtype=np.int32)


def begins(heads: Ints) -> Ints:
    """Return where the integers of the rows with these heads begin."""
    return heads >> _BITS


def widths(heads: Ints) -> Ints:
    """Return how many integers the rows with these heads have."""
    return (heads & _LAST) + np.int32(1)


def row_heads(starts: Ints, lasts: Ints) -> Ints:
    """Return the heads of rows that begin there; the low bits of `lasts` tell which integer of each is the last."""
    return starts << _BITS | lasts & _LAST


def stretch(starts: Ints, lengths: Ints) -> tuple[Ints, Ints]:
    """Return start, start + 1, ... of each stretch in a row, and for each the index of the stretch it belongs to."""
    ends = lengths.cumsum(dtype=np.int32)
    if not len(ends):
        return NO_INTS, NO_INTS
    owners = np.arange(len(starts), dtype=np.int32).repeat(lengths)
    return np.arange(ends[-1], dtype=np.int32) + (starts - ends + lengths).take(owners), owners


def sums(values: Weights, owners: Ints, size: int) -> Weights:
    """Return the sum of the values of each of so many owners."""
    # Of no values at all, bincount makes integers.
    return np.bincount(owners, values, size).astype(np.float64, copy=False)


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
