"""Leaves of a rule: what is looked for in the token index of one field, and what the field must hold for it."""

import re
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import pairwise
from typing import Protocol

from services.domain.text.analyzer import analyze, tokens
from services.domain.text.gazetteer import Alias
from services.domain.text.normalize import exact_form, fold
from services.domain.text.token_index import TokenIndex

# First and last word of one place where a leaf was found, as positions in the token index.
Occurrence = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Requirement:
    """Keys of which an article must hold at least one, or the clause cannot hold; `cost` estimates how many do.

    `sufficient` says that holding one of them is also enough.
    """

    words: frozenset[str] = frozenset()
    exact: frozenset[str] = frozenset()
    prefixes: frozenset[str] = frozenset()
    cost: float = 0.0
    sufficient: bool = False

    @property
    def only_words(self) -> bool:
        """Say whether the words alone decide, so that an article without any of them can be passed over."""
        return not self.exact and not self.prefixes

    @classmethod
    def any_of(cls, requirements: Iterable["Requirement"]) -> "Requirement":
        """Return what an alternative of these requires."""
        parts = list(requirements)
        return cls(
            frozenset().union(*(part.words for part in parts)),
            frozenset().union(*(part.exact for part in parts)),
            frozenset().union(*(part.prefixes for part in parts)),
            sum(part.cost for part in parts),
            all(part.sufficient for part in parts),
        )

    def necessary(self) -> "Requirement":
        """Return the same keys as the requirement of something for which they are not enough."""
        return replace(self, sufficient=False)


class Leaf(Protocol):
    """Something that is found, or not, in one field."""

    @property
    def requirement(self) -> Requirement:
        """Return what a field must hold for this leaf to be found in it."""

    def find(self, index: TokenIndex) -> Sequence[Occurrence]:
        """Return every occurrence, sorted and each once."""


@dataclass(frozen=True)
class Words:
    """Words in a row in any inflection, by their keys; with `prefix`, followed by a word that begins so."""

    keys: tuple[str, ...]
    prefix: str | None = None

    @cached_property
    def requirement(self) -> Requirement:
        """Return the rarest-looking of the words."""
        if not self.keys:
            prefix = self.prefix or ""
            return Requirement(prefixes=frozenset((prefix,)), cost=2 * rarity_cost(prefix))
        rarest = min(self.keys, key=rarity_cost)
        alone = len(self.keys) == 1 and self.prefix is None
        return Requirement(words=frozenset((rarest,)), cost=rarity_cost(rarest), sufficient=alone)

    def find(self, index: TokenIndex) -> Sequence[Occurrence]:
        """Return every place where the words stand in a row."""
        slots: list[Sequence[int]] = [index.by_key.get(key, ()) for key in self.keys]
        if self.prefix is not None and all(slots):
            slots.append(index.with_prefix(self.prefix))
        return _in_a_row(slots)


@dataclass(frozen=True)
class ExactWords:
    """Words in a row in exactly this case and form, with nothing else between them than in the original."""

    words: tuple[str, ...]
    gaps: tuple[str, ...] = ()

    @cached_property
    def requirement(self) -> Requirement:
        """Return the rarest-looking of the words, in its exact form."""
        rarest = min(self.words, key=rarity_cost)
        return Requirement(exact=frozenset((rarest,)), cost=rarity_cost(rarest) / 2)

    def find(self, index: TokenIndex) -> Sequence[Occurrence]:
        """Return every place where the text reads exactly so, the amount of blank space aside."""
        found = _in_a_row([index.by_exact.get(word, ()) for word in self.words])
        return [place for place in found if self._reads_so(index, place[0])] if self.gaps and found else found

    def _reads_so(self, index: TokenIndex, first: int) -> bool:
        spans = index.spans
        return all(
            _blank_folded(index.text[spans[at][1] : spans[at + 1][0]]) == gap
            for at, gap in enumerate(self.gaps, start=first)
        )


@dataclass(frozen=True, eq=False)
class AnyOf:
    """Any of several leaves: the aliases of an actor, or a group in front of NEAR."""

    members: tuple[Leaf, ...]

    @cached_property
    def requirement(self) -> Requirement:
        """Return the keys of all members."""
        return Requirement.any_of(member.requirement for member in self.members)

    @cached_property
    def _by_word(self) -> dict[str, list[Leaf]]:
        """Members that cannot be found without certain words, by each of these, so that absent aliases cost nothing."""
        grouped: dict[str, list[Leaf]] = {}
        for member in self.members:
            for word in member.requirement.words if member.requirement.only_words else ():
                grouped.setdefault(word, []).append(member)
        return grouped

    @cached_property
    def _others(self) -> tuple[Leaf, ...]:
        return tuple(member for member in self.members if not member.requirement.only_words)

    def find(self, index: TokenIndex) -> Sequence[Occurrence]:
        """Return every occurrence of any member."""
        present = self._by_word.keys() & index.by_key.keys()
        candidates = dict.fromkeys(member for word in present for member in self._by_word[word])
        found = [places for member in (*candidates, *self._others) if (places := member.find(index))]
        if len(found) < 2:
            return found[0] if found else ()
        return sorted({place for places in found for place in places})


def words_leaf(text: str) -> Leaf:
    """Return the leaf that finds the words of `text`, which holds at least one, in any inflection."""
    return Words(tuple(analyze(token.surface).key for token in tokens(text)))


def prefix_leaf(text: str) -> Leaf:
    """Return the leaf that finds words beginning with the last word of `text`, after its other words."""
    *before, last = tokens(text)
    return Words(tuple(analyze(token.surface).key for token in before), fold(last.surface))


def exact_leaf(text: str) -> Leaf:
    """Return the leaf that finds `text` in its exact case and form."""
    found = list(tokens(text))
    between = pairwise(found)
    gaps = tuple(_blank_folded(text[left.end : right.start]) for left, right in between)
    return ExactWords(tuple(exact_form(token.surface) for token in found), gaps)


def aliases_leaf(aliases: Iterable[Alias]) -> AnyOf:
    """Return the leaf that finds any of these names."""
    leaves = [exact_leaf(alias.text) if alias.exact else words_leaf(alias.text) for alias in aliases]
    return AnyOf(tuple(dict.fromkeys(leaves)))


def near(places: Sequence[Occurrence], others: Sequence[Occurrence], distance: int) -> list[Occurrence]:
    """Return the places that have one of `others` at most `distance` words away and apart from them.

    Only the nearest neighbour on each side needs a look, so dense texts cost no more than sorting.
    """
    starts = [first for first, _ in others]
    ends = sorted(last for _, last in others)
    near_places = []
    for first, last in places:
        after = bisect_left(starts, last + 1)
        before = bisect_left(ends, first) - 1
        if (after < len(starts) and starts[after] - last <= distance) or (
            before >= 0 and first - ends[before] <= distance
        ):
            near_places.append((first, last))
    return near_places


def rarity_cost(key: str) -> float:
    """Estimate how often a word occurs, from its length alone: long words are rare, and a Hangul syllable or Han
    character carries about as much as two letters."""
    letters = sum(1 if char < "\u1100" else 2.5 for char in key)
    return 1.0 / (1.0 + letters * letters)


def _in_a_row(slots: Sequence[Sequence[int]]) -> list[Occurrence]:
    """Return where the words of all slots follow one another, starting from the rarest slot."""
    if not all(slots):
        return []
    if len(slots) == 1:
        return [(at, at) for at in slots[0]]
    rarest = min(range(len(slots)), key=lambda slot: len(slots[slot]))
    last = len(slots) - 1
    return [
        (at - rarest, at - rarest + last)
        for at in slots[rarest]
        if all(_holds(positions, at + slot - rarest) for slot, positions in enumerate(slots))
    ]


def _holds(positions: Sequence[int], at: int) -> bool:
    found = bisect_left(positions, at)
    return found < len(positions) and positions[found] == at


_BLANK = re.compile(r"\s+")


def _blank_folded(gap: str) -> str:
    return _BLANK.sub(" ", gap)
