"""The composites of one article as plain loops, compiled to machine code by numba: phrases, sets, and what is near.

They do what `steps` does in numpy. Import this through `native` only: numba is optional and takes its time to load.

What costs time are branches that the processor guesses wrongly and memory that is not at hand, much more than the work
itself. So an answer moves the end of a list instead of being branched on. Numbers that serve as indices are unsigned,
or numba would ask of each whether it counts from the end; mixed with signed ones, unsigned 64-bit numbers would become
floats.

Conditions that hold are numbered from 1: `numbers` has the number of each, 0 for all others. `zones` has 64 bits for
each, one for every zone of the article where it stands: most of what waits for two things that are near each other is
dropped for having no zone in common, before anything else of it is looked at. Zones are of the same size, and at least
of 16 words.

`posted` arguments are those of `Postings.arrays`, `rows` those of `RowsView`: heads and values.
"""

from functools import partial
from typing import TypeAlias

import numpy as np
from numba import njit
from numpy.typing import NDArray

from services.domain.rules.arrays import Flags, Indices

Zones: TypeAlias = NDArray[np.uint64]
# By condition: whether it holds, its number, and its zones.
Marks: TypeAlias = tuple[Flags, Indices, Zones]
_Posted: TypeAlias = tuple[Indices, Indices, Indices, Indices, Indices, Indices]
_Rows: TypeAlias = tuple[Indices, Indices]
# A signed number: unsigned ones, of which the kernels are made, would make floats of what comes out below zero.
_Signed: TypeAlias = int | np.int64
# Conditions, each with the first and last position of one place.
_Stretches: TypeAlias = tuple[Indices, Indices, Indices]
# Conditions and positions of words, in rising order of these; where those of each position begin, from the first one
# on; and how many bits a position is shifted by to give its zone.
_Words: TypeAlias = tuple[Indices, Indices, Indices, int]
# By number, where its places begin; then the first position of each place, in rising order.
_Places: TypeAlias = tuple[Indices, Indices]
# Places; by number, by how much the last position is more than the first; by number, where its members begin, and the
# numbers of these. A set has those that hold, all else itself.
_Chart: TypeAlias = tuple[Indices, Indices, Indices, Indices, Indices]
_compiled = partial(njit, cache=True, nogil=True)

_LEAST_SHIFT = 4  # zones of 16 words: no phrase reaches beyond the next one
_ZONES = 64
_FEW = 8  # so many are faster gone through than searched
_ONE = np.uint64(1)


@_compiled()
def _mark_words(conditions: Indices, positions: Indices, marks: Marks) -> tuple[Indices, _Words, _Places]:
    """Mark what the words make true; return these conditions by number, the words, and the places."""
    truth, numbers, zones = marks
    size = len(conditions)
    first = np.int64(positions[0])
    span = np.int64(positions[size - 1]) - first + 1
    shift = _LEAST_SHIFT
    while span >> shift >= _ZONES:
        shift += 1
    held, counts = np.empty(size, np.uint32), np.zeros(size + 1, np.uint32)
    begins = np.zeros(span + 1, np.uint32)
    count = np.uint32(0)
    for at in range(size):
        condition, place = conditions[at], np.int64(positions[at]) - first
        number = numbers[condition]
        if number == 0:
            held[count] = condition
            count += np.uint32(1)
            number = numbers[condition] = count
            truth[condition] = 1
        counts[number] += np.uint32(1)
        zones[condition] |= _ONE << np.uint64(place >> shift)
        begins[place + 1] += np.uint32(1)
    for at in range(1, len(begins)):
        begins[at] += begins[at - 1]
    held = held[:count]
    return held, (conditions, positions, begins, shift), _places_of(conditions, positions, numbers, counts[: count + 1])


@_compiled()
def _places_of(conditions: Indices, positions: Indices, numbers: Indices, counts: Indices) -> _Places:
    """Return the places by number, given how many each has."""
    begins = np.zeros(len(counts) + 1, np.uint32)
    for number in range(len(counts)):
        begins[number + 1] = begins[number] + counts[number]
    ends, places = begins.copy(), np.empty(len(conditions), np.uint32)
    for at in range(len(conditions)):
        number = numbers[conditions[at]]
        places[ends[number]] = positions[at]
        ends[number] += np.uint32(1)
    return begins, places


@_compiled()
def _reaching(zones: np.uint64, steps: int) -> np.uint64:
    """Return zones, and so many on either side of each."""
    for _ in range(steps):
        zones |= zones << _ONE | zones >> _ONE
    return zones


@_compiled()
def _most_waiting(held: Indices, posted: _Posted) -> int:
    """Return how many items are posted under what is held, at most."""
    starts, late = posted[0], posted[4]
    most = len(late) + 1
    for condition in held:
        if condition < len(starts) - 1:
            most += starts[condition + 1] - starts[condition]
    return most


@_compiled()
def _pairs_waiting(held: Indices, zones: Zones, posted: _Posted, steps: int) -> tuple[Indices, Indices, Indices]:
    """Return the items whose condition and guard have zones so close to each other, with the two."""
    starts, items, guards, late_conditions, late_items, late_guards = posted
    most = _most_waiting(held, posted)
    found, of, with_guards = np.empty(most, np.uint32), np.empty(most, np.uint32), np.empty(most, np.uint32)
    count = np.uint64(0)
    for condition in held:
        if condition < len(starts) - 1:
            near = _reaching(zones[condition], steps)
            for at in range(starts[condition], starts[condition + 1]):
                found[count], of[count], with_guards[count] = items[at], condition, guards[at]
                count += np.uint64(zones[guards[at]] & near != 0)
    for at in range(len(late_items)):
        found[count], of[count], with_guards[count] = late_items[at], late_conditions[at], late_guards[at]
        near = _reaching(zones[late_conditions[at]], steps)
        count += np.uint64(zones[late_guards[at]] & near != 0)
    return found[:count], of[:count], with_guards[:count]


@_compiled()
def find_phrases(
    conditions: Indices, positions: Indices, marks: Marks, posted: _Posted, rows: _Rows, names: Indices
) -> tuple[Indices, _Words, _Places, NDArray[np.int32]]:
    """Mark what the words make true; return these conditions, the words, the places, and the phrases that are there:
    three rows, of conditions and of the first and last position of each place.
    """
    held, words, places = _mark_words(conditions, positions, marks)
    heads, values = rows
    numbers = marks[1]
    waiting, _, _ = _pairs_waiting(held, marks[2], posted, 1)
    found, count = np.empty((64, 3), np.int32), 0
    for phrase in waiting:
        row = values[heads[phrase] >> 3 : (heads[phrase] >> 3) + (heads[phrase] & 7) + 1]
        rarest = _rarest(row, numbers, places[0])
        number = numbers[row[rarest]]
        for at in range(places[0][number], places[0][number + 1]):
            first = np.int64(places[1][at]) - rarest
            if count == len(found):
                found = np.concatenate((found, np.empty_like(found)))
            found[count, 0], found[count, 1], found[count, 2] = names[phrase], first, first + len(row) - 1
            count += _stands_at(row, first, words)
    return held, words, places, found[:count].T.copy()


@_compiled()
def _rarest(row: Indices, numbers: Indices, begins: Indices) -> int:
    """Return which word of a phrase has the fewest places."""
    least, rarest = np.int64(1) << 40, 0
    for at in range(len(row)):
        number = np.int64(numbers[row[at]])
        count = np.int64(begins[number + 1]) - np.int64(begins[number])
        if count < least:
            least, rarest = count, at
    return rarest


@_compiled()
def _stands_at(row: Indices, first: _Signed, words: _Words) -> bool:
    """Say whether the words of a phrase stand one behind the other from a position on."""
    conditions, positions, begins, _ = words
    place = first - np.int64(positions[0])
    if place < 0 or place + len(row) >= len(begins):
        return False
    for offset in range(len(row)):
        is_there = False
        for at in range(begins[place + offset], begins[place + offset + 1]):
            is_there |= conditions[at] == row[offset]
        if not is_there:
            return False
    return True


@_compiled()
def find_others(
    held: Indices,
    words: _Words,
    places: _Places,
    phrases: _Stretches,
    marks: Marks,
    of_sets: _Posted,
    of_nears: _Posted,
    kinds: Indices,
    reach: int,
) -> Indices:
    """Mark phrases, the sets that hold and the conditions whose sides are near; return all that holds, each once.

    `reach` is the longest distance there is.
    """
    truth, numbers, zones = marks
    first, shift = np.int64(words[1][0]), words[3]
    for at in range(len(phrases[0])):
        begin, end = (np.int64(phrases[1][at]) - first) >> shift, (np.int64(phrases[2][at]) - first) >> shift
        zones[phrases[0][at]] |= _ONE << np.uint64(begin) | _ONE << np.uint64(end)
    held = _with(held, phrases[0], truth, numbers)
    sets, members = _items_waiting(held, truth, of_sets)
    for at in range(len(sets)):
        zones[sets[at]] |= zones[members[at]]
    held = _with(held, sets, truth, numbers)
    chart = _chart(len(held), places, phrases, sets, members, numbers)
    nears = _find_nears(held, marks, shift, reach, of_nears, kinds, chart)
    for condition in held:
        numbers[condition], zones[condition] = 0, 0
    known = len(held)
    held = _with(held, nears, truth, numbers)
    for condition in held[known:]:
        numbers[condition] = 0
    return held


@_compiled()
def _with(held: Indices, conditions: Indices, truth: Flags, numbers: Indices) -> Indices:
    """Make conditions true and number them on; return what is held with them, each once."""
    both = np.empty(len(held) + len(conditions), np.uint32)
    both[: len(held)] = held
    count = len(held)
    for condition in conditions:
        if truth[condition] == 0:
            truth[condition] = 1
            both[count] = condition
            count += 1
            numbers[condition] = count
    return both[:count]


@_compiled()
def _items_waiting(held: Indices, truth: Flags, posted: _Posted) -> tuple[Indices, Indices]:
    """Return the items posted under what is held, some of them several times, and their guards."""
    starts, items, guards, late_conditions, late_items, late_guards = posted
    most = _most_waiting(held, posted)
    found, found_guards = np.empty(most, np.uint32), np.empty(most, np.uint32)
    count = np.uint64(0)
    for condition in held:
        if condition < len(starts) - 1:
            for at in range(starts[condition], starts[condition + 1]):
                found[count], found_guards[count] = items[at], guards[at]
                count += _ONE
    for at in range(len(late_items)):
        found[count], found_guards[count] = late_items[at], late_guards[at]
        count += np.uint64(truth[late_conditions[at]])
    return found[:count], found_guards[:count]


@_compiled()
def _chart(
    total: int, words: _Places, phrases: _Stretches, sets: Indices, members: Indices, numbers: Indices
) -> _Chart:
    """Return where the conditions of these numbers hold; sets come in pairs with members that do."""
    conditions, firsts, lasts = phrases
    known = len(words[0]) - 1  # the words, and 0 for what does not hold
    counts, longer, sizes = (
        np.zeros(total + 1, np.uint32),
        np.zeros(total + 1, np.uint32),
        np.zeros(total + 1, np.uint32),
    )
    for at in range(len(conditions)):
        number = numbers[conditions[at]]
        counts[number] += np.uint32(1)
        longer[number] = lasts[at] - firsts[at]
    for each in sets:
        sizes[numbers[each]] += np.uint32(1)
    begins, begins_members = np.empty(total + 2, np.uint32), np.zeros(total + 2, np.uint32)
    begins[: known + 1] = words[0]
    for number in range(known, total + 1):
        begins[number + 1] = begins[number] + counts[number]
    for number in range(total + 1):
        begins_members[number + 1] = begins_members[number] + max(sizes[number], np.uint32(1))
    places, of_sets = np.empty(begins[total + 1], np.uint32), np.empty(begins_members[total + 1], np.uint32)
    places[: len(words[1])] = words[1]
    ends = begins.copy()
    for at in range(len(conditions)):
        number = numbers[conditions[at]]
        places[ends[number]] = firsts[at]
        ends[number] += np.uint32(1)
    for number in range(total + 1):
        of_sets[begins_members[number]] = number
    ends[:] = begins_members
    for at in range(len(sets)):
        number = numbers[sets[at]]
        of_sets[ends[number]] = numbers[members[at]]
        ends[number] += np.uint32(1)
    return begins, places, longer, begins_members, of_sets


@_compiled()
def _find_nears(
    held: Indices, marks: Marks, shift: int, reach: int, posted: _Posted, kinds: Indices, chart: _Chart
) -> Indices:
    """Return the conditions that have two members near, some of them several times. For what is posted see `Nears`."""
    numbers = marks[1]
    steps = (reach + (1 << shift) - 1) >> shift
    found, conditions, guards = _pairs_waiting(held, marks[2], posted, steps)
    count = np.uint64(0)
    for at in range(len(found)):
        near, is_left = found[at] >> 1, found[at] & 1
        distance, is_ordered = np.int64(kinds[near, 1]), kinds[near, 2] == 1
        is_near = _is_near(
            numbers[conditions[at]],
            numbers[guards[at]],
            distance * (is_left == 1 or not is_ordered),
            distance * (is_left == 0 or not is_ordered),
            chart,
        )
        found[count] = kinds[near, 0]
        count += np.uint64(is_near)
    return found[:count]


@_compiled()
def _is_near(number: int, other: int, behind: _Signed, before: _Signed, chart: _Chart) -> bool:
    """Say whether a place has one of the other's at most so many words behind it, or before it."""
    begins, places, longer, begins_members, members = chart
    for ours in members[begins_members[number] : begins_members[number + 1]]:
        for at in range(begins[ours], begins[ours + 1]):
            first = np.int64(places[at])
            last = first + np.int64(longer[ours])
            for theirs in members[begins_members[other] : begins_members[other + 1]]:
                of_other = places[begins[theirs] : begins[theirs + 1]]
                back = first - np.int64(longer[theirs])
                if _any_between(of_other, last + 1, last + behind) or _any_between(of_other, back - before, back - 1):
                    return True
    return False


@_compiled()
def _any_between(places: Indices, low: _Signed, high: _Signed) -> bool:
    """Say whether any of these, in rising order, is from `low` to `high`."""
    begin, end = 0, len(places)
    while end - begin > _FEW:
        middle = (begin + end) >> 1
        if np.int64(places[middle]) < low:
            begin = middle + 1
        else:
            end = middle + 1
    count = np.int64(0)
    for at in range(begin, end):
        count += np.int64((np.int64(places[at]) >= low) & (np.int64(places[at]) <= high))
    return bool(count > 0)
