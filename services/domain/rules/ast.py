"""The syntax tree of a rule, and its canonical text."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import field
from typing import Any

from schemas.match import EvidenceField
from schemas.watch import MAX_QUERY_CHARS
from services.domain.rules.grammar import BARE_WORD, MAX_NESTING, QUOTES, RESERVED, Keyword
from services.domain.rules.records import record

_BETWEEN = f" {Keyword.OR} "  # the items of a list


def _start() -> Any:
    return field(default=0, compare=False, repr=False)


class Node:
    """Part of a query. Two nodes are equal if they ask for the same, wherever they stand.

    `start` is where in the query the node begins: code points from 0.
    """

    __slots__ = ()

    start: int


@record()
class Term(Node):
    """A word in any inflection; a hyphenated one is the words in a row. In `country:` and `lang:` it is a code."""

    text: str
    start: int = _start()


@record()
class Phrase(Node):
    """Words in a row, each in any inflection; with `slop`, in any order with at most so many other words between."""

    text: str
    slop: int = 0
    start: int = _start()


@record()
class Prefix(Node):
    """Words that begin like this, accents and case aside."""

    text: str
    start: int = _start()


@record()
class Exact(Node):
    """A word or words in exactly this case and form."""

    text: str
    start: int = _start()


@record()
class ActorRef(Node):
    """Any alias of an actor or term set of the gazetteer."""

    actor_id: str
    start: int = _start()


@record()
class And(Node):
    """All of two or more; never directly inside another And."""

    children: tuple[Node, ...]
    start: int = _start()


class Or(Node):
    """Any of two or more; never directly inside another Or.

    One that was read as a list of words and phrases keeps their text, and makes nodes of them at the first look: most
    rules hold such lists, and what finds articles asks for the texts alone.
    """

    __slots__ = ("_children", "_listed", "start")
    __match_args__ = ("children", "start")

    def __init__(self, children: tuple[Node, ...], start: int = 0) -> None:
        self._children = children
        self._listed = ""
        self.start = start

    @classmethod
    def of_list(cls, text: str, start: int) -> "Or":
        """Return the node of `a OR "b c"`, of which the first item begins at `start`; no phrase may hold an OR."""
        node = cls((), start)
        node._listed = text
        return node

    @property
    def children(self) -> tuple[Node, ...]:
        """Return the nodes of which any will do."""
        if not self._children:
            self._children = tuple(_listed(self._listed, self.start))
        return self._children

    @property
    def is_list(self) -> bool:
        """Say whether it was read as a list of words and phrases."""
        return bool(self._listed)

    @property
    def texts(self) -> Sequence[str]:
        """Return the words and phrases that it was read as a list of; nothing if it was not."""
        return self._listed.replace('"', "").split(_BETWEEN) if self._listed else ()

    def __eq__(self, other: object) -> bool:
        return self.children == other.children if isinstance(other, Or) else NotImplemented

    def __hash__(self) -> int:
        return hash((Or, self.children))

    def __repr__(self) -> str:
        return f"Or(children={self.children!r})"


def _listed(text: str, start: int) -> Iterator[Node]:
    for item in text.split(_BETWEEN):
        yield Phrase(item[1:-1], 0, start) if item[0] == '"' else Term(item, start)
        start += len(item) + len(_BETWEEN)


@record()
class AtLeast(Node):
    """At least `count` of the children, which is from 1 to their number."""

    count: int
    children: tuple[Node, ...]
    start: int = _start()


@record()
class Not(Node):
    """The article does not satisfy the child."""

    child: Node
    start: int = _start()


@record()
class Near(Node):
    """Both at most `distance` words apart; adjacent words are 1 apart. `ordered`: the left one ends first.

    Operands are leaves, Ors and other Nears.
    """

    left: Node
    right: Node
    distance: int
    ordered: bool = False
    start: int = _start()


@record()
class InField(Node):
    """The child, looked for in one field only."""

    field: EvidenceField
    child: Node
    start: int = _start()


Leaf = Term | Phrase | Prefix | Exact | ActorRef
LEAVES = (Term, Phrase, Prefix, Exact, ActorRef)


def children(node: Node) -> tuple[Node, ...]:
    """Return the nodes directly below."""
    match node:
        case And() | Or() | AtLeast():
            return node.children
        case Not() | InField():
            return (node.child,)
        case Near():
            return (node.left, node.right)
        case _:
            return ()


def walk(node: Node) -> Iterator[Node]:
    """Yield the node and all below it, parents first, without recursion."""
    waiting = [node]
    while waiting:
        current = waiting.pop()
        yield current
        waiting.extend(reversed(children(current)))


_OPEN, _CLOSE, _COMMA, _MINUS = "(", ")", ",", "-"
_LOOSE = (And, Or, Not, Near)  # what binds less than a field
_FIELDS = {name: f"{name}:" for name in EvidenceField}
# What stands right before the next symbol, and right after the last one.
_PREFIXES = frozenset((_OPEN, _MINUS, *_FIELDS.values()))
_SUFFIXES = frozenset((_CLOSE, _COMMA))
_BARE = re.compile(BARE_WORD)
_RESERVED = re.compile("[" + re.escape(RESERVED) + "]")


def levels(node: Node) -> Iterator[list[Node]]:
    """Yield the node, then all its children, then all of theirs, and so on, without recursion."""
    level = [node]
    while level:
        yield level
        level = [below for each in level for below in children(each)]


def format_query(node: Node) -> str:
    """Return the canonical query of a tree; parsing it gives an equal tree.

    Where operators in words and parentheses for the reader would break the limits of a query, it is written as briefly
    as the language allows, which is never longer or deeper than the query that the tree was read from.
    """
    if sum(1 for _ in levels(node)) <= MAX_NESTING:
        text = _spaced(_symbols(node, brief=False))
        if len(text) <= MAX_QUERY_CHARS:
            return text
    return _packed(_symbols(node, brief=True))


def _symbols(node: Node, *, brief: bool) -> list[str]:
    """Return the symbols of a tree in order, without recursion."""
    written: list[str] = []
    waiting: list[Node | str] = [node]
    while waiting:
        current = waiting.pop()
        if isinstance(current, str):
            written.append(current)
        else:
            waiting.extend(reversed(_parts(current, brief=brief)))
    return written


def _parts(node: Node, *, brief: bool) -> list[Node | str]:  # noqa: PLR0911 -- one case a kind
    """Return the symbols of one node around its children."""
    match node:
        case And(children=parts):
            return _joined(parts, (Or,), [] if brief else [Keyword.AND])
        case Or(children=parts):
            return _joined(parts, () if brief else (And,), [Keyword.OR])
        case AtLeast(count=count, children=parts):
            return [str(count), Keyword.OF, _OPEN, *_joined(parts, (), [_COMMA]), _CLOSE]
        case Not(child=child):
            return [_MINUS if brief else Keyword.NOT, *_grouped(child, (And, Or) if brief else (And, Or, Near))]
        case Near(left=left, right=right, distance=distance, ordered=ordered):
            operator = f"{Keyword.BEFORE if ordered else Keyword.NEAR}/{distance}"
            return [*_grouped(left, (Or, Near)), operator, *_grouped(right, (Or, Near))]
        case InField(field=name, child=child):
            return [_FIELDS[name], *_grouped(child, _LOOSE if brief else (*_LOOSE, AtLeast))]
        case _:
            return [_leaf(node)]


def _joined(parts: Iterable[Node], loose: tuple[type, ...], between: list[str]) -> list[Node | str]:
    symbols: list[Node | str] = []
    for part in parts:
        symbols += (*(between if symbols else ()), *_grouped(part, loose))
    return symbols


def _grouped(node: Node, loose: tuple[type, ...]) -> tuple[Node | str, ...]:
    """Put parentheses around a node of a kind that binds more loosely than what is around it."""
    return (_OPEN, node, _CLOSE) if isinstance(node, loose) else (node,)


def _leaf(node: Node) -> str:
    match node:
        case Term(text=text):
            return text
        case Phrase(text=text, slop=slop):
            return f'"{text}"~{slop}' if slop else f'"{text}"'
        case Prefix(text=text):
            return f"{text}*"
        case Exact(text=text):
            return f"={text}" if _BARE.fullmatch(text) and not _RESERVED.search(text) else f'="{text}"'
        case ActorRef(actor_id=actor_id):
            return f"@{actor_id}"
        case _:
            raise TypeError(f"not a query node: {node!r}")


def _spaced(symbols: Iterable[str]) -> str:
    """Join symbols as people write them."""
    pieces: list[str] = []
    before = _OPEN
    for symbol in symbols:
        if before not in _PREFIXES and symbol not in _SUFFIXES:
            pieces.append(" ")
        pieces.append(symbol)
        before = symbol
    return "".join(pieces)


def _packed(symbols: Iterable[str]) -> str:
    """Join symbols with no more blanks than it takes to tell them apart."""
    pieces: list[str] = []
    before = _OPEN
    for symbol in symbols:
        if _would_run_together(before, symbol):
            pieces.append(" ")
        pieces.append(symbol)
        before = symbol
    return "".join(pieces)


def _would_run_together(before: str, symbol: str) -> bool:
    if before in _PREFIXES or before in _SUFFIXES:
        return False
    return before[-1] not in QUOTES and symbol[0] not in f"{_OPEN}{_CLOSE}{_COMMA}{QUOTES}"
