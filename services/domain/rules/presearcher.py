"""The presearcher: of all rules, those that an article satisfies as far as conditions tell, in a few array steps.

Each rule waits under its cheapest clause, so an article costs as much as it has candidates, not as much as there are
rules. Idea and name from Luwak, now Lucene Monitor.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from services.domain.rules.arrays import Flags, IntArray, Ints, Rows, Weights, distinct, gather, stretch
from services.domain.rules.plan import Plan
from services.domain.rules.postings import Postings

_NO_VETO = 0


class Reordered(NamedTuple):
    """The first rules with their clauses in a better order, to be adopted later."""

    firsts: Ints
    clauses: Ints
    conditions: Ints
    items: Ints
    since: int  # how many recent postings this covers


class Snapshot(NamedTuple):
    """The rules of one moment, and how many articles meet each condition."""

    weights: Weights
    firsts: Ints
    counts: Ints
    alive: Ints
    clauses: Ints
    rows: Ints
    since: int

    def reordered(self) -> Reordered:
        """Work out the best order of clauses: the rarest first. Rules may be added and removed meanwhile."""
        costs = self.weights[self.rows].sum(1)
        alive = self.alive.nonzero()[0].astype(np.int32)
        counts = self.counts[alive]
        at, owners = stretch(self.firsts[alive], counts)
        rows = self.clauses[at]
        clauses = rows[np.lexsort((costs[rows], owners))]
        firsts = np.zeros(len(self.firsts), np.int32)
        firsts[alive] = np.cumsum(counts) - counts
        conditions, posted = gather(self.rows[clauses[firsts[alive]]])
        return Reordered(firsts, clauses, conditions, alive[posted], self.since)


class Presearcher:
    """Plans by slot: numbers given in the order of addition, and never again."""

    def __init__(self) -> None:
        self._rows = Rows()
        self._rows.add(())  # the veto of rules without one
        self._clauses = IntArray()  # rows; those of one rule in a row, the one it is posted under first
        self._firsts = IntArray()
        self._counts = IntArray()
        self._vetoes = IntArray()
        self._alive = IntArray()
        self._postings = Postings()

    @property
    def recent(self) -> int:
        """Return how many postings wait for compaction."""
        return self._postings.recent

    def add(self, plan: Plan, costs: Sequence[float]) -> int:
        """Hold a plan, given what each of its clauses costs; return its slot."""
        order = sorted(range(len(costs)), key=costs.__getitem__)
        slot = self._firsts.append(self._clauses.extend([self._rows.add(plan.clauses[clause]) for clause in order]))
        self._counts.append(len(order))
        self._vetoes.append(self._rows.add(plan.veto) if plan.veto else _NO_VETO)
        self._alive.append(1)
        self._postings.post(slot, plan.clauses[order[0]])
        return slot

    def remove(self, slot: int) -> None:
        """Forget a plan."""
        self._alive.view[slot] = 0

    def candidates(self, held: Ints, truth: Flags) -> Ints:
        """Return the slots of all plans that these conditions satisfy, each once."""
        found = self._with_all_clauses(self._postings.waiting(held, truth), truth)
        found = found[~self._rows.any_true(self._vetoes.view.take(found), truth)]
        return distinct(found[self._alive.view.take(found) != 0])

    def _with_all_clauses(self, waiting: Ints, truth: Flags) -> Ints:
        """Return those whose clauses after the first, which is why they wait no longer, hold too."""
        satisfied: list[Ints] = []
        counts = self._counts.view
        at = 1
        while len(waiting):
            more = counts.take(waiting) > at
            satisfied.append(waiting[~more])
            waiting = waiting[more]
            rows = self._clauses.view.take(self._firsts.view.take(waiting) + np.int32(at))
            waiting = waiting[self._rows.any_true(rows, truth)]
            at += 1
        return np.concatenate(satisfied) if satisfied else waiting

    def snapshot(self, weights: Weights) -> Snapshot:
        """Return what `Snapshot.reordered` needs; takes no time."""
        return Snapshot(
            weights=weights,
            firsts=self._firsts.view,
            counts=self._counts.view,
            alive=self._alive.view,
            clauses=self._clauses.view,
            rows=self._rows.view,
            since=self._postings.recent,
        )

    def adopt(self, new: Reordered) -> None:
        """Change over to what a snapshot worked out."""
        slots = len(new.firsts)
        clauses, firsts = IntArray(), IntArray()
        clauses.extend_array(new.clauses)
        firsts.extend_array(new.firsts)
        if len(self._firsts) > slots:
            begin = int(self._firsts.view[slots])
            firsts.extend_array(self._firsts.view[slots:] - np.int32(begin - len(new.clauses)))
            clauses.extend_array(self._clauses.view[begin:])
        self._clauses, self._firsts = clauses, firsts
        self._postings.replace(new.conditions, new.items, new.since)
