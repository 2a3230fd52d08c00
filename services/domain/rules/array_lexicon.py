"""The lexicon as arrays, looked up in numpy: for more words than a dict finds without missing the cache."""

from bisect import bisect_right
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from services.domain.rules.arrays import NO_INTS, Flags, IntArray, Ints, stretch
from services.domain.rules.lexicon import Code, Learn, Learned, LookedUp, Segment, bare
from services.domain.text.analyzer import MAX_CACHED_CHARS

_NONE = -1  # in place of the code of a chunk not seen before
_PLACES = 1 << 19
_MIN_CHUNKS = 1 << 10


class ChunkTable:
    """By code, the conditions that a chunk makes true, each with the number of its word, in rising order of these."""

    def __init__(self) -> None:
        # Of each its number of words but for the first, and where its conditions begin and end: most are all zeros.
        self._chunks: Ints = np.zeros((_MIN_CHUNKS, 3), np.int32)
        self._size = 0
        self._held = IntArray()  # conditions, each followed by the number of its word
        self._settle()

    def __len__(self) -> int:
        return self._size

    def append(self, count: int, learned: Sequence[Learned]) -> None:
        """Add so many chunks, of which these are more than one word that makes nothing true."""
        first = self._size
        self._size += count
        if self._size > len(self._chunks):
            grown = np.zeros((2 * self._size, 3), np.int32)
            grown[:first] = self._chunks[:first]
            self._chunks = grown
        for at, words, held in learned:
            begin = self._held.extend(held) >> 1
            self._chunks[first + at] = words - 1, begin, begin + (len(held) >> 1)
        self._settle()

    def extend(self, code: Code, word: int, condition: int) -> None:
        """Let a word of a chunk make another condition true: what the chunk had moves to the end."""
        chunk = self._chunks[code]
        held = self.arrays[1][chunk[1] : chunk[2]].ravel().tolist()
        at = 2 * bisect_right(held[1::2], word)
        chunk[1] = self._held.extend([*held[:at], condition, word, *held[at:]]) >> 1
        chunk[2] = len(self._held) >> 1
        self._settle()

    def _settle(self) -> None:
        """Say in `arrays` what there is now: `_chunks`, with zeros behind the last, and `_held` in pairs."""
        self.arrays = self._chunks, self._held.view.reshape(-1, 2)


class ArrayLexicon:
    """Chunks by their hashes, all of an article looked up in a few array steps.

    A chunk is known by its 64-bit hash alone. Each process keys it anew, so that nobody can make two chunks collide,
    and by chance any two of a full table do so once in two billion.
    """

    def __init__(self) -> None:
        self._hashes: NDArray[np.int64] = np.zeros(_PLACES, np.int64)
        self._codes: Ints = np.full(_PLACES, _NONE, np.int32)
        self._displaced: dict[int, Code] = {}  # codes of those whose place another had before
        self._kept = 0
        self._table = ChunkTable()

    def __len__(self) -> int:
        return max(self._kept, len(self._table))

    def emptied(self) -> "ArrayLexicon":
        """Return an empty one."""
        return ArrayLexicon()

    def extend(self, code: Code, word: int, condition: int) -> None:
        """Let a word of a chunk make another condition true."""
        self._table.extend(code, word, condition)

    def read(self, segments: Sequence[Segment], position: int, field_bits: Flags, learn: Learn) -> LookedUp:
        """Return the conditions that the words of these segments make true: see `Lexicon`."""
        chunks: list[str] = []
        ends: list[int] = []
        for segment in segments:
            chunks += segment.text.split()
            ends.append(len(chunks))
        codes = self._codes_of(chunks, learn)
        return self._look_up(codes, np.array(ends), segments, position, field_bits)

    def _codes_of(self, chunks: list[str], learn: Learn) -> Ints:
        hashes = np.fromiter(map(hash, chunks), np.int64, len(chunks))
        places = hashes & (_PLACES - 1)
        codes = self._codes.take(places)
        strange: list[tuple[int, str]] = []
        for at in (self._hashes.take(places) != hashes).nonzero()[0].tolist():
            code = codes[at] = self._displaced.get(int(hashes[at]), _NONE)
            if code == _NONE:
                strange.append((at, chunks[at]))
        if strange:
            given = self._learn([chunk for _, chunk in strange], learn)
            for at, chunk in strange:
                codes[at] = given[chunk]
        return codes

    def _learn(self, chunks: Iterable[str], learn: Learn) -> dict[str, Code]:
        """Give chunks codes, those of their words without the marks around them if these are known."""
        given: dict[str, Code] = {}
        fresh: dict[str, Code] = {}
        first = len(self._table)
        for chunk in chunks:
            if chunk not in given:
                inner = bare(chunk)
                code = self._code(inner)
                given[chunk] = fresh.setdefault(inner, first + len(fresh)) if code == _NONE else code
        self._table.append(len(fresh), learn([*fresh], first))
        for chunk, code in {**fresh, **given}.items():
            self._keep(chunk, code)
        return given

    def _code(self, chunk: str) -> Code:
        key = hash(chunk)
        place = key & (_PLACES - 1)
        return int(self._codes[place]) if self._hashes[place] == key else self._displaced.get(key, _NONE)

    def _keep(self, chunk: str, code: Code) -> None:
        if len(chunk) > MAX_CACHED_CHARS:  # hardly ever seen again
            return
        key = hash(chunk)
        place = key & (_PLACES - 1)
        self._kept += 1
        if self._codes[place] == _NONE:
            self._codes[place], self._hashes[place] = code, key
        else:
            self._displaced[key] = code

    def _look_up(
        self, codes: Ints, ends: NDArray[np.int64], segments: Sequence[Segment], position: int, field_bits: Flags
    ) -> LookedUp:
        chunks, held = self._table.arrays
        numbers = chunks.take(codes, 0)
        words_before = np.zeros(len(codes) + 1, np.int32)
        (numbers[:, 0] + np.int32(1)).cumsum(out=words_before[1:])
        sizes = np.diff(ends, prepend=0)
        # Each segment begins as many words further on as there are gaps before it, its own included.
        moved = np.array([segment.gap for segment in segments]).cumsum(dtype=np.int32) + np.int32(position)
        begins = words_before.take(ends - sizes) + moved
        end = int(words_before[-1]) + int(moved[-1])
        counts = numbers[:, 2] - numbers[:, 1]
        some = counts.nonzero()[0]
        if not len(some):
            return LookedUp(NO_INTS, NO_INTS, begins.tolist(), end)
        at, owners = stretch(numbers[some, 1], counts.take(some))
        segment_of = np.arange(len(sizes)).repeat(sizes).take(some)
        positions = words_before.take(some) + moved.take(segment_of)
        found, places = held[:, 0].take(at), positions.take(owners) + held[:, 1].take(at)
        if len(field_bits) > 1:
            # Those beyond the end of the array look in the whole content.
            bits = np.array([segment.bit for segment in segments], np.uint8)
            kept = (field_bits.take(found, mode="clip") & bits.take(segment_of).take(owners)).nonzero()[0]
            found, places = found.take(kept), places.take(kept)
        return LookedUp(found, places, begins.tolist(), end)
