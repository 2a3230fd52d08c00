"""Leaves of a rule: what is looked for in the words of one field, and where it stands."""

import re
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import field
from functools import lru_cache
from itertools import pairwise
from typing import NamedTuple, Protocol

from services.domain.rules.records import record
from services.domain.rules.stretches import Occurrence, Occurrences, any_joined, joined, partners, windows, within
from services.domain.text.analyzer import analyze, surfaces, tokens
from services.domain.text.gazetteer import Alias
from services.domain.text.normalize import exact_form, fold
from services.domain.text.token_index import TokenIndex

# What rules name again and again is among these; to keep more takes memory and saves no time that can be told.
LEAF_CACHE_SIZE = 1 << 14


class Leaf(Protocol):
    """Something that is found, or not, in one field. Leaves that find the same are equal; an AnyOf only to itself."""

    def verdict(self, keys: AbstractSet[str]) -> bool | None:
        """Say whether texts that hold these keys, and no others, hold this; None if only positions can tell."""

    def find(self, index: TokenIndex) -> Occurrences:
        """Return every occurrence, sorted and each once."""

    def proof(self, index: TokenIndex) -> Iterator[Occurrences]:
        """Yield, part by part, the places without which this would not be found; always the same number of parts."""


@record()
class Words:
    """Words in a row in any inflection, by their keys; with `prefix`, followed by a word that begins so."""

    keys: tuple[str, ...]
    prefix: str | None = None

    def verdict(self, keys: AbstractSet[str]) -> bool | None:
        """Say whether the words are there at all."""
        for key in self.keys:
            if key not in keys:
                return False
        return True if self.prefix is None and len(self.keys) == 1 else None

    def find(self, index: TokenIndex) -> Occurrences:
        """Return every place where the words stand in a row."""
        slots: list[Sequence[int]] = [index.by_key.get(key, ()) for key in self.keys]
        if self.prefix is not None and all(slots):
            slots.append(index.with_prefix(self.prefix))
        return _in_a_row(slots)

    def proof(self, index: TokenIndex) -> Iterator[Occurrences]:
        """Yield every occurrence."""
        yield self.find(index)


@record()
class ExactWords:
    """Words in a row in exactly this case and form, with nothing else between them than in the original."""

    words: tuple[str, ...]
    gaps: tuple[str, ...] = ()

    def verdict(self, keys: AbstractSet[str]) -> bool | None:
        """Say nothing: keys do not tell the form."""
        return None

    def find(self, index: TokenIndex) -> Occurrences:
        """Return every place where the text reads exactly so, the amount of blank space aside."""
        found = _in_a_row([index.by_exact.get(word, ()) for word in self.words])
        return [place for place in found if self._reads_so(index, place[0])] if self.gaps and found else found

    def proof(self, index: TokenIndex) -> Iterator[Occurrences]:
        """Yield every occurrence."""
        yield self.find(index)

    def _reads_so(self, index: TokenIndex, first: int) -> bool:
        spans = index.spans
        return all(
            _blank_folded(index.text[spans[at][1] : spans[at + 1][0]]) == gap
            for at, gap in enumerate(self.gaps, start=first)
        )


@record()
class Sloppy:
    """Words in any order, each in any inflection, in a stretch of at most `slop` more words than they are.

    A word given twice must be there twice.
    """

    keys: tuple[str, ...]
    slop: int

    @property
    def width(self) -> int:
        """How many words the stretch may have."""
        return len(self.keys) + self.slop

    def verdict(self, keys: AbstractSet[str]) -> bool | None:
        """Say whether the words are there at all."""
        for key in self.keys:
            if key not in keys:
                return False
        return None

    def find(self, index: TokenIndex) -> Occurrences:
        """Return the stretches, the shortest from and to each word."""
        positions = {key: index.by_key.get(key, ()) for key in self.keys}
        return windows(positions, Counter(self.keys), self.width) if all(positions.values()) else ()

    def proof(self, index: TokenIndex) -> Iterator[Occurrences]:
        """Yield the places of each word that some stretch holds."""
        reached = self.find(index)
        # A stretch of the full width reaches a word if what is left of it beyond the shortest one does.
        room = [(last - self.width + 1, first + self.width - 1) for first, last in reached]
        for key in dict.fromkeys(self.keys):
            yield within([(at, at) for at in index.by_key.get(key, ())] if room else (), room, 0)


@record(eq=False)
class AnyOf:
    """Any of several leaves: the aliases of an actor, which many rules share, or a group next to NEAR."""

    members: tuple[Leaf, ...]
    shared: bool = False
    _known: "_Tables | None" = field(default=None, init=False, repr=False)

    def verdict(self, keys: AbstractSet[str]) -> bool | None:
        """Say whether any member is there, or may be."""
        tables = self._tables()
        if not keys.isdisjoint(tables.alone):
            return True
        for member in tables.waiting(keys):
            if member.verdict(keys) is not False:
                return None
        return False

    def find(self, index: TokenIndex) -> Occurrences:
        """Return every occurrence of any member."""
        found = [places for member in self._tables().waiting(index.by_key.keys()) if (places := member.find(index))]
        if len(found) < 2:
            return found[0] if found else ()
        return sorted({place for places in found for place in places})

    def proof(self, index: TokenIndex) -> Iterator[Occurrences]:
        """Yield every occurrence; of members that are spread over the text, their parts."""
        if not any(map(is_spread, self.members)):
            yield self.find(index)
            return
        for member in self.members:
            yield from member.proof(index)

    def _tables(self) -> "_Tables":
        # Made at the first look, because the arrays answer for most groups and never ask them.
        tables = self._known
        if tables is None:
            tables = _tables(self.members)
            object.__setattr__(self, "_known", tables)
        return tables


class _Tables(NamedTuple):
    """The members of an AnyOf, so arranged that an absent one costs nothing."""

    alone: frozenset[str]  # keys that are enough by themselves
    by_key: dict[str, tuple[Leaf, ...]]  # under the longest word of each, likely the rarest
    others: tuple[Leaf, ...]

    def waiting(self, keys: AbstractSet[str]) -> Iterator[Leaf]:
        """Yield the members that may stand among these keys."""
        yield from self.others
        for key in keys & self.by_key.keys():
            yield from self.by_key[key]


def _tables(members: Iterable[Leaf]) -> _Tables:
    alone: set[str] = set()
    by_key: dict[str, tuple[Leaf, ...]] = {}
    others: list[Leaf] = []
    for member in members:
        if isinstance(member, Words | Sloppy) and member.keys:
            key = max(member.keys, key=len)
            by_key[key] = (*by_key.get(key, ()), member)
            if member.verdict({key}):
                alone.add(key)
        else:
            others.append(member)
    return _Tables(frozenset(alone), by_key, tuple(others))


@record(eq=False)
class AnyText:
    """Any of several words and phrases, in any inflection.

    They are cut up and analysed at the first look: conditions, which are found by text, answer for most rules.
    """

    texts: Sequence[str]
    _known: "Words | AnyOf | None" = field(default=None, init=False, repr=False)

    @property
    def leaf(self) -> "Words | AnyOf":
        """Return the leaf that finds the same by keys."""
        leaf = self._known
        if leaf is None:
            leaves = tuple([words_leaf(text) for text in self.texts])
            leaf = AnyOf(leaves) if len(leaves) > 1 else leaves[0]
            object.__setattr__(self, "_known", leaf)
        return leaf

    def verdict(self, keys: AbstractSet[str]) -> bool | None:
        """Say whether any of the texts is there, or may be."""
        return self.leaf.verdict(keys)

    def find(self, index: TokenIndex) -> Occurrences:
        """Return every occurrence of any text."""
        return self.leaf.find(index)

    def proof(self, index: TokenIndex) -> Iterator[Occurrences]:
        """Yield every occurrence, text by text."""
        for text in self.texts:
            yield words_leaf(text).find(index)


@record()
class Near:
    """Two leaves at most `distance` words apart; adjacent words are 1 apart. `ordered`: the left one comes first.

    An occurrence is the stretch from the first word of both to the last; the shortest from and to each word count.
    """

    left: Leaf
    right: Leaf
    distance: int
    ordered: bool = False

    def verdict(self, keys: AbstractSet[str]) -> bool | None:
        """Say whether a side is missing."""
        return False if self.left.verdict(keys) is False or self.right.verdict(keys) is False else None

    def find(self, index: TokenIndex) -> Occurrences:
        """Return the stretches."""
        left = self.left.find(index)
        return joined(left, self.right.find(index), self.distance, ordered=self.ordered) if left else ()

    def stands_in(self, index: TokenIndex) -> bool:
        """Say whether `find` would find it: the stretches themselves matter only to what this is a side of."""
        left = self.left.find(index)
        return any_joined(left, self.right.find(index), self.distance, ordered=self.ordered) if left else False

    def proof(self, index: TokenIndex) -> Iterator[Occurrences]:
        """Yield the places of each side that have the other near; of a side that is spread over the text, its parts."""
        left, right = self.left.find(index), self.right.find(index)
        both = bool(left and right)
        near_left = partners(left, right, self.distance, after=not self.ordered) if both else []
        near_right = partners(right, left, self.distance, before=not self.ordered) if both else []
        yield from self._side(self.left, near_left, near_right, index)
        yield from self._side(self.right, near_right, near_left, index)

    def _side(self, side: Leaf, places: Occurrences, others: Occurrences, index: TokenIndex) -> Iterator[Occurrences]:
        if not is_spread(side):
            yield places
            return
        # Not only the shortest stretches: with their words gone, longer ones would do.
        reach = self.distance + max_words(side)
        for part in side.proof(index):
            yield within(part, others, reach)


def is_spread(leaf: Leaf) -> bool:
    """Say whether an occurrence holds words that are no part of the leaf."""
    match leaf:
        case Near() | Sloppy():
            return True
        case AnyOf():
            return any(map(is_spread, leaf.members))
        case _:
            return False


def max_words(leaf: Leaf) -> int:
    """Return how many words the longest possible occurrence has."""
    match leaf:
        case Words():
            return len(leaf.keys) + (leaf.prefix is not None)
        case ExactWords():
            return len(leaf.words)
        case Sloppy():
            return leaf.width
        case AnyOf():
            return max(map(max_words, leaf.members))
        case AnyText():
            return max_words(leaf.leaf)
        case Near():
            return max_words(leaf.left) + leaf.distance - 1 + max_words(leaf.right)
        case _:
            raise TypeError(f"not a leaf: {leaf!r}")


@lru_cache(maxsize=LEAF_CACHE_SIZE)
def words_leaf(text: str) -> Words:
    """Return the leaf that finds the words of `text`, which holds at least one, in any inflection."""
    return Words(_keys(text))


@lru_cache(maxsize=LEAF_CACHE_SIZE)
def prefix_leaf(text: str) -> Words:
    """Return the leaf that finds words beginning with the last word of `text`, after its other words."""
    *before, last = tokens(text)
    return Words(tuple(analyze(token.surface).key for token in before), fold(last.surface))


@lru_cache(maxsize=LEAF_CACHE_SIZE)
def exact_leaf(text: str) -> ExactWords:
    """Return the leaf that finds `text` in its exact case and form."""
    found = list(tokens(text))
    gaps = tuple(_blank_folded(text[left.end : right.start]) for left, right in pairwise(found))
    return ExactWords(tuple(exact_form(token.surface) for token in found), gaps)


def sloppy_leaf(text: str, slop: int) -> Sloppy:
    """Return the leaf that finds the words of `text` in any order with at most `slop` others between them."""
    return Sloppy(_keys(text), slop)


def aliases_leaf(aliases: Iterable[Alias]) -> AnyOf:
    """Return the leaf that finds any of these names."""
    leaves = [exact_leaf(alias.text) if alias.exact else words_leaf(alias.text) for alias in aliases]
    return AnyOf(tuple(dict.fromkeys(leaves)), shared=True)


def _keys(text: str) -> tuple[str, ...]:
    return tuple([analyze(surface).key for surface in surfaces(text)])


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
