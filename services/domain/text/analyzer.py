"""Cut text into words at their original offsets, and say under which keys each word is found."""

import re
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from services.domain.text.english import english_readings
from services.domain.text.korean import korean_readings
from services.domain.text.normalize import (
    APOSTROPHE,
    APOSTROPHES,
    COMBINING_MARKS,
    FORMAT_CHARS,
    exact_form,
    fold,
)
from services.domain.text.stem import Script, readings, script_of

ANALYSIS_CACHE_SIZE = 1 << 16
# Longer "words" are encoded data, not language; they are matched as they stand and never cached.
MAX_CACHED_CHARS = 64
MAX_ACRONYM_CHARS = 5
MAX_UNSTEMMED_CAPITALS = 4

_HANGUL = "\u1100-\u11ff\u3131-\u318e\ua960-\ua97f\uac00-\ud7a3\ud7b0-\ud7fb"
_CJK = (
    "\u3005-\u3007\u3041-\u3096\u309d-\u309f\u30a1-\u30fa\u30fc-\u30ff\u3400-\u4dbf\u4e00-\u9fff"
    "\uf900-\ufaff\uff66-\uff9d\U00020000-\U0003ffff"
)
_LETTER = rf"[^\W\d_ʼ{_HANGUL}{_CJK}]"
_INNER = f"[{COMBINING_MARKS}{FORMAT_CHARS}]"
_LETTERS = rf"{_LETTER}++(?:{_INNER}++{_LETTER}*+)*+"
# A hyphen, and a change between digits, Hangul and other letters, part words: Suk-yeol and Suk Yeol, F-16 and F16,
# NATO가 and NATO are then the same words. Han and kana, which use no spaces, are one word a character.
# The first two alternatives are only short cuts for the commonest words, and the look ahead after them for all else.
_END_OF_PLAIN = "(?![A-Za-z'`]|[^\\x00-\\x7f])"
_TOKEN = re.compile(
    rf"[A-Za-z]{{2,}}+{_END_OF_PLAIN}"
    rf"|[А-яІіЇїЄєҐґЁё]{{2,}}+{_END_OF_PLAIN}"
    rf"|(?=\w)(?:{_LETTER}(?:\.{_LETTER}(?!\w))++\.?(?:[{APOSTROPHES}]s\b)?"  # U.S.
    rf"|{_LETTERS}(?:[{APOSTROPHES}]{_LETTERS})*+"
    rf"|\d{{1,3}}(?:,\d{{3}})++(?!\d)(?:\.\d++)?|\d++(?:\.\d++)*+"
    rf"|[{_HANGUL}](?:[{_HANGUL}]|{_INNER}(?=[{_HANGUL}]))*+"
    rf"|[{_CJK}])"
)
_SYLLABLES = re.compile("[가-힣]+")
# Never a part of a word where no letter or digit follows, nor where none stands before.
_AROUND_WORDS = ".,;:!?\"'()[]“”‘’«»…—–-/"
_ASCII_AROUND_WORDS = ".,'"
# UTF-8 bytes a character, below which a text is taken for English with some typography.
_MOSTLY_ASCII_BYTES = 1.1
# The ASCII characters that are never inside a word.
_BLANKS = {code: " " for code in range(128) if not re.match(r"[\w.,'`]", chr(code))}
# French and Italian articles and pronouns that elide before a vowel.
_ELISION = re.compile(r"(?:l|d|j|m|n|s|t|c|qu|jusqu|lorsqu|puisqu|un|dell|all|nell|dall|sull|quest)'(?=\w)")


class Token(NamedTuple):
    """One word: `surface` is the original text from `start` to `end`, in code points."""

    start: int
    end: int
    surface: str


class Analysis(NamedTuple):
    """The keys of one word: `key` is what a query for it looks up, `keys` are all under which it is found.

    `folded` is what wildcards match, `exact` are the forms that `=Exact` terms match. `key` is one of `keys`.
    """

    folded: str
    key: str
    keys: tuple[str, ...]
    exact: tuple[str, ...]


def tokens(text: str) -> Iterator[Token]:
    """Yield the words of `text` in order, in time linear in its length."""
    for found in _TOKEN.finditer(text):
        yield Token(found.start(), found.end(), found.group())


def surfaces(text: str) -> list[str]:
    """Return the words of `text` without their offsets: the same words, in the same order, as `tokens`."""
    # No word reaches across a blank, so that what stands between blanks can be cut up alone. In English nearly all of
    # it is one plain word with punctuation around, which is told in half the time that the pattern takes.
    if text.isascii():
        if text.isalpha():
            return [text]
        return _of_ascii(text.translate(_BLANKS).split())
    if len(text.encode(errors="replace")) < len(text) * _MOSTLY_ASCII_BYTES:
        return _of_mostly_ascii(text.split())
    return _TOKEN.findall(text)


def _of_ascii(chunks: Iterable[str]) -> list[str]:
    words: list[str] = []
    for chunk in chunks:
        if chunk.isalpha():
            words.append(chunk)
        elif (bare := chunk.strip(_ASCII_AROUND_WORDS)).isalpha():
            words.append(bare)
        else:
            words += _TOKEN.findall(chunk)
    return words


def _of_mostly_ascii(chunks: Iterable[str]) -> list[str]:
    words: list[str] = []
    for chunk in chunks:
        bare = chunk if chunk.isalpha() else chunk.strip(_AROUND_WORDS)
        if bare.isalpha() and bare.isascii():
            words.append(bare)
        else:
            words += _TOKEN.findall(chunk)
    return words


def spans(text: str) -> list[tuple[int, int]]:
    """Return the offsets of the words of `text`, in the order of `tokens`."""
    return [found.span() for found in _TOKEN.finditer(text)]


class _Analyses(dict[str, Analysis]):
    """Analyses of the words seen; a dict, because a call for each word of a text is what indexing costs most."""

    def __missing__(self, surface: str) -> Analysis:
        if len(surface) > MAX_CACHED_CHARS:
            folded = fold(surface)
            return Analysis(folded, folded, (folded,), (exact_form(surface),))
        if len(self) >= ANALYSIS_CACHE_SIZE:
            for oldest in list(self)[: ANALYSIS_CACHE_SIZE // 2]:
                self.pop(oldest, None)  # another thread may be doing the same
        analysis = self[surface] = _analyze_word(surface)
        return analysis


# The keys of one word of a text or a query. Not a `def`: that would double what a known word costs.
analyze: Callable[[str], Analysis] = _Analyses().__getitem__


def plain_keys(text: str) -> tuple[str, ...] | None:
    """Return the keys of a text that is one word of ASCII letters, or None if it is not, or is one of the rare others.

    They are those that `analyze` gives; this keeps nothing, which is faster for a word that is looked at once. Such a
    word is its only exact form, and folded it is in small letters.
    """
    if text.isascii() and text.isalpha() and not text.isupper() and len(text) <= MAX_CACHED_CHARS:
        return english_readings(text.lower())
    return None


def _analyze_word(surface: str) -> Analysis:
    keys = plain_keys(surface)
    if keys is not None:  # most words, so the shortest way
        return Analysis(surface.lower(), keys[0], keys, (surface,))
    if _SYLLABLES.fullmatch(surface):  # which nothing folds
        keys = korean_readings(surface)
        return Analysis(surface, keys[0], keys, (surface,))
    folded = fold(surface)
    exact = exact_form(surface)
    exact_forms = (exact, exact[:-2]) if exact.endswith("'s") and len(exact) > 2 else (exact,)
    if "." in folded and not folded[0].isdigit():
        keys = _acronym_keys(folded)
    elif exact.isupper() and 1 < len(exact) <= MAX_ACRONYM_CHARS and exact.isalpha():
        keys = _capitals_keys(folded)
    else:
        keys = _word_keys(folded, name=surface[0].isupper())
    return Analysis(folded, keys[0], keys, exact_forms)


def _word_keys(folded: str, *, name: bool) -> tuple[str, ...]:
    elided = _ELISION.match(folded) if APOSTROPHE in folded and script_of(folded) is Script.LATIN else None
    if elided is None:
        return readings(folded, name=name)
    return (folded, *readings(folded[elided.end() :], name=name))


def _acronym_keys(folded: str) -> tuple[str, ...]:
    """U.S. is found as U.S. and as US; a query for U.S. does not find the pronoun."""
    letters = folded.removesuffix("'s").replace(".", "")
    return (_dotted(letters), letters)


def _capitals_keys(folded: str) -> tuple[str, ...]:
    """Short capitals are likely an acronym: AIDS is no plural of aid, and US may be asked for as U.S."""
    words = (folded,) if len(folded) <= MAX_UNSTEMMED_CAPITALS else _word_keys(folded, name=True)
    return (*words, _dotted(folded))


def _dotted(letters: str) -> str:
    return "".join(f"{letter}." for letter in letters)
