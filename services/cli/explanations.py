"""An explanation as people read it: the query as a tree, with the words that prove it or come closest, in context."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from rich.console import Console
from rich.text import Text

from schemas.article import Article
from schemas.match import Evidence, EvidenceField
from services.domain.rules import ast
from services.domain.rules.explain import Explanation, Reason
from services.domain.rules.near_miss import Closeness, NearMiss
from services.plurals import counted

MAX_PLACES = 3  # of one part; JSON has all
MAX_ALTERNATIVES = 3  # of those that fail, the nearest
CONTEXT_CHARS = 40
MAX_QUOTE_CHARS = 160


@dataclass
class Branch:
    """A line of a tree, and what hangs below it. Unlike rich's own tree it never cuts a line: people copy them."""

    label: Text
    branches: list["Branch"] = field(default_factory=list)

    def add(self, label: Text) -> "Branch":
        """Hang a line below this one."""
        self.branches.append(Branch(label))
        return self.branches[-1]

    def lines(self) -> Iterator[Text]:
        """Yield the lines of the tree, each with its guides."""
        yield self.label
        for branch in self.branches:
            last = branch is self.branches[-1]
            first, *others = branch.lines()
            yield Text.assemble(("└─ " if last else "├─ ", "dim"), first)
            for line in others:
                yield Text.assemble(("   " if last else "│  ", "dim"), line)


class ExplanationView:
    """Draws explanations of one article's fields on one console."""

    def __init__(self, console: Console, article: Article) -> None:
        self._console = console
        self._starred = console.color_system is None
        self._article = article

    def lines(self, found: Explanation, label: str) -> Iterator[Text]:
        """Yield the whole explanation below a line that names the article."""
        root = Branch(Text.assemble(_mark(found.holds), " ", (label, "bold")))
        self._add(root, found)
        yield from root.lines()

    def lacks(self, found: Explanation) -> Text:
        """Return what the nearest alternative lacks, on one line."""
        lacking = "; ".join(part.clause for part in found.missing())
        return Text.assemble(("to match, it lacks: ", "bold"), lacking)

    def _add(self, tree: Branch, part: Explanation) -> None:
        branch = tree.add(Text.assemble(_mark(part.holds), " ", self._heading(part)))
        for line in self._places(part.evidence):
            branch.add(line)
        if part.nearest:
            for line in self._near_miss(part.nearest):
                branch.add(line)
        if part.nearest is None or part.nearest.closeness is Closeness.SIDE_MISSING:
            self._add_parts(branch, part)

    def _add_parts(self, branch: Branch, part: Explanation) -> None:
        if isinstance(part.node, ast.Not):
            (child,) = part.parts
            for line in self._places(list(child.all_evidence())) if child.holds else ():
                branch.add(line)
            return
        shown = _shown_parts(part)
        for inner in shown:
            self._add(branch, inner)
        hidden = len(part.parts) - len(shown)
        if hidden:
            branch.add(Text(f"… and {hidden} more that {'does' if hidden == 1 else 'do'} not hold", style="dim"))

    def _heading(self, part: Explanation) -> Text:
        if part.needed and part.parts:
            where = f"{part.field}: " if part.field else ""
            return Text(f"{where}{_wanted(part)}; {part.held} of {len(part.parts)} hold")
        heading = Text(part.clause)
        if part.reason is Reason.EXCLUDED_FOUND:
            heading.append(": it is there", style="dim")
        return heading

    def _places(self, places: Sequence[Evidence]) -> Iterable[Text]:
        apart = _outermost(places)
        for place in apart[:MAX_PLACES]:
            yield self._in_context([place])
        if len(apart) > MAX_PLACES:
            yield Text(f"… and {counted(len(apart) - MAX_PLACES, 'more place')}", style="dim")

    def _near_miss(self, miss: NearMiss) -> Iterable[Text]:
        if said := _said(miss):
            yield Text(said, style="dim")
        fields = {place.field for place in miss.places}
        for name in (each for each in EvidenceField if each in fields):
            yield self._in_context([place for place in miss.places if place.field is name])

    def _in_context(self, places: Sequence[Evidence]) -> Text:
        """Return a stretch of one field with these places marked, and the words around them."""
        field = places[0].field
        text = str(getattr(self._article, field) or "")
        first, last = min(place.start for place in places), max(place.end for place in places)
        start, end = _widened(text, first, last)
        line = Text.assemble((f"{field} {first}  ", "dim"), "…" if start else "")
        at = start
        for place in sorted(places, key=lambda place: place.start):
            line.append(_elided(_flat(text[at : max(at, place.start)])))
            words = _flat(text[max(at, place.start) : place.end])
            line.append(f"*{words}*" if self._starred else words, style="bold reverse")
            at = max(at, place.end)
        line.append(_flat(text[at:end]) + ("…" if end < len(text) else ""))
        return line


def to_json(found: Explanation) -> dict[str, Any]:
    """Return an explanation as the JSON object that `redline rules explain --json` prints."""
    shown: dict[str, Any] = {"clause": found.clause, "holds": found.holds, "reason": found.reason.value}
    if found.needed:
        shown |= {"needed": found.needed, "held": found.held}
    if found.evidence:
        shown["evidence"] = [place.model_dump(mode="json") for place in found.evidence]
    if found.nearest:
        shown["nearest_miss"] = _miss_to_json(found.nearest)
    if found.parts:
        shown["parts"] = [to_json(part) for part in found.parts]
    return shown


def _miss_to_json(miss: NearMiss) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "closeness": miss.closeness.value,
        "places": [place.model_dump(mode="json") for place in miss.places],
        "words_apart": miss.words_apart,
        "missing": list(miss.missing) or None,
        "aliases": miss.aliases,
    }
    return {key: value for key, value in shown.items() if value is not None}


def _mark(holds: bool) -> Text:
    return Text("✓", style="green") if holds else Text("✗", style="red")


def _wanted(part: Explanation) -> str:
    if part.needed == len(part.parts):
        return f"all of {part.needed}"
    return "any" if part.needed == 1 else f"at least {part.needed}"


def _shown_parts(part: Explanation) -> Sequence[Explanation]:
    """Return the parts worth a look: alternatives that hold, or else the nearest of those that do not."""
    if not part.needed or part.needed == len(part.parts):
        return part.parts
    failing = sorted((inner for inner in part.parts if not inner.holds), key=lambda inner: -inner.nearness)
    kept = {id(inner) for inner in (failing[:MAX_ALTERNATIVES] if not part.holds else ())}
    return [inner for inner in part.parts if inner.holds or id(inner) in kept]


def _outermost(places: Sequence[Evidence]) -> list[Evidence]:
    """Return the places, title first, without those inside another: a name, and its part that is an alias too."""
    order = {name: rank for rank, name in enumerate(EvidenceField)}
    kept: list[Evidence] = []
    for place in sorted(places, key=lambda place: (order[place.field], place.start, -place.end)):
        if not kept or place.field is not kept[-1].field or place.end > kept[-1].end:
            kept.append(place)
    return kept


def _said(miss: NearMiss) -> str:
    """Say how the nearest miss differs from what was asked."""
    said = _CLOSE[miss.closeness].format(words=counted(miss.words_apart or 0, "word"), missing=", ".join(miss.missing))
    if miss.closeness is Closeness.NOT_IN_A_ROW and not miss.words_apart:
        return "all its words are there, but in another order:"
    if not miss.aliases:
        return said
    none = f"none of its {counted(miss.aliases, 'alias')} is there"
    return none if miss.closeness is Closeness.NOTHING else f"{none}; {said}"


_CLOSE = {
    Closeness.WRONG_ORDER: "both sides are there, {words} apart, but the other way round:",
    Closeness.TOO_FAR: "both sides are there, {words} apart at closest:",
    Closeness.NOT_IN_A_ROW: "all its words are there, but not in a row; at closest with {words} more between them:",
    Closeness.SOME_WORDS: "nowhere: {missing}; but there is:",
    Closeness.OTHER_FIELD: "not there, but in the other field:",
    Closeness.OTHER_CASE: "only in another case or form:",
    Closeness.DIFFERENT_FIELDS: "both sides are there, but in different fields:",
    Closeness.SIMILAR_WORD: "a similar word is there:",
    Closeness.OTHER_VALUE: "the article says:",
    Closeness.NO_VALUE: "the article says nothing of that",
    Closeness.SIDE_MISSING: "",
    Closeness.NOTHING: "nowhere",
}


def _widened(text: str, first: int, last: int) -> tuple[int, int]:
    """Return the stretch with its context, cut between words."""
    start, end = max(0, first - CONTEXT_CHARS), min(len(text), last + CONTEXT_CHARS)
    while 0 < start < first and not text[start - 1].isspace():
        start += 1
    while last < end < len(text) and not text[end].isspace():
        end -= 1
    return start, end


def _elided(text: str) -> str:
    """Return a text without its middle, if it is long."""
    if len(text) <= MAX_QUOTE_CHARS:
        return text
    half = MAX_QUOTE_CHARS // 2
    return f"{text[:half]} […] {text[-half:]}"


def _flat(text: str) -> str:
    """Return a text on one line, with nothing that a terminal would take for a command."""
    return "".join(char if char.isprintable() else " " for char in text)
