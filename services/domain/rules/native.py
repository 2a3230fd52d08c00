"""The steps as machine code, where numba is installed: about twice as fast with many rules.

Loading it takes half a second (and some ten seconds the first time on a machine), so it is for those with many rules.
"""

from collections.abc import Iterable
from functools import cache
from types import ModuleType

import numpy as np

from services.domain.rules.arrays import NO_INTS, Flags, Indices, Ints, grown_flags
from services.domain.rules.composites import Composites, Stretches
from services.domain.rules.lexicon import Lexicon
from services.domain.rules.native_lexicon import NativeLexicon
from services.domain.rules.presearcher import Presearcher
from services.domain.rules.steps import Check
from services.domain.rules.vocabulary import Read


def native_steps() -> "NativeSteps | None":
    """Return compiled steps of the caller's own, or None if numba is not there or has no place for what it compiles."""
    kernels = _kernels()
    return NativeSteps(*kernels) if kernels else None


@cache
def _kernels() -> tuple[ModuleType, ModuleType, ModuleType] | None:
    try:
        # They take their time, and numba may be missing.
        from services.domain.rules import chunk_kernels, kernels, word_kernels  # noqa: PLC0415
    except (ImportError, RuntimeError):
        return None
    return kernels, word_kernels, chunk_kernels


class NativeSteps:
    """One condition after the other, in compiled loops. Not safe for two threads at a time."""

    def __init__(self, kernels: ModuleType, word_kernels: ModuleType, chunk_kernels: ModuleType) -> None:
        self._kernels = kernels
        self._word_kernels = word_kernels
        self._chunk_kernels = chunk_kernels
        self._hold = word_kernels.hold
        self._numbers: Ints = np.zeros(1, np.int32)
        self._seen: Flags = np.zeros(1, np.uint8)

    def lexicon(self) -> Lexicon:
        """Return an empty lexicon for compiled loops."""
        return NativeLexicon(self._chunk_kernels, self._word_kernels)

    def hold(self, read: Read, composites: Composites, truth: Flags, check: Check) -> Ints:
        """Set `truth` for what was read and every condition made of it; return these, each once."""
        if not len(read.conditions):
            return NO_INTS
        kernels = self._kernels
        if len(self._numbers) < len(truth):
            self._numbers = np.zeros(len(truth), np.int32)
        numbers = _indices(self._numbers)
        words = _all_indices((read.conditions, read.positions, read.positions))
        held = self._hold(words[0], 0, truth, numbers)
        posted, rows, names = composites.phrases.postings.arrays, *composites.phrases.arrays
        found = kernels.find_phrases(
            held, words, truth, numbers, _all_indices(posted), _all_indices(rows), _indices(names)
        )
        phrases = _all_indices(check(Stretches(*found)))
        held = np.concatenate((held, self._hold(phrases[0], len(held), truth, numbers)))
        sets = kernels.items_waiting(held, truth, _all_indices(composites.sets.postings.arrays))
        held = np.concatenate((held, self._hold(sets[0], len(held), truth, numbers)))
        posted, sides, kinds = composites.nears.postings.arrays, *composites.nears.arrays
        found = kernels.find_nears(
            held, words, phrases, sets, truth, numbers, _all_indices(posted), _all_indices(sides), _indices(kinds)
        )
        held = np.concatenate((held, self._hold(found, len(held), truth, numbers)))
        numbers[held] = 0
        return held.view(np.int32)

    def candidates(self, presearcher: Presearcher, held: Ints, truth: Flags) -> Ints:
        """Return the slots of all plans that these conditions satisfy, each once."""
        rows, plans = presearcher.arrays
        self._seen = grown_flags(self._seen, len(plans))
        narrow, wide = presearcher.narrow.arrays, presearcher.wide.arrays
        found = self._kernels.find_plans(
            _indices(held),
            truth,
            _all_indices(narrow),
            _all_indices(wide),
            _all_indices(rows),
            _indices(plans),
            self._seen,
        )
        return presearcher.slots(found)


def _indices(numbers: Ints) -> Indices:
    """Return numbers that are never negative as those that the kernels take for indices."""
    return numbers.view(np.uint32)


def _all_indices(arrays: Iterable[Ints]) -> tuple[Indices, ...]:
    return tuple(map(_indices, arrays))
