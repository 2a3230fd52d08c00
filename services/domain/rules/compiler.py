"""Compile a syntax tree into clauses: NOT pushed down to the leaves, fields resolved, actors looked up."""

from collections.abc import Iterator, Sequence
from typing import Protocol

from schemas.match import EvidenceField
from services.domain.rules import ast
from services.domain.rules.article_index import CONTENT, ArticleIndex, Fields
from services.domain.rules.codes import CODE_FIELDS, normal_code
from services.domain.rules.errors import RuleMeaningError
from services.domain.rules.leaves import (
    AnyOf,
    AnyText,
    Leaf,
    Near,
    aliases_leaf,
    exact_leaf,
    prefix_leaf,
    sloppy_leaf,
)
from services.domain.rules.records import record
from services.domain.rules.stretches import Occurrences
from services.domain.text.gazetteer import Gazetteer, UnknownActorError

# Where one part of a leaf was found, by field.
Found = dict[EvidenceField, Occurrences]


class Clause(Protocol):
    """A compiled part of a rule."""

    def verdict(self, article: ArticleIndex) -> bool | None:
        """Say whether this holds if the keys of the words alone decide it, else None."""

    def holds(self, article: ArticleIndex) -> bool:
        """Say whether the article satisfies this."""

    def proof(self, article: ArticleIndex) -> Iterator[Found]:
        """Yield where the leaves stand that make this true; called only if it is."""


@record(eq=False)
class Present:
    """A leaf is found in one of the fields."""

    leaf: Leaf
    fields: Fields

    def verdict(self, article: ArticleIndex) -> bool | None:
        """Say what the leaf says of the keys of the fields."""
        return self.leaf.verdict(article.keys(self.fields))

    def holds(self, article: ArticleIndex) -> bool:
        """Say whether the leaf stands anywhere."""
        verdict = self.leaf.verdict(article.keys(self.fields))
        if verdict is not None:
            return verdict
        return any(article.has(self.leaf, name) for name in self.fields)

    def proof(self, article: ArticleIndex) -> Iterator[Found]:
        """Yield all occurrences of the leaf, part by part."""
        for places in zip(*(self.leaf.proof(article.index(name)) for name in self.fields), strict=True):
            yield dict(zip(self.fields, places, strict=True))


@record(eq=False)
class Absent:
    """Something is not found; that proves nothing."""

    clause: Present

    def verdict(self, article: ArticleIndex) -> bool | None:
        """Say the opposite of the clause."""
        verdict = self.clause.verdict(article)
        return None if verdict is None else not verdict

    def holds(self, article: ArticleIndex) -> bool:
        """Say whether the clause fails."""
        return not self.clause.holds(article)

    def proof(self, article: ArticleIndex) -> Iterator[Found]:
        """Yield nothing: what is absent has no place."""
        yield from ()


@record(eq=False)
class All:
    """Every part holds."""

    parts: tuple[Clause, ...]

    def verdict(self, article: ArticleIndex) -> bool | None:
        """Say no if the keys refuse one part, yes if they are enough for all."""
        decided: bool | None = True
        for part in self.parts:
            verdict = part.verdict(article)
            if verdict is False:
                return False
            if verdict is None:
                decided = None
        return decided

    def holds(self, article: ArticleIndex) -> bool:
        """Say whether all parts hold; positions are looked at only if no part fails by its keys."""
        verdict = self.verdict(article)
        if verdict is not None:
            return verdict
        return all(part.holds(article) for part in self.parts)

    def proof(self, article: ArticleIndex) -> Iterator[Found]:
        """Yield the proof of every part."""
        for part in self.parts:
            yield from part.proof(article)


@record(eq=False)
class Either:
    """At least one part holds."""

    parts: tuple[Clause, ...]

    def verdict(self, article: ArticleIndex) -> bool | None:
        """Say yes if the keys are enough for one part, no if they refuse all."""
        decided: bool | None = False
        for part in self.parts:
            verdict = part.verdict(article)
            if verdict:
                return True
            if verdict is None:
                decided = None
        return decided

    def holds(self, article: ArticleIndex) -> bool:
        """Say whether a part holds; positions are looked at only if no part holds by its keys."""
        verdict = self.verdict(article)
        if verdict is not None:
            return verdict
        return any(part.holds(article) for part in self.parts)

    def proof(self, article: ArticleIndex) -> Iterator[Found]:
        """Yield the proof of every part that holds: it takes all of them away to make this fail."""
        for part in self.parts:
            if part.holds(article):
                yield from part.proof(article)


@record(eq=False)
class AtLeastOf:
    """At least `count` parts hold; more than one and fewer than all, or it would be an Either or an All."""

    count: int
    parts: tuple[Clause, ...]

    def verdict(self, article: ArticleIndex) -> bool | None:
        """Say yes if the keys are enough for `count` parts, no if they refuse too many."""
        true = unknown = 0
        for part in self.parts:
            verdict = part.verdict(article)
            if verdict is None:
                unknown += 1
            else:
                true += verdict
        if true >= self.count:
            return True
        return None if true + unknown >= self.count else False

    def holds(self, article: ArticleIndex) -> bool:
        """Say whether enough parts hold."""
        verdict = self.verdict(article)
        if verdict is not None:
            return verdict
        wanted = self.count
        for part in self.parts:
            if part.holds(article):
                wanted -= 1
                if not wanted:
                    return True
        return False

    def proof(self, article: ArticleIndex) -> Iterator[Found]:
        """Yield the proof of every part that holds."""
        for part in self.parts:
            if part.holds(article):
                yield from part.proof(article)


_SEVERAL = (ast.And, ast.Or, ast.AtLeast)
_CHOICES = (Either, AtLeastOf)


class Compiler:
    """Compiles queries against one gazetteer; an actor's aliases are one leaf for all rules that name it."""

    def __init__(self, gazetteer: Gazetteer) -> None:
        self._gazetteer = gazetteer
        self._actors: dict[str, Present] = {}  # anywhere in the content

    def compile(self, node: ast.Node, query: str) -> Clause:
        """Return the clause of a tree, or raise RuleMeaningError."""
        try:
            return self._clause(node, CONTENT, negated=False)
        except _NodeError as fault:
            raise RuleMeaningError(fault.message, fault.node.start + 1, query) from fault

    def compile_rule(self, node: ast.Node, query: str) -> Clause:
        """Return the clause of a whole rule; one that could match without finding any content is refused."""
        clause = self.compile(node, query)
        if not _needs_content(clause):
            raise self._boundless(node, query)
        return clause

    def _boundless(self, node: ast.Node, query: str) -> RuleMeaningError:
        """Return the error that points at the alternative that needs no content."""
        while isinstance(node, ast.Or):
            node = next(part for part in node.children if not _needs_content(self.compile(part, query)))
        fields = {each.field for each in ast.walk(node) if isinstance(each, ast.InField)}
        found_only = fields & CODE_FIELDS and not any(isinstance(each, ast.Not) for each in ast.walk(node))
        return RuleMeaningError(
            f"this names no content, only {' and '.join(sorted(f'{name}:' for name in fields))}; every alternative of "
            "a rule needs something that must be found in the title, text, outlet or author"
            if found_only
            else "this would match articles that hold none of the rule's words; every alternative of a rule needs "
            "something that must be found, NOT only narrows it",
            node.start + 1,
            query,
        )

    def _clause(self, node: ast.Node, fields: Fields, *, negated: bool) -> Clause:
        # The commonest first; `match` would take most of the time that a rule takes to compile.
        if isinstance(node, ast.ActorRef) and fields is CONTENT:
            present = self._actor(node)
        elif texts := _texts(node, fields):
            present = Present(AnyText(texts), fields)
        elif isinstance(node, _SEVERAL):
            parts = tuple([self._clause(child, fields, negated=negated) for child in node.children])
            return _combined(parts, _count(node), negated=negated)
        elif isinstance(node, ast.Not):
            return self._clause(node.child, fields, negated=not negated)
        elif isinstance(node, ast.InField):
            return self._clause(node.child, (node.field,), negated=negated)
        else:
            present = Present(self._leaf(node, fields), fields)
        return Absent(present) if negated else present

    def _leaf(self, node: ast.Node, fields: Fields) -> Leaf:
        if isinstance(node, ast.ActorRef):
            return self._actor(node).leaf
        if texts := _texts(node, fields):
            return AnyText(texts)
        if isinstance(node, ast.Near):
            left, right = self._leaf(node.left, fields), self._leaf(node.right, fields)
            return Near(left, right, node.distance, node.ordered)
        if isinstance(node, ast.Or):
            return AnyOf(tuple([self._leaf(part, fields) for part in node.children]))
        return _words(node, fields)

    def _actor(self, node: ast.ActorRef) -> Present:
        actor_id = node.actor_id
        present = self._actors.get(actor_id)
        if present is None:
            try:
                aliases = self._gazetteer.aliases(actor_id)
            except UnknownActorError as error:
                raise _NodeError(str(error), node) from error
            if not aliases:
                raise _NodeError(f"actor {actor_id!r} has no aliases to find", node)
            present = self._actors[actor_id] = Present(aliases_leaf(aliases), CONTENT)
        return present


def _texts(node: ast.Node, fields: Fields) -> Sequence[str]:
    """Return the words and phrases that the node asks for any of; none if it asks for anything else, such as codes."""
    if isinstance(node, ast.Or):
        texts = node.texts or _all_texts(node.children)
    elif isinstance(node, ast.Term) or (isinstance(node, ast.Phrase) and not node.slop):
        texts = (node.text,)
    else:
        return ()
    return texts if fields is CONTENT or fields[0] not in CODE_FIELDS else ()


def _all_texts(nodes: Sequence[ast.Node]) -> Sequence[str]:
    texts: list[str] = []
    for node in nodes:
        if not isinstance(node, ast.Term) and (not isinstance(node, ast.Phrase) or node.slop):
            return ()
        texts.append(node.text)
    return texts


def _words(node: ast.Node, fields: Fields) -> Leaf:
    if isinstance(node, ast.Prefix):
        return prefix_leaf(node.text)
    if isinstance(node, ast.Exact):
        return exact_leaf(node.text)
    if isinstance(node, ast.Phrase) and node.slop:
        return sloppy_leaf(node.text, node.slop)
    if isinstance(node, ast.Term | ast.Phrase):
        return exact_leaf(normal_code(fields[0], node.text))
    raise TypeError(f"not a query node: {node!r}")


def _count(node: ast.And | ast.Or | ast.AtLeast) -> int:
    if isinstance(node, ast.AtLeast):
        return node.count
    return len(node.children) if isinstance(node, ast.And) else 1


def _combined(parts: tuple[Clause, ...], count: int, *, negated: bool) -> Clause:
    """Return the clause that asks for `count` parts to hold, or, of parts that are negated, for fewer to have held."""
    if negated:
        # Fewer than k of n hold where at least n - k + 1 fail.
        count = len(parts) - count + 1
    if count == len(parts):
        return All(parts)
    return Either(parts) if count == 1 else AtLeastOf(count, parts)


def _needs_content(clause: Clause) -> bool:
    """Say whether this can hold only where something is found in a field of words."""
    if isinstance(clause, Present):
        return clause.fields is CONTENT or clause.fields[0] not in CODE_FIELDS
    if isinstance(clause, All):
        return any(map(_needs_content, clause.parts))
    if isinstance(clause, _CHOICES):
        # If enough parts to make it hold lack content, it can hold without any.
        spare = clause.count if isinstance(clause, AtLeastOf) else 1
        for part in clause.parts:
            spare -= not _needs_content(part)
        return spare > 0
    return False


class _NodeError(Exception):
    """What is wrong, and with which node; becomes a RuleMeaningError that can point into the query."""

    def __init__(self, message: str, node: ast.Node) -> None:
        super().__init__(message)
        self.message = message
        self.node = node
