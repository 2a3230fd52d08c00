"""The presearcher: of all rules, those that an article satisfies as far as conditions tell, in a few array steps.

Each rule waits under pairs of its conditions, one of each of its two cheapest clauses, so an article costs as much as
it has candidates, not as much as there are rules. Idea and name from Luwak, now Lucene Monitor.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from services.domain.rules.arrays import (
    Bits,
    Flags,
    Indices,
    Ints,
    RowsView,
    Weights,
    begins,
    distinct,
    stretch,
    sums,
    widths,
)
from services.domain.rules.plan_records import PlanRows, Records, RecordsView
from services.domain.rules.postings import Posted, Postings

_ASKED, _VETO, _GUARD, _POSTED = range(4)  # what becomes of a row, in the order of the rows of a record
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

    records: Records
    posted: Posted
    known: int  # records of the snapshot, those of removed rules included


class Snapshot(NamedTuple):
    """The rules of one moment, and how many articles meet each condition."""

    weights: Weights
    records: RecordsView
    removed: Bits
    since: int

    def reordered(self) -> Reordered:
        """Work out the best order: of clauses, the rarest first; of rules, those that wait for the same together.

        What is looked at together then lies together, which is what time depends on with many rules. Rules may be
        added and removed meanwhile.
        """
        integers, slots = self.records.integers, self.records.slots
        alive = self.removed.without(slots).nonzero()[0].astype(np.int32)
        rows = self.records.rows(alive)
        sizes = np.bincount(rows.owners, minlength=len(alive)).astype(np.int32)
        ends = sizes.cumsum(dtype=np.int32)
        order, roles = self._order(rows, ends, sizes)
        together = np.argsort(integers[begins(rows.heads[order[ends - 1]])], kind="stable").astype(np.int32)
        moved, owners = stretch((ends - sizes)[together], sizes[together])
        order, slots = order[moved], slots[alive[together]]
        rows, roles = rows.reordered(order, owners), roles[order]
        records = Records()
        starts = records.put(slots, rows, roles <= _VETO, integers)
        firsts = sizes[together].cumsum(dtype=np.int32) - sizes[together]
        # What need not be asked for anything is its slot, so that its record is not looked at.
        items = np.where(roles[firsts] <= _VETO, starts << 2 | 1, slots << 2)
        return Reordered(records, self._posted(items, rows.heads, roles), len(self.records.begins))

    def _order(self, rows: PlanRows, ends: Ints, sizes: Ints) -> tuple[Ints, Ints]:
        """Return the rows of each plan in the order of a record; and what becomes of each row, in the old order."""
        conditions, of = RowsView(rows.heads, self.records.integers).parts(rows.heads)
        costs = sums(self.weights[conditions], of, len(rows.heads))
        roles = np.full(len(costs), _ASKED, np.int32)
        roles[rows.vetoes] = _VETO
        free = np.where(rows.vetoes, np.inf, costs)
        posted = _cheapest(free, ends - sizes, rows.owners)
        roles[posted] = _POSTED
        free[posted] = np.inf
        free[widths(rows.heads) > 1] += costs.sum()  # a single condition first, as in `add`
        guards = _cheapest(free, ends - sizes, rows.owners)
        roles[guards[np.isfinite(free[guards])]] = _GUARD
        return np.lexsort((costs, roles, rows.owners)).astype(np.int32), roles

    def _posted(self, items: Ints, heads: Ints, roles: Ints) -> Posted:
        """Post the items of all plans, given their rows in the order of records."""
        values = self.records.integers
        last = (roles == _POSTED).nonzero()[0]
        guarded = roles[last - 1] == _GUARD
        posted, guards = heads[last], heads[last - 1]
        across = np.where(guarded, widths(guards), np.int32(1))
        pairs = widths(posted) * across
        number, owners = stretch(np.zeros_like(pairs), pairs)
        across = across[owners]
        ours = values[begins(posted)[owners] + number // across]
        # What has one clause is guarded by the condition it is posted under.
        others = np.where(guarded[owners], values[begins(guards)[owners] + number % across], ours)
        rarer = self.weights[ours] <= self.weights[others]
        conditions, guards = np.where(rarer, ours, others), np.where(rarer, others, ours)
        return Posted(conditions, (items | (pairs > 1) << 1)[owners].astype(np.int32), guards, self.since)


def _cheapest(costs: Weights, starts: Ints, owners: Ints) -> Ints:
    """Return of each plan the first row that costs least; `starts` are where the rows of each begin."""
    least = np.minimum.reduceat(costs, starts) if len(starts) else costs
    found = (costs == least[owners]).nonzero()[0][::-1].astype(np.int32)
    first = np.zeros(len(starts), np.int32)
    first[owners[found]] = found  # the last one written is the first
    return first


class Presearcher:
    """Plans by slot: numbers given in the order of addition, and never again.

    An item that is posted says which plan waits. It is four times a number, 2 more if the plan is posted several times,
    and 1 more if anything is still to be asked for. Then the number is where the record of the plan begins; else it is
    the slot. The guard of an item is a condition of a second clause, or the condition under which it is posted: what
    both say of the plan is not asked for again.
    """

    def __init__(self) -> None:
        self._records = Records()
        self._slots = 0
        self._removed = Bits()  # slots
        self.posted = Postings()

    @property
    def recent(self) -> int:
        """Return how many postings wait for compaction."""
        return self.posted.recent

    def add(self, plan: Plan, costs: Sequence[float]) -> int:
        """Hold a plan, given what each of its clauses costs; return its slot."""
        posted, *others = [plan.clauses[at] for at in sorted(range(len(costs)), key=costs.__getitem__)]
        # Pairs have to wait for compaction: every article goes through all that is posted until then.
        others.sort(key=lambda clause: len(clause) > 1)
        guards = others[:1] if others and len(others[0]) == 1 else []
        asked = others[len(guards) :]
        slot = self._slots
        begin = self._records.add(slot, asked, plan.veto, (*guards, posted))
        more = bool(asked or plan.veto)
        item = 4 * (begin if more else slot) + 2 * (len(posted) > 1) + more
        self.posted.post(item, posted, guards[0][0] if guards else None)
        self._slots += 1
        self._removed.grow(self._slots)
        return slot

    def remove(self, slot: int) -> None:
        """Forget a plan; one that was forgotten before may be named again."""
        self._removed.add(slot)

    @property
    def arrays(self) -> tuple[Ints, Indices]:
        """Return the records, and the slots of removed plans as bits."""
        return self._records.view.integers, self._removed.words

    def candidates(self, held: Ints, truth: Flags) -> Ints:
        """Return the slots of all plans that these conditions satisfy, each once."""
        items = self.posted.guarded(held, truth)
        more = items & 1 == 1
        asked = self._records.view.asked(items[more] >> 2, truth)
        return self.left(distinct(np.concatenate((items[~more] >> 2, asked))))

    def left(self, slots: Ints) -> Ints:
        """Return those slots whose plans were not removed."""
        return slots[self._removed.without(slots)]

    def snapshot(self, weights: Weights) -> Snapshot:
        """Return what `Snapshot.reordered` needs."""
        return Snapshot(weights, self._records.view, self._removed.copy(), self.recent)

    def adopt(self, new: Reordered) -> None:
        """Change over to what was made of a snapshot, with what was added since."""
        moved = new.records.take_late(self._records, new.known)
        late = self.posted.late_items(new.posted.since)
        late[late & 1 == 1] += np.int32(4 * moved)
        self._records = new.records
        self.posted.replace(*new.posted)
