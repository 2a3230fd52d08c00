"""Finding the chunks of a text and their codes, as loops compiled by numba. Import this through `native` only.

Texts come as UTF-8, each followed by TEXT_END, which is no part of any character, and all by sixteen zeros at least; in
numbers of eight bytes, as eight at a time are searched for blanks and four hashed. A chunk is what stands between
blanks, as `str.split` sees them, without the marks around it that are never a part of a word.
"""

import sys
from functools import partial
from typing import TypeAlias

import numpy as np
from numba import njit
from numpy.typing import NDArray

from services.domain.rules.arrays import Flags, Indices, Ints

Bytes: TypeAlias = NDArray[np.uint8]
# Bytes, eight in a number, the first the lowest.
Eights: TypeAlias = NDArray[np.uint64]
# By the low bits of the hash of a chunk, the next place if another has it: the other bits of the hash, and in place of
# the low ones the code plus one. 0 is no chunk.
Slots: TypeAlias = NDArray[np.uint64]
_compiled = partial(njit, cache=True, nogil=True)

if sys.byteorder != "little":
    raise ImportError("the bytes of a number are in another order here than the compiled loops have them")

TEXT_END = 0xFF
PLACES = 1 << 18
# What a byte may be.
_MARK, _STOP, _LEAD, _BLANK, _END = 1, 2, 3, 4, 5
_FULL_STOP = ord(".")
_LINE_END = ord("\n")
_NOT_ASCII = 0x80
_MIX = np.uint64(0x9E3779B97F4A7C15)
_PLACE = np.uint64(PLACES - 1)
_ONES = np.uint64(0x0101010101010101)
_HIGHEST = np.uint64(0x8080808080808080)  # bit of each byte
_AFTER_BLANKS = np.uint64(0x2121212121212121)
_HALF = np.uint64(0xFFFFFFFF)
_0, _1, _3, _7, _32, _56, _63 = (np.uint64(number) for number in (0, 1, 3, 7, 32, 56, 63))


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
    first, second, third = text[at], text[at + 1], text[at + 2]
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
def _trimmed(text: Bytes, begin: int, end: int) -> tuple[int, int]:
    """Return where a chunk begins and ends without the marks around it, and without full stops if none are inside."""
    first, last = _bare(text, begin, end, True)
    for at in range(first, last):
        if text[at] == _FULL_STOP:
            return _bare(text, begin, end, False)
    return first, last


@_compiled()
def _stops(words: Eights, stops: Ints) -> int:
    """Say in `stops` where blanks may be, and return how many: all ASCII ones, and whatever begins like another."""
    count = 0
    before = -1
    for word in words:
        # Of each byte the highest bit: of small ones, which are blanks, controls or padding, and those that begin a
        # character beyond ASCII. One "!" behind a blank may be among them.
        found = ((word - _AFTER_BLANKS) & ~word | word & (word << _1)) & _HIGHEST
        while found != _0:
            lowest = found & (~found + _1)
            # One bit for each byte up to the lowest found: as many as the highest byte of the product says.
            stops[count] = before + np.int64((((lowest - _1) & _ONES) * _ONES) >> _56)
            count += 1
            found ^= lowest
        before += 8
    return count


@_compiled()
def _chunks(words: Eights, stretches: Ints) -> tuple[Ints, Ints]:
    """Return where each chunk begins and ends. Says in `stretches` how many there are up to the end of each text."""
    text = words.view(np.uint8)
    stops = np.empty(len(text), np.int32)
    last = _stops(words, stops)
    begins, ends = np.empty(last, np.int32), np.empty(last, np.int32)
    count = texts = begin = 0
    for stop in stops[:last]:
        kind, size = _KINDS[text[stop]], 1
        if kind < _BLANK:
            size = _blank_size(text, stop) if kind == _LEAD else 0
            if size == 0:
                continue
        if begin < stop:
            end = stop
            if _KINDS[text[end - 1]] == _MARK and end - begin > 1:  # most have one mark at most
                end -= 1
            if _KINDS[text[begin]] != 0 or _KINDS[text[end - 1]] != 0 or text[end - 1] >= _NOT_ASCII:
                begin, end = _trimmed(text, begin, end)
            begins[count], ends[count] = begin, end
            count += 1
        begin = stop + size
        if kind == _END:
            stretches[texts, 0] = count
            texts += 1
            if texts == len(stretches):
                break
    return begins[:count], ends[:count]


@_compiled()
def _eight(words: Eights, at: int) -> np.uint64:
    """Return the eight bytes that begin here."""
    bits = np.uint64(at & 7) << _3
    return np.uint64((words[at >> 3] >> bits) | ((words[(at >> 3) + 1] << _1) << (_63 - bits)))


@_compiled()
def _hash(words: Eights, begin: int, end: int, secret: Eights) -> np.uint64:
    """Return the hash of some bytes, of which nobody can foresee a bit who does not know the secret.

    Four bytes enter at a time, at the low end of a number that is then multiplied: so each changes all the bits above
    by what cannot be known. Eight would leave those that enter at the high end as they are.
    """
    value, factor = secret[0] + (np.uint64(end - begin) << _32), secret[1]
    while begin < end:
        eight = _eight(words, begin)
        if end - begin < 8:
            beyond = np.uint64(8 - (end - begin)) << _3
            eight = (eight << beyond) >> beyond
        value = (value ^ (eight & _HALF)) * factor
        value = (value ^ (eight >> _32)) * factor
        begin += 8
    # The low bits must depend on all bytes too.
    value = (value ^ (value >> _32)) * _MIX
    return np.uint64(value ^ (value >> np.uint64(29)))


@_compiled()
def _chars(chunk: Bytes) -> int:
    """Return how many characters a chunk has."""
    count = 0
    for byte in chunk:
        count += byte & 0xC0 != 0x80  # is the first of one
    return count


@_compiled()
def _found(slots: Slots, key: np.uint64) -> tuple[np.uint64, np.int64]:
    """Return the place of a hash, or the empty one where it belongs; and the code that is there, or -1."""
    place = key & _PLACE
    while slots[place] != _0 and (slots[place] ^ key) > _PLACE:
        place = (place + _1) & _PLACE
    return place, np.int64(slots[place] & _PLACE) - 1


@_compiled()
def find_codes(
    words: Eights, table: tuple[Slots, Eights], stretches: Ints, known: int, most_chars: int
) -> tuple[Indices, Bytes]:
    """Return the code of each chunk, and those that had none, in the order of their codes and each with a line end.

    They get the codes from `known` on. The table is of slots and secret; the slots are told of those that have not too
    many characters. `stretches` is told how many chunks there are up to the end of each text.
    """
    slots, secret = table
    begins, ends = _chunks(words, stretches)
    keys = np.empty(len(begins), np.uint64)
    # All hashes first: then the slots, which lie far apart, are fetched several at a time.
    for number in range(len(keys)):
        keys[number] = _hash(words, begins[number], ends[number], secret)
    codes, fresh = np.empty(len(keys), np.uint32), np.empty(len(keys), np.uint64)
    unknown = np.empty(8 * len(words), np.uint8)
    count = size = 0
    for number in range(len(keys)):
        place, code = _found(slots, keys[number])
        # One beyond those known is of this text, or is left from one that could not be learned.
        if 0 <= code < known or (known <= code < known + count and fresh[code - known] == keys[number]):
            codes[number] = code
            continue
        codes[number] = known + count
        fresh[count] = keys[number]
        count += 1
        chunk = words.view(np.uint8)[begins[number] : ends[number]]
        if len(chunk) <= most_chars or _chars(chunk) <= most_chars:
            slots[place] = (keys[number] & ~_PLACE) | np.uint64(known + count)
        unknown[size : size + len(chunk)] = chunk
        size += len(chunk) + 1
        unknown[size - 1] = _LINE_END
    return codes, unknown[:size]
