"""Compile a syntax tree: NOT pushed down to the leaves, fields resolved, and each part able to say what it requires."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Protocol

from schemas.match import EvidenceField
from services.domain.rules import ast
from services.domain.rules.errors import RuleMeaningError
from services.domain.rules.leaves import (
    AnyOf,
    Leaf,
    Occurrence,
    Requirement,
    aliases_leaf,
    exact_leaf,
    near,
    prefix_leaf,
    words_leaf,
)
from services.domain.text.gazetteer import Gazetteer, UnknownActorError
from services.domain.text.token_index import TokenIndex

Fields = tuple[EvidenceField, ...]
ALL_FIELDS: Fields = (EvidenceField.TITLE, EvidenceField.TEXT)
# Where one leaf was found, by field, title first.
Found = dict[EvidenceField, Sequence[Occurrence]]


class ArticleIndex:
    """Both fields of one article, each leaf looked up in each at most once, however many rules share it."""

    def __init__(self, title: str, text: str) -> None:
        self.fields = {EvidenceField.TITLE: TokenIndex(title), EvidenceField.TEXT: TokenIndex(text)}
        self.keys = self.fields[EvidenceField.TITLE].by_key.keys() | self.fields[EvidenceField.TEXT].by_key.keys()
        self._found: dict[tuple[int, EvidenceField], tuple[Leaf, Sequence[Occurrence]]] = {}

    def find(self, leaf: Leaf, name: EvidenceField) -> Sequence[Occurrence]:
        """Return where `leaf` stands in the field."""
        # By identity, because hashing a leaf costs more than finding it; the leaf is kept, so no other takes its id.
        key = (id(leaf), name)
        found = self._found.get(key)
        if found is None:
            found = self._found[key] = (leaf, leaf.find(self.fields[name]))
        return found[1]


class Clause(Protocol):
    """A compiled part of a rule."""

    @property
    def requirement(self) -> Requirement | None:
        """Return what an article must hold for this to be true, or None if it can be true without any of its words."""

    def holds(self, article: ArticleIndex) -> bool:
        """Say whether the article satisfies this."""

    def proof(self, article: ArticleIndex) -> Iterator[Found]:
        """Yield where the leaves stand that make this true; called only if it is."""


@dataclass(frozen=True, eq=False)
class Present:
    """A leaf is found in one of the fields."""

    leaf: Leaf
    fields: Fields

    @cached_property
    def requirement(self) -> Requirement:
        """Return what the leaf requires."""
        need = self.leaf.requirement
        return need if self.fields == ALL_FIELDS else need.necessary()

    def holds(self, article: ArticleIndex) -> bool:
        """Say whether the leaf stands anywhere."""
        if self.requirement.sufficient:
            return not self.requirement.words.isdisjoint(article.keys)
        return any(article.find(self.leaf, name) for name in self.fields)

    def proof(self, article: ArticleIndex) -> Iterator[Found]:
        """Yield all occurrences of the leaf."""
        yield {name: article.find(self.leaf, name) for name in self.fields}


@dataclass(frozen=True, eq=False)
class Together:
    """Two leaves stand near each other within one field, in any order."""

    left: Leaf
    right: Leaf
    distance: int
    fields: Fields

    @cached_property
    def requirement(self) -> Requirement:
        """Return the cheaper of the two."""
        return min((self.left.requirement, self.right.requirement), key=lambda need: need.cost).necessary()

    def holds(self, article: ArticleIndex) -> bool:
        """Say whether one pair is near enough."""
        for leaf in (self.left, self.right):
            need = leaf.requirement
            if need.only_words and need.words.isdisjoint(article.keys):
                return False
        return any(self._near(article, name, self.left, self.right) for name in self.fields)

    def proof(self, article: ArticleIndex) -> Iterator[Found]:
        """Yield the occurrences of each side that have the other near."""
        yield {name: self._near(article, name, self.left, self.right) for name in self.fields}
        yield {name: self._near(article, name, self.right, self.left) for name in self.fields}

    def _near(self, article: ArticleIndex, name: EvidenceField, these: Leaf, those: Leaf) -> list[Occurrence]:
        places = article.find(these, name)
        others = article.find(those, name) if places else ()
        return near(places, others, self.distance) if others else []


@dataclass(frozen=True, eq=False)
class Absent:
    """A positive clause does not hold; it proves nothing."""

    clause: Clause
    requirement: None = field(default=None, init=False)

    def holds(self, article: ArticleIndex) -> bool:
        """Say whether the clause fails."""
        return not self.clause.holds(article)

    def proof(self, article: ArticleIndex) -> Iterator[Found]:
        """Yield nothing: what is absent has no place."""
        yield from ()


@dataclass(frozen=True, eq=False)
class All:
    """Every part holds; the parts least likely to hold are tried first."""

    parts: tuple[Clause, ...]

    @cached_property
    def requirement(self) -> Requirement | None:
        """Return the cheapest requirement of any part."""
        needs = [part.requirement for part in self.parts if part.requirement]
        return min(needs, key=lambda need: need.cost).necessary() if needs else None

    @cached_property
    def _by_cost(self) -> tuple[Clause, ...]:
        return tuple(sorted(self.parts, key=_cost))

    @cached_property
    def _undecided(self) -> tuple[Clause, ...]:
        """Parts that keys alone do not decide."""
        return tuple(part for part in self._by_cost if not (part.requirement and part.requirement.sufficient))

    @cached_property
    def _needs(self) -> tuple[frozenset[str], ...]:
        """Sets of keys of each of which the article must hold one: cheap to test before any position is looked at."""
        needs = [part.requirement for part in self._by_cost]
        return tuple(need.words for need in needs if need and need.only_words)

    def holds(self, article: ArticleIndex) -> bool:
        """Say whether all parts hold."""
        keys = article.keys
        for need in self._needs:
            if need.isdisjoint(keys):
                return False
        return all(part.holds(article) for part in self._undecided)

    def proof(self, article: ArticleIndex) -> Iterator[Found]:
        """Yield the proof of every part."""
        for part in self.parts:
            yield from part.proof(article)


@dataclass(frozen=True, eq=False)
class Either:
    """At least one part holds."""

    parts: tuple[Clause, ...]

    @cached_property
    def requirement(self) -> Requirement | None:
        """Return the requirements of all parts together, or None if one part has none."""
        needs = [part.requirement for part in self.parts]
        return Requirement.any_of(need for need in needs if need) if all(needs) else None

    def holds(self, article: ArticleIndex) -> bool:
        """Say whether a part holds."""
        if self.requirement and self.requirement.sufficient:
            return not self.requirement.words.isdisjoint(article.keys)
        return any(part.holds(article) for part in self.parts)

    def proof(self, article: ArticleIndex) -> Iterator[Found]:
        """Yield the proof of every part that holds: it takes all of them away to make this fail."""
        for part in self.parts:
            if part.holds(article):
                yield from part.proof(article)


def _cost(clause: Clause) -> float:
    return clause.requirement.cost if clause.requirement else float("inf")


class Compiler:
    """Compiles queries against one gazetteer; an actor's aliases are one leaf for all rules that name it."""

    def __init__(self, gazetteer: Gazetteer) -> None:
        self._gazetteer = gazetteer
        self._actors: dict[str, AnyOf] = {}

    def compile(self, node: ast.Node, query: str) -> Clause:
        """Return the clause of a tree, or raise RuleMeaningError."""
        try:
            return self._clause(node, ALL_FIELDS, negated=False)
        except _NodeError as fault:
            raise RuleMeaningError(fault.message, fault.node.span.start + 1, query) from fault

    def compile_rule(self, node: ast.Node, query: str) -> tuple[Clause, Requirement]:
        """Return the clause of a whole rule and what it requires; a rule that requires nothing is refused."""
        clause = self.compile(node, query)
        if clause.requirement is None:
            raise RuleMeaningError(
                "this would match articles that hold none of the rule's words; every alternative of a rule needs "
                "something that must be found, NOT only narrows it",
                self._boundless(node, query).span.start + 1,
                query,
            )
        return clause, clause.requirement

    def _boundless(self, node: ast.Node, query: str) -> ast.Node:
        """Return the alternative that requires nothing."""
        while isinstance(node, ast.Or):
            node = next(part for part in node.children if self.compile(part, query).requirement is None)
        return node

    def _clause(self, node: ast.Node, fields: Fields, *, negated: bool) -> Clause:
        match node:
            case ast.Not(child=child):
                return self._clause(child, fields, negated=not negated)
            case ast.InField(field=name, child=child):
                return self._clause(child, (name,), negated=negated)
            case ast.And(children=parts) | ast.Or(children=parts):
                compiled = tuple(self._clause(part, fields, negated=negated) for part in parts)
                return All(compiled) if isinstance(node, ast.And) is not negated else Either(compiled)
            case ast.Near(left=left, right=right, distance=distance):
                clause: Clause = Together(self._leaf(left), self._leaf(right), distance, fields)
            case _:
                clause = Present(self._leaf(node), fields)
        return Absent(clause) if negated else clause

    def _leaf(self, node: ast.Node) -> Leaf:
        match node:
            case ast.ActorRef(actor_id=actor_id):
                return self._actor(node, actor_id)
            case ast.Or(children=parts):
                return AnyOf(tuple(self._leaf(part) for part in parts))
            case ast.Term(text=text) | ast.Phrase(text=text):
                build: Callable[[str], Leaf] = words_leaf
            case ast.Prefix(text=text):
                build = prefix_leaf
            case ast.Exact(text=text):
                build = exact_leaf
            case _:
                raise TypeError(f"not a leaf: {node!r}")
        return build(text)

    def _actor(self, node: ast.Node, actor_id: str) -> Leaf:
        if actor_id not in self._actors:
            try:
                aliases = self._gazetteer.aliases(actor_id)
            except UnknownActorError as error:
                raise _NodeError(str(error), node) from error
            if not aliases:
                raise _NodeError(f"actor {actor_id!r} has no aliases to find", node)
            self._actors[actor_id] = aliases_leaf(aliases)
        return self._actors[actor_id]


class _NodeError(Exception):
    """What is wrong, and with which node; becomes a RuleMeaningError that can point into the query."""

    def __init__(self, message: str, node: ast.Node) -> None:
        super().__init__(message)
        self.message = message
        self.node = node
