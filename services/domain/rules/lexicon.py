"""What each chunk of text was found to hold, so that it is cut into words and analysed once.

A chunk is what stands between blanks, without the marks around it; no word reaches across a blank. It has a code, a
number given in the order of learning.
"""

from bisect import bisect_right
from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol, TypeAlias

import numpy as np

from schemas.match import EvidenceField
from services.domain.rules.arrays import NO_INTS, Flags, Ints
from services.domain.text.analyzer import MAX_CACHED_CHARS

# Marks that are never a part of a word where no letter or digit follows, nor where none stands before. Full stops are
# not either, unless there are more of them inside: U.S.
_MARKS = ",;:!?\"'()[]-/–—‘’“”…"
_STOP = "."

Code: TypeAlias = int


class Learned(NamedTuple):
    """How many words a chunk has; and the conditions that they make true, each followed by the number of its word."""

    at: int  # which of the chunks asked about
    words: int
    held: Sequence[int]


# Says what chunks hold, given the code that the first will have; the others have the codes after it. One that is left
# out is one word that makes nothing true, as most are.
Learn: TypeAlias = Callable[[Sequence[str], Code], Sequence[Learned]]


class Segment(NamedTuple):
    """The text of one field, or a part of it, how many words it is from the one before, and the bit of its field."""

    field: EvidenceField
    text: str
    gap: int
    bit: int


class LookedUp(NamedTuple):
    """Conditions and the position of the word of each, in rising order; where each segment begins, and what follows."""

    conditions: Ints
    positions: Ints
    begins: Sequence[int]
    end: int


class Lexicon(Protocol):
    """The chunks seen so far. Implementations differ in speed only."""

    def __len__(self) -> int:
        """Return how many chunks are kept."""

    def emptied(self) -> "Lexicon":
        """Return an empty one of the same kind."""

    def read(self, segments: Sequence[Segment], position: int, field_bits: Flags, learn: Learn) -> LookedUp:
        """Return the conditions that the words of these segments make true, from this position on.

        `field_bits` says by condition in which fields it looks, the last one for all beyond.
        """

    def extend(self, code: Code, word: int, condition: int) -> None:
        """Let a word of a chunk make another condition true."""


def bare(chunk: str) -> str:
    """Return a chunk without the marks around it."""
    inner = chunk.strip(_MARKS + _STOP)
    return chunk.strip(_MARKS) if _STOP in inner else inner


class PlainLexicon:
    """Chunks in a dict."""

    def __init__(self) -> None:
        self._held = _Held()

    def __len__(self) -> int:
        return max(len(self._held), len(self._held.by_code))

    def emptied(self) -> "PlainLexicon":
        """Return an empty one."""
        return PlainLexicon()

    def read(self, segments: Sequence[Segment], position: int, field_bits: Flags, learn: Learn) -> LookedUp:
        """Return the conditions that the words of these segments make true: see `Lexicon`."""
        self._held.learn = learn
        begins: list[int] = []
        conditions: list[int] = []
        positions: list[int] = []
        bits: list[int] = []
        for segment in segments:
            position += segment.gap
            begins.append(position)
            for held in map(self._held.__getitem__, segment.text.split()):
                if len(held) > 1:
                    conditions += held[1::2]
                    positions += [position + word for word in held[2::2]]
                position += held[0]
            bits += [segment.bit] * (len(conditions) - len(bits))
        if not conditions:
            return LookedUp(NO_INTS, NO_INTS, begins, position)
        found, places = np.array(conditions, np.int32), np.array(positions, np.int32)
        if len(field_bits) > 1:
            # Those beyond the end of the array look in the whole content.
            kept = (field_bits.take(found, mode="clip") & np.array(bits, np.uint8)).nonzero()[0]
            found, places = found.take(kept), places.take(kept)
        return LookedUp(found, places, begins, position)

    def extend(self, code: Code, word: int, condition: int) -> None:
        """Let a word of a chunk make another condition true."""
        held = self._held.by_code[code]
        at = 1 + 2 * bisect_right(held[2::2], word)
        held[at:at] = condition, word


class _Held(dict[str, list[int]]):
    """By chunk the number of its words, then the conditions, each with the number of its word.

    A dict, because a call for each chunk would be most of the cost. Chunks that differ in marks share a list.
    """

    learn: Learn

    def __init__(self) -> None:
        super().__init__()
        self.by_code: list[list[int]] = []

    def __missing__(self, chunk: str) -> list[int]:
        inner = bare(chunk)
        held = self.get(inner)
        if held is None:
            held = [1]
            for learned in self.learn((inner,), len(self.by_code)):
                held = [learned.words, *learned.held]
            self.by_code.append(held)
        if len(chunk) <= MAX_CACHED_CHARS:  # a longer one is hardly ever seen again
            self[chunk] = self[inner] = held
        return held
