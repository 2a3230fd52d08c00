"""Plans as records: all that is asked of a rule, in one place in memory.

A record is the slot of the plan and its rows: those to be asked for, the veto last of these, and then the ones that the
plan is posted under. A row is a head and its conditions. A head is how many conditions follow the first, and flags.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from services.domain.rules.arrays import (
    WIDTH,
    Flags,
    IntArray,
    Ints,
    Mask,
    RowsView,
    begins,
    row_heads,
    stretch,
    widths,
)

LAST = WIDTH  # the last row to be asked for
VETO = 2 * WIDTH  # none of the row may hold


class PlanRows(NamedTuple):
    """The rows of plans, those of a plan together, by number: heads as `RowsView` takes them, and the plan of each."""

    heads: Ints
    vetoes: Mask
    owners: Ints

    def reordered(self, order: Ints, owners: Ints) -> "PlanRows":
        """Return the rows in this order, with new owners."""
        return PlanRows(self.heads[order], self.vetoes[order], owners)


class RecordsView(NamedTuple):
    """Records as they were at one moment, and where each begins."""

    integers: Ints
    begins: Ints

    @property
    def slots(self) -> Ints:
        """Return the slot of each record."""
        return self.integers.take(self.begins)

    def rows(self, records: Ints) -> PlanRows:
        """Return the rows of these records."""
        ends = np.append(self.begins[1:], np.int32(len(self.integers)))[records]
        at, owners = self.begins[records] + np.int32(1), np.arange(len(records), dtype=np.int32)
        found, of = [at[:0]], [owners[:0]]
        while len(at):  # the first row of all, then the second of those that have one, and so on
            found.append(at)
            of.append(owners)
            at = at + widths(self.integers[at]) + np.int32(1)
            left = at < ends[owners]
            at, owners = at[left], owners[left]
        rows, owners = np.concatenate(found), np.concatenate(of)
        order = owners.argsort(kind="stable")
        rows = rows[order]
        heads = self.integers[rows]
        return PlanRows(row_heads(rows + np.int32(1), heads), heads & VETO != 0, owners[order])

    def asked(self, begins_at: Ints, truth: Flags) -> Ints:
        """Return the slots of those records, given by where they begin, whose clauses hold and whose veto does not."""
        slots, at = self.integers.take(begins_at), begins_at + np.int32(1)
        rows, satisfied = RowsView(self.begins, self.integers), [slots[:0]]
        while len(at):
            heads = self.integers.take(at)
            good = rows.any_true(row_heads(at + np.int32(1), heads), truth) != (heads & VETO != 0)
            is_last = heads & LAST != 0
            satisfied.append(slots[good & is_last])
            left = good & ~is_last
            at, slots = (at + widths(heads) + np.int32(1))[left], slots[left]
        return np.concatenate(satisfied)


class Records:
    """Records in the order they were added."""

    __slots__ = ("_begins", "_integers")

    def __init__(self) -> None:
        self._begins = IntArray()
        self._integers = IntArray()

    @property
    def view(self) -> RecordsView:
        """Return the records there are now; those added later do not show."""
        return RecordsView(self._integers.view, self._begins.view)

    def add(
        self, slot: int, asked: Sequence[Sequence[int]], veto: Sequence[int], others: Sequence[Sequence[int]]
    ) -> int:
        """Add the record of a plan, `others` being the rows that need not be asked for; return where it begins."""
        record, last = [slot], 0
        for row in (*asked, veto) if veto else asked:
            last = len(record)
            record += _row(row)
        if last:
            record[last] |= LAST | VETO * bool(veto)
        for row in others:
            record += _row(row)
        begin = self._integers.extend(record)
        self._begins.append(begin)
        return begin

    def put(self, slots: Ints, rows: PlanRows, is_asked: Mask, integers: Ints) -> Ints:
        """Add records of these slots and rows, whose heads tell where in `integers` they stand; return where each
        begins."""
        sizes = widths(rows.heads)
        ends = sizes.cumsum(dtype=np.int32)
        # Before a row stand the conditions of others, and a head for each of them, and slots.
        at = np.arange(1, len(sizes) + 1, dtype=np.int32) + rows.owners + ends - sizes
        starts: Ints = at[np.diff(rows.owners, prepend=np.int32(-1)) > 0] - np.int32(1)
        laid = np.empty(len(slots) + len(at) + (int(ends[-1]) if len(ends) else 0), np.int32)
        laid[starts] = slots
        is_last = is_asked & ~np.append(is_asked[1:], np.True_)  # in each record, a row follows that is not asked for
        laid[at] = sizes - np.int32(1) + LAST * is_last + VETO * rows.vetoes
        laid[stretch(at + np.int32(1), sizes)[0]] = integers[stretch(begins(rows.heads), sizes)[0]]
        starts += np.int32(len(self._integers))
        self._integers.extend_array(laid)
        self._begins.extend_array(starts)
        return starts

    def take_late(self, other: "Records", known: int) -> int:
        """Add all but the first so many records of another; return how much further behind each stands here."""
        integers, starts = other.view
        late = starts[known:]
        if not len(late):
            return 0
        distance = len(self._integers) - int(late[0])
        self._integers.extend_array(integers[late[0] :])
        self._begins.extend_array(late + np.int32(distance))
        return distance


def _row(conditions: Sequence[int]) -> tuple[int, ...]:
    """Return the integers of a row."""
    if not 0 < len(conditions) <= WIDTH:
        raise ValueError(f"a row has room for 1 to {WIDTH} conditions, not for {len(conditions)}")
    return len(conditions) - 1, *conditions
