"""The engine's steps on one article as plain loops, compiled to machine code by numba.

They do what `steps` does in numpy. Import this through `native` only: numba is optional and takes its time to load.

What costs time are branches that the processor guesses wrongly and memory that is not at hand, much more than the work
itself. So an answer moves the end of a list instead of being branched on, and all of a row is looked at, whatever the
first of it says. Numbers that serve as indices are unsigned, or numba would ask of each whether it counts from the end;
mixed with signed ones, unsigned 64-bit numbers would become floats.

Conditions that hold are numbered from 1: `numbers` has the number of each, 0 for all others.
`posted` arguments are those of `Postings.arrays`, `rows` those of `RowsView`: heads and values.
"""

from functools import partial
from typing import TypeAlias

import numpy as np
from numba import njit
from numpy.typing import NDArray

from services.domain.rules.arrays import WIDTH, Flags, Indices, Ints
from services.domain.rules.grammar import MAX_DISTANCE

# Bits by number: the positions where a place begins, those where one ends; 64 positions a block, in rising order.
_Bits: TypeAlias = NDArray[np.uint64]
_Posted: TypeAlias = tuple[Indices, Indices, Indices, Indices, Indices, Indices]
_Rows: TypeAlias = tuple[Indices, Indices]
# Conditions, each with the first and last position of one place.
_Stretches: TypeAlias = tuple[Indices, Indices, Indices]
# By number where its places begin, the first and last position of each place, and the bits.
_Chart: TypeAlias = tuple[NDArray[np.int64], _Bits, _Bits, _Bits]
_compiled = partial(njit, cache=True, nogil=True)

# A longer article is read in windows of so many blocks, lest the bits of all its words take too much memory.
MOST_BLOCKS = 64
# Windows share so many positions that what is near in the article is so in one of them.
SHARED = MAX_DISTANCE + 2 * WIDTH
# Positions before a window and behind it, so that none that is asked for is beyond the bits.
_MARGIN = 128
_SPARE = 5  # blocks for them
_ONE = np.uint64(1)
_LOW = np.uint64(63)
_SHIFT = np.uint64(6)


@_compiled()
def items_waiting(held: Indices, truth: Flags, posted: _Posted) -> tuple[Indices, Indices]:
    """Return the items posted under what is held, some of them several times, and their guards."""
    starts, items, guards, late_conditions, late_items, late_guards = posted
    most = len(late_items)
    for condition in held:
        if condition < len(starts) - 1:
            most += starts[condition + 1] - starts[condition]
    found, found_guards = np.empty(most, np.uint32), np.empty(most, np.uint32)
    count = 0
    for condition in held:
        if condition < len(starts) - 1:
            for at in range(starts[condition], starts[condition + 1]):
                found[count] = items[at]
                found_guards[count] = guards[at]
                count += 1
    for at in range(len(late_items)):
        if truth[late_conditions[at]]:
            found[count] = late_items[at]
            found_guards[count] = late_guards[at]
            count += 1
    return found[:count], found_guards[:count]


@_compiled()
def _guarded(held: Indices, truth: Flags, posted: _Posted) -> Indices:
    """Return the items posted under what is held whose guards, which are conditions, hold."""
    starts, items, guards, late_conditions, late_items, late_guards = posted
    most = len(late_items) + 1
    for condition in held:
        if condition < len(starts) - 1:
            most += starts[condition + 1] - starts[condition]
    found, count = np.empty(most, np.uint32), np.uint64(0)
    for condition in held:
        if condition < len(starts) - 1:
            for at in range(starts[condition], starts[condition + 1]):
                found[count] = items[at]
                count += np.uint64(truth[guards[at]])
    for at in range(len(late_items)):
        found[count] = late_items[at]
        count += np.uint64(truth[late_conditions[at]] & truth[late_guards[at]])
    return found[:count]


@_compiled()
def _any_true(head: int, values: Indices, truth: Flags) -> int:
    """Return 1 if any condition of a row is true, else 0."""
    begin, last = head >> 3, head & 7
    found: int = truth[values[begin]]
    for at in range(begin + 1, begin + last + 1):
        found |= truth[values[at]]
    return found


@_compiled()
def _all_true(head: int, values: Indices, truth: Flags) -> int:
    """Return 1 if all conditions of a row are true, else 0."""
    begin, last = head >> 3, head & 7
    found: int = truth[values[begin]]
    for at in range(begin + 1, begin + last + 1):
        found &= truth[values[at]]
    return found


@_compiled()
def _windows(positions: Indices) -> tuple[int, int, int, int]:
    """Return where the first window begins, the end, how far windows are apart, and the blocks of each."""
    begin, end = int(positions[0]), int(positions[-1]) + 1
    blocks = (end - begin + 63) >> 6
    if blocks <= MOST_BLOCKS:
        return begin, end, 64 * blocks, blocks
    return begin, end, 64 * MOST_BLOCKS - SHARED, MOST_BLOCKS


@_compiled()
def _mark(stretches: _Stretches, begin: int, numbers: Indices, bits: _Bits, places: Indices, known: int) -> int:
    """Add those within a window to the bits and to `known` places, each with a number; return how many there are."""
    conditions, firsts, lasts = stretches
    end = 64 * (bits.shape[2] - _SPARE)
    for at in range(len(conditions)):
        first, last = np.int64(firsts[at]) - begin, np.int64(lasts[at]) - begin
        if first >= 0 and last < end:
            number = numbers[conditions[at]]
            low, high = np.uint64(first + _MARGIN), np.uint64(last + _MARGIN)
            bits[number, 0, low >> _SHIFT] |= _ONE << (low & _LOW)
            bits[number, 1, high >> _SHIFT] |= _ONE << (high & _LOW)
            places[known, 0], places[known, 1], places[known, 2] = number, low, high
            known += 1
    return known


@_compiled()
def find_phrases(
    held: Indices, words: _Stretches, truth: Flags, numbers: Indices, posted: _Posted, rows: _Rows, conditions: Indices
) -> tuple[Ints, Ints, Ints]:
    """Return the phrases that are there, with the first and last position of each place."""
    heads, values = rows
    waiting = _guarded(held, truth, posted)
    count = 0
    for phrase in waiting:
        waiting[count] = phrase
        count += _all_true(heads[phrase], values, truth)
    found = [np.int32(0) for _ in range(0)]
    firsts = [np.int32(0) for _ in range(0)]
    lasts = [np.int32(0) for _ in range(0)]
    begin, end, step, blocks = _windows(words[1])
    here = np.empty(blocks + _SPARE, np.uint64)
    for window in range(begin, end, step):
        bits = np.zeros((len(held) + 1, 2, blocks + _SPARE), np.uint64)
        _mark(words, window, numbers, bits, np.empty((len(words[0]), 3), np.uint32), 0)
        for phrase in waiting[:count]:
            row, last = heads[phrase] >> 3, heads[phrase] & 7
            here[:] = bits[numbers[values[row]], 0]
            some = np.uint64(0)
            for offset in range(1, last + 1):
                other = bits[numbers[values[row + offset]], 0]
                some = np.uint64(0)
                for block in range(len(here) - 1):
                    here[block] &= other[block] >> np.uint64(offset) | other[block + 1] << np.uint64(64 - offset)
                    some |= here[block]
            if some:
                for place in range(step):  # what begins behind is found again in the next window
                    position = np.uint64(place + _MARGIN)
                    if here[position >> _SHIFT] >> (position & _LOW) & _ONE:
                        found.append(np.int32(conditions[phrase]))
                        firsts.append(np.int32(window + place))
                        lasts.append(np.int32(window + place + last))
    return np.array(found, np.int32), np.array(firsts, np.int32), np.array(lasts, np.int32)


@_compiled()
def _chart(
    total: int,
    words: _Stretches,
    phrases: _Stretches,
    pairs: tuple[Indices, Indices],
    numbers: Indices,
    begin: int,
    blocks: int,
) -> _Chart:
    """Return where the conditions of these numbers hold within a window; sets come in pairs with members that do."""
    sets, members = pairs
    bits = np.zeros((total + 1, 2, blocks + _SPARE), np.uint64)
    places = np.empty((len(words[0]) + len(phrases[0]), 3), np.uint32)
    count = _mark(words, begin, numbers, bits, places, 0)
    count = _mark(phrases, begin, numbers, bits, places, count)
    of = places[:count, 0]
    begins = np.zeros(total + 2, np.int64)
    for number in of:
        begins[number + 1] += 1
    for at in range(len(sets)):
        union, member = numbers[sets[at]], numbers[members[at]]
        begins[union + 1] += begins[member + 1]
        for side in range(2):
            for block in range(bits.shape[2]):
                bits[union, side, block] |= bits[member, side, block]
    for number in range(1, total + 2):
        begins[number] += begins[number - 1]
    firsts, lasts = np.empty(begins[-1], np.uint64), np.empty(begins[-1], np.uint64)
    ends = begins.copy()
    for at in range(count):
        end = ends[of[at]]
        firsts[end], lasts[end] = places[at, 1], places[at, 2]
        ends[of[at]] += 1
    for at in range(len(sets)):
        union, member = numbers[sets[at]], numbers[members[at]]
        for place in range(begins[member], begins[member + 1]):
            end = ends[union]
            firsts[end], lasts[end] = firsts[place], lasts[place]
            ends[union] += 1
    return begins, firsts, lasts, bits


@_compiled()
def _pick(
    head: int, values: Indices, numbers: Indices, begins: NDArray[np.int64], picked: Indices
) -> tuple[np.uint64, np.int64]:
    """Put the numbers of a row into `picked`, without 0; return how many there are, and how many places they have."""
    begin, last = head >> 3, head & 7
    count = np.uint64(0)
    places = np.int64(0)
    for column in range(WIDTH):
        number = numbers[values[begin + min(column, last)]] * np.uint32(column <= last)
        picked[count] = number
        count += np.uint64(number > 0)
        places += begins[number + np.uint32(1)] - begins[number]
    return count, places


@_compiled()
def _between(bits: _Bits, number: int, side: int, low: np.uint64, distance: int) -> np.uint64:
    """Return bits, one or more of them set if any is in so many positions from `low` on."""
    block, shift = low >> _SHIFT, low & _LOW
    here: np.uint64 = bits[number, side, block] >> shift | bits[number, side, block + _ONE] << _ONE << (_LOW - shift)
    if distance <= 64:
        return here << np.uint64(64 - distance)
    block += _ONE
    more: np.uint64 = bits[number, side, block] >> shift | bits[number, side, block + _ONE] << _ONE << (_LOW - shift)
    return here | more << np.uint64(128 - distance)


@_compiled()
def _any_near(ours: Indices, others: Indices, distance: int, masks: NDArray[np.uint64], chart: _Chart) -> bool:
    """Say whether a place of ours has one of others near behind it or before it; the masks tell which counts."""
    begins, firsts, lasts, bits = chart
    for number in ours:
        for at in range(begins[number], begins[number + 1]):
            found = np.uint64(0)
            for other in others:
                found |= masks[0] & _between(bits, other, 0, lasts[at] + _ONE, distance)
                found |= masks[1] & _between(bits, other, 1, firsts[at] - np.uint64(distance), distance)
            if found:
                return True
    return False


@_compiled()
def _with_both_sides(waiting: Indices, sides: _Rows, truth: Flags) -> Indices:
    """Return those both of whose sides hold, somewhere."""
    heads, values = sides
    asked = np.empty((len(waiting), 2), np.uint32)
    for at in range(len(waiting)):  # all look-ups first: memory answers many in the time of one
        asked[at, 0], asked[at, 1] = heads[2 * waiting[at]], heads[2 * waiting[at] + 1]
    count = 0
    for at in range(len(waiting)):
        waiting[count] = waiting[at]
        count += _any_true(asked[at, 0], values, truth) & _any_true(asked[at, 1], values, truth)
    return waiting[:count]


@_compiled()
def find_nears(
    held: Indices,
    words: _Stretches,
    phrases: _Stretches,
    sets: tuple[Indices, Indices],
    truth: Flags,
    numbers: Indices,
    posted: _Posted,
    sides: _Rows,
    kinds: Indices,
) -> Indices:
    """Return the conditions whose sides are near, some of them several times."""
    heads, values = sides
    waiting = _with_both_sides(_guarded(held, truth, posted), sides, truth)
    found = np.empty(len(waiting), np.uint32)
    picked, counts, places = np.empty((2, WIDTH + 1), np.uint32), np.empty(2, np.int64), np.empty(2, np.int64)
    masks = np.empty(2, np.uint64)
    begin, end, step, blocks = _windows(words[1])
    count = 0
    for window in range(begin, end, step):
        chart = _chart(len(held), words, phrases, sets, numbers, window, blocks)
        undecided = 0
        for near in waiting:
            for side in range(2):
                counts[side], places[side] = _pick(heads[2 * near + side], values, numbers, chart[0], picked[side])
            rarer = int(places[0] > places[1])
            # Behind a place of the left side is right in any case, before it unless the order counts.
            masks[:] = ~np.uint64(0)
            masks[1 - rarer] = np.uint64(kinds[near, 2]) - _ONE
            is_near = _any_near(
                picked[rarer, : counts[rarer]], picked[1 - rarer, : counts[1 - rarer]], kinds[near, 1], masks, chart
            )
            found[count] = kinds[near, 0]
            count += is_near
            waiting[undecided] = near
            undecided += not is_near
        waiting = waiting[:undecided]
    return found[:count]


@_compiled()
def _with_all_rows(
    waiting: Indices, satisfied: Indices, count: np.uint64, truth: Flags, rows: _Rows, plans: Indices
) -> np.uint64:
    """Add to so many that are satisfied those that wait whose clauses hold and whose veto does not; count them all.

    All are asked for their first row, those left for their second, and so on.
    """
    heads, values = rows
    asked, shapes = np.empty(len(waiting), np.uint32), np.empty(len(waiting), np.uint32)
    left = np.uint64(len(waiting))
    row = 0
    while left > 0:
        for at in range(left):  # all look-ups first: memory answers many in the time of one
            place = waiting[at] >> 2
            asked[at] = heads[plans[place, 0] + row]
            shapes[at] = plans[place, 1]
        kept = np.uint64(0)
        for at in range(left):
            item = waiting[at]
            last = np.uint64(row + 1 == shapes[at] >> 2)
            good = np.uint64(_any_true(asked[at], values, truth)) ^ (last & np.uint64(shapes[at] & 1))
            satisfied[count] = item
            waiting[kept] = item
            count += good & last
            kept += good & (last ^ _ONE)
        left = kept
        row += 1
    return count


@_compiled()
def find_plans(
    held: Indices, truth: Flags, narrow: _Posted, wide: _Posted, rows: _Rows, plans: Indices, seen: Flags
) -> Indices:
    """Return the places of the plans that are satisfied, each once. `seen` is 0 for all places, before and after.

    For what is posted see `Presearcher`.
    """
    singles = _guarded(held, truth, narrow)
    others, guards = items_waiting(held, truth, wide)
    most = len(singles) + len(others) + 1
    waiting, satisfied = np.empty(most, np.uint32), np.empty(most, np.uint32)
    count = left = np.uint64(0)
    for item in singles:
        more = np.uint64(item & 1)
        satisfied[count] = item
        waiting[left] = item
        count += more ^ _ONE
        left += more
    for at in range(len(others)):
        good, more = np.uint64(_any_true(guards[at], rows[1], truth)), np.uint64(others[at] & 1)
        satisfied[count] = others[at]
        waiting[left] = others[at]
        count += good & (more ^ _ONE)
        left += good & more
    return _distinct(satisfied[: _with_all_rows(waiting[:left], satisfied, count, truth, rows, plans)], seen)


@_compiled()
def _distinct(items: Indices, seen: Flags) -> Indices:
    """Return the places of items, each once."""
    repeated = np.empty(len(items) + 1, np.uint32)
    found = np.empty(len(items) + 1, np.uint32)
    count = repeats = np.uint64(0)
    for item in items:
        place = item >> 2
        several = np.uint64(item >> 1 & 1)
        found[count] = place
        repeated[repeats] = place
        count += several ^ _ONE
        repeats += several
    for place in repeated[:repeats]:
        found[count] = place
        count += np.uint64(seen[place] ^ 1)
        seen[place] = 1
    for place in repeated[:repeats]:
        seen[place] = 0
    return found[:count]
