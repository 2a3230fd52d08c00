"""Where the parts of a query stand in one article, whatever the rest of the query says."""

from collections.abc import Sequence
from functools import cached_property

from schemas.article import Article
from schemas.match import Evidence, EvidenceField
from services.domain.rules import ast
from services.domain.rules.article_index import Identify, of_article
from services.domain.rules.compiler import Clause, Compiler, Present
from services.domain.rules.stretches import Occurrence
from services.domain.text.analyzer import Token, tokens
from services.domain.text.normalize import fold, printable


def in_field(node: ast.Node, field: EvidenceField | None) -> ast.Node:
    """Return the node as it is asked within a field, or itself outside of one."""
    return ast.InField(field, node) if field else node


class Clauses:
    """The clauses of a query's parts, each compiled once, however many articles are asked about."""

    def __init__(self, compiler: Compiler, query: str) -> None:
        self._compiler = compiler
        self._query = query
        self._compiled: dict[tuple[ast.Node, EvidenceField | None], Clause] = {}

    def of(self, node: ast.Node, field: EvidenceField | None) -> Clause:
        """Return the clause of a part, or raise RuleMeaningError."""
        key = (node, field)
        if key not in self._compiled:
            self._compiled[key] = self._compiler.compile(in_field(node, field), self._query)
        return self._compiled[key]


class Lookup:
    """One article, asked about one part of a query at a time."""

    def __init__(self, article: Article, clauses: Clauses, identify: Identify) -> None:
        self._index = of_article(article, identify)
        self._clauses = clauses
        self._words: dict[EvidenceField, FieldWords] = {}

    def holds(self, node: ast.Node, field: EvidenceField | None) -> bool:
        """Say whether the article satisfies a part."""
        return self._clauses.of(node, field).holds(self._index)

    def proof(self, node: ast.Node, field: EvidenceField | None) -> tuple[Evidence, ...]:
        """Return every place that makes a part hold, title first, each once; the part must hold.

        A field that the article does not state has none, even if its language was identified.
        """
        places: dict[EvidenceField, set[Occurrence]] = {}
        for found in self._clauses.of(node, field).proof(self._index):
            for name, occurrences in found.items():
                places.setdefault(name, set()).update(occurrences)
        # A language that was made out of the text, rather than stated, has no place to show.
        stated = [name for name in EvidenceField if name in self._index.texts]
        return tuple(
            self.evidence(name, first, last) for name in stated for first, last in sorted(places.get(name, ()))
        )

    def places(self, node: ast.Node, field: EvidenceField) -> Sequence[Occurrence]:
        """Return where a part stands in one field, as word positions in order."""
        clause = self._clauses.of(node, field)
        if isinstance(clause, Present):
            return self._index.find(clause.leaf, field)
        if not clause.holds(self._index):
            return ()
        return sorted({place for found in clause.proof(self._index) for place in found.get(field, ())})

    def evidence(self, field: EvidenceField, first: int, last: int) -> Evidence:
        """Return the words from position `first` to `last` of a field."""
        spans = self._index.index(field).spans
        return quote(field, self._index.texts[field], spans[first][0], spans[last][1])

    def words(self, field: EvidenceField) -> "FieldWords":
        """Return the words of a field as they are printed."""
        if field not in self._words:
            self._words[field] = FieldWords(field, self._index.texts.get(field, ""))
        return self._words[field]


class FieldWords:
    """The words of one field, to look for one that is nearly what was asked."""

    def __init__(self, field: EvidenceField, text: str) -> None:
        self.field = field
        self.text = text

    def whole(self) -> Evidence | None:
        """Return the field as one place; None if there is nothing in it."""
        return quote(self.field, self.text, 0, len(self.text)) if self.text else None

    def evidence(self, token: Token) -> Evidence:
        """Return a word as a place."""
        return quote(self.field, self.text, token.start, token.end)

    @cached_property
    def by_first(self) -> dict[str, list[tuple[str, Token]]]:
        """Return the distinct words folded, each with its first place, by first letter."""
        distinct: dict[str, Token] = {}
        for token in tokens(self.text):
            distinct.setdefault(fold(token.surface), token)
        grouped: dict[str, list[tuple[str, Token]]] = {}
        for folded, token in distinct.items():
            grouped.setdefault(folded[:1], []).append((folded, token))
        return grouped


def quote(field: EvidenceField, text: str, start: int, end: int) -> Evidence:
    """Return a stretch of a field as evidence."""
    return Evidence(field=field, start=start, end=end, text=printable(text[start:end]))
