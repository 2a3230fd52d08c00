"""The engine's steps on one article as plain loops, compiled to machine code by numba.

They do what `steps` does in numpy, but stop at the first answer and keep nothing in between. Import this through
`native` only: numba is optional and takes its time to load.

Where a condition holds is told twice. `masks` has a bit for each of 64 equal blocks of the article, good enough to rule
out that two things are near. And its places are a chain: `heads` has the last one, `before` the one before each; -1 is
the end.
`posted` arguments are those of `Postings.arrays`.
"""

from functools import partial
from typing import TypeAlias

import numpy as np
from numba import njit
from numpy.typing import NDArray

from services.domain.rules.arrays import WIDTH, Flags, Ints

Masks: TypeAlias = NDArray[np.uint64]
_compiled = partial(njit, cache=True, nogil=True)
# Where the items of each condition begin, the items, and the recent conditions and items.
_Posted = tuple[Ints, Ints, Ints, Ints]
# By condition the number of the set, where the members of each number end, and the members.
_SetArrays = tuple[Ints, Ints, Ints]
# First and last position by place, last place by condition, and the place before each.
_Chains = tuple[Ints, Ints, Ints, Ints]


@_compiled()
def look_up(
    codes: Ints,
    stretches: Ints,
    position: int,
    table: tuple[Ints, Ints, Ints],
    field_bits: Flags,
) -> tuple[Ints, Ints, Ints, int]:
    """Return what codes make true: see `vocabulary.LookUp`."""
    chunks, conditions, offsets = table
    most = 0
    for code in codes:
        most += chunks[code, 2] - chunks[code, 1]
    found = np.empty(most, np.int32)
    positions = np.empty(most, np.int32)
    begins = np.empty(len(stretches), np.int32)
    count = 0
    begin = 0
    last = len(field_bits) - 1
    for number in range(len(stretches)):
        end, gap, bit = stretches[number, 0], stretches[number, 1], stretches[number, 2]
        position += gap
        begins[number] = position
        for code in codes[begin:end]:
            for at in range(chunks[code, 1], chunks[code, 2]):
                condition = conditions[at]
                # Those beyond the end of the array look in the whole content.
                if field_bits[min(condition, last)] & bit:
                    found[count] = condition
                    positions[count] = position + offsets[at]
                    count += 1
            position += chunks[code, 0]
        begin = end
    return found[:count], positions[:count], begins, position


@_compiled()
def _waiting(held: Ints, truth: Flags, posted: _Posted) -> Ints:
    """Return the items posted under what is held; some of them several times."""
    starts, items, recent_conditions, recent_items = posted
    most = len(recent_items)
    for condition in held:
        if condition < len(starts) - 1:
            most += starts[condition + 1] - starts[condition]
    found = np.empty(most, np.int32)
    count = 0
    for condition in held:
        if condition < len(starts) - 1:
            for at in range(starts[condition], starts[condition + 1]):
                found[count] = items[at]
                count += 1
    for at in range(len(recent_items)):
        if truth[recent_conditions[at]]:
            found[count] = recent_items[at]
            count += 1
    return found[:count]


@_compiled()
def _any_true(rows: Ints, row: int, truth: Flags) -> bool:
    """Say whether any condition of a row is true."""
    # All of them, the filling too: a loop that stops is mispredicted more often than it saves a look.
    found = truth[rows[row, 0]]
    for column in range(1, WIDTH):
        found |= truth[rows[row, column]]
    return bool(found != 0)


@_compiled()
def _chained(
    conditions: Ints,
    firsts: Ints,
    block: int,
    begin: int,
    truth: Flags,
    masks: Masks,
    heads: Ints,
    before: Ints,
) -> Ints:
    """Make conditions true and chain their places, numbered from `begin`; return each condition that was not, once."""
    held = np.empty(len(conditions), np.int32)
    count = 0
    for at in range(len(conditions)):
        condition = conditions[at]
        if truth[condition] == 0:
            truth[condition] = 1
            heads[condition] = -1
            held[count] = condition
            count += 1
        masks[condition] |= np.uint64(1) << np.uint64(firsts[at] // block)
        before[begin + at] = heads[condition]
        heads[condition] = begin + at
    return held[:count]


@_compiled()
def hold_words(
    conditions: Ints, positions: Ints, block: int, truth: Flags, masks: Masks, heads: Ints
) -> tuple[Ints, Ints]:
    """Make words true, whose places are in rising order; return them, each once, and the place before each."""
    before = np.empty(len(conditions), np.int32)
    return _chained(conditions, positions, block, 0, truth, masks, heads, before), before


@_compiled()
def _stands_at(word: int, position: int, positions: Ints, heads: Ints, before: Ints) -> bool:
    """Say whether a word that is true has a place at this position."""
    at = heads[word]
    while at >= 0 and positions[at] > position:
        at = before[at]
    return bool(at >= 0 and positions[at] == position)


@_compiled()
def find_phrases(
    held: Ints,
    truth: Flags,
    positions: Ints,
    heads: Ints,
    before: Ints,
    posted: _Posted,
    phrases: tuple[Ints, Ints, Ints],
) -> tuple[Ints, Ints, Ints]:
    """Return the phrases that are there, with the first and last position of each place, the last place first."""
    words, lengths, conditions = phrases
    found = [0 for _ in range(0)]
    firsts = [0 for _ in range(0)]
    for phrase in _waiting(held, truth, posted):
        length = lengths[phrase]
        offset = 0
        while offset < length and truth[words[phrase, offset]]:
            offset += 1
        at = heads[words[phrase, 0]] if offset == length else -1
        while at >= 0:
            offset = 1
            while offset < length and _stands_at(
                words[phrase, offset], positions[at] + offset, positions, heads, before
            ):
                offset += 1
            if offset == length:
                found.append(phrase)
                firsts.append(positions[at])
            at = before[at]
    order = np.array(found, np.int32)
    first = np.array(firsts, np.int32)
    return conditions[order], first, first + lengths[order] - np.int32(1)


@_compiled()
def hold_phrases(
    found: tuple[Ints, Ints, Ints],
    positions: Ints,
    block: int,
    truth: Flags,
    masks: Masks,
    heads: Ints,
    before: Ints,
) -> tuple[Ints, _Chains]:
    """Make true what `find_phrases` found; return the phrases, each once, and the places of words and phrases."""
    conditions, firsts, lasts = found
    words = len(positions)
    # Chains end with the last place.
    links = np.empty(words + len(conditions), np.int32)
    links[:words] = before
    firsts = firsts[::-1].copy()
    held = _chained(conditions[::-1].copy(), firsts, block, words, truth, masks, heads, links)
    return held, (
        np.concatenate((positions, firsts)),
        np.concatenate((positions, lasts[::-1])),
        heads,
        links,
    )


@_compiled()
def hold_sets(held: Ints, truth: Flags, masks: Masks, posted: _Posted) -> Ints:
    """Make true the sets that have a true member; return them, each once."""
    starts, items, recent_conditions, recent_items = posted
    found = [0 for _ in range(0)]
    for condition in held:
        if condition < len(starts) - 1:
            for at in range(starts[condition], starts[condition + 1]):
                if truth[items[at]] == 0:
                    truth[items[at]] = 1
                    found.append(items[at])
                masks[items[at]] |= masks[condition]
    for at in range(len(recent_items)):
        if truth[recent_conditions[at]]:
            if truth[recent_items[at]] == 0:
                truth[recent_items[at]] = 1
                found.append(recent_items[at])
            masks[recent_items[at]] |= masks[recent_conditions[at]]
    return np.array(found, np.int32)


@_compiled()
def _precedes(left: int, right: int, distance: int, chains: _Chains) -> bool:
    """Say whether a place of `left` ends near before one of `right`. Takes time linear in their places."""
    firsts, lasts, heads, before = chains
    one, other = heads[left], heads[right]
    while one >= 0 and other >= 0:
        while other >= 0 and firsts[other] - lasts[one] > distance:
            other = before[other]
        if other >= 0 and firsts[other] > lasts[one]:
            return True
        one = before[one]
    return False


@_compiled()
def _expand(sides: Ints, row: int, truth: Flags, sets: _SetArrays, found: Ints) -> int:
    """Put the words and phrases of one side that are true into `found`, a set standing for its members; count them."""
    numbers, ends, members = sets
    count = 0
    for column in range(WIDTH):
        condition = sides[row, column]
        if condition == 0:
            break
        if truth[condition] == 0:
            continue
        number = numbers[condition] if condition < len(numbers) else 0
        if number == 0:
            found[count] = condition
            count += 1
            continue
        for at in range(ends[number - 1], ends[number]):
            if truth[members[at]]:
                found[count] = members[at]
                count += 1
    return count


@_compiled()
def _any_near(left: Ints, right: Ints, distance: int, ordered: int, chains: _Chains) -> bool:
    """Say whether any of `left` is near any of `right`."""
    for one in left:
        for other in right:
            if _precedes(one, other, distance, chains):
                return True
            if ordered == 0 and _precedes(other, one, distance, chains):
                return True
    return False


@_compiled()
def _with_both_sides(waiting: Ints, truth: Flags, sides: Ints) -> Ints:
    """Return those both of whose sides hold, somewhere."""
    count = 0
    for near in waiting:
        waiting[count] = near
        count += _any_true(sides, 2 * near, truth) and _any_true(sides, 2 * near + 1, truth)
    return waiting[:count]


@_compiled()
def _mask_of(sides: Ints, row: int, truth: Flags, masks: Masks) -> np.uint64:
    """Return the blocks in which any condition of a side holds."""
    mask = np.uint64(0)
    for column in range(WIDTH):
        condition = sides[row, column]
        if truth[condition]:  # a byte in place of eight, and mostly false
            mask |= masks[condition]
    return mask


@_compiled()
def _reached(mask: np.uint64, blocks: int) -> np.uint64:
    """Return these blocks and as many on both sides of each."""
    for _ in range(min(blocks, 64)):
        mask |= (mask << np.uint64(1)) | (mask >> np.uint64(1))
    return mask


@_compiled()
def hold_nears(
    held: Ints,
    block: int,
    truth: Flags,
    masks: Masks,
    chains: _Chains,
    posted: _Posted,
    nears: tuple[Ints, Ints],
    sets: _SetArrays,
) -> Ints:
    """Make true the conditions whose sides are near; return them, each once."""
    sides, kinds = nears
    # A side names each condition that is held at most once a column.
    lefts = np.empty(WIDTH * len(held), np.int32)
    rights = np.empty(WIDTH * len(held), np.int32)
    found = _with_both_sides(_waiting(held, truth, posted), truth, sides)
    count = 0
    for near in found:
        condition, distance, ordered = kinds[near, 0], kinds[near, 1], kinds[near, 2]
        left, right = 2 * near, 2 * near + 1
        here = _mask_of(sides, left, truth, masks)
        # A phrase begins up to its length before the word from which the distance counts.
        reached = _reached(here, (distance + WIDTH) // block + 1)
        if reached & _mask_of(sides, right, truth, masks) == 0 or truth[condition]:
            continue
        some = lefts[: _expand(sides, left, truth, sets, lefts)]
        others = rights[: _expand(sides, right, truth, sets, rights)]
        if _any_near(some, others, distance, ordered, chains):
            truth[condition] = 1
            found[count] = condition
            count += 1
    return found[:count]


@_compiled()
def _with_all_rows(waiting: Ints, truth: Flags, rows: Ints, plans: Ints) -> Ints:
    """Return the plans whose clauses, but the one they are posted under, hold, and whose veto does not.

    All are asked for their first row, those left for their second, and so on. What a row says only moves the end of a
    list: a branch on it would be mispredicted half the time, which costs more than the look.
    """
    satisfied = np.empty(len(waiting), np.int32)
    count = 0
    left = 0
    for place in waiting:
        shape = plans[place, 1]
        satisfied[count] = place
        count += shape >> 2 == 1 and shape & 1 == 0
        waiting[left] = place
        left += shape >> 2 > 1 or shape & 1 == 1
    row = 0
    while left > 0:
        kept = 0
        for at in range(left):
            place = waiting[at]
            first, shape = plans[place, 0], plans[place, 1]
            clauses = (shape >> 2) - 1
            good = _any_true(rows, first + row, truth) != (row == clauses)  # behind the clauses is the veto
            last = row + 1 == clauses + (shape & 1)
            satisfied[count] = place
            count += good and last
            waiting[kept] = place
            kept += good and not last
        left = kept
        row += 1
    return satisfied[:count]


@_compiled()
def find_plans(held: Ints, truth: Flags, posted: _Posted, rows: Ints, plans: Ints, seen: Flags) -> Ints:
    """Return the places of the plans that are satisfied, each once. `seen` is 0 for all places, before and after."""
    found = _with_all_rows(_waiting(held, truth, posted), truth, rows, plans)
    count = 0
    for place in found:
        if plans[place, 1] & 2:  # posted under several conditions
            if seen[place]:
                continue
            seen[place] = 1
        found[count] = place
        count += 1
    for place in found[:count]:
        seen[place] = 0
    return found[:count]
