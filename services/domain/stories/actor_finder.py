"""Find the actors of the gazetteer that a text names, in any language."""

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from schemas.watch import ActorKind
from services.domain.text.analyzer import Analysis, analyze, surfaces
from services.domain.text.gazetteer import Gazetteer

# What a StoryIndex takes for actors: a gazetteer, or a function from a text to actor ids.
Actors = Gazetteer | Callable[[str], Iterable[str]]


class _Pattern(NamedTuple):
    """The rest of an alias after its first word; an exact one is compared with exact forms."""

    rest: tuple[str, ...]
    exact: bool
    actor_id: str


class FoundActor(NamedTuple):
    """An actor, and how many words from `at` on name it."""

    at: int
    words: int
    actor_id: str


class ActorFinder:
    """Finds the longest alias that begins at each word."""

    def __init__(self, gazetteer: Gazetteer) -> None:
        self._exact: dict[str, list[_Pattern]] = {}
        self._inflected: dict[str, list[_Pattern]] = {}
        for actor in gazetteer:
            if actor.kind is not ActorKind.TERM_SET:
                for names in actor.aliases.values():
                    for name in names:
                        self._add(name, actor.id)

    def _add(self, name: str, actor_id: str) -> None:
        exact = name.startswith("=")
        analyses = [analyze(word) for word in surfaces(name.removeprefix("="))]
        words = [analysis.exact[0] if exact else analysis.key for analysis in analyses]
        patterns = self._exact if exact else self._inflected
        patterns.setdefault(words[0], []).append(_Pattern(tuple(words[1:]), exact, actor_id))

    def find(self, words: Sequence[Analysis]) -> list[FoundActor]:
        """Return the actors that these words name, in order, not overlapping."""
        found: list[FoundActor] = []
        at = 0
        while at < len(words):
            best = self._longest(words, at)
            if best is None:
                at += 1
            else:
                found.append(best)
                at += best.words
        return found

    def _longest(self, words: Sequence[Analysis], at: int) -> FoundActor | None:
        best: FoundActor | None = None
        word = words[at]
        patterns = [pattern for key in word.keys for pattern in self._inflected.get(key, ())]
        patterns += [pattern for form in word.exact for pattern in self._exact.get(form, ())]
        for pattern in patterns:
            length = 1 + len(pattern.rest)
            if (best is None or length > best.words) and _follows(words, at + 1, pattern):
                best = FoundActor(at, length, pattern.actor_id)
        return best


def _follows(words: Sequence[Analysis], at: int, pattern: _Pattern) -> bool:
    if at + len(pattern.rest) > len(words):
        return False
    return all(
        wanted in (words[at + n].exact if pattern.exact else words[at + n].keys)
        for n, wanted in enumerate(pattern.rest)
    )
