"""Fold text so that spellings of one word compare equal, and map folded offsets back to the original."""

import re
import unicodedata
from typing import NamedTuple

APOSTROPHE = "'"
APOSTROPHES = "'’‘ʼ‛`´′＇"

# What HTML and word processors put inside words without meaning a break: soft hyphen, joiners, direction marks.
FORMAT_CHARS = "\u00ad\u200c\u200d\u200e\u200f\u202a-\u202e\u2060\u2066-\u2069\ufeff"
COMBINING_MARKS = "\u0300-\u036f\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f"

_LONE_SURROGATE = re.compile("[\ud800-\udfff]")
_DROPPED = re.compile(f"[{FORMAT_CHARS}{COMBINING_MARKS}]")
# One base with what composes onto it; conjoining jamo of one Hangul syllable compose too.
_CLUSTER = re.compile(
    rf"[\u1100-\u115f\ua960-\ua97f][\u1160-\u11ff{FORMAT_CHARS}{COMBINING_MARKS}]*"
    rf"|[\uac00-\ud7a3][\u11a8-\u11ff{FORMAT_CHARS}{COMBINING_MARKS}]*"
    rf"|(?s:.)[{FORMAT_CHARS}{COMBINING_MARKS}]*"
)

_LETTERS = {
    "ё": "е",
    "ѐ": "е",
    "ѝ": "и",
    # Latin letters whose stroke or ligature Unicode does not decompose.
    "ø": "o",
    "đ": "d",
    "ð": "d",
    "ł": "l",
    "ħ": "h",
    "ı": "i",
    "ŋ": "n",
    "æ": "ae",
    "œ": "oe",
    "þ": "th",
}


class _FoldTable(dict[int, str | None]):
    """A `str.translate` table that works out each character once; as large as the characters ever seen."""

    def __missing__(self, code: int) -> str | None:
        folded = _fold_char(chr(code))
        self[code] = folded
        return folded


def _fold_char(char: str) -> str | None:
    if char in APOSTROPHES:
        return APOSTROPHE
    if char in _LETTERS:
        return _LETTERS[char]
    if _DROPPED.match(char):
        return None
    if "！" <= char <= "～":  # fullwidth ASCII, as Korean and Japanese outlets type it
        return chr(ord(char) - 0xFEE0).lower()
    if unicodedata.name(char, "").startswith(("LATIN", "GREEK")):
        bare = "".join(part for part in unicodedata.normalize("NFD", char) if not unicodedata.combining(part))
        return "".join(_LETTERS.get(part, part) for part in bare) or None
    return char


_TABLE = _FoldTable()


def fold(text: str) -> str:
    """Return `text` without case, Latin and Greek diacritics, stress marks and apostrophe variants.

    Cyrillic letters stay apart (й from и, і ї є ґ), except that ё folds to е. Folding twice changes nothing.
    """
    if text.isascii():
        return text.lower().replace("`", APOSTROPHE)
    composed = unicodedata.normalize("NFC", text).casefold()
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", composed).translate(_TABLE))


class Folded(NamedTuple):
    """Folded text with the way back: folded character i came from `original[starts[i]:ends[i]]`."""

    text: str
    starts: tuple[int, ...]
    ends: tuple[int, ...]

    def span(self, start: int, end: int) -> tuple[int, int]:
        """Return the original span that the folded characters `start` to `end` (at least one) came from."""
        if not 0 <= start < end <= len(self.text):
            raise ValueError(f"no folded characters from {start} to {end} in a text of {len(self.text)}")
        return self.starts[start], self.ends[end - 1]


def fold_mapped(text: str) -> Folded:
    """Fold `text` and keep, for each folded character, the original span it came from."""
    parts: list[str] = []
    starts: list[int] = []
    ends: list[int] = []
    for cluster in _CLUSTER.finditer(text):
        folded = fold(cluster.group())
        parts.append(folded)
        starts.extend([cluster.start()] * len(folded))
        ends.extend([cluster.end()] * len(folded))
    return Folded("".join(parts), tuple(starts), tuple(ends))


def exact_form(text: str) -> str:
    """Return `text` with case kept: composed, one kind of apostrophe, no invisible format characters."""
    if text.isascii():
        return text
    composed = unicodedata.normalize("NFC", _FORMAT.sub("", text))
    return _APOSTROPHES.sub(APOSTROPHE, composed)


_FORMAT = re.compile(f"[{FORMAT_CHARS}]")
_APOSTROPHES = re.compile(f"[{APOSTROPHES}]")


def printable(text: str) -> str:
    """Return `text` with lone surrogates, which no contract can carry, replaced one for one by U+FFFD."""
    return _LONE_SURROGATE.sub("\ufffd", text)
