"""Look Russian word forms up in the OpenCorpora dictionary (package pymorphy3-dicts-ru).

Only its words and paradigms are read, not its tags and predictions: that is a fifth of the time and memory. Its words
are a graph of bytes (a DAWG), gone through here by hand: the package for that takes twice as long.
"""

import json
from array import array
from binascii import a2b_base64
from collections.abc import Iterator, Sequence
from functools import cache, lru_cache
from pathlib import Path
from struct import Struct
from sys import byteorder
from typing import BinaryIO

import pymorphy3_dicts_ru

# Two big-endian numbers a form, the paradigm and the place in it.
_ENTRY = Struct(">HH")
_PARADIGM_PREFIXES = ("", "по", "наи")
_E_OR_YO = (("е", "е".encode()), ("ё", "ё".encode()))
_SEPARATOR = b"\x01"
# A unit of the graph holds the label that leads to it, where its children begin, and whether a word ends at it.
_LABEL = 1 << 31 | 0xFF
_ENDS = 1 << 8
_FAR = 1 << 9
ENTRIES_CACHE_SIZE = 1 << 14

Entry = tuple[int, ...]


class WordGraph:
    """Words as a graph of their bytes, each followed by the entries it has. A node is a number; 0 is where all begin.

    `units` and `guide` are as the dawgdic library stores them: the guide names each node's first child and next
    sibling.
    """

    def __init__(self, units: Sequence[int], guide: Sequence[int]) -> None:
        self._units = units
        self._guide = guide
        self._entries_at = lru_cache(ENTRIES_CACHE_SIZE)(self._read_entries)  # many words share them

    def entries(self, word: str) -> Iterator[tuple[str, tuple[Entry, ...]]]:
        """Yield each word of the graph that is `word` with any of its е taken for ё, with its entries."""
        first, *others = word.split("е")
        found = [(first, self._follow(0, first.encode()))]
        for part in others:
            raw = part.encode()
            found = [
                (form + letter + part, self._follow(node, raw_letter + raw))
                for form, node in found
                if node is not None
                for letter, raw_letter in _E_OR_YO
            ]
        for form, node in found:
            end = None if node is None else self._follow(node, _SEPARATOR)
            if end is not None:
                yield form, self._entries_at(end)

    def _follow(self, node: int, raw: bytes) -> int | None:
        units = self._units
        for label in raw:
            unit = units[node]
            node ^= (unit >> 10 << ((unit & _FAR) >> 6)) ^ label
            if units[node] & _LABEL != label:
                return None
        return node

    def _read_entries(self, node: int) -> tuple[Entry, ...]:
        found: list[Entry] = []
        waiting = [(node, b"")]
        while waiting:
            node, raw = waiting.pop()
            unit = self._units[node]
            if unit & _ENDS:
                found.append(_ENTRY.unpack(a2b_base64(raw)))
            children = []
            label = self._guide[2 * node]
            while label:
                child = node ^ (unit >> 10 << ((unit & _FAR) >> 6)) ^ label
                children.append((child, raw + bytes((label,))))
                label = self._guide[2 * child + 1]
            waiting += reversed(children)
        return tuple(found)


class RussianDictionary:
    """The dictionary forms of some five million Russian word forms."""

    def __init__(self, words: WordGraph, paradigms: Sequence[Sequence[int]], suffixes: Sequence[str]) -> None:
        self.words = words
        self._paradigms = paradigms
        self._suffixes = suffixes

    def lemmas(self, word: str) -> tuple[str, ...]:
        """Return the dictionary forms, folded, of a folded word; none if it is unknown."""
        found = (self._lemma(form, *entry) for form, entries in self.words.entries(word) for entry in entries)
        return tuple(dict.fromkeys(lemma.replace("ё", "е") for lemma in found))

    def _lemma(self, form: str, paradigm_number: int, place: int) -> str:
        """Put the first suffix of a paradigm where the form has its own; prefixes are those of comparatives."""
        paradigm = self._paradigms[paradigm_number]
        size = len(paradigm) // 3
        prefix = _PARADIGM_PREFIXES[paradigm[2 * size + place]]
        stem = form.removeprefix(prefix).removesuffix(self._suffixes[paradigm[place]])
        return _PARADIGM_PREFIXES[paradigm[2 * size]] + stem + self._suffixes[paradigm[0]]


@cache
def russian_dictionary() -> RussianDictionary:
    """Return the dictionary, which is read when it is first asked for."""
    data = Path(pymorphy3_dicts_ru.get_path())
    with (data / "words.dawg").open("rb") as file:
        units = _numbers(file, "I", 1)
        guide = _numbers(file, "B", 2)
    suffixes = json.loads((data / "suffixes.json").read_text("utf-8"))
    return RussianDictionary(WordGraph(units, guide), _paradigms((data / "paradigms.array").read_bytes()), suffixes)


def _numbers(file: BinaryIO, kind: str, each: int) -> "array[int]":
    """Read so many numbers for each unit, of which there are as many as the first four bytes say."""
    count = int.from_bytes(file.read(4), "little")
    numbers = array(kind)
    numbers.frombytes(file.read(count * each * numbers.itemsize))
    if byteorder == "big":
        numbers.byteswap()
    return numbers


def _paradigms(stored: bytes) -> list[Sequence[int]]:
    """Cut the stored paradigms apart: a count, then each one with its length in front, all 16 bit little-endian."""
    numbers = array("H", stored)
    if byteorder == "big":
        numbers.byteswap()
    paradigms: list[Sequence[int]] = []
    at = 1
    for _ in range(numbers[0]):
        at += 1
        paradigms.append(numbers[at : at + numbers[at - 1]])
        at += numbers[at - 1]
    return paradigms
