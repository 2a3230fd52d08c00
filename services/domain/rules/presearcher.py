"""The presearcher: of all rules, those that an article satisfies as far as conditions tell, in a few array steps.

Each rule waits under its cheapest clause, so an article costs as much as it has candidates, not as much as there are
rules. Idea and name from Luwak, now Lucene Monitor.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from services.domain.rules.arrays import Flags, IntArray, Ints, Rows, Weights, distinct, gather, stretch
from services.domain.rules.postings import Posted, Postings

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
        sizes = (shapes >> 1) + (shapes & 1)
        at, owners = stretch(self.firsts[alive], sizes)
        rows = self.rows[at]
        costs = self.weights[rows].sum(1)
        ends = np.cumsum(sizes)
        costs[ends[(shapes & 1) == 1] - 1] = np.inf  # a veto stays last
        rows = rows[np.lexsort((costs, owners))]
        order = np.argsort(rows[ends - sizes, 0], kind="stable")
        alive, shapes, sizes = alive[order], shapes[order], sizes[order]
        at, _ = stretch((ends - sizes[np.argsort(order)]).astype(np.int32)[order], sizes)
        rows = rows[at]
        firsts = (np.cumsum(sizes) - sizes).astype(np.int32)
        conditions, places = gather(rows[firsts])
        return Reordered(rows, firsts, shapes, self.slots[alive], alive, Posted(conditions, places, self.since))


class Presearcher:
    """Plans by slot: numbers given in the order of addition, and never again.

    A plan has a place, which changes as others are removed. There stand two numbers: the row of the clause it is posted
    under, which its other clauses follow, and then the veto, if any; and its shape, twice the number of clauses and one
    more with a veto, or 0 if the plan was removed.
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
        for clause in order:
            self._rows.add(plan.clauses[clause])
        if plan.veto:
            self._rows.add(plan.veto)
        place = self._plans.extend((first, 2 * len(order) + bool(plan.veto))) // 2
        slot = self._places.append(place)
        self._slots.append(slot)
        self.postings.post(place, plan.clauses[order[0]])
        return slot

    def remove(self, slot: int) -> None:
        """Forget a plan."""
        self._by_place[self._places.view[slot], 1] = 0

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
            rows = firsts.take(vetoes) + (shapes.take(vetoes) >> 1)
            kept = shapes > 0
            kept[vetoes] = ~self._rows.any_true(rows, truth)
            found = found[kept]
        return self.slots(distinct(found))

    def _with_all_clauses(self, waiting: Ints, truth: Flags) -> Ints:
        """Return those whose clauses after the first, which is why they wait no longer, hold too."""
        satisfied: list[Ints] = []
        at = 1
        while len(waiting):
            # Removed ones, which have no clauses, go first.
            firsts, shapes = self._by_place.take(waiting, 0).T
            clauses = shapes >> 1
            satisfied.append(waiting[clauses == at])
            more = (clauses > at).nonzero()[0]
            rows = firsts.take(more) + np.int32(at)
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
        self._places.view[slots.view] = np.arange(len(slots), dtype=np.int32)
        self.postings.replace(*new.posted)
