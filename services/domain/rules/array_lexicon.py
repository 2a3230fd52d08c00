"""The lexicon as arrays, looked up in numpy: for more words than a dict finds without missing the cache."""

from bisect import bisect_right
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from services.domain.rules.arrays import NO_INTS, Flags, IntArray, Ints, stretch
from services.domain.rules.lexicon import Code, Learn, Learned, LookedUp, Segment, bare
from services.domain.text.analyzer import MAX_CACHED_CHARS

_NONE = -1  # in place of the code of a chunk not seen before
_PLACES = 1 << 19


class ChunkTable:
    """By code, the conditions that a chunk makes true, each with the number of its word, in rising order of these."""

    def __init__(self) -> None:
        self._chunks = IntArray()  # of each its number of words, and where its conditions begin and end
        self._conditions = IntArray()
        self._offsets = IntArray()

    def __len__(self) -> int:
        return len(self._chunks) // 3

    def append(self, learned: Learned) -> Code:
        """Add a chunk; return its code."""
        begin = end = len(self._conditions)
        if learned.conditions:
            self._conditions.extend(learned.conditions)
            self._offsets.extend(learned.offsets)
            end += len(learned.conditions)
        return self._chunks.extend((learned.words, begin, end)) // 3

    def extend(self, code: Code, word: int, condition: int) -> None:
        """Let a word of a chunk make another condition true: what the chunk had moves to the end."""
        chunk = self.arrays[0][code]
        conditions = self._conditions.view[chunk[1] : chunk[2]].tolist()
        offsets = self._offsets.view[chunk[1] : chunk[2]].tolist()
        at = bisect_right(offsets, word)
        chunk[1] = self._conditions.extend([*conditions[:at], condition, *conditions[at:]])
        chunk[2] = len(self._conditions)
        self._offsets.extend([*offsets[:at], word, *offsets[at:]])

    @property
    def arrays(self) -> tuple[Ints, Ints, Ints]:
        """Return by code the number of words, and where its conditions begin and end; then all conditions, and the
        number of the word of each."""
        return self._chunks.view.reshape(-1, 3), self._conditions.view, self._offsets.view


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
        fresh: dict[str, Code] = {}
        for at in (self._hashes.take(places) != hashes).nonzero()[0].tolist():
            chunk = chunks[at]
            code = self._displaced.get(int(hashes[at]), _NONE)
            if code == _NONE:
                code = fresh[chunk] = fresh[chunk] if chunk in fresh else self._learn(chunk, learn)
            codes[at] = code
        return codes

    def _learn(self, chunk: str, learn: Learn) -> Code:
        """Give a chunk a code, that of its words without the marks around them if that is known."""
        inner = bare(chunk)
        code = self._code(inner)
        if code == _NONE:
            code = self._table.append(learn(inner, len(self._table)))
            self._keep(inner, code)
        if inner != chunk:
            self._keep(chunk, code)
        return code

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
        chunks, conditions, offsets = self._table.arrays
        numbers = chunks.take(codes, 0)
        words_before = np.zeros(len(codes) + 1, np.int32)
        numbers[:, 0].cumsum(out=words_before[1:])
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
        found, places = conditions.take(at), positions.take(owners) + offsets.take(at)
        if len(field_bits) > 1:
            # Those beyond the end of the array look in the whole content.
            bits = np.array([segment.bit for segment in segments], np.uint8)
            kept = (field_bits.take(found, mode="clip") & bits.take(segment_of).take(owners)).nonzero()[0]
            found, places = found.take(kept), places.take(kept)
        return LookedUp(found, places, begins.tolist(), end)
