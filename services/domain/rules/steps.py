"""The steps from the words of an article to the rules it satisfies, in numpy."""

from collections.abc import Callable
from typing import NamedTuple, Protocol

import numpy as np

from services.domain.rules.array_lexicon import ArrayLexicon
from services.domain.rules.arrays import NO_INTS, Flags, Ints, distinct, grown_flags
from services.domain.rules.composites import NOTHING, Composites, Phrases, Stretches
from services.domain.rules.lexicon import Lexicon
from services.domain.rules.places import Places
from services.domain.rules.presearcher import Presearcher
from services.domain.rules.vocabulary import Read

# Leaves out the phrases whose words are in a row, but not as the query has them.
Check = Callable[[Stretches], Stretches]


class Steps(Protocol):
    """How one article is decided. Implementations differ in speed only."""

    def lexicon(self) -> Lexicon:
        """Return an empty lexicon of the kind that goes with these steps."""

    def hold(self, read: Read, composites: Composites, truth: Flags, check: Check) -> Ints:
        """Set `truth` for what was read and every condition made of it; return these, each once."""

    def candidates(self, presearcher: Presearcher, held: Ints, truth: Flags) -> Ints:
        """Return the slots of all plans that these conditions satisfy, each once."""


class _Pairs(NamedTuple):
    """Sets that hold, each with a member that does."""

    sets: Ints
    members: Ints


class ArraySteps:
    """All of a kind in one array operation after the other."""

    def __init__(self) -> None:
        self._marked: Flags = np.zeros(1, np.uint8)

    def lexicon(self) -> Lexicon:
        """Return an empty lexicon of arrays."""
        return ArrayLexicon()

    def hold(self, read: Read, composites: Composites, truth: Flags, check: Check) -> Ints:
        """Set `truth` for what was read and every condition made of it; return these, each once."""
        if not len(read.conditions):
            return NO_INTS
        phrases, sets, nears = composites
        held = _set_true(distinct(read.conditions), truth)
        stretches = self._find_phrases(phrases, held, read, truth)
        if stretches is not NOTHING:
            stretches = check(stretches)
            held = _with(held, stretches.conditions, truth)
        pairs = _Pairs(*sets.pairs(held, truth))
        held = _with(held, pairs.sets, truth)
        candidates = nears.candidates(held, truth)
        if candidates.size:
            places = self._places(nears.sides(candidates), read, stretches, pairs)
            held = _with(held, nears.true(candidates, truth, places), truth)
        return held

    def candidates(self, presearcher: Presearcher, held: Ints, truth: Flags) -> Ints:
        """Return the slots of all plans that these conditions satisfy, each once."""
        return presearcher.candidates(held, truth)

    def _find_phrases(self, phrases: Phrases, held: Ints, read: Read, truth: Flags) -> Stretches:
        candidates = phrases.candidates(held, truth)
        if not candidates.size:
            return NOTHING
        words = self._among(read.conditions, phrases.words(candidates))
        positions = read.positions.take(words)
        return phrases.find(candidates, Places(read.conditions.take(words), positions, positions))

    def _places(self, asked: Ints, read: Read, stretches: Stretches, pairs: "_Pairs") -> Places:
        """Return the places of those conditions that are asked for, be they words, phrases or sets."""
        of_asked = self._among(pairs.sets, asked)
        sets, members = pairs.sets.take(of_asked), pairs.members.take(of_asked)
        asked = np.concatenate((asked, members))
        words, phrases = self._among(read.conditions, asked), self._among(stretches.conditions, asked)
        conditions = np.concatenate((read.conditions.take(words), stretches.conditions.take(phrases)))
        positions = read.positions.take(words)
        firsts = np.concatenate((positions, stretches.firsts.take(phrases)))
        lasts = np.concatenate((positions, stretches.lasts.take(phrases)))
        if not len(sets):
            return Places(conditions, firsts, lasts)
        simple = Places(conditions, firsts, lasts)
        at, owners = simple.of(members)
        return Places(
            np.concatenate((conditions, sets.take(owners))),
            np.concatenate((firsts, simple.firsts.take(at))),
            np.concatenate((lasts, simple.lasts.take(at))),
        )

    def _among(self, conditions: Ints, asked: Ints) -> Ints:
        """Return the indices of those conditions that are among `asked`."""
        if not len(conditions):
            return NO_INTS
        self._marked = grown_flags(self._marked, max(int(conditions.max()), int(asked.max())) + 1)
        self._marked[asked] = 1
        found = self._marked.take(conditions).nonzero()[0].astype(np.int32)
        self._marked[asked] = 0
        return found


def _with(held: Ints, conditions: Ints, truth: Flags) -> Ints:
    return np.concatenate((held, _set_true(distinct(conditions), truth))) if conditions.size else held


def _set_true(conditions: Ints, truth: Flags) -> Ints:
    truth[conditions] = 1
    return conditions
