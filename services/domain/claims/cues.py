"""The cues of a language: which words speak for which event, object, modality and attribution."""

from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from importlib.resources import files
from typing import Any, NamedTuple

import yaml

from services.domain.claims.korean_verbs import verbs_of
from services.domain.claims.words import Word
from services.domain.text.analyzer import analyze, surfaces

LANGUAGES = ("en", "ru", "ko", "uk")
# Those that no classifier of words is trained for: grammar and the senses of cues read them.
UNTRAINED = ("ru", "uk", "ko")

# Keeps every scalar a string, since "no" and "off" are words here, and builds nothing but plain objects; libyaml has
# a fast one.
_LOADER: Any = getattr(yaml, "CBaseLoader", yaml.BaseLoader)

_GAP = "*"
_MAX_GAP_WORDS = 3


class Sense(NamedTuple):
    """What a cue speaks for: a `label` of a `family` (event, modality, object, ...), and the PLOVER mode, if any."""

    family: str
    label: str
    mode: str = ""


class FoundCue(NamedTuple):
    """A cue in a sentence, from the word `at` to before the word `end`."""

    at: int
    end: int
    sense: Sense


class _Phrase(NamedTuple):
    rest: tuple[str, ...]
    sense: Sense


class CueFileError(ValueError):
    """A cue file that does not say what it should."""


class CueBook:
    """The cues of one language, ready to be found in sentences."""

    def __init__(self, senses: Mapping[str, Sequence[Sense]]) -> None:
        self._phrases: dict[str, list[_Phrase]] = {}
        for phrase, meant in senses.items():
            first, *rest = _keys_of(phrase)
            for sense in meant:
                self._phrases.setdefault(first, []).append(_Phrase(tuple(rest), sense))

    @property
    def families(self) -> frozenset[str]:
        """What its cues speak for."""
        return frozenset(phrase.sense.family for phrases in self._phrases.values() for phrase in phrases)

    def find(self, words: Sequence[Word]) -> list[FoundCue]:
        """Return the cues in these words: of each family the longest that begin at a word, in order of the text."""
        found: list[FoundCue] = []
        for at, word in enumerate(words):
            longest: dict[str, list[FoundCue]] = {}
            for key in (*word.keys, exactly(word.surface), *verbs_of(word.surface)):
                for phrase in self._phrases.get(key, ()):
                    end = _end_of(words, at + 1, phrase.rest) if phrase.rest else at + 1
                    if end:
                        _keep_longest(longest, FoundCue(at, end, phrase.sense))
            for cues in longest.values():
                found += cues
        return [cue for cue in found if not _is_part(cue, found)]


def _is_part(cue: FoundCue, found: Sequence[FoundCue]) -> bool:
    """Say whether an object is only a part of a longer one: "non-lethal aid" is no "lethal aid"."""
    return cue.sense.family == "object" and any(
        other.sense.family == "object" and other.at < cue.at and cue.end <= other.end for other in found
    )


def _keep_longest(longest: dict[str, list[FoundCue]], cue: FoundCue) -> None:
    others = longest.get(cue.sense.family)
    if others is None or others[0].end < cue.end:
        longest[cue.sense.family] = [cue]
    elif others[0].end == cue.end and cue not in others:
        others.append(cue)


def _end_of(words: Sequence[Word], at: int, rest: Sequence[str]) -> int:
    """Return where the phrase that goes on at `at` ends, or 0 if it does not."""
    gap = 0
    for wanted in rest:
        if wanted == _GAP:
            gap = _MAX_GAP_WORDS
            continue
        place = next((n for n in range(at, min(at + gap + 1, len(words))) if _is(words[n], wanted)), None)
        if place is None:
            return 0
        at, gap = place + 1, 0
    return at


def exactly(surface: str) -> str:
    """Return the key of a cue that is found in this form only."""
    return f"={surface.lower()}"


def _is(word: Word, wanted: str) -> bool:
    if wanted[0] == "=":
        return exactly(word.surface) == wanted
    return wanted in word.keys or wanted in verbs_of(word.surface)


def _keys_of(phrase: str) -> list[str]:
    return [
        key
        for part in phrase.split()
        for key in ([part.lower()] if part == _GAP or part[0] == "=" else [analyze(one).key for one in surfaces(part)])
    ]


@cache
def cue_book(lang: str) -> CueBook:
    """Return the cues of a language; of English for one that has none. Loaded on first use."""
    name = lang if lang in LANGUAGES else "en"
    senses: dict[str, list[Sense]] = {}
    for phrase, sense in _senses(_read(name)):
        meant = senses.setdefault(phrase, [])
        if sense not in meant:
            meant.append(sense)
    return CueBook(senses)


def _read(name: str) -> dict[str, Any]:
    path = files("services.domain.claims") / "data" / f"{name}.yaml"
    content = yaml.load(path.read_text(encoding="utf-8"), Loader=_LOADER)  # noqa: S506
    if not isinstance(content, dict) or "events" not in content:
        raise CueFileError(f"{path}: no `events`")
    return content


def _senses(content: Mapping[str, Any]) -> Iterator[tuple[str, Sense]]:
    for group in content["events"]:
        for phrase in group["cues"]:
            yield phrase, Sense("event", group["event"], group.get("mode", ""))
    for family in ("modality", "attribution", "objects", "home", "parties"):
        for label, phrases in content.get(family, {}).items():
            for phrase in phrases:
                yield phrase, Sense("object" if family == "objects" else family, label)
    for form in content.get("nominal", ()):
        yield f"={form}" if " " not in form else form, Sense("nominal", "nominal")
    for family in ("negators", "says", "claims", "according", "offices", "private", "hostile", "comment", "unchanged"):
        for phrase in content.get(family, ()):
            yield phrase, Sense(family, family)
