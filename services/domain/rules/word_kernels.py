"""From the codes of an article's chunks to the conditions that hold, as loops compiled by numba.

Import this through `native` only, as `chunk_kernels`, which gives the codes, and `kernels`, which has all that follows.
None of these files calls another: numba keeps machine code as long as the file of a function stays the same, whatever
becomes of the functions it calls.
"""

from functools import partial

import numpy as np
from numba import njit

from services.domain.rules.arrays import Flags, Indices, Ints

_compiled = partial(njit, cache=True, nogil=True)


@_compiled()
def look_up(
    codes: Ints,
    stretches: Ints,
    position: int,
    table: tuple[Ints, Ints, Ints],
    field_bits: Flags,
) -> tuple[Ints, Ints, Ints, int]:
    """Return the conditions that codes make true, their positions, where each stretch begins, and what follows all.

    Of each stretch of codes: where it ends, how far it is from the one before, and the bit of its field. The table says
    by code the number of words, and where its conditions begin and end; then all conditions, and the word of each.
    `field_bits` is that of `Lexicon.read`.
    """
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
def hold(conditions: Indices, known: int, truth: Flags, numbers: Indices) -> Indices:
    """Make conditions true and number them on from `known`; return those that were not true, each once."""
    held = np.empty(len(conditions), np.uint32)
    count = 0
    for condition in conditions:
        if truth[condition] == 0:
            truth[condition] = 1
            held[count] = condition
            count += 1
            numbers[condition] = known + count
    return held[:count]
