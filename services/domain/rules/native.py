"""The steps as machine code, where numba is installed: five times as fast with many rules.

Loading it takes half a second (and some ten seconds the first time on a machine), so it is for those with many rules.
"""

from functools import cache
from operator import is_
from types import ModuleType

import numpy as np
from numpy.typing import NDArray

from services.domain.rules.arrays import NO_INTS, Flags, Indices, Ints
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
def _kernels() -> tuple[ModuleType, ModuleType, ModuleType, ModuleType] | None:
    try:
        # They take their time, and numba may be missing.
        from services.domain.rules import chunk_kernels, kernels, plan_kernels, word_kernels  # noqa: PLC0415
    except (ImportError, RuntimeError):
        return None
    return kernels, plan_kernels, word_kernels, chunk_kernels


class NativeSteps:
    """One condition after the other, in compiled loops. Not safe for two threads at a time."""

    def __init__(
        self, kernels: ModuleType, plan_kernels: ModuleType, word_kernels: ModuleType, chunk_kernels: ModuleType
    ) -> None:
        self._kernels = kernels
        self._plan_kernels = plan_kernels
        self._word_kernels = word_kernels
        self._chunk_kernels = chunk_kernels
        self._numbers: Indices = np.zeros(1, np.uint32)
        self._zones: NDArray[np.uint64] = np.zeros(1, np.uint64)
        self._phrases, self._rows, self._sets, self._nears, self._plans = (_Views() for _ in range(5))

    def lexicon(self) -> Lexicon:
        """Return an empty lexicon for compiled loops."""
        return NativeLexicon(self._chunk_kernels, self._word_kernels)

    def hold(self, read: Read, composites: Composites, truth: Flags, check: Check) -> Ints:
        """Set `truth` for what was read and every condition made of it; return these, each once."""
        if not len(read.conditions):
            return NO_INTS
        if len(self._numbers) < len(truth):
            self._numbers, self._zones = np.zeros(len(truth), np.uint32), np.zeros(len(truth), np.uint64)
        marks = truth, self._numbers, self._zones
        phrases, sets, nears = composites
        rows, names = phrases.arrays
        held, words, places, found = self._kernels.find_phrases(
            _indices(read.conditions),
            _indices(read.positions),
            marks,
            self._phrases.of(phrases.postings.arrays),
            self._rows.of(rows),
            _indices(names),
        )
        try:
            stretches = check(Stretches(*found))
        except BaseException:
            self._numbers, self._zones = np.zeros(1, np.uint32), np.zeros(1, np.uint64)
            raise
        all_held: Indices = self._kernels.find_others(
            held,
            words,
            places,
            tuple(map(_indices, stretches)),
            marks,
            self._sets.of(sets.postings.arrays),
            self._nears.of(nears.postings.arrays),
            _indices(nears.arrays[1]),
            nears.reach,
        )
        return all_held.view(np.int32)

    def candidates(self, presearcher: Presearcher, held: Ints, truth: Flags) -> Ints:
        """Return the slots of all plans that these conditions satisfy, each once."""
        records, removed = presearcher.arrays
        found: Indices = self._plan_kernels.find_plans(
            _indices(held), truth, self._plans.of(presearcher.posted.arrays), _indices(records), removed
        )
        return found.view(np.int32)


class _Views:
    """Arrays as the kernels take them, kept until one changes: with few rules, to make them would be a tenth of all."""

    def __init__(self) -> None:
        self._arrays: tuple[Ints, ...] = ()
        self._views: tuple[Indices, ...] = ()

    def of(self, arrays: tuple[Ints, ...]) -> tuple[Indices, ...]:
        """Return these arrays as indices."""
        if not (self._arrays and all(map(is_, self._arrays, arrays))):
            self._arrays, self._views = arrays, tuple(map(_indices, arrays))
        return self._views


def _indices(numbers: Ints) -> Indices:
    """Return numbers that are never negative as those that the kernels take for indices."""
    return numbers.view(np.uint32)
