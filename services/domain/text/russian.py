"""Look Russian word forms up in the OpenCorpora dictionary (package pymorphy3-dicts-ru).

Only its words and paradigms are read, not its tags and predictions: that is a fifth of the time and memory.
"""

import json
from array import array
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from sys import byteorder

import pymorphy3_dicts_ru
from dawg_python import RecordDAWG

# How the dictionary's own analyzer reads it: two big-endian numbers a form, the paradigm and the place in it.
_ENTRY = ">HH"
_PARADIGM_PREFIXES = ("", "по", "наи")


class RussianDictionary:
    """The dictionary forms of some five million Russian word forms."""

    def __init__(self, words: RecordDAWG, paradigms: Sequence[Sequence[int]], suffixes: Sequence[str]) -> None:
        self._words = words
        self._paradigms = paradigms
        self._suffixes = suffixes
        self._replaces = RecordDAWG.compile_replaces({"е": "ё"})

    def lemmas(self, word: str) -> tuple[str, ...]:
        """Return the dictionary forms, folded, of a folded word; none if it is unknown."""
        if "е" in word:
            items = self._words.similar_items(word, self._replaces)
        else:
            items = [(word, entries)] if (entries := self._words.get(word)) else []
        found = (self._lemma(form, *entry) for form, entries in items for entry in entries)
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
    words = RecordDAWG(_ENTRY).load(str(data / "words.dawg"))
    suffixes = json.loads((data / "suffixes.json").read_text("utf-8"))
    return RussianDictionary(words, _paradigms((data / "paradigms.array").read_bytes()), suffixes)


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
