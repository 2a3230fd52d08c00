"""What in an article comes closest to a part of a query that is not in it."""

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from schemas.match import Evidence, EvidenceField
from services.domain.rules import ast
from services.domain.rules.article_index import CONTENT
from services.domain.rules.lookup import Lookup
from services.domain.rules.similar import most_similar
from services.domain.rules.stretches import Occurrence
from services.domain.text.analyzer import tokens
from services.domain.text.gazetteer import Gazetteer


class Closeness(StrEnum):
    """How the nearest miss differs from what was asked; in falling order of how close it is."""

    WRONG_ORDER = "wrong_order"  # both sides of BEFORE are near enough, the wrong way round
    TOO_FAR = "too_far"  # both sides of NEAR, in one field, but too far apart
    OTHER_FIELD = "other_field"  # it stands in a field that was not asked
    OTHER_CASE = "other_case"  # an exact word, in another case or form
    NOT_IN_A_ROW = "not_in_a_row"  # all words of a phrase, but not in a row
    DIFFERENT_FIELDS = "different_fields"  # both sides of NEAR, but in no field both
    SIMILAR_WORD = "similar_word"  # a word that differs by a letter or two
    SOME_WORDS = "some_words"  # some words of a phrase
    OTHER_VALUE = "other_value"  # the field says something else: another outlet, another language
    NO_VALUE = "no_value"  # the field is empty
    SIDE_MISSING = "side_missing"  # a side of NEAR is nowhere
    NOTHING = "nothing"


@dataclass(frozen=True, slots=True)
class NearMiss:
    """The nearest miss of a part: the places that come close, and in what they differ.

    `words_apart` of NEAR counts as NEAR does, of a phrase the words that stand between its own. `missing` are words of
    a phrase that are nowhere. `aliases` counts the aliases of an actor that were looked for.
    """

    closeness: Closeness
    places: tuple[Evidence, ...] = ()
    words_apart: int | None = None
    missing: tuple[str, ...] = ()
    aliases: int | None = None


class NearMisses:
    """Finds the nearest miss of any leaf or NEAR that an article does not hold."""

    def __init__(self, lookup: Lookup, gazetteer: Gazetteer) -> None:
        self._lookup = lookup
        self._gazetteer = gazetteer

    def of(self, node: ast.Node, field: EvidenceField | None) -> NearMiss:
        """Return what comes closest to a part that fails."""
        fields = (field,) if field else CONTENT
        if isinstance(node, ast.Near):
            return self._near(node, fields)
        return self._elsewhere(node, field) or self._leaf(node, fields)

    def _leaf(self, node: ast.Node, fields: Sequence[EvidenceField]) -> NearMiss:
        match node:
            case ast.ActorRef(actor_id=actor_id):
                return self._actor(actor_id, fields)
            case ast.Exact(text=text):
                return self._other_case(text, fields) or self._words(ast.Phrase(text), text, fields)
            case ast.Term(text=text) | ast.Phrase(text=text) | ast.Prefix(text=text):
                return self._words(node, text, fields)
            case _:
                raise TypeError(f"not a leaf: {node!r}")

    def _elsewhere(self, node: ast.Node, field: EvidenceField | None) -> NearMiss | None:
        """Return the part in the other field, or what a field that is no prose says instead."""
        if field is None:
            return None
        if field not in CONTENT:
            value = self._lookup.words(field).whole()
            return NearMiss(Closeness.OTHER_VALUE, (value,)) if value else NearMiss(Closeness.NO_VALUE)
        places = [place for other in CONTENT if other != field for place in self._first_places(node, other)]
        return NearMiss(Closeness.OTHER_FIELD, tuple(places)) if places else None

    def _first_places(self, node: ast.Node, field: EvidenceField) -> list[Evidence]:
        return [self._lookup.evidence(field, *place) for place in self._lookup.places(node, field)[:1]]

    def _other_case(self, text: str, fields: Sequence[EvidenceField]) -> NearMiss | None:
        """Return where an exact text stands in another case, form or spacing."""
        places = [place for field in fields for place in self._first_places(ast.Phrase(text), field)]
        return NearMiss(Closeness.OTHER_CASE, tuple(places)) if places else None

    def _actor(self, actor_id: str, fields: Sequence[EvidenceField]) -> NearMiss:
        aliases = self._gazetteer.aliases(actor_id)
        for alias in aliases:
            if alias.exact and (found := self._other_case(alias.text, fields)):
                return NearMiss(Closeness.OTHER_CASE, found.places, aliases=len(aliases))
        names = [alias.text for alias in aliases if not alias.exact and len(list(tokens(alias.text))) == 1]
        found = self._similar(names, fields)
        return NearMiss(found.closeness, found.places, aliases=len(aliases))

    def _words(self, node: ast.Node, text: str, fields: Sequence[EvidenceField]) -> NearMiss:
        """Return the nearest miss of one word or of several in a row."""
        words = [token.surface for token in tokens(text)]
        if len(words) == 1:
            return self._similar(words, fields, prefix=isinstance(node, ast.Prefix))
        parts: list[ast.Node] = [ast.Term(word) for word in words]
        if isinstance(node, ast.Prefix):
            parts[-1] = ast.Prefix(words[-1])
        return self._scattered(parts, words, fields)

    def _similar(self, words: Sequence[str], fields: Sequence[EvidenceField], *, prefix: bool = False) -> NearMiss:
        found = most_similar(words, [self._lookup.words(field) for field in fields], prefix=prefix)
        return NearMiss(Closeness.SIMILAR_WORD, (found,)) if found else NearMiss(Closeness.NOTHING)

    def _scattered(self, parts: Sequence[ast.Node], words: Sequence[str], fields: Sequence[EvidenceField]) -> NearMiss:
        """Return where words that should stand in a row stand closest together."""
        stretches: list[tuple[int, EvidenceField, list[int]]] = []
        partial: tuple[Evidence, ...] = ()
        missing = tuple(words)
        for field in fields:
            found = [[first for first, _ in self._lookup.places(part, field)] for part in parts]
            absent = tuple(word for word, positions in zip(words, found, strict=True) if not positions)
            if not absent:
                at = _closest_together(found)
                stretches.append((at[-1] - at[0] + 1 - len(at), field, at))
            elif len(absent) < len(missing):
                missing = absent
                partial = tuple(self._lookup.evidence(field, at[0], at[0]) for at in found if at)
        if stretches:
            between, field, at = min(stretches, key=lambda stretch: stretch[0])
            places = tuple(self._lookup.evidence(field, each, each) for each in at)
            return NearMiss(Closeness.NOT_IN_A_ROW, places, words_apart=between)
        if partial:
            return NearMiss(Closeness.SOME_WORDS, partial, missing=missing)
        return NearMiss(Closeness.NOTHING)

    def _near(self, node: ast.Near, fields: Sequence[EvidenceField]) -> NearMiss:
        """Return the two places of its sides that are closest to each other."""
        pairs = list(self._pairs(node, fields))
        ordered = node.ordered
        turned = [pair for pair in pairs if ordered and pair.turned and pair.distance <= node.distance]
        right_way = [pair for pair in pairs if not (ordered and pair.turned)]
        for closeness, candidates in ((Closeness.WRONG_ORDER, turned), (Closeness.TOO_FAR, right_way or pairs)):
            if candidates:
                best = min(candidates, key=lambda pair: pair.distance)
                places = tuple(self._lookup.evidence(best.field, *place) for place in sorted((best.left, best.right)))
                return NearMiss(closeness, places, words_apart=best.distance)
        sides = [[place for field in fields for place in self._first_places(side, field)] for side in _sides(node)]
        if all(sides):
            return NearMiss(Closeness.DIFFERENT_FIELDS, tuple(side[0] for side in sides))
        return NearMiss(Closeness.SIDE_MISSING)

    def _pairs(self, node: ast.Near, fields: Sequence[EvidenceField]) -> Iterator["_Pair"]:
        """Yield the closest pair of each field, in either order."""
        left, right = _sides(node)
        for field in fields:
            these, those = self._lookup.places(left, field), self._lookup.places(right, field)
            if pair := _closest_pair(these, those):
                yield _Pair(field, *pair, turned=False)
            if pair := _closest_pair(those, these):
                yield _Pair(field, pair[1], pair[0], turned=True)


@dataclass(frozen=True, slots=True)
class _Pair:
    """Places of both sides of NEAR in one field; `turned` if the right one comes first."""

    field: EvidenceField
    left: Occurrence
    right: Occurrence
    turned: bool

    @property
    def distance(self) -> int:
        return self.left[0] - self.right[1] if self.turned else self.right[0] - self.left[1]


def _sides(node: ast.Near) -> tuple[ast.Node, ast.Node]:
    return node.left, node.right


def _closest_pair(these: Sequence[Occurrence], those: Sequence[Occurrence]) -> tuple[Occurrence, Occurrence] | None:
    """Return the place of `these` and the one of `those` after it with the fewest words between."""
    starts = [first for first, _ in those]
    following = ((place, bisect_left(starts, place[1] + 1)) for place in these)
    pairs = [(place, those[at]) for place, at in following if at < len(those)]
    return min(pairs, key=lambda pair: pair[1][0] - pair[0][1], default=None)


def _closest_together(found: Sequence[Sequence[int]]) -> list[int]:
    """Return one position of each list, so that all stand in the shortest stretch, in the order of the text."""
    entries = sorted((at, slot) for slot, positions in enumerate(found) for at in positions)
    last: dict[int, int] = {}
    best: list[int] = []
    for at, slot in entries:
        last[slot] = at
        if len(last) == len(found):
            stretch = sorted(set(last.values()))
            if not best or stretch[-1] - stretch[0] < best[-1] - best[0]:
                best = stretch
    return best
