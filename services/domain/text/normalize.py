"""Fold text so that spellings of one word compare equal."""

import re
import unicodedata

APOSTROPHE = "'"
APOSTROPHES = "'’‘ʼ‛`´′＇"

# What HTML and word processors put inside words without meaning a break: soft hyphen, joiners, direction marks.
FORMAT_CHARS = "\u00ad\u200c\u200d\u200e\u200f\u202a-\u202e\u2060\u2066-\u2069\ufeff"
COMBINING_MARKS = "\u0300-\u036f\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f"

_LONE_SURROGATE = re.compile("[\ud800-\udfff]")
_DROPPED = re.compile(f"[{FORMAT_CHARS}{COMBINING_MARKS}]")

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
