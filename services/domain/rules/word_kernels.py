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
    codes: Indices,
    stretches: Ints,
    position: int,
    table: tuple[Ints, Ints],
    field_bits: Flags,
) -> tuple[Ints, Ints, Ints, int]:
    """Return the conditions that codes make true, their positions, where each stretch begins, and what follows all.

    Of each stretch of codes: where it ends, how far it is from the one before, and the bit of its field. The table is
    that of `ChunkTable`, and `field_bits` that of `Lexicon.read`.
    """
    chunks, held = table
    # First the chunks that make anything true, and where they are: one in three.
    places, owners = np.empty(len(codes), np.int32), np.empty(len(codes), np.uint32)
    begins, ends = np.empty(len(stretches), np.int32), np.empty(len(stretches), np.int32)
    begin = some = most = 0
    for number in range(len(stretches)):
        position += stretches[number, 1]
        begins[number] = position
        for code in codes[begin : stretches[number, 0]]:
            size = chunks[code, 2] - chunks[code, 1]
            places[some], owners[some] = position, code
            some += size > 0
            most += size
            position += chunks[code, 0] + 1
        begin, ends[number] = stretches[number, 0], some
    found, positions = np.empty(most, np.int32), np.empty(most, np.int32)
    last = len(field_bits) - 1
    begin = count = 0
    for number in range(len(stretches)):
        bit = stretches[number, 2]
        for one in range(begin, ends[number]):
            for at in range(chunks[owners[one], 1], chunks[owners[one], 2]):
                condition = held[at, 0]
                # Those beyond the end of the array look in the whole content.
                if field_bits[min(condition, last)] & bit:
                    found[count] = condition
                    positions[count] = places[one] + held[at, 1]
                    count += 1
        begin = ends[number]
    return found[:count], positions[:count], begins, position
