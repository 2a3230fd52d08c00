"""Cut a query into its symbols; every complaint names the column."""

import difflib
import re
from collections.abc import Iterator
from enum import Enum, auto
from typing import NamedTuple

from schemas.match import EvidenceField
from services.domain.rules.ast import QUOTES, RESERVED, Keyword, Span
from services.domain.rules.errors import RuleSyntaxError
from services.domain.text.analyzer import tokens
from services.domain.text.normalize import fold

MIN_PREFIX_CHARS = 3
MAX_NEAR_DISTANCE = 100


class Kind(Enum):
    """What a symbol of a query is."""

    TERM = auto()
    PHRASE = auto()
    PREFIX = auto()
    EXACT = auto()
    ACTOR = auto()
    FIELD = auto()
    OPEN = auto()
    CLOSE = auto()
    AND = auto()
    OR = auto()
    NOT = auto()
    PLUS = auto()
    NEAR = auto()
    END = auto()


OPERANDS = frozenset((Kind.TERM, Kind.PHRASE, Kind.PREFIX, Kind.EXACT, Kind.ACTOR))


class Symbol(NamedTuple):
    """One symbol of a query: its text without marks, and for NEAR its distance."""

    kind: Kind
    text: str
    span: Span
    distance: int = 0


_QUOTED = re.compile(rf"(=?)[{QUOTES}]([^{QUOTES}]*)([{QUOTES}]?)")
_BARE = re.compile(rf"[^\s(){QUOTES}]+")
_FIELD = re.compile(r"([^\W\d]\w*):")
_ACTOR_ID = re.compile(r"[a-z0-9][a-z0-9_.-]{0,127}")
_NEAR = re.compile(r"NEAR(?:/(\w*))?")
_PREFIX_OPERATORS = {"+": Kind.PLUS, "-": Kind.NOT, "!": Kind.NOT}
_KEYWORDS = {"AND": Kind.AND, "OR": Kind.OR, "NOT": Kind.NOT}
_FOREIGN = {"&&": Keyword.AND, "||": Keyword.OR, "&": Keyword.AND, "|": Keyword.OR}
_RESERVED = re.compile("[" + re.escape(RESERVED.replace("*", "")) + "]")


def symbols(query: str) -> Iterator[Symbol]:
    """Yield the symbols of `query` in order, ending with END."""
    at = 0
    while at < len(query):
        char = query[at]
        if char.isspace():
            at += 1
        elif char in "()":
            yield Symbol(Kind.OPEN if char == "(" else Kind.CLOSE, char, Span(at, at + 1))
            at += 1
        elif quoted := _QUOTED.match(query, at):
            yield _quoted(query, quoted)
            at = quoted.end()
        else:
            symbol = _bare(query, at)
            yield symbol
            at = symbol.span.end
    yield Symbol(Kind.END, "", Span(len(query), len(query)))


def _quoted(query: str, found: re.Match[str]) -> Symbol:
    exact, text, closing = found.groups()
    at = found.start()
    if not closing:
        raise _error(query, at + len(exact), "the quote that opens here is never closed")
    if "*" in text:
        raise _error(query, found.start(2) + text.index("*"), "* does not work inside quotes")
    if not _has_words(text):
        raise _error(query, at, "expected words between the quotes")
    return Symbol(Kind.EXACT if exact else Kind.PHRASE, text, Span(at, found.end()))


def _bare(query: str, at: int) -> Symbol:
    found = _BARE.match(query, at)
    if found is None:  # cannot happen: blanks, parentheses and quotes are taken before
        raise _error(query, at, "expected a word")
    word = found.group()
    span = Span(*found.span())
    if word in _KEYWORDS:
        return Symbol(_KEYWORDS[word], word, span)
    if near := _NEAR.fullmatch(word):
        return Symbol(Kind.NEAR, word, span, _distance(query, span, near.group(1)))
    if word[0] in _PREFIX_OPERATORS:
        return _prefix_operator(query, at)
    if field := _FIELD.match(word):
        return _field(query, at, field)
    if word[0] == "@":
        return _actor(query, span, word)
    return _word(query, span, word)


def _distance(query: str, span: Span, digits: str | None) -> int:
    if digits and digits.isdecimal() and len(digits) <= 6 and 1 <= int(digits) <= MAX_NEAR_DISTANCE:
        return int(digits)
    raise _error(query, span.start, f"NEAR needs a distance from 1 to {MAX_NEAR_DISTANCE} in words, as in NEAR/8")


def _prefix_operator(query: str, at: int) -> Symbol:
    sign = query[at]
    if at + 1 == len(query) or query[at + 1].isspace() or query[at + 1] == ")":
        raise _error(query, at, f"expected what {sign} applies to, right after it")
    return Symbol(_PREFIX_OPERATORS[sign], sign, Span(at, at + 1))


def _field(query: str, at: int, found: re.Match[str]) -> Symbol:
    name = found.group(1)
    names = [field.value for field in EvidenceField]
    if name not in names:
        near = difflib.get_close_matches(name.lower(), names, 1)
        hint = f"did you mean {near[0]}: ?" if near else f"there are {', '.join(f'{known}:' for known in names)}"
        raise _error(query, at, f"no field {name!r} ({hint}); to find a word with a colon, quote it")
    return Symbol(Kind.FIELD, name, Span(at, at + found.end()))


def _actor(query: str, span: Span, word: str) -> Symbol:
    if not _ACTOR_ID.fullmatch(word[1:]):
        raise _error(query, span.start, "expected an actor id after @: lower-case letters, digits, '_', '.' and '-'")
    return Symbol(Kind.ACTOR, word[1:], span)


def _word(query: str, span: Span, word: str) -> Symbol:
    if reserved := _RESERVED.search(word):
        raise _error(
            query,
            span.start + reserved.start(),
            f"{reserved.group()} has no meaning here; quote the words if they hold it",
        )
    if word[0] == "=":
        return _exact(query, span, word[1:])
    if "*" in word:
        return _prefix(query, span, word)
    if word in _FOREIGN:
        raise _error(query, span.start, f"{word!r} is no operator; write {_FOREIGN[word]}")
    if not _has_words(word):
        raise _error(query, span.start, f"{word!r} has no letters or digits to find")
    if word.upper() in _KEYWORDS or ("/" in word and _NEAR.fullmatch(word.upper())):
        raise _error(
            query, span.start, f'operators are upper case: write {word.upper()}, or "{word}" in quotes to find the word'
        )
    return Symbol(Kind.TERM, word, span)


def _exact(query: str, span: Span, text: str) -> Symbol:
    if "*" in text:
        raise _error(query, span.start + 1 + text.index("*"), "* does not work in an exact term")
    if not _has_words(text):
        raise _error(query, span.start, "expected a word or a quoted phrase after =")
    return Symbol(Kind.EXACT, text, span)


def _prefix(query: str, span: Span, word: str) -> Symbol:
    star = word.index("*")
    if star != len(word) - 1:
        raise _error(query, span.start + star, "* is only allowed at the end of a word")
    found = list(tokens(word[:-1]))
    if not found or found[-1].end != len(word) - 1 or len(fold(found[-1].surface)) < MIN_PREFIX_CHARS:
        raise _error(query, span.start + star, f"expected at least {MIN_PREFIX_CHARS} letters or digits before *")
    return Symbol(Kind.PREFIX, word[:-1], span)


def _has_words(text: str) -> bool:
    return next(tokens(text), None) is not None


def _error(query: str, at: int, message: str) -> RuleSyntaxError:
    return RuleSyntaxError(message, at + 1, query)
