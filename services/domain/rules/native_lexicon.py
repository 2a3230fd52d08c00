"""The lexicon as arrays, for the compiled loops of `chunk_kernels` and `word_kernels`."""

import secrets
from collections.abc import Sequence
from types import ModuleType

import numpy as np
from numpy.typing import NDArray

from services.domain.rules.array_lexicon import ChunkTable
from services.domain.rules.arrays import Flags
from services.domain.rules.lexicon import Code, Learn, LookedUp, Segment
from services.domain.text.analyzer import MAX_CACHED_CHARS


class NativeLexicon:
    """Chunks by their hashes.

    A chunk is known by its 64-bit hash alone, less what looking through its neighbours costs. Each lexicon keys it
    anew, so that nobody can make two chunks collide, and by chance any two of a hundred thousand do so once in a
    hundred million. It has no room for more than MAX_CODES of `vocabulary` and a part of a text.
    """

    def __init__(self, chunk_kernels: ModuleType, word_kernels: ModuleType) -> None:
        self._chunk_kernels = chunk_kernels
        self._word_kernels = word_kernels
        self._secret = np.array([secrets.randbits(64) | 1 for _ in range(2)], np.uint64)
        self._slots: NDArray[np.uint64] = np.zeros(chunk_kernels.PLACES, np.uint64)
        self._table = ChunkTable()

    def __len__(self) -> int:
        return len(self._table)

    def emptied(self) -> "NativeLexicon":
        """Return an empty one."""
        return NativeLexicon(self._chunk_kernels, self._word_kernels)

    def read(self, segments: Sequence[Segment], position: int, field_bits: Flags, learn: Learn) -> LookedUp:
        """Return the conditions that the words of these segments make true: see `Lexicon`."""
        encoded: list[bytes] = []
        numbers: list[int] = []
        for _, text, gap, bit in segments:
            encoded += text.encode("utf-8", "surrogatepass"), _END
            numbers += 0, gap, bit
        raw = b"".join((*encoded, _PADDING))
        words = np.frombuffer(raw, np.uint64, len(raw) // 8)
        stretches = np.array(numbers, np.int32).reshape(-1, 3)
        find_codes, table = self._chunk_kernels.find_codes, (self._slots, self._secret)
        codes, unknown = find_codes(words, table, stretches, len(self._table), MAX_CACHED_CHARS)
        if len(unknown):
            chunks = str(unknown.data, "utf-8", "surrogatepass").splitlines()
            self._table.append(len(chunks), learn(chunks, len(self._table)))
        look_up = self._word_kernels.look_up
        found, places, begins, end = look_up(codes, stretches, position, self._table.arrays, field_bits)
        return LookedUp(found, places, begins.tolist(), end)

    def extend(self, code: Code, word: int, condition: int) -> None:
        """Let a word of a chunk make another condition true."""
        self._table.extend(code, word, condition)


_END = b"\xff"  # after each text: no part of any character
_PADDING = bytes(24)  # after all: the last of 16 at least are whole numbers
