"""The presearcher: of all rules, those that an article satisfies as far as conditions tell, in a few array steps.

Each rule waits under its cheapest clause, so an article costs as much as it has candidates, not as much as there are
rules. Idea and name from Luwak, now Lucene Monitor.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from services.domain.rules.arrays import (
    Flags,
    IntArray,
    Ints,
    Rows,
    RowsView,
    Weights,
    begins,
    distinct,
    stretch,
    sums,
    widths,
)
from services.domain.rules.postings import Posted, Postings

_NOWHERE = -1  # the place of a plan that was removed, and the slot of the plan at such a place
Options = tuple[int, ...]  # conditions of which any will do; at most WIDTH


class Plan(NamedTuple):
    """`clauses`: of each, at least one condition must hold. `veto`: none of these may hold.

    If `exact`, that is all the rule asks; else whoever passes must still be verified.
    """

    clauses: tuple[Options, ...] = ()
    veto: Options = ()
    exact: bool = True


class Reordered(NamedTuple):
    """The rules of a snapshot in a better order, to be adopted later."""

    rows: Rows
    plans: Ints
    slots: Ints
    before: Ints  # the place each had
    narrow: Posted
    wide: Posted


class Snapshot(NamedTuple):
    """The rules of one moment, and how many articles meet each condition."""

    weights: Weights
    rows: RowsView
    plans: Ints
    slots: Ints
    since: tuple[int, int]

    def reordered(self) -> Reordered:
        """Work out the best order: of clauses, the rarest first; of rules, those that wait for the same together.

        What is looked at together then lies together, which is what time depends on with many rules. Rules may be
        added and removed meanwhile.
        """
        alive = (self.slots != _NOWHERE).nonzero()[0].astype(np.int32)
        firsts, shapes = self.plans[alive].T
        sizes = _rows_of(shapes)
        at, owners = stretch(firsts, sizes)
        ends = sizes.cumsum(dtype=np.int32)
        heads = self.rows.heads[at]
        order = self._order(heads, owners, ends, sizes, shapes)
        posted = begins(heads[order[ends - 1]])
        together = np.argsort(self.rows.values[posted], kind="stable").astype(np.int32)
        moved, _ = stretch((ends - sizes)[together], sizes[together])
        rows = Rows()
        rows.put(heads[order[moved]], self.rows)
        sizes, shapes = sizes[together], shapes[together]
        ends = sizes.cumsum(dtype=np.int32)
        plans = np.stack((ends - sizes, shapes), 1)
        return Reordered(rows, plans, self.slots[alive[together]], alive[together], *self._posted(rows.view, plans))

    def _order(self, heads: Ints, owners: Ints, ends: Ints, sizes: Ints, shapes: Ints) -> Ints:
        """Order the rows of each plan: clauses, the rarest first; the veto; the guard; what it is posted under."""
        conditions, rows = self.rows.parts(heads)
        costs = sums(self.weights[conditions], rows, len(heads))
        rank = np.zeros(len(heads), np.int8)
        vetoes = (ends - sizes + (shapes >> 2) - 1)[shapes & 1 == 1]
        rank[vetoes] = 1
        free = costs.copy()
        free[vetoes] = np.inf
        posted = _cheapest(free, ends - sizes, owners)
        rank[posted] = 3
        free[posted] = np.inf  # a single condition first, as in `add`
        free[widths(heads) > 1] += free[np.isfinite(free)].sum()
        guards = _cheapest(free, ends - sizes, owners)
        rank[guards[shapes & 2 == 2]] = 2
        return np.lexsort((costs, rank, owners)).astype(np.int32)

    def _posted(self, rows: RowsView, plans: Ints) -> tuple[Posted, Posted]:
        firsts, shapes = plans.T
        last = firsts + _rows_of(shapes) - 1
        heads, guards = rows.heads[last], rows.heads[np.maximum(last - 1, 0)]
        guarded = shapes & 2 == 2
        items = np.arange(len(plans), dtype=np.int32) << 2 | (widths(heads) > 1) << 1 | (shapes > 3)
        is_wide = guarded & (widths(guards) > 1)
        wide, narrow = is_wide.nonzero()[0], (~is_wide).nonzero()[0]
        # Rows of a width in a row: a loop that ends as the one before did is guessed rightly.
        wide = wide[widths(guards[wide]).argsort(kind="stable")]
        conditions, owners = rows.parts(heads[narrow])
        owners = narrow[owners]
        singles = np.where(guarded[owners], rows.values[begins(guards[owners])], conditions)
        to_narrow = Posted(conditions, items[owners].astype(np.int32), singles, self.since[0])
        conditions, owners = rows.parts(heads[wide])
        owners = wide[owners]
        return to_narrow, Posted(conditions, items[owners].astype(np.int32), guards[owners], self.since[1])


def _rows_of(shapes: Ints) -> Ints:
    """Return how many rows plans of these shapes have."""
    return (shapes >> 2) + (shapes >> 1 & 1) + np.int32(1)


def _cheapest(costs: Weights, starts: Ints, owners: Ints) -> Ints:
    """Return of each plan the first row that costs least; `starts` are where the rows of each begin."""
    least = np.minimum.reduceat(costs, starts) if len(starts) else costs
    found = (costs == least[owners]).nonzero()[0][::-1].astype(np.int32)
    first = np.zeros(len(starts), np.int32)
    first[owners[found]] = found  # the last one written is the first
    return first


class Presearcher:
    """Plans by slot: numbers given in the order of addition, and never again.

    A plan has a place, which changes as others are removed. There stand two numbers: where its rows begin, and its
    shape. The rows are the clauses still to be asked for, the veto, if any, the clause that guards the plan, and last
    the one it is posted under. A shape is four times the number of clauses to be asked for and the veto, 2 more if
    there is a guard, and 1 more with a veto. What is posted is four times the place, 2 more if it is posted under
    several conditions, and 1 more if anything is to be asked for.
    """

    def __init__(self) -> None:
        self._rows = Rows()
        self._plans = IntArray()
        self._slots = IntArray()
        self._places = IntArray()  # by slot
        self._any_removed = False
        self.narrow = Postings()  # guarded by a condition
        self.wide = Postings()  # guarded by a row, given by its head

    @property
    def recent(self) -> int:
        """Return how many postings wait for compaction."""
        return self.narrow.recent + self.wide.recent

    def add(self, plan: Plan, costs: Sequence[float]) -> int:
        """Hold a plan, given what each of its clauses costs; return its slot."""
        posted, *others = [plan.clauses[at] for at in sorted(range(len(costs)), key=costs.__getitem__)]
        # A single condition is the best guard: to look at it takes next to nothing.
        others.sort(key=lambda clause: len(clause) > 1)
        asked = others[1:] + [plan.veto] * bool(plan.veto)
        shape = 4 * len(asked) + 2 * bool(others) + bool(plan.veto)
        place = self._plans.extend((len(self._rows), shape)) // 2
        item = 4 * place + 2 * (len(posted) > 1) + bool(asked)
        heads = [self._rows.add(row) for row in (*asked, *others[:1], posted)]
        if others and len(others[0]) > 1:
            self.wide.post(item, posted, heads[-2])
        else:
            self.narrow.post(item, posted, others[0][0] if others else None)
        slot = self._places.append(place)
        self._slots.append(slot)
        return slot

    def remove(self, slot: int) -> None:
        """Forget a plan; one that was forgotten before may be named again."""
        place = int(self._places.view[slot])
        if place != _NOWHERE:
            self._places.view[slot] = self._slots.view[place] = _NOWHERE
            self._any_removed = True

    @property
    def arrays(self) -> tuple[RowsView, Ints]:
        """Return the rows, and by place the first row and the shape."""
        return self._rows.view, self._by_place

    @property
    def _by_place(self) -> Ints:
        return self._plans.view.reshape(-1, 2)

    def slots(self, places: Ints) -> Ints:
        """Return the slots of the plans at these places, without those that were removed."""
        slots = self._slots.view.take(places)
        return slots[slots != _NOWHERE] if self._any_removed else slots

    def candidates(self, held: Ints, truth: Flags) -> Ints:
        """Return the slots of all plans that these conditions satisfy, each once."""
        rows = self._rows.view
        wide, heads = self.wide.waiting(held, truth)
        waiting = np.concatenate((self.narrow.guarded(held, truth), wide[rows.any_true(heads, truth)]))
        more = waiting & 1 == 1
        satisfied, waiting = [waiting[~more]], waiting[more]
        row = 0
        while len(waiting):
            firsts, shapes = self._by_place.take(waiting >> 2, 0).T
            at_end = shapes >> 2 == row + 1
            is_veto = at_end & (shapes & 1 == 1)
            good = rows.any_true(rows.heads.take(firsts + np.int32(row)), truth) != is_veto
            satisfied.append(waiting[good & at_end])
            waiting = waiting[good & ~at_end]
            row += 1
        return self.slots(distinct(np.concatenate(satisfied) >> 2))

    def snapshot(self, weights: Weights) -> Snapshot:
        """Return what `Snapshot.reordered` needs."""
        since = self.narrow.recent, self.wide.recent
        return Snapshot(weights, self._rows.view, self._by_place, self._slots.view.copy(), since)

    def adopt(self, new: Reordered, known: int) -> None:
        """Change over to what was made of a snapshot of so many places."""
        rows, plans, slots = new.rows, IntArray(), IntArray()
        plans.extend_array(new.plans.ravel())
        # Some may have been removed since.
        slots.extend_array(np.where(self._slots.view[new.before] != _NOWHERE, new.slots, np.int32(_NOWHERE)))
        late = self._by_place[known:].copy()
        if len(late):
            begin, end, before = int(late[0, 0]), len(rows), self._rows.view
            rows.put(before.heads[begin:], before)
            late[:, 0] += np.int32(end - begin)
            plans.extend_array(late.ravel())
            slots.extend_array(self._slots.view[known:])
            items = 4 * (len(new.slots) - known)
            self.narrow.move_recent(new.narrow.since, items)
            self.wide.move_recent(new.wide.since, items, int(rows.view.heads[end]) - int(before.heads[begin]))
        self._rows, self._plans, self._slots = rows, plans, slots
        places = (slots.view != _NOWHERE).nonzero()[0]
        self._any_removed = len(places) < len(slots)
        self._places.view[:] = _NOWHERE
        self._places.view[slots.view[places]] = places
        self.narrow.replace(*new.narrow)
        self.wide.replace(*new.wide)
