"""Why a rule matches an article or does not: the query as a tree, each part with its verdict and what proves it."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from schemas.article import Article
from schemas.match import Evidence, EvidenceField
from schemas.watch import WatchRule
from services.domain.rules import ast
from services.domain.rules.article_index import Identify
from services.domain.rules.compiler import Compiler
from services.domain.rules.lookup import Clauses, Lookup, in_field
from services.domain.rules.near_miss import Closeness, NearMiss, NearMisses
from services.domain.rules.parser import parse
from services.domain.text.gazetteer import Gazetteer
from services.domain.text.language import identify


class Reason(StrEnum):
    """Why a part of a query holds or fails."""

    FOUND = "found"  # its words are there
    NOT_FOUND = "not_found"  # they are not; `nearest` says what comes closest
    ENOUGH_PARTS = "enough_parts"
    TOO_FEW_PARTS = "too_few_parts"
    EXCLUDED_ABSENT = "excluded_absent"  # what NOT excludes is not there
    EXCLUDED_FOUND = "excluded_found"  # it is, by the evidence of the part below


# How near a part that fails is to holding, between 0 and 1: which alternative to tell of first.
_NEARNESS = {
    Closeness.WRONG_ORDER: 0.8,
    Closeness.TOO_FAR: 0.7,
    Closeness.OTHER_FIELD: 0.6,
    Closeness.OTHER_CASE: 0.6,
    Closeness.NOT_IN_A_ROW: 0.5,
    Closeness.DIFFERENT_FIELDS: 0.5,
    Closeness.SIMILAR_WORD: 0.3,
    Closeness.SOME_WORDS: 0.2,
}
_VIOLATED = 0.5


@dataclass(frozen=True, slots=True)
class Explanation:
    """One part of a query against one article.

    `evidence` are all places that make a part hold that has no parts of its own, title first. Of what fails, NEAR has
    its sides as `parts`. `needed` says how many of the parts must hold, 0 where there is nothing to count.
    """

    node: ast.Node
    field: EvidenceField | None
    holds: bool
    reason: Reason
    evidence: tuple[Evidence, ...] = ()
    parts: tuple["Explanation", ...] = ()
    needed: int = 0
    nearest: NearMiss | None = None

    @property
    def clause(self) -> str:
        """Return this part in canonical form, with the field that it is asked in."""
        return ast.format_query(in_field(self.node, self.field))

    @property
    def held(self) -> int:
        """Return how many parts hold."""
        return sum(part.holds for part in self.parts)

    @property
    def nearness(self) -> float:
        """Return 1 if this holds, else how near it is to holding, from 0."""
        if self.holds:
            return 1.0
        if isinstance(self.node, ast.Not):
            return _VIOLATED
        if self.nearest:
            own = _NEARNESS.get(self.nearest.closeness, 0.0)
            return max(own, _mean([part.nearness for part in self.parts]) / 2)
        best = sorted((part.nearness for part in self.parts), reverse=True)[: self.needed]
        return min(_mean(best), 1.0 - 1e-9)

    def missing(self) -> tuple["Explanation", ...]:
        """Return the failing parts of the alternative nearest to holding: if they held, so would this."""
        if self.holds:
            return ()
        if not self.needed:
            return (self,)
        failing = sorted((part for part in self.parts if not part.holds), key=lambda part: -part.nearness)
        nearest = {id(part) for part in failing[: self.needed - self.held]}
        return tuple(lacking for part in self.parts if id(part) in nearest for lacking in part.missing())

    def all_evidence(self) -> Iterator[Evidence]:
        """Yield every place shown, of this and all parts below."""
        yield from self.evidence
        for part in self.parts:
            yield from part.all_evidence()


class Explainer:
    """Explains one rule or query on any number of articles; its verdict is the engine's."""

    def __init__(self, rule: WatchRule | str, gazetteer: Gazetteer, identify: Identify = identify) -> None:
        query = rule if isinstance(rule, str) else rule.query
        self._gazetteer = gazetteer
        self._identify = identify
        self._tree = parse(query)
        compiler = Compiler(gazetteer)
        compiler.compile_rule(self._tree, query)
        self._clauses = Clauses(compiler, query)

    def explain(self, article: Article) -> Explanation:
        """Return why the article satisfies the query or does not."""
        lookup = Lookup(article, self._clauses, self._identify)
        return _Explaining(lookup, NearMisses(lookup, self._gazetteer)).node(self._tree, None)


def explain(rule: WatchRule | str, article: Article, gazetteer: Gazetteer) -> Explanation:
    """Return why an article satisfies a rule or query, or does not; RuleError if it cannot be matched at all."""
    return Explainer(rule, gazetteer).explain(article)


@dataclass(frozen=True, slots=True)
class _Explaining:
    lookup: Lookup
    near_misses: NearMisses

    def node(self, node: ast.Node, field: EvidenceField | None) -> Explanation:
        match node:
            case ast.InField(field=name, child=child):
                return self.node(child, name)
            case ast.Not(child=child):
                return self._excluded(node, field, self.node(child, field))
            case ast.Near():
                return self._found(node, field) or self._missed(node, field, (node.left, node.right))
            case ast.And() | ast.Or() | ast.AtLeast():
                return self._joined(node, field)
            case _:
                return self._found(node, field) or self._missed(node, field, ())

    def _excluded(self, node: ast.Node, field: EvidenceField | None, child: Explanation) -> Explanation:
        reason = Reason.EXCLUDED_FOUND if child.holds else Reason.EXCLUDED_ABSENT
        return Explanation(node, field, not child.holds, reason, parts=(child,))

    def _joined(self, node: ast.And | ast.Or | ast.AtLeast, field: EvidenceField | None) -> Explanation:
        parts = tuple(self.node(child, field) for child in node.children)
        needed = _needed(node)
        holds = sum(part.holds for part in parts) >= needed
        reason = Reason.ENOUGH_PARTS if holds else Reason.TOO_FEW_PARTS
        return Explanation(node, field, holds, reason, parts=parts, needed=needed)

    def _found(self, node: ast.Node, field: EvidenceField | None) -> Explanation | None:
        if not self.lookup.holds(node, field):
            return None
        return Explanation(node, field, True, Reason.FOUND, self.lookup.proof(node, field))

    def _missed(self, node: ast.Node, field: EvidenceField | None, sides: tuple[ast.Node, ...]) -> Explanation:
        parts = tuple(self.node(side, field) for side in sides)
        nearest = self.near_misses.of(node, field)
        return Explanation(node, field, False, Reason.NOT_FOUND, parts=parts, nearest=nearest)


def _needed(node: ast.And | ast.Or | ast.AtLeast) -> int:
    """Return how many parts must hold."""
    match node:
        case ast.AtLeast(count=count):
            return count
        case ast.And(children=parts):
            return len(parts)
        case ast.Or():
            return 1


def _mean(values: list[float]) -> float:
    return sum(values) / len(values) if values else 0.0
