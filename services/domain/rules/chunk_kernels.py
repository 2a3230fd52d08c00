"""Finding the chunks of a text and their codes, as loops compiled by numba. Import this through `native` only.

Texts come as UTF-8, each followed by TEXT_END, which is no part of any character. A chunk is what stands between
blanks, as `str.split` sees them, without the marks around it that are never a part of a word.
"""

from functools import partial
from typing import TypeAlias

import numpy as np
from numba import njit
from numpy.typing import NDArray

from services.domain.rules.arrays import Flags, Ints

Bytes: TypeAlias = NDArray[np.uint8]
Hashes: TypeAlias = NDArray[np.uint64]
# Two numbers for each place: the hash of a chunk, and its code plus one; 0 is no chunk.
Slots: TypeAlias = NDArray[np.int64]
# Of each chunk that has no code: its number, where it begins and ends, and its hash.
Unknown: TypeAlias = NDArray[np.int64]
_compiled = partial(njit, cache=True, nogil=True)

TEXT_END = 0xFF
_NO_CODE = -1
# What a byte may be.
_MARK, _STOP, _LEAD, _BLANK, _END = 1, 2, 3, 4, 5
_FULL_STOP = ord(".")
_NOT_ASCII = 0x80
_MIX = np.uint64(0x9E3779B97F4A7C15)


def _kinds() -> Flags:
    kinds = np.zeros(256, np.uint8)
    for char in "\t\n\v\f\r\x1c\x1d\x1e\x1f ":
        kinds[ord(char)] = _BLANK
    for char in ",;:!?\"'()[]-/":
        kinds[ord(char)] = _MARK
    kinds[_FULL_STOP] = _STOP
    kinds[[0xC2, 0xE1, 0xE2, 0xE3]] = _LEAD  # of blanks beyond ASCII
    kinds[TEXT_END] = _END
    return kinds


_KINDS = _kinds()


@_compiled()
def _blank_size(text: Bytes, at: int) -> int:
    """Return of how many bytes the blank beyond ASCII is that begins here; 0 if there is none."""
    first, second, third = text[at], text[at + 1], text[min(at + 2, len(text) - 1)]
    if first == 0xC2:
        return 2 if second in (0x85, 0xA0) else 0
    if first == 0xE2 and second == 0x80:
        return 3 if 0x80 <= third <= 0x8A or third in (0xA8, 0xA9, 0xAF) else 0
    if first == 0xE2:
        return 3 if second == 0x81 and third == 0x9F else 0
    if first == 0xE3:
        return 3 if second == 0x80 and third == 0x80 else 0
    return 3 if second == 0x9A and third == 0x80 else 0


@_compiled()
def _is_wide_mark(text: Bytes, at: int) -> bool:
    """Say whether the three bytes here are a dash, a curly quote or an ellipsis."""
    third = text[at + 2]
    return text[at] == 0xE2 and text[at + 1] == 0x80 and (third in (0x93, 0x94, 0x98, 0x99, 0x9C, 0x9D, 0xA6))


@_compiled()
def _bare(text: Bytes, begin: int, end: int, dots: bool) -> tuple[int, int]:
    """Return where a chunk begins and ends without the marks around it; full stops only go with `dots`."""
    while begin < end:
        kind = _KINDS[text[begin]]
        if kind == _MARK or (dots and kind == _STOP):
            begin += 1
        elif kind == _LEAD and end - begin > 2 and _is_wide_mark(text, begin):
            begin += 3
        else:
            break
    while begin < end:
        kind = _KINDS[text[end - 1]]
        if kind == _MARK or (dots and kind == _STOP):
            end -= 1
        elif kind == 0 and text[end - 1] >= _NOT_ASCII and end - begin > 2 and _is_wide_mark(text, end - 3):
            end -= 3
        else:
            break
    return begin, end


@_compiled()
def _mixed(value: np.uint64) -> np.int64:
    """Return a hash whose low bits depend on all bytes."""
    value = (value ^ (value >> np.uint64(32))) * _MIX
    return np.int64(value ^ (value >> np.uint64(29)))


@_compiled()
def _hash(text: Bytes, begin: int, end: int, secret: Hashes) -> np.int64:
    """Return the hash of some bytes."""
    value = secret[0]
    for at in range(begin, end):
        value = (value ^ np.uint64(text[at])) * secret[1]
    return _mixed(value)


@_compiled()
def _trimmed(text: Bytes, begin: int, end: int) -> tuple[int, int]:
    """Return where a chunk begins and ends without the marks around it, and without full stops if none are inside."""
    first, last = _bare(text, begin, end, True)
    for at in range(first, last):
        if text[at] == _FULL_STOP:
            return _bare(text, begin, end, False)
    return first, last


@_compiled()
def _end_of(text: Bytes, at: int, secret: Hashes) -> tuple[int, int, np.int64]:
    """Return where the chunk that begins here ends, how large the blank beyond ASCII behind it is, and its hash."""
    value, factor = secret[0], secret[1]
    kind = _KINDS[text[at]]
    while kind < _BLANK:
        if kind == _LEAD:
            blank = _blank_size(text, at)
            if blank > 0:
                return at, blank, _mixed(value)
        value = (value ^ np.uint64(text[at])) * factor
        at += 1
        kind = _KINDS[text[at]]
    return at, 0, _mixed(value)


@_compiled()
def _place(slots: Slots, key: np.int64) -> int:
    """Return the place of a hash, or the empty one where it belongs."""
    mask = np.int64(len(slots) - 1)
    place = key & mask
    while slots[place, 1] != 0 and slots[place, 0] != key:
        place = (place + 1) & mask
    return int(place)


@_compiled()
def find_codes(text: Bytes, slots: Slots, secret: Hashes, stretches: Ints) -> tuple[Ints, Unknown]:
    """Return the code of each chunk, and those without one. Says in `stretches` where the chunks of each text end."""
    most = len(text) // 2 + 1
    codes = np.empty(most, np.int32)
    unknown = np.empty((most, 4), np.int64)
    count = strange = texts = at = 0
    while at < len(text):
        kind = _KINDS[text[at]]
        if kind >= _BLANK:
            if kind == _END:
                stretches[texts, 0] = count
                texts += 1
            at += 1
            continue
        begin = at
        end, blank, key = _end_of(text, at, secret)
        at = end + blank
        if begin == end:
            continue
        if _KINDS[text[begin]] != 0 or _KINDS[text[end - 1]] != 0 or text[end - 1] >= _NOT_ASCII:
            begin, end = _trimmed(text, begin, end)
            key = _hash(text, begin, end, secret)
        codes[count] = slots[_place(slots, key), 1] - 1
        if codes[count] == _NO_CODE:
            unknown[strange] = count, begin, end, key
            strange += 1
        count += 1
    return codes[:count], unknown[:strange]


@_compiled()
def keep_codes(slots: Slots, kept: NDArray[np.int64]) -> None:
    """Keep the code of each of these hashes."""
    for at in range(len(kept)):
        place = _place(slots, kept[at, 0])
        slots[place, 0] = kept[at, 0]
        slots[place, 1] = kept[at, 1] + 1
