"""Find the sentences of a text: English, Russian, Ukrainian and Korean, in time linear in its length.

In doubt two sentences stay one: a reader loses nothing by an excerpt that is a little long.
"""

import re
from collections.abc import Iterator
from itertools import pairwise
from typing import NamedTuple


class Span(NamedTuple):
    """Code points from `start` to `end`, end exclusive."""

    start: int
    end: int


_QUOTES_CLOSING = "\"'”’»›)\\]」』"
_QUOTES_OPENING = "\"'“‘«„‹(\\[「『"
_PARAGRAPH_BREAK = re.compile(r"\n(?:[^\S\n]*+\n)++|\u2029")
_LINE_BREAK = re.compile(r"\r\n|[\n\r\u2028]")
# A terminator with its closing quotes, in front of a blank; Han full stops need no blank. The lookbehind keeps a long
# run of dots from being tried from each of its dots.
_STOP = re.compile(rf"(?<![.!?…])[.!?…]++[{_QUOTES_CLOSING}]*+(?=\s)|[。！？]++[{_QUOTES_CLOSING}]*+")
_NEXT = re.compile(rf"\s*[{_QUOTES_OPENING}—–-]*\s*")
_LAST_WORD = re.compile(r"(?:\w\.)*\w+\Z")
_WORD = re.compile(r"\w+")
_CONTINUES_DATE = re.compile("[\\d\uac00-\ud7a3]")

# Words that end in a full stop inside a sentence, in front of a name, a number or the rest of the phrase.
_ABBREVIATIONS = frozenset(
    (
        *("mr", "mrs", "ms", "dr", "prof", "st", "gen", "lt", "col", "maj", "capt", "cmdr", "adm", "sgt", "brig"),
        *("gov", "sen", "rep", "pres", "amb", "rev", "hon", "supt", "messrs", "jan", "feb", "mar", "apr", "jun"),
        *("jul", "aug", "sep", "sept", "oct", "nov", "dec", "vs", "etc", "approx", "dept", "est"),
        *("e.g", "i.e", "cf", "al", "ft", "mt", "ca"),
        *("г", "гг", "т.е", "т.к", "т.н", "т.д", "т.п", "им", "ул", "руб", "коп", "млн", "млрд", "трлн", "тыс", "др"),
        *("пр", "см", "акад", "проф", "ген", "гос", "св", "обл", "пос", "чел", "экз", "напр"),
        *("р", "рр", "ім", "вул", "грн", "тис", "див", "с", "м", "зам", "кв", "тов", "о", "доц"),
    )
)
_BEFORE_NUMBER = frozenset(("no", "nos", "art", "para", "fig", "vol", "pp", "ст", "стр", "п", "пп"))
# A dotted acronym may end a sentence; it does if one of these follows.
_STARTERS = frozenset(
    (
        *("the", "a", "an", "he", "she", "it", "they", "we", "i", "his", "her", "its", "their", "this", "that"),
        *("these", "those", "there", "in", "on", "at", "but", "and", "when", "while", "after", "before", "as"),
        *("however", "meanwhile", "according"),
    )
)
# Lines of a hard-wrapped paragraph are this long, all but its last.
_WRAPPED_LINE = range(50, 101)


def sentences(text: str) -> tuple[Span, ...]:
    """Return the sentences of `text` in order, without the blanks around them; blank lines always part sentences."""
    return tuple(
        span
        for paragraph in _paragraphs(text)
        for line in _lines(text, paragraph)
        for sentence in _sentences_in(text, line)
        if (span := trimmed(text, sentence))
    )


def _paragraphs(text: str) -> Iterator[Span]:
    return _pieces(text, Span(0, len(text)), _PARAGRAPH_BREAK)


def _lines(text: str, paragraph: Span) -> Iterator[Span]:
    """Yield the parts of a paragraph that line breaks hold apart; wrapped lines and lower-case ones run on."""
    lines = list(_pieces(text, paragraph, _LINE_BREAK))
    wrapped = len(lines) > 1 and all(line.end - line.start in _WRAPPED_LINE for line in lines[:-1])
    start = paragraph.start
    for line, following in pairwise(lines):
        if not wrapped and not text[following.start : following.start + 1].islower():
            yield Span(start, line.end)
            start = following.start
    yield Span(start, paragraph.end)


def _pieces(text: str, span: Span, separator: re.Pattern[str]) -> Iterator[Span]:
    start = span.start
    for found in separator.finditer(text, span.start, span.end):
        yield Span(start, found.start())
        start = found.end()
    yield Span(start, span.end)


def _sentences_in(text: str, line: Span) -> Iterator[Span]:
    start = line.start
    for stop in _STOP.finditer(text, line.start, line.end):
        if _ends_sentence(text, start, stop, line.end):
            yield Span(start, stop.end())
            start = stop.end()
    yield Span(start, line.end)


def _ends_sentence(text: str, start: int, stop: re.Match[str], line_end: int) -> bool:
    """Say whether the stop ends the sentence that began at `start`."""
    following = _NEXT.match(text, stop.end(), line_end)
    after = following.end() if following else stop.end()
    if text[after : after + 1].islower():
        return False
    if stop.group() != ".":
        return True
    return not _is_abbreviation(text, max(start, stop.start() - 24), stop.start(), after)


def _is_abbreviation(text: str, start: int, dot: int, after: int) -> bool:
    """Say whether the full stop at `dot` belongs to the word before it rather than to the sentence."""
    found = _LAST_WORD.search(text[start:dot])
    if found is None:
        return False
    word = found.group()
    if word.isdecimal():
        return _CONTINUES_DATE.match(text, after) is not None  # 2024. 11. 27. in Korean
    if word.lower() in _BEFORE_NUMBER:
        return text[after : after + 1].isdecimal()
    if word.lower() in _ABBREVIATIONS:
        return True
    if "." in word:
        starter = _WORD.match(text, after)
        return starter is not None and starter.group().lower() not in _STARTERS
    return len(word) == 1 and word.isupper()  # an initial, or S. Korea


def trimmed(text: str, span: Span) -> Span | None:
    """Return the span without the blanks at its ends and what lies beyond the text, or None if nothing is left."""
    whole = text[span.start : span.end]
    left = len(whole) - len(whole.lstrip())
    right = len(whole.rstrip())
    return Span(span.start + left, span.start + right) if right > left else None
