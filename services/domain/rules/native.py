"""The steps as machine code, where numba is installed: about twice as fast with many rules.

Loading it takes half a second (and some ten seconds the first time on a machine), so it is for those with many rules.
"""

from functools import cache
from types import ModuleType

import numpy as np

from services.domain.rules.arrays import Flags, Ints, grown_flags
from services.domain.rules.composites import Composites, Stretches
from services.domain.rules.presearcher import Presearcher
from services.domain.rules.steps import Check
from services.domain.rules.vocabulary import LookedUp, Read, TableArrays

BLOCKS = 64  # as many as a mask of the kernels has bits


def native_steps() -> "NativeSteps | None":
    """Return compiled steps of the caller's own, or None if numba is not there or has no place for what it compiles."""
    kernels = _kernels()
    return NativeSteps(kernels) if kernels else None


@cache
def _kernels() -> ModuleType | None:
    try:
        from services.domain.rules import kernels  # noqa: PLC0415 -- takes its time, and may be missing
    except (ImportError, RuntimeError):
        return None
    return kernels


class NativeSteps:
    """One condition after the other, in compiled loops. Not safe for two threads at a time."""

    def __init__(self, kernels: ModuleType) -> None:
        self._kernels = kernels
        self._heads: Ints = np.zeros(1, np.int32)
        self._masks = np.zeros(1, np.uint64)
        self._seen: Flags = np.zeros(1, np.uint8)

    def look_up(self, codes: Ints, stretches: Ints, position: int, table: TableArrays, field_bits: Flags) -> LookedUp:
        """Return what these codes make true: see `vocabulary.LookUp`."""
        found: LookedUp = self._kernels.look_up(codes, stretches, position, table, field_bits)
        return found

    def hold(self, read: Read, composites: Composites, truth: Flags, check: Check) -> Ints:
        """Set `truth` for what was read and every condition made of it; return these, each once."""
        kernels = self._kernels
        phrases, sets, nears = composites
        if len(self._heads) < len(truth):
            self._heads = np.zeros(len(truth), np.int32)
            self._masks = np.zeros(len(truth), np.uint64)
        heads, masks, positions = self._heads, self._masks, read.positions
        # An article of the length usual fits with some words a block.
        block = int(positions.max()) // BLOCKS + 1 if len(positions) else 1
        words, before = kernels.hold_words(read.conditions, positions, block, truth, masks, heads)
        found = kernels.find_phrases(words, truth, positions, heads, before, phrases.postings.arrays, phrases.arrays)
        there = kernels.hold_phrases(tuple(check(Stretches(*found))), positions, block, truth, masks, heads, before)
        held = np.concatenate((words, there[0]))
        held = np.concatenate((held, kernels.hold_sets(held, truth, masks, sets.postings.arrays)))
        near = kernels.hold_nears(held, block, truth, masks, there[1], nears.postings.arrays, nears.arrays, sets.arrays)
        masks[held] = 0
        return np.concatenate((held, near))

    def candidates(self, presearcher: Presearcher, held: Ints, truth: Flags) -> Ints:
        """Return the slots of all plans that these conditions satisfy, each once."""
        rows, plans = presearcher.arrays
        self._seen = grown_flags(self._seen, len(plans))
        found = self._kernels.find_plans(held, truth, presearcher.postings.arrays, rows, plans, self._seen)
        return presearcher.slots(found)
