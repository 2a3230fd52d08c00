"""The presearcher: of all rules, those that an article satisfies as far as conditions tell, in a few array steps.

Each rule waits under its cheapest clause, so an article costs as much as it has candidates, not as much as there are
rules. Idea and name from Luwak, now Lucene Monitor.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from services.domain.rules.arrays import Flags, IntArray, Ints, Rows, Weights, distinct, gather, stretch
from services.domain.rules.postings import Posted, Postings

_NOWHERE = -1  # the place of a plan that was removed
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

    rows: Ints
    firsts: Ints
    shapes: Ints
    slots: Ints
    before: Ints  # the place each had
    posted: Posted


class Snapshot(NamedTuple):
    """The rules of one moment, and how many articles meet each condition."""

    weights: Weights
    rows: Ints
    firsts: Ints
    shapes: Ints
    slots: Ints
    since: int

    def reordered(self) -> Reordered:
        """Work out the best order: of clauses, the rarest first; of rules, those that wait for the same together.

        What is looked at together then lies together, which is what time depends on with many rules. Rules may be
        added and removed meanwhile.
        """
        alive = self.shapes.nonzero()[0].astype(np.int32)
        shapes = self.shapes[alive]
        sizes = (shapes >> 2) + (shapes & 1)
        at, owners = stretch(self.firsts[alive], sizes)
        rows = self.rows[at]
        costs = self.weights[rows].sum(1)
        ends = np.cumsum(sizes, dtype=np.int32)
        vetoed = (shapes & 1) == 1
        costs[ends[vetoed] - 2] = np.inf  # a veto stays behind the clauses
        order = np.lexsort((costs, owners))
        # The rarest clause, now first, goes last.
        begins = ends - sizes
        turned = np.arange(len(order), dtype=np.int32) + 1
        turned[ends - 1] = begins
        rows = rows[order[turned]]
        posted = rows[ends - 1]
        together = np.argsort(posted[:, 0], kind="stable")
        alive, shapes, sizes = alive[together], shapes[together], sizes[together]
        at, _ = stretch(begins[together], sizes)
        rows = rows[at]
        ends = np.cumsum(sizes, dtype=np.int32)
        posted = rows[ends - 1]
        several = (posted[:, 1] > 0).astype(np.int32)
        shapes = (shapes & ~np.int32(2)) | several << 1
        conditions, places = gather(posted)
        return Reordered(rows, ends - sizes, shapes, self.slots[alive], alive, Posted(conditions, places, self.since))


class Presearcher:
    """Plans by slot: numbers given in the order of addition, and never again.

    A plan has a place, which changes as others are removed. There stand two numbers: where its rows begin, and its
    shape, or 0 if it was removed. The rows are the clauses it is not posted under, the veto, if any, and last, since it
    is not looked at again, the clause it is posted under. A shape is four times the number of clauses, 2 more if the
    last one has several conditions, and 1 more with a veto.
    """

    def __init__(self) -> None:
        self._rows = Rows()
        self._plans = IntArray()
        self._slots = IntArray()
        self._places = IntArray()  # by slot
        self.postings = Postings()

    @property
    def recent(self) -> int:
        """Return how many postings wait for compaction."""
        return self.postings.recent

    def add(self, plan: Plan, costs: Sequence[float]) -> int:
        """Hold a plan, given what each of its clauses costs; return its slot."""
        order = sorted(range(len(costs)), key=costs.__getitem__)
        first = len(self._rows)
        for clause in order[1:]:
            self._rows.add(plan.clauses[clause])
        if plan.veto:
            self._rows.add(plan.veto)
        self._rows.add(plan.clauses[order[0]])
        several = len(plan.clauses[order[0]]) > 1
        place = self._plans.extend((first, 4 * len(order) + 2 * several + bool(plan.veto))) // 2
        slot = self._places.append(place)
        self._slots.append(slot)
        self.postings.post(place, plan.clauses[order[0]])
        return slot

    def remove(self, slot: int) -> None:
        """Forget a plan; one that was forgotten before may be named again."""
        place = int(self._places.view[slot])
        if place != _NOWHERE:
            self._by_place[place, 1] = 0

    @property
    def arrays(self) -> tuple[Ints, Ints]:
        """Return the rows, and by place the first row and the shape."""
        return self._rows.view, self._by_place

    @property
    def _by_place(self) -> Ints:
        return self._plans.view.reshape(-1, 2)

    def slots(self, places: Ints) -> Ints:
        """Return the slots of the plans at these places."""
        return self._slots.view.take(places)

    def candidates(self, held: Ints, truth: Flags) -> Ints:
        """Return the slots of all plans that these conditions satisfy, each once."""
        found = self._with_all_clauses(self.postings.waiting(held, truth), truth)
        firsts, shapes = self._by_place.take(found, 0).T
        vetoes = (shapes & 1).nonzero()[0]
        if vetoes.size:
            rows = firsts.take(vetoes) + (shapes.take(vetoes) >> 2) - np.int32(1)
            kept = shapes > 0
            kept[vetoes] = ~self._rows.any_true(rows, truth)
            found = found[kept]
        return self.slots(distinct(found))

    def _with_all_clauses(self, waiting: Ints, truth: Flags) -> Ints:
        """Return those whose other clauses than the one they wait for hold too."""
        satisfied: list[Ints] = []
        at = 1
        while len(waiting):
            # Removed ones, which have no clauses, go first.
            firsts, shapes = self._by_place.take(waiting, 0).T
            clauses = shapes >> 2
            satisfied.append(waiting[clauses == at])
            more = (clauses > at).nonzero()[0]
            rows = firsts.take(more) + np.int32(at - 1)
            waiting = waiting.take(more[self._rows.any_true(rows, truth)])
            at += 1
        return np.concatenate(satisfied) if satisfied else waiting

    def snapshot(self, weights: Weights) -> Snapshot:
        """Return what `Snapshot.reordered` needs."""
        firsts, shapes = self._by_place.T.copy()
        return Snapshot(weights, self._rows.view, firsts, shapes, self._slots.view, self.postings.recent)

    def adopt(self, new: Reordered, known: int) -> None:
        """Change over to what was made of a snapshot of so many places."""
        rows, plans, slots = Rows(), IntArray(), IntArray()
        rows.extend_array(new.rows)
        # Some may have been removed since.
        shapes = np.where(self._by_place[new.before, 1] > 0, new.shapes, np.int32(0))
        plans.extend_array(np.stack((new.firsts, shapes), 1).ravel())
        slots.extend_array(new.slots)
        late = self._by_place[known:].copy()
        if len(late):
            begin = int(late[0, 0])
            late[:, 0] += np.int32(len(rows) - begin)
            rows.extend_array(self._rows.view[begin:])
            plans.extend_array(late.ravel())
            slots.extend_array(self._slots.view[known:])
            self.postings.move_recent(new.posted.since, len(new.firsts) - known)
        self._rows, self._plans, self._slots = rows, plans, slots
        self._places.view[:] = _NOWHERE
        self._places.view[slots.view] = np.arange(len(slots), dtype=np.int32)
        self.postings.replace(*new.posted)
