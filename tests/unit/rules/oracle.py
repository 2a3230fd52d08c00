"""An independent evaluator: loops over every word of an article, straight from the meaning of each node."""

from collections.abc import Iterable, Mapping
from itertools import pairwise, product

from schemas.article import Article
from schemas.match import EvidenceField
from services.domain.rules import ast
from services.domain.text.analyzer import Token, analyze, tokens
from services.domain.text.gazetteer import Gazetteer
from services.domain.text.language import identify
from services.domain.text.normalize import exact_form, fold

Place = tuple[int, int]
CONTENT = (EvidenceField.TITLE, EvidenceField.TEXT)
CODES = (EvidenceField.COUNTRY, EvidenceField.LANG)


class Oracle:
    """Decides whether an article satisfies a tree, without index, requirement or cache."""

    def __init__(
        self, gazetteer: Gazetteer, title: str, text: str, others: Mapping[EvidenceField, str] | None = None
    ) -> None:
        self._gazetteer = gazetteer
        self._texts = {EvidenceField.TITLE: title, EvidenceField.TEXT: text, **(others or {})}
        self._words = {field: list(tokens(text)) for field, text in self._texts.items() if field not in CODES}

    @classmethod
    def of_article(cls, gazetteer: Gazetteer, article: Article) -> "Oracle":
        others = {
            EvidenceField.OUTLET: article.outlet,
            EvidenceField.COUNTRY: article.country,
            EvidenceField.LANG: article.lang or identify(f"{article.title}\n{article.text}"),
            EvidenceField.AUTHOR: article.author,
        }
        stated = {field: text for field, text in others.items() if text is not None}
        return cls(gazetteer, article.title, article.text, stated)

    def holds(self, node: ast.Node, fields: tuple[EvidenceField, ...] = CONTENT) -> bool:
        if isinstance(node, ast.And):
            return all(self.holds(child, fields) for child in node.children)
        if isinstance(node, ast.Or):
            return any(self.holds(child, fields) for child in node.children)
        if isinstance(node, ast.AtLeast):
            return [self.holds(child, fields) for child in node.children].count(True) >= node.count
        if isinstance(node, ast.Not):
            return not self.holds(node.child, fields)
        if isinstance(node, ast.InField):
            return self.holds(node.child, (node.field,))
        if fields[0] in CODES:
            assert isinstance(node, ast.Term | ast.Phrase)
            return self._states(fields[0], node.text)
        return any(self.places(node, field) for field in fields)

    def _states(self, field: EvidenceField, code: str) -> bool:
        stated = self._texts.get(field, "").lower()
        return code.lower() == (stated.split("-")[0] if field is EvidenceField.LANG else stated)

    def places(self, node: ast.Node, field: EvidenceField) -> list[Place]:
        """Return where a part that is found as one stands in a field, sorted."""
        if field not in self._words:
            return []
        if isinstance(node, ast.Or):
            return sorted({place for child in node.children for place in self.places(child, field)})
        if isinstance(node, ast.Near):
            return shortest(self._near(node, field))
        if isinstance(node, ast.ActorRef):
            return [
                place
                for alias in self._gazetteer.aliases(node.actor_id)
                for place in self.places(ast.Exact(alias.text) if alias.exact else ast.Phrase(alias.text), field)
            ]
        assert isinstance(node, ast.Term | ast.Phrase | ast.Prefix | ast.Exact)
        if isinstance(node, ast.Phrase) and node.slop:
            return shortest(self._sloppy(node, field))
        wanted = list(tokens(node.text))
        width = len(wanted)
        found = self._words[field]
        return [
            (at, at + width - 1)
            for at in range(len(found) - width + 1)
            if self._reads(node, wanted, self._texts[field], found[at : at + width])
        ]

    def _near(self, node: ast.Near, field: EvidenceField) -> Iterable[Place]:
        for first, last in self.places(node.left, field):
            for other_first, other_last in self.places(node.right, field):
                if 1 <= other_first - last <= node.distance:
                    yield first, other_last
                if not node.ordered and 1 <= first - other_last <= node.distance:
                    yield other_first, last

    def _sloppy(self, node: ast.Phrase, field: EvidenceField) -> Iterable[Place]:
        keys = [analyze(token.surface).key for token in tokens(node.text)]
        found = [analyze(token.surface).keys for token in self._words[field]]
        for choice in product(*([at for at, have in enumerate(found) if key in have] for key in keys)):
            used_once = len(set(zip(choice, keys, strict=True))) == len(keys)
            if used_once and max(choice) - min(choice) + 1 <= len(keys) + node.slop:
                yield min(choice), max(choice)

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


def shortest(places: Iterable[Place]) -> list[Place]:
    """Return the places that are the shortest from their first word, or to their last one."""
    every = set(places)
    return sorted(
        (first, last)
        for first, last in every
        if all(other >= last for start, other in every if start == first)
        or all(start <= first for start, other in every if other == last)
    )
