"""The compiled step from the conditions that hold to the plans they satisfy.

It does what `Presearcher.candidates` does in numpy. Import this through `native` only, which says why. See `kernels`
for what costs time; here it is memory above all, so every list is read once, from one end to the other.

`posted` are the arrays of `Postings`, `records` those of `plan_records`.
"""

from functools import partial
from typing import TypeAlias

import numpy as np
from numba import njit

from services.domain.rules.arrays import Flags, Indices

_Posted: TypeAlias = tuple[Indices, Indices, Indices, Indices, Indices, Indices]
_compiled = partial(njit, cache=True, nogil=True)
_ONE = np.uint64(1)


@_compiled()
def find_plans(held: Indices, truth: Flags, posted: _Posted, records: Indices, removed: Indices) -> Indices:
    """Return the slots of the plans that are satisfied, each once, without those that were removed.

    `removed` has a bit for every slot. They change, and are at the end as they were.
    """
    satisfied, count, waiting = _posted_under(held, truth, posted)
    count = _with_all_rows(waiting, satisfied, count, truth, records)
    return _distinct(satisfied[:count], removed)


@_compiled()
def _stretches(held: Indices, starts: Indices) -> tuple[Indices, Indices, int]:
    """Return where the items of each condition begin and end, if there are any, and how many there are of all."""
    begins, ends = np.empty(len(held) + 1, np.uint32), np.empty(len(held) + 1, np.uint32)
    count, total = np.uint64(0), 0
    for condition in held:
        if condition < len(starts) - 1:
            begin, end = starts[condition], starts[condition + 1]
            begins[count], ends[count] = begin, end
            count += np.uint64(end > begin)
            total += end - begin
    return begins[:count], ends[:count], total


@_compiled()
def _posted_under(held: Indices, truth: Flags, posted: _Posted) -> tuple[Indices, np.uint64, Indices]:
    """Return those items posted under what is held whose guards hold: in a list with room for all, so many of which
    nothing more is to be asked; and the others.
    """
    starts, items, guards, late_conditions, late_items, late_guards = posted
    begins, ends, total = _stretches(held, starts)
    most = total + len(late_items) + 1
    satisfied, waiting = np.empty(most, np.uint32), np.empty(most, np.uint32)
    count = left = np.uint64(0)
    for stretch in range(len(begins)):
        for at in range(begins[stretch], ends[stretch]):
            item = items[at]
            good, more = np.uint64(truth[guards[at]]), np.uint64(item & 1)
            satisfied[count] = waiting[left] = item
            count += good & (more ^ _ONE)
            left += good & more
    for at in range(len(late_items)):
        item = late_items[at]
        good, more = np.uint64(truth[late_conditions[at]] & truth[late_guards[at]]), np.uint64(item & 1)
        satisfied[count] = waiting[left] = item
        count += good & (more ^ _ONE)
        left += good & more
    return satisfied, count, waiting[:left]


@_compiled()
def _with_all_rows(waiting: Indices, satisfied: Indices, count: np.uint64, truth: Flags, records: Indices) -> np.uint64:
    """Add to so many that are satisfied those that wait whose clauses hold and whose veto does not; count them all.

    All are asked for their first row, those left for their second, and so on.
    """
    places, heads = np.empty(len(waiting), np.uint32), np.empty(len(waiting), np.uint32)
    for at in range(len(waiting)):
        begin = waiting[at] >> 2
        places[at] = begin + 1
        waiting[at] = records[begin] << 2 | waiting[at] & 3
    left = np.uint64(len(waiting))
    while left > 0:
        for at in range(left):  # all look-ups first: memory answers many in the time of one
            heads[at] = records[places[at]]
        kept = np.uint64(0)
        for at in range(left):
            item, begin, head = waiting[at], places[at] + 1, heads[at]
            end = begin + (head & 7) + 1
            found = truth[records[begin]]
            for option in range(begin + 1, end):
                found |= truth[records[option]]
            last = np.uint64(head >> 3 & 1)
            good = np.uint64(found) ^ np.uint64(head >> 4 & 1)
            satisfied[count] = waiting[kept] = item
            places[kept] = end
            count += good & last
            kept += good & (last ^ _ONE)
        left = kept
    return count


@_compiled()
def _distinct(items: Indices, removed: Indices) -> Indices:
    """Return the slots of items, each once, without those that were removed."""
    found, count = np.empty(len(items) + 1, np.uint32), np.uint64(0)
    for item in items:
        slot = item >> 2
        word, several = removed[slot >> 5], np.uint32(item >> 1 & 1)
        found[count] = slot
        count += np.uint64(word >> (slot & 31) & 1 ^ 1)
        # One that may come again is as good as removed, for now.
        removed[slot >> 5] = word | several << np.uint32(slot & 31)
    for slot in found[:count]:
        removed[slot >> 5] &= ~(np.uint32(1) << np.uint32(slot & 31))
    return found[:count]
