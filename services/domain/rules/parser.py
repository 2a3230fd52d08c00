"""Parse a query: operator precedence on explicit stacks, so that no nesting can exhaust Python's own.

Loosest first: OR, AND (also between neighbours without an operator), NOT - !, NEAR/n BEFORE/n, field:
"""

from schemas.match import EvidenceField
from schemas.watch import MAX_QUERY_CHARS
from services.domain.rules.ast import (
    LEAVES,
    ActorRef,
    And,
    AtLeast,
    Exact,
    InField,
    Near,
    Node,
    Not,
    Or,
    Phrase,
    Prefix,
    Term,
    levels,
    walk,
)
from services.domain.rules.codes import CODE_FIELDS, code_fault, normal_code
from services.domain.rules.errors import RuleSyntaxError
from services.domain.rules.grammar import MAX_NEAR_NESTING, MAX_NESTING
from services.domain.rules.lexer import (
    ACTOR,
    AND,
    AT_LEAST,
    BEFORE,
    CLOSE,
    COMMA,
    END,
    FIELD,
    LAST_OPERAND,
    LIST,
    NEAR,
    NOT,
    OPEN,
    OR,
    PHRASE,
    PLUS,
    PREFIX,
    TERM,
    Symbol,
    fault,
    symbols,
)

_OPERANDS = "a word, a phrase, an @actor or a group"
_NEAR_ADVICE = "NEAR and BEFORE join words, phrases, actors, (groups OR of them) and each other in parentheses"

_TOO_DEEP = f"nested deeper than {MAX_NESTING} levels"
_LEVELS_A_NESTING = 4  # n OF an OR of ANDs of a NEAR
_SHALLOW = MAX_NESTING // _LEVELS_A_NESTING - 1  # nestings that cannot make too many levels
_GROUP = 0  # below every operator
_PRECEDENCE = {OPEN: _GROUP, AT_LEAST: _GROUP, OR: 1, AND: 2, NOT: 3, NEAR: 4, BEFORE: 4, FIELD: 5}
_PREFIXES = frozenset((OPEN, AT_LEAST, NOT, FIELD))
_BINARY = frozenset((AND, OR, NEAR, BEFORE))
_JOINS = frozenset((AND, OR))
_NEARS = frozenset((NEAR, BEFORE))
_TIGHT = frozenset((NEAR, BEFORE, FIELD))


def parse(query: str) -> Node:
    """Return the syntax tree of a query, or raise RuleSyntaxError that points at the column."""
    if len(query) > MAX_QUERY_CHARS:
        raise RuleSyntaxError(
            f"a query may hold {MAX_QUERY_CHARS:,} characters, this one has {len(query):,}", MAX_QUERY_CHARS + 1
        )
    return _Parser(query).parse()


class _Parser:
    __slots__ = ("_is_deep", "_items", "_nesting", "_operands", "_operators", "_query")

    def __init__(self, query: str) -> None:
        self._query = query
        self._operands: list[Node] = []
        self._operators: list[Symbol] = []
        self._items: list[int] = []  # for each open `n OF (`, how many operands stood before its list
        self._nesting = 0
        self._is_deep = False  # what is read may have too many levels

    def parse(self) -> Node:
        operators = self._operators
        operand_next = True
        for symbol in symbols(self._query):
            kind = symbol[0]
            # The commonest in the shortest way, because a million rules hold five million symbols.
            if operand_next:
                operand_next = self._take_operand(symbol)
            elif kind in _JOINS and (not operators or operators[-1][0] == kind):
                operators.append(symbol)
                operand_next = True
            else:
                operand_next = self._take_operator(symbol)
        tree = self._operands[0]
        if self._is_deep:
            for number, nodes in enumerate(levels(tree)):
                if number > MAX_NESTING:
                    raise fault(self._query, nodes[0].start, _TOO_DEEP)
        return tree

    def _take_operand(self, symbol: Symbol) -> bool:
        """Take what may begin an operand; say whether an operand is still to come."""
        kind = symbol[0]
        if kind <= LAST_OPERAND:
            if kind == LIST and self._nesting >= _SHALLOW:
                self._nest(symbol)
                self._nesting -= 1
            self._operands.append(_operand(symbol))
            return False
        if kind in _PREFIXES:
            self._push_prefix(symbol)
        elif kind != PLUS or self._top() in _TIGHT:
            raise self._fault(symbol, self._expectation(symbol))
        return True

    def _take_operator(self, symbol: Symbol) -> bool:
        """Take what may follow an operand; say whether an operand is to come."""
        kind = symbol[0]
        if kind == END:
            self._finish()
            return False
        if kind in _BINARY:
            self._push_binary(symbol)
            return True
        if kind == CLOSE:
            self._close(symbol)
            return False
        if kind == COMMA:
            self._next_item(symbol)
            return True
        self._push_binary((AND, *symbol[1:]))
        return self._take_operand(symbol)

    def _push_prefix(self, symbol: Symbol) -> None:
        kind = symbol[0]
        if kind == NOT and self._top() in _TIGHT:
            advice = "write NOT before the field" if self._top() == FIELD else _NEAR_ADVICE
            raise self._fault(symbol, f"NOT cannot stand here; {advice}")
        self._nest(symbol)
        if kind == AT_LEAST:
            self._items.append(len(self._operands))
        self._operators.append(symbol)

    def _nest(self, symbol: Symbol) -> None:
        self._nesting += 1
        if self._nesting > MAX_NESTING:
            raise self._fault(symbol, _TOO_DEEP)
        if self._nesting > _SHALLOW:
            self._is_deep = True

    def _push_binary(self, symbol: Symbol) -> None:
        kind = symbol[0]
        self._reduce_above(_PRECEDENCE[kind])
        if kind in _NEARS and self._top() in _NEARS:
            raise self._fault(symbol, "NEAR and BEFORE cannot be chained; write (a NEAR/5 b) NEAR/5 c, or use AND")
        self._operators.append(symbol)

    def _next_item(self, symbol: Symbol) -> None:
        self._reduce_above(_GROUP)
        if self._top() != AT_LEAST:
            raise self._fault(
                symbol,
                "a comma only parts the items of a list, as in 2 OF (a, b, c); write AND or OR, or quote the words",
            )

    def _close(self, symbol: Symbol) -> None:
        self._reduce_above(_GROUP)
        if not self._operators:
            raise self._fault(symbol, "this ) closes nothing")
        kind, _, start, count = opening = self._operators.pop()
        self._nesting -= 1
        if kind == AT_LEAST:
            first = self._items.pop()
            items = tuple(self._operands[first:])
            if not 1 <= count <= len(items):
                raise self._fault(opening, f"expected a count from 1 to {len(items)}, the number of items in the list")
            self._operands[first:] = [AtLeast(count, items, start)]

    def _finish(self) -> None:
        self._reduce_above(_GROUP)
        if self._operators:
            _, _, start, _ = self._operators[-1]
            raise fault(self._query, self._query.index("(", start), "this ( is never closed")

    def _reduce_above(self, precedence: int) -> None:
        """Build the nodes of all waiting operators that bind more tightly."""
        operators = self._operators
        while operators and _PRECEDENCE[operators[-1][0]] > precedence:
            self._reduce(operators.pop())

    def _reduce(self, operator: Symbol) -> None:
        kind, _, start, _ = operator
        right = self._operands.pop()
        if kind in {AND, OR}:
            node: Node = self._joined(kind, right)
        elif kind == NOT:
            self._nesting -= 1
            node = Not(right, start)
        elif kind == FIELD:
            self._nesting -= 1
            node = self._in_field(operator, right)
        else:
            node = self._near(self._operands.pop(), right, operator)
        self._operands.append(node)

    def _joined(self, kind: int, last: Node) -> Node:
        """Build one node of the run of equal operators, so that a thousand ORs are one Or."""
        count = 1
        operators, operands = self._operators, self._operands
        while operators and operators[-1][0] == kind:
            operators.pop()
            count += 1
        parts = operands[-count:]
        parts.append(last)
        del operands[-count:]
        node_type = And if kind == AND else Or
        start = parts[0].start
        for part in parts:
            if isinstance(part, node_type):
                flat = (
                    inner for part in parts for inner in (part.children if isinstance(part, node_type) else (part,))
                )
                return node_type(tuple(flat), start)
        return node_type(tuple(parts), start)

    def _near(self, left: Node, right: Node, symbol: Symbol) -> Near:
        kind, _, _, distance = symbol
        is_nested = False
        waiting = [right, left]
        while waiting:
            node = waiting.pop()
            if isinstance(node, Or):
                if not node.is_list:  # or all are words and phrases
                    waiting.extend(reversed(node.children))
            elif isinstance(node, Near):
                is_nested = True
            elif not isinstance(node, LEAVES):
                raise fault(self._query, node.start, _near_fault(node))
        near = Near(left, right, distance, kind == BEFORE, left.start)
        # Between two NEARs there is one OR at most.
        depth = sum(any(isinstance(node, Near) for node in nodes) for nodes in levels(near)) if is_nested else 1
        if depth > MAX_NEAR_NESTING:
            raise self._fault(symbol, f"NEAR and BEFORE nest at most {MAX_NEAR_NESTING} deep")
        return near

    def _in_field(self, symbol: Symbol, child: Node) -> InField:
        _, text, start, _ = symbol
        name = EvidenceField(text)
        for node in () if isinstance(child, LEAVES) else walk(child):
            if isinstance(node, InField):
                raise fault(self._query, node.start, f"{node.field}: stands inside {name}: already")
        if name in CODE_FIELDS:
            child = self._codes(name, child)
        return InField(name, child, start)

    def _codes(self, name: EvidenceField, node: Node) -> Node:
        """Return the node with its codes in their normal form; only codes and OR of them are allowed."""
        if isinstance(node, Or):
            return Or(tuple(self._codes(name, child) for child in node.children), node.start)
        if not isinstance(node, Term | Phrase) or (isinstance(node, Phrase) and node.slop):
            raise fault(
                self._query,
                node.start,
                f"{name}: takes a code or (one OR another), and NOT before the field to exclude it",
            )
        code = normal_code(name, node.text)
        if wrong := code_fault(name, code):
            raise fault(self._query, node.start, wrong)
        return Term(code, node.start) if isinstance(node, Term) else Phrase(code, 0, node.start)

    def _top(self) -> int | None:
        return self._operators[-1][0] if self._operators else None

    def _expectation(self, symbol: Symbol) -> str:
        """Say what should have stood where `symbol` stands."""
        kind, text, *_ = symbol
        if kind == END and not self._operators:
            return "expected something to find, the query is empty"
        found = "but the query ends" if kind == END else f"not {text!r}"
        if not self._operators:
            return f"expected something to find, {found}"
        opened, before, *_ = self._operators[-1]
        if opened == AT_LEAST:
            return f"expected {_OPERANDS} as an item of the list, {found}"
        return f"expected {_OPERANDS} after {f'{before}:' if opened == FIELD else before}, {found}"

    def _fault(self, symbol: Symbol, message: str) -> RuleSyntaxError:
        return fault(self._query, symbol[2], message)


def _near_fault(node: Node) -> str:
    if isinstance(node, InField):
        return f"{_NEAR_ADVICE}; put both into the field: {node.field}:(a NEAR/5 b)"
    name = "OF" if isinstance(node, AtLeast) else type(node).__name__.upper()
    return f"{_NEAR_ADVICE}, not {name}"


def _operand(symbol: Symbol) -> Node:
    kind, text, start, slop = symbol
    if kind == TERM:
        return Term(text, start)
    if kind == ACTOR:
        return ActorRef(text, start)
    if kind == LIST:
        return Or.of_list(text, start + 1)
    if kind == PHRASE:
        return Phrase(text, slop, start)
    return Prefix(text, start) if kind == PREFIX else Exact(text, start)
