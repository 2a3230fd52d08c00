"""Which part of a query is true whenever another is: what makes a part of a rule idle, or a rule impossible.

Careful on purpose: a no may be wrong, a yes never is, inflections of irregular words behind a `*` aside.
"""

from collections.abc import Sequence
from functools import lru_cache

from schemas.match import EvidenceField
from services.domain.rules import ast
from services.domain.text.analyzer import analyze, tokens
from services.domain.text.gazetteer import Gazetteer, UnknownActorError
from services.domain.text.normalize import fold

PROSE = (EvidenceField.TITLE, EvidenceField.TEXT)


class Implication:
    """Compares parts of queries over one gazetteer."""

    def __init__(self, gazetteer: Gazetteer) -> None:
        self._gazetteer = gazetteer

    def holds(self, one: ast.Node, other: ast.Node) -> bool:
        """Say whether every article that satisfies `one` is known to satisfy `other`."""
        if one == other or self._within(one, other) or self._of_group(one, other):
            return True
        match one, other:
            case ast.Not(child=these), ast.Not(child=those):
                return self.holds(those, these)
            case ast.InField(field=name, child=child), ast.InField(field=same, child=wanted):
                return name == same and self.holds(child, wanted)
            case ast.InField(field=name, child=child), _:
                return name in PROSE and _is_positive(child) and _is_positive(other) and self.holds(child, other)
            case ast.Near(), _:
                return self._of_near(one, other)
            case _:
                return self._of_words(one, other)

    def _within(self, one: ast.Node, other: ast.Node) -> bool:
        """Say whether a group is true because of some or all of its parts."""
        match other:
            case ast.Or(children=parts):
                return any(self.holds(one, part) for part in parts)
            case ast.And(children=parts):
                return all(self.holds(one, part) for part in parts)
            case _:
                return False

    def _of_group(self, one: ast.Node, other: ast.Node) -> bool:
        match one:
            case ast.And(children=parts):
                return any(self.holds(part, other) for part in parts)
            case ast.Or(children=parts):
                return all(self.holds(part, other) for part in parts)
            case _:
                return False

    def _of_near(self, one: ast.Near, other: ast.Node) -> bool:
        if not isinstance(other, ast.Near):
            return self.holds(one.left, other) or self.holds(one.right, other)
        if one.distance > other.distance or (other.ordered and not one.ordered):
            return False
        # A longer phrase may reach nearer than a word of it, so the sides must be the very same.
        same = one.left == other.left and one.right == other.right
        return same or (not other.ordered and one.left == other.right and one.right == other.left)

    def _of_words(self, one: ast.Node, other: ast.Node) -> bool:
        if isinstance(one, ast.ActorRef) and isinstance(other, ast.ActorRef):
            return self._aliases(one.actor_id) <= self._aliases(other.actor_id)
        keys = row_keys(one)
        if keys is None:
            return False
        if isinstance(other, ast.ActorRef):
            aliases = self._aliases(other.actor_id)
            return any(not exact and _holds_row(keys, _keys(text)) for text, exact in aliases)
        if isinstance(other, ast.Prefix):
            return _begins_so(one, other)
        wanted = None if isinstance(other, ast.Exact) else row_keys(other)
        return wanted is not None and _holds_row(keys, wanted)

    def _aliases(self, actor_id: str) -> frozenset[tuple[str, bool]]:
        try:
            return frozenset((alias.text, alias.exact) for alias in self._gazetteer.aliases(actor_id))
        except UnknownActorError:
            return frozenset()


def row_keys(node: ast.Node) -> tuple[str, ...] | None:
    """Return the keys of the words that stand in a row wherever `node` is found; None if they need not."""
    match node:
        case ast.Term(text=text) | ast.Phrase(text=text, slop=0) | ast.Exact(text=text):
            return _keys(text)
        case _:
            return None


@lru_cache(maxsize=4096)
def _keys(text: str) -> tuple[str, ...]:
    # Words of other scripts are compared as written: Russian and Ukrainian share stems of words that differ.
    return tuple(_key(token.surface) for token in tokens(text))


def _key(surface: str) -> str:
    return analyze(surface).key if surface.isascii() else fold(surface)


def _holds_row(keys: Sequence[str], wanted: Sequence[str]) -> bool:
    width = len(wanted)
    return any(tuple(keys[at : at + width]) == tuple(wanted) for at in range(len(keys) - width + 1))


def _begins_so(node: ast.Node, prefix: ast.Prefix) -> bool:
    """Say whether a word of `node` begins like the prefix in its dictionary form and in its stem."""
    if not isinstance(node, ast.Term | ast.Phrase) or len(list(tokens(prefix.text))) != 1:
        return False
    begin = fold(prefix.text)
    analyses = [analyze(token.surface) for token in tokens(node.text)]
    return any(each.folded.startswith(begin) and each.key.startswith(begin) for each in analyses)


def _is_positive(node: ast.Node) -> bool:
    return not any(isinstance(each, ast.Not) for each in ast.walk(node))
