"""The syntax tree of a rule, and its canonical text."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple

from schemas.match import EvidenceField


class Span(NamedTuple):
    """Where in the query a node stands: code points from 0, end exclusive."""

    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Node:
    """Part of a query. Two nodes are equal if they ask for the same, wherever they stand."""

    span: Span = field(default=Span(0, 0), compare=False, kw_only=True)


@dataclass(frozen=True, slots=True)
class Term(Node):
    """A word in any inflection; a hyphenated one is the words in a row."""

    text: str


@dataclass(frozen=True, slots=True)
class Phrase(Node):
    """Words in a row, each in any inflection."""

    text: str


@dataclass(frozen=True, slots=True)
class Prefix(Node):
    """Words that begin like this, accents and case aside."""

    text: str


@dataclass(frozen=True, slots=True)
class Exact(Node):
    """A word or words in exactly this case and form."""

    text: str


@dataclass(frozen=True, slots=True)
class ActorRef(Node):
    """Any alias of an actor or term set of the gazetteer."""

    actor_id: str


@dataclass(frozen=True, slots=True)
class And(Node):
    """All of two or more; never directly inside another And."""

    children: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Or(Node):
    """Any of two or more; never directly inside another Or."""

    children: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Not(Node):
    """The article does not satisfy the child."""

    child: Node


@dataclass(frozen=True, slots=True)
class Near(Node):
    """Both at most `distance` words apart, in any order; adjacent words are 1 apart. Operands are leaves or Ors."""

    left: Node
    right: Node
    distance: int


@dataclass(frozen=True, slots=True)
class InField(Node):
    """The child, looked for in one field only."""

    field: EvidenceField
    child: Node


class Keyword(StrEnum):
    """The words of the language that are not words to find."""

    AND = "AND"
    OR = "OR"
    NOT = "NOT"
    NEAR = "NEAR"


LEAVES = (Term, Phrase, Prefix, Exact, ActorRef)


def children(node: Node) -> tuple[Node, ...]:
    """Return the nodes directly below."""
    match node:
        case And() | Or():
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


def format_query(node: Node) -> str:
    """Return the canonical query of a tree; parsing it gives an equal tree."""
    match node:
        case And(children=parts):
            return f" {Keyword.AND} ".join(_grouped(part, Or) for part in parts)
        case Or(children=parts):
            return f" {Keyword.OR} ".join(_grouped(part, And) for part in parts)
        case Not(child=child):
            return f"{Keyword.NOT} {_grouped(child, And, Or, Near)}"
        case Near(left=left, right=right, distance=distance):
            return f"{_grouped(left, Or)} {Keyword.NEAR}/{distance} {_grouped(right, Or)}"
        case InField(field=name, child=child):
            return f"{name}:{_grouped(child, And, Or, Not, Near)}"
        case _:
            return _format_leaf(node)


def _format_leaf(node: Node) -> str:
    match node:
        case Term(text=text):
            return text
        case Phrase(text=text):
            return f'"{text}"'
        case Prefix(text=text):
            return f"{text}*"
        case Exact(text=text):
            return f"={text}" if _stands_bare(text) else f'="{text}"'
        case ActorRef(actor_id=actor_id):
            return f"@{actor_id}"
        case _:
            raise TypeError(f"not a query node: {node!r}")


def _grouped(node: Node, *kinds: type[Node]) -> str:
    return f"({format_query(node)})" if isinstance(node, kinds) else format_query(node)


# Everything a bare word may not hold; the lexer refuses or splits at these.
RESERVED = "()[]{}~^?*\\"
QUOTES = '"“”„'


def _stands_bare(text: str) -> bool:
    return not any(char.isspace() or char in RESERVED or char in QUOTES for char in text)
