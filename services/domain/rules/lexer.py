"""Cut a query into its symbols; every complaint names the column."""

import difflib
import re
from collections.abc import Iterator
from itertools import product
from typing import NoReturn

from schemas.match import EvidenceField
from services.domain.rules.errors import RuleSyntaxError
from services.domain.rules.grammar import BARE_WORD, MAX_DISTANCE, QUOTES, RESERVED, Keyword
from services.domain.text.analyzer import tokens
from services.domain.text.normalize import fold

MIN_PREFIX_CHARS = 3


# What a symbol of a query is. Plain integers, because a million rules make twenty million symbols. Operands come first.
TERM, PHRASE, PREFIX, EXACT, ACTOR, LIST = range(6)
FIELD, OPEN, AT_LEAST, NOT, PLUS = range(6, 11)  # what may stand before an operand
CLOSE, COMMA, AND, OR, NEAR, BEFORE, END = range(11, 18)
LAST_OPERAND = LIST

# One symbol of a query: its kind, its text without marks, where it begins, and its number: distance, slop or count.
Symbol = tuple[int, str, int, int]

_PLAIN = "A-Za-z0-9А-яІіЇїЄєҐґЁё가-힣"
_OPERATOR = rf"(?:(?i:{Keyword.AND}|{Keyword.OR}|{Keyword.NOT})|{Keyword.NEAR}|{Keyword.BEFORE}|{Keyword.OF})[\ )]"
_ITEM = rf'(?:(?!{_OPERATOR})[{_PLAIN}]++|"(?![^"]*{Keyword.OR})[{_PLAIN}][{_PLAIN}\ ]*+")'

# One match a symbol, after the blanks before it. What is plainly a word comes first, because most symbols are; then a
# whole `(a OR "b c" OR d)` of plain words and phrases, read in one go, because most symbols would be inside one; then
# what is plainly an actor. No phrase of such a list holds OR, so that its items lie between those.
_SYMBOL = re.compile(
    rf"""\s*+(?:
      ([{_PLAIN}]++)(?=[\s()]|,\s|\Z)(?!\s+(?i:OF)\s*\()
    | \(({_ITEM}(?:\ {Keyword.OR}\ {_ITEM})++)\)
    | @([a-z0-9][a-z0-9_.-]{{0,127}}+)(?![^\s(),{QUOTES}])
    | ([(),])
    | ([A-Za-z]{{3,}}+)\*(?=[\s()]|,\s|\Z)
    | ((=?)[{QUOTES}]([^{QUOTES}]*+)([{QUOTES}]?)(?:~([^\s(),{QUOTES}]*))?)
    | ([-+!])(?=[^\s),])
    | ([^\W\d]\w*):
    | @([^\s(),{QUOTES}]*)
    | (\d+)\s+(?i:(OF))\s*\(
    | ({BARE_WORD})
    )""",
    re.VERBOSE,
)
# The last group to close of each.
_WORD, _LIST, _ACTOR, _BRACKET, _PREFIX, _QUOTED = range(1, 7)
_SIGN, _FIELD, _NO_ACTOR, _COUNT, _BARE = 11, 12, 13, 15, 16

_HARMFUL = re.compile("[\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f\ud800-\udfff]")
_NEAR = re.compile(rf"({Keyword.NEAR}|{Keyword.BEFORE})(?:/(\w*))?")
_RESERVED = re.compile("[" + re.escape(RESERVED.replace("*", "")) + "]")
_FUZZY = re.compile(r"~\d*(?:\.\d+)?$")
_BOOST = re.compile(r"\^\d*(?:\.\d+)?$")
_REGEX = re.compile(r"/.+/")

_SIGNS = {"+": PLUS, "-": NOT, "!": NOT}
_FOREIGN = {"&": Keyword.AND, "|": Keyword.OR}
_UNFIT = -1  # an operator in the wrong case, or without what belongs to it
_KINDS: dict[str, int] = {
    **{
        "".join(letters): _UNFIT
        for keyword in (Keyword.AND, Keyword.OR, Keyword.NOT)
        for letters in product(*((letter, letter.lower()) for letter in keyword))
    },
    **dict.fromkeys((Keyword.NEAR, Keyword.BEFORE, Keyword.OF), _UNFIT),
    Keyword.AND: AND,
    Keyword.OR: OR,
    Keyword.NOT: NOT,
    "&&": AND,
    "||": OR,
    "(": OPEN,
    ")": CLOSE,
    ",": COMMA,
}
_FIELDS = frozenset(EvidenceField)


def symbols(query: str) -> Iterator[Symbol]:
    """Yield the symbols of `query` in order, ending with END."""
    # What is harmful cannot be printed, and to look whether all can be takes next to no time.
    if not query.isprintable() and (harmful := _HARMFUL.search(query)):
        char = ord(harmful.group())
        raise fault(query, harmful.start(), f"the character U+{char:04X} cannot be part of a query; take it out")
    for found in _SYMBOL.finditer(query):
        group = found.lastindex or 0
        if group == _WORD:
            word = found[group]
            kind = _KINDS.get(word, TERM)
            if kind == _UNFIT:
                raise _unfit(query, word, found.start(group))
            yield kind, word, found.start(group), 0
        elif group == _LIST:
            yield LIST, found[_LIST], found.start(_LIST) - 1, 0
        elif group == _ACTOR:
            yield ACTOR, found[_ACTOR], found.start(_ACTOR) - 1, 0
        elif group == _BRACKET:
            yield _KINDS[found[group]], found[group], found.start(group), 0
        elif group == _PREFIX:
            yield PREFIX, found[group], found.start(group), 0
        else:
            yield _READERS[group](query, found)
    yield END, "", len(query), 0


def fault(query: str, at: int, message: str) -> RuleSyntaxError:
    """Return the error that points at `at`, counted from 0."""
    return RuleSyntaxError(message, at + 1, query)


def _unfit(query: str, word: str, at: int) -> RuleSyntaxError:
    """Return the error for a word that only looks like an operator."""
    if word == Keyword.OF:
        return fault(
            query,
            at,
            'OF stands between a number and a list, as in 2 OF (a, b, c); write "OF" in quotes to find the word',
        )
    if word in {Keyword.NEAR, Keyword.BEFORE}:
        return _no_distance(query, at, word)
    return _wrong_case(query, at, word, word.upper())


def _no_distance(query: str, at: int, name: str) -> RuleSyntaxError:
    return fault(query, at, f"{name} needs a distance from 1 to {MAX_DISTANCE} in words, as in {name}/8")


def _wrong_case(query: str, at: int, word: str, right: str) -> RuleSyntaxError:
    return fault(query, at, f'operators are upper case: write {right}, or "{word}" in quotes to find the word')


def _quoted(query: str, found: re.Match[str]) -> Symbol:
    exact, text, closing, slop = found.group(7, 8, 9, 10)
    start = found.start(_QUOTED)
    if not closing:
        raise fault(query, start + len(exact), "the quote that opens here is never closed")
    if "*" in text:
        raise fault(query, found.start(8) + text.index("*"), "* does not work inside quotes")
    if not _has_words(text):
        raise fault(query, start, "expected words between the quotes")
    if slop is None:
        return EXACT if exact else PHRASE, text, start, 0
    at = found.start(10) - 1
    if exact:
        raise fault(query, at, "~ does not work after an exact phrase")
    if len(list(tokens(text))) < 2:
        raise fault(
            query, at, "~ gives the words of a phrase some room, so it needs two words or more between the quotes"
        )
    distance = _number(slop)
    if distance is None or distance > MAX_DISTANCE:
        raise fault(query, at, f'~ needs a number of words from 0 to {MAX_DISTANCE}, as in "a b"~5')
    return PHRASE, text, start, distance


def _sign(query: str, found: re.Match[str]) -> Symbol:
    sign = found[_SIGN]
    return _SIGNS[sign], sign, found.start(_SIGN), 0


def _field(query: str, found: re.Match[str]) -> Symbol:
    name, at = found[_FIELD], found.start(_FIELD)
    if name not in _FIELDS:
        near = difflib.get_close_matches(name.lower(), _FIELDS, 1)
        hint = (
            f"did you mean {near[0]}: ?" if near else f"there are {', '.join(f'{known}:' for known in EvidenceField)}"
        )
        raise fault(query, at, f"no field {name!r} ({hint}); to find a word with a colon, quote it")
    return FIELD, name, at, 0


def _no_actor(query: str, found: re.Match[str]) -> NoReturn:
    message = "expected an actor id after @: lower-case letters, digits, '_', '.' and '-'"
    raise fault(query, found.start(_NO_ACTOR) - 1, message)


def _count(query: str, found: re.Match[str]) -> Symbol:
    digits, keyword = found.group(14, 15)
    if keyword != Keyword.OF:
        raise _wrong_case(query, found.start(15), keyword, Keyword.OF)
    count = _number(digits)
    # A list of more items than that is longer than any query.
    return AT_LEAST, f"{digits} {keyword} (", found.start(14), 10**6 if count is None else count


def _bare(query: str, found: re.Match[str]) -> Symbol:
    word = found[_BARE]
    start = found.start(_BARE)
    if kind := _KINDS.get(word):
        if kind == _UNFIT:
            raise _unfit(query, word, start)
        return kind, word, start, 0
    if near := _NEAR.fullmatch(word):
        name, digits = near.groups()
        distance = _number(digits or "")
        if not distance or distance > MAX_DISTANCE:
            raise _no_distance(query, start, name)
        return NEAR if name == Keyword.NEAR else BEFORE, word, start, distance
    if word in _SIGNS:
        raise fault(query, start, f"expected what {word} applies to, right after it")
    if reserved := _RESERVED.search(word):
        raise fault(query, start + reserved.start(), _reserved_advice(word, reserved.group()))
    if word[0] == "=":
        _check_exact(query, word[1:], start)
        return EXACT, word[1:], start, 0
    if "*" in word:
        _check_prefix(query, word, start)
        return PREFIX, word[:-1], start, 0
    _check_term(query, word, start)
    return TERM, word, start, 0


def _check_term(query: str, word: str, start: int) -> None:
    if word in _FOREIGN:
        raise fault(query, start, f"{word!r} is no operator; write {_FOREIGN[word]}")
    for sign in ("&&", "||"):
        if sign in word:
            raise fault(query, start + word.index(sign), f"{sign} needs a blank before and after it")
    if _REGEX.fullmatch(word):
        raise fault(query, start, "regular expressions are not supported; write prefix*, or (one OR another)")
    if not _has_words(word):
        raise fault(query, start, f"{word!r} has no letters or digits to find")
    if "/" in word and _NEAR.fullmatch(word.upper()):
        raise _wrong_case(query, start, word, word.upper())


def _reserved_advice(word: str, char: str) -> str:
    """Say what to write instead of what Lucene has and this language has not."""
    if char == "~" and _FUZZY.search(word):
        return "fuzzy words are not supported; write the beginning of the word and *, or (one OR another)"
    if char == "^" and _BOOST.search(word):
        return "rules have no scores, so there is no boost; leave it out"
    if char in "[]{}":
        return "ranges are not supported; quote the words if they hold a bracket"
    if char == "?":
        return "? for one letter is not supported; write (one OR another), or the beginning of the word and *"
    if char == "\\":
        return 'nothing is escaped; quote the words if they hold special characters, as in "a:b"'
    return f"{char} has no meaning here; quote the words if they hold it"


def _check_exact(query: str, text: str, start: int) -> None:
    if "*" in text:
        raise fault(query, start + 1 + text.index("*"), "* does not work in an exact term")
    if not _has_words(text):
        raise fault(query, start, "expected a word or a quoted phrase after =")


def _check_prefix(query: str, word: str, start: int) -> None:
    star = word.index("*")
    if star != len(word) - 1:
        raise fault(query, start + star, "* is only allowed at the end of a word")
    if not _can_begin(word[:-1]):
        raise fault(query, start + star, f"expected at least {MIN_PREFIX_CHARS} letters or digits before *")


def _can_begin(text: str) -> bool:
    if text.isascii() and text.isalpha():
        return len(text) >= MIN_PREFIX_CHARS
    found = list(tokens(text))
    return bool(found) and found[-1].end == len(text) and len(fold(found[-1].surface)) >= MIN_PREFIX_CHARS


def _number(digits: str) -> int | None:
    return int(digits) if digits.isascii() and digits.isdecimal() and len(digits) <= 6 else None


def _has_words(text: str) -> bool:
    return (text.isascii() and text.isalnum()) or next(tokens(text), None) is not None


_READERS = {_QUOTED: _quoted, _SIGN: _sign, _FIELD: _field, _NO_ACTOR: _no_actor, _COUNT: _count, _BARE: _bare}
