"""Parse a query: operator precedence on two explicit stacks, so that no nesting can exhaust Python's own.

Loosest first: OR, AND (also between neighbours without an operator), NOT - !, NEAR/n, field:
"""

from typing import NamedTuple

from schemas.match import EvidenceField
from schemas.watch import MAX_QUERY_CHARS
from services.domain.rules.ast import (
    LEAVES,
    ActorRef,
    And,
    Exact,
    InField,
    Near,
    Node,
    Not,
    Or,
    Phrase,
    Prefix,
    Span,
    Term,
    walk,
)
from services.domain.rules.errors import RuleSyntaxError
from services.domain.rules.lexer import OPERANDS, Kind, Symbol, symbols

MAX_NESTING = 100

_PRECEDENCE = {Kind.OPEN: 0, Kind.OR: 1, Kind.AND: 2, Kind.NOT: 3, Kind.NEAR: 4, Kind.FIELD: 5}
_NEAR_ADVICE = "NEAR joins words, phrases, actors and (groups OR of them)"


def parse(query: str) -> Node:
    """Return the syntax tree of a query, or raise RuleSyntaxError that points at the column."""
    if len(query) > MAX_QUERY_CHARS:
        raise RuleSyntaxError(
            f"a query may hold {MAX_QUERY_CHARS:,} characters, this one has {len(query):,}", MAX_QUERY_CHARS + 1
        )
    return _Parser(query).parse()


class _Operator(NamedTuple):
    kind: Kind
    symbol: Symbol


class _Parser:
    def __init__(self, query: str) -> None:
        self._query = query
        self._operands: list[Node] = []
        self._operators: list[_Operator] = []
        self._nesting = 0

    def parse(self) -> Node:
        operand_next = True
        for symbol in symbols(self._query):
            operand_next = self._take_operand(symbol) if operand_next else self._take_operator(symbol)
        return self._operands[0]

    def _take_operand(self, symbol: Symbol) -> bool:
        """Take what may begin an operand; say whether an operand is still to come."""
        match symbol.kind:
            case kind if kind in OPERANDS:
                self._operands.append(_leaf(symbol))
                return False
            case Kind.OPEN | Kind.NOT | Kind.FIELD:
                self._push_prefix(symbol)
                return True
            case Kind.PLUS if self._top() not in {Kind.NEAR, Kind.FIELD}:
                return True
            case _:
                raise self._error(symbol.span.start, self._expectation(symbol))

    def _take_operator(self, symbol: Symbol) -> bool:
        """Take what may follow an operand; say whether an operand is to come."""
        match symbol.kind:
            case Kind.CLOSE:
                self._close(symbol)
                return False
            case Kind.END:
                self._finish()
                return False
            case Kind.AND | Kind.OR | Kind.NEAR:
                self._push_binary(symbol.kind, symbol)
                return True
            case _:
                self._push_binary(Kind.AND, symbol)
                return self._take_operand(symbol)

    def _push_prefix(self, symbol: Symbol) -> None:
        if symbol.kind is Kind.NOT and self._top() in {Kind.NEAR, Kind.FIELD}:
            advice = _NEAR_ADVICE if self._top() is Kind.NEAR else "write NOT before the field"
            raise self._error(symbol.span.start, f"NOT cannot stand here; {advice}")
        self._nesting += 1
        if self._nesting > MAX_NESTING:
            raise self._error(symbol.span.start, f"nested deeper than {MAX_NESTING} levels")
        self._operators.append(_Operator(symbol.kind, symbol))

    def _push_binary(self, kind: Kind, symbol: Symbol) -> None:
        self._reduce_above(_PRECEDENCE[kind])
        if kind is Kind.NEAR and self._top() is Kind.NEAR:
            raise self._error(symbol.span.start, "NEAR cannot be chained; write a NEAR/5 b AND b NEAR/5 c")
        self._operators.append(_Operator(kind, symbol))

    def _close(self, symbol: Symbol) -> None:
        self._reduce_above(_PRECEDENCE[Kind.OPEN])
        if not self._operators:
            raise self._error(symbol.span.start, "this ) closes nothing")
        self._operators.pop()
        self._nesting -= 1

    def _finish(self) -> None:
        self._reduce_above(_PRECEDENCE[Kind.OPEN])
        if self._operators:
            raise self._error(self._operators[-1].symbol.span.start, "this ( is never closed")

    def _reduce_above(self, precedence: int) -> None:
        """Build the nodes of all waiting operators that bind more tightly."""
        while self._operators and _PRECEDENCE[self._operators[-1].kind] > precedence:
            self._reduce()

    def _reduce(self) -> None:
        operator = self._operators.pop()
        match operator.kind:
            case Kind.NOT:
                self._nesting -= 1
                child = self._operands.pop()
                node: Node = Not(child, span=Span(operator.symbol.span.start, child.span.end))
            case Kind.FIELD:
                self._nesting -= 1
                node = self._in_field(operator.symbol, self._operands.pop())
            case Kind.NEAR:
                right, left = self._operands.pop(), self._operands.pop()
                node = self._near(left, right, operator.symbol)
            case _:
                node = self._joined(operator.kind)
        self._operands.append(node)

    def _joined(self, kind: Kind) -> Node:
        """Build one node of the run of equal operators, so that a thousand ORs are one Or."""
        count = 2
        while self._top() is kind:
            self._operators.pop()
            count += 1
        parts = self._operands[-count:]
        del self._operands[-count:]
        node_type = And if kind is Kind.AND else Or
        flat = tuple(inner for part in parts for inner in (part.children if isinstance(part, node_type) else (part,)))
        return node_type(flat, span=Span(parts[0].span.start, parts[-1].span.end))

    def _near(self, left: Node, right: Node, symbol: Symbol) -> Near:
        for operand in (left, right):
            for node in walk(operand):
                if not isinstance(node, (*LEAVES, Or)):
                    raise self._error(node.span.start, _near_fault(node))
        return Near(left, right, symbol.distance, span=Span(left.span.start, right.span.end))

    def _in_field(self, symbol: Symbol, child: Node) -> InField:
        for node in walk(child):
            if isinstance(node, InField):
                raise self._error(node.span.start, f"{node.field}: stands inside {symbol.text}: already")
        return InField(EvidenceField(symbol.text), child, span=Span(symbol.span.start, child.span.end))

    def _top(self) -> Kind | None:
        return self._operators[-1].kind if self._operators else None

    def _expectation(self, symbol: Symbol) -> str:
        """Say what should have stood where `symbol` stands."""
        if symbol.kind is Kind.END and not self._operators:
            return "expected something to find, the query is empty"
        found = "but the query ends" if symbol.kind is Kind.END else f"not {symbol.text!r}"
        if not self._operators:
            return f"expected something to find, {found}"
        before = self._operators[-1]
        after = {Kind.OPEN: "after (", Kind.FIELD: f"after {before.symbol.text}:"}.get(
            before.kind, f"after {before.symbol.text}"
        )
        return f"expected a word, a phrase, an @actor or a group {after}, {found}"

    def _error(self, at: int, message: str) -> RuleSyntaxError:
        return RuleSyntaxError(message, at + 1, self._query)


def _near_fault(node: Node) -> str:
    if isinstance(node, InField):
        return f"{_NEAR_ADVICE}; put both into the field: {node.field}:(a NEAR/5 b)"
    return f"{_NEAR_ADVICE}, not {type(node).__name__.upper()}"


def _leaf(symbol: Symbol) -> Node:
    build = {
        Kind.TERM: Term,
        Kind.PHRASE: Phrase,
        Kind.PREFIX: Prefix,
        Kind.EXACT: Exact,
        Kind.ACTOR: ActorRef,
    }[symbol.kind]
    return build(symbol.text, span=symbol.span)
