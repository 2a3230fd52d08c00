"""An independent evaluator: loops over every word of an article, straight from the meaning of each node."""

from itertools import pairwise

from schemas.match import EvidenceField
from services.domain.rules import ast
from services.domain.text.analyzer import Token, analyze, tokens
from services.domain.text.gazetteer import Gazetteer
from services.domain.text.normalize import exact_form, fold

Place = tuple[int, int]


class Oracle:
    """Decides whether an article satisfies a tree, without index, requirement or cache."""

    def __init__(self, gazetteer: Gazetteer, title: str, text: str) -> None:
        self._gazetteer = gazetteer
        self._fields = {
            EvidenceField.TITLE: (title, list(tokens(title))),
            EvidenceField.TEXT: (text, list(tokens(text))),
        }

    def holds(self, node: ast.Node, fields: tuple[EvidenceField, ...] = tuple(EvidenceField)) -> bool:
        if isinstance(node, ast.And):
            return all(self.holds(child, fields) for child in node.children)
        if isinstance(node, ast.Or):
            return any(self.holds(child, fields) for child in node.children)
        if isinstance(node, ast.Not):
            return not self.holds(node.child, fields)
        if isinstance(node, ast.InField):
            return self.holds(node.child, (node.field,))
        if isinstance(node, ast.Near):
            return any(self._near(node, field) for field in fields)
        return any(self._places(node, field) for field in fields)

    def _near(self, node: ast.Near, field: EvidenceField) -> bool:
        for first, last in self._places(node.left, field):
            for other_first, other_last in self._places(node.right, field):
                gap = other_first - last if other_first > last else first - other_last
                if 1 <= gap <= node.distance:
                    return True
        return False

    def _places(self, node: ast.Node, field: EvidenceField) -> list[Place]:
        if isinstance(node, ast.Or):
            return [place for child in node.children for place in self._places(child, field)]
        if isinstance(node, ast.ActorRef):
            return [
                place
                for alias in self._gazetteer.aliases(node.actor_id)
                for place in self._places(ast.Exact(alias.text) if alias.exact else ast.Phrase(alias.text), field)
            ]
        assert isinstance(node, ast.Term | ast.Phrase | ast.Prefix | ast.Exact)
        text, found = self._fields[field]
        wanted = list(tokens(node.text))
        width = len(wanted)
        return [
            (at, at + width - 1)
            for at in range(len(found) - width + 1)
            if self._reads(node, wanted, text, found[at : at + width])
        ]

    def _reads(self, node: ast.Node, wanted: list[Token], text: str, window: list[Token]) -> bool:
        assert isinstance(node, ast.Term | ast.Phrase | ast.Prefix | ast.Exact)
        if isinstance(node, ast.Exact):
            forms = all(
                exact_form(want.surface) in analyze(have.surface).exact
                for want, have in zip(wanted, window, strict=True)
            )
            gaps = [" ".join(f"|{text[a.end : b.start]}|".split()) for a, b in pairwise(window)]
            wished = [" ".join(f"|{node.text[a.end : b.start]}|".split()) for a, b in pairwise(wanted)]
            return forms and gaps == wished
        last = len(wanted) - 1
        for at, (want, have) in enumerate(zip(wanted, window, strict=True)):
            if isinstance(node, ast.Prefix) and at == last:
                if not analyze(have.surface).folded.startswith(fold(want.surface)):
                    return False
            elif analyze(want.surface).key not in analyze(have.surface).keys:
                return False
        return True
