"""The lexicon as arrays, for the compiled loops of `chunk_kernels` and `word_kernels`."""

import secrets
from collections.abc import Sequence
from types import ModuleType

import numpy as np
from numpy.typing import NDArray

from services.domain.rules.array_lexicon import ChunkTable
from services.domain.rules.arrays import Flags, Ints
from services.domain.rules.lexicon import Code, Learn, LookedUp, Segment
from services.domain.text.analyzer import MAX_CACHED_CHARS

_PLACES = 1 << 18


class NativeLexicon:
    """Chunks by their hashes.

    A chunk is known by its 64-bit hash alone. Each lexicon keys it anew, so that nobody can make two chunks collide,
    and by chance any two of a hundred thousand do so once in two billion.
    """

    def __init__(self, chunk_kernels: ModuleType, word_kernels: ModuleType) -> None:
        self._chunk_kernels = chunk_kernels
        self._word_kernels = word_kernels
        self._secret = np.array([secrets.randbits(64) | 1 for _ in range(2)], np.uint64)
        self._slots: NDArray[np.int64] = np.zeros((_PLACES, 2), np.int64)
        self._table = ChunkTable()

    def __len__(self) -> int:
        return len(self._table)

    def emptied(self) -> "NativeLexicon":
        """Return an empty one."""
        return NativeLexicon(self._chunk_kernels, self._word_kernels)

    def read(self, segments: Sequence[Segment], position: int, field_bits: Flags, learn: Learn) -> LookedUp:
        """Return the conditions that the words of these segments make true: see `Lexicon`."""
        encoded = [part for segment in segments for part in (segment.text.encode(errors="surrogatepass"), _END)]
        raw = b"".join(encoded)
        stretches = np.array([(0, segment.gap, segment.bit) for segment in segments], np.int32)
        text = np.frombuffer(raw, np.uint8)
        codes, unknown = self._chunk_kernels.find_codes(text, self._slots, self._secret, stretches)
        if len(unknown):
            self._learn(raw, codes, unknown, learn)
        look_up = self._word_kernels.look_up
        found, places, begins, end = look_up(codes, stretches, position, self._table.arrays, field_bits)
        return LookedUp(found, places, begins.tolist(), end)

    def extend(self, code: Code, word: int, condition: int) -> None:
        """Let a word of a chunk make another condition true."""
        self._table.extend(code, word, condition)

    def _learn(self, raw: bytes, codes: Ints, unknown: NDArray[np.int64], learn: Learn) -> None:
        """Give codes to chunks that have none."""
        fresh: dict[int, Code] = {}
        kept: list[tuple[int, Code]] = []
        for at, begin, end, key in unknown.tolist():
            code = fresh.get(key)
            if code is None:
                chunk = raw[begin:end].decode(errors="surrogatepass")
                fresh[key] = code = self._table.append(learn(chunk, len(self._table)))
                if len(chunk) <= MAX_CACHED_CHARS:  # a longer one is hardly ever seen again
                    kept.append((key, code))
            codes[at] = code
        if kept:
            self._chunk_kernels.keep_codes(self._slots, np.array(kept, np.int64))


_END = b"\xff"  # after each text: no part of any character
