"""What of an item decides which story it belongs to, and what it may add to it."""

import re
from collections.abc import Callable, Iterable, Set
from dataclasses import dataclass, replace

from services.domain.stories.actor_finder import ActorFinder, Actors, FoundActor
from services.domain.stories.common_words import GRAMMAR_WORDS, NEWS_WORDS
from services.domain.stories.facts import Fact, facts_of, number_keys
from services.domain.stories.items import StoryItem
from services.domain.stories.origins import cited_outlet, is_agency_word, outlet_key
from services.domain.stories.signatures import hash_word, signature
from services.domain.text.analyzer import Analysis, analyze, surfaces
from services.domain.text.gazetteer import Gazetteer
from services.domain.text.language import language_code
from services.domain.text.stem import Script, script_of

# Words of a text that are read: its lead says what it is about, what follows may be about anything.
_LEAD_CHARS = 600
MAX_TERMS = 48
_ACTOR_CHARS = 20_000
_MAX_ACTORS = 24
_MAX_SURFACE = 64
# Days, small counts and years: in any news.
_EVERYDAY_NUMBERS = frozenset(map(str, (*range(32), *range(1990, 2050))))
# Shorter words are mostly grammar, in languages that the lists do not cover too.
_SHORT = 2
_CACHE_SIZE = 1 << 16
_NONE: frozenset[int] = frozenset()
_31_BITS = (1 << 31) - 1
_FREQUENT = 1 << 31
_MARKUP = re.compile(r"&(?:#\d{1,6}|[a-z]{2,6});|<[^<>]{1,200}>|https?://\S+")


def term_id(term: str) -> int:
    """Return the 32 bits under which an index knows a term; the highest says that any news may hold it.

    Actors are among these: the gazetteer names those who are in the news.
    """
    frequent = term in NEWS_WORDS or term[0] == "@" or (len(term) <= _SHORT and term.isalpha())
    return (hash_word(term) & _31_BITS) | (_FREQUENT if frequent else 0)


def is_frequent(term: int) -> bool:
    """Say whether a term, by its id, is one that any news may hold."""
    return term >= _FREQUENT


@dataclass(frozen=True, slots=True)
class Features:
    """An item's terms by id with their names; actors (`@id`) and numbers are the same in every language.

    The first `in_title` are the title's. `neutral` are the ids of actors and numbers. `facts` include
    the actors of the whole text.
    """

    terms: dict[int, str]
    in_title: int
    neutral: frozenset[int]
    language: str
    facts: tuple[Fact, ...]
    numbers: frozenset[str]
    signature: bytes
    outlet: str
    cites: str | None

    def without(self, given: Set[int]) -> "Features":
        """Return these features without the terms that every item of the stream may have."""
        if not given or given.isdisjoint(self.terms):
            return self
        in_title = sum(term not in given for at, term in enumerate(self.terms) if at < self.in_title)
        terms = {term: name for term, name in self.terms.items() if term not in given}
        return replace(self, terms=terms, in_title=in_title, neutral=self.neutral - given)


class FeatureReader:
    """Reads the features of items, with the actors of a gazetteer."""

    def __init__(self, actors: Actors) -> None:
        self._find = ActorFinder(actors) if isinstance(actors, Gazetteer) else None
        self._name: Callable[[str], Iterable[str]] | None = None if isinstance(actors, Gazetteer) else actors

    def read(self, item: StoryItem) -> Features:
        """Return the features of an item; the same item, the same features."""
        title, lead = _plain(item.title[:_ACTOR_CHARS]), _plain(item.text[:_LEAD_CHARS])
        words = _short_enough(surfaces(title))
        title_words = len(words)
        words += _short_enough(surfaces(lead))
        analyses = [analyze(word) for word in words]
        actors = self._find.find(analyses) if self._find else []
        terms, neutral, in_title = self._terms(analyses, actors, title_words, f"{title}\n{lead}")
        facts = facts_of(item.title, item.text)
        return Features(
            terms,
            in_title,
            neutral,
            _language(item.lang, words),
            (*facts, *self._actor_facts(item, actors)),
            number_keys(facts),
            signature([analysis.folded for analysis in analyses] + _rest_folded(item.text)),
            outlet_key(item.outlet),
            cited_outlet(item.title, item.text),
        )

    def given(self, text: str) -> frozenset[int]:
        """Return the ids of the terms in words that brought an item here."""
        words = _short_enough(surfaces(text[:_ACTOR_CHARS]))
        analyses = [analyze(word) for word in words]
        actors = self._find.find(analyses) if self._find else []
        named = [f"@{found.actor_id}" for found in actors] + [
            f"@{name}" for name in (self._name(text) if self._name else ())
        ]
        return frozenset(map(term_id, (*named, *(_WORD_TERMS[word][0] for word in analyses if _WORD_TERMS[word][0]))))

    def _terms(
        self, words: list[Analysis], actors: list[FoundActor], title_words: int, text: str
    ) -> tuple[dict[int, str], frozenset[int], int]:
        """Return the terms in order, an actor in place of the words that name it, and how many are the title's."""
        starts = {found.at: found for found in actors}
        terms: dict[int, str] = {}
        neutral: set[int] = set()
        covered = in_title = 0
        if self._name:
            for actor_id in self._name(text):
                _add(terms, neutral, f"@{actor_id}")
        for at, word in enumerate(words):
            if len(terms) >= MAX_TERMS:
                break
            if at == title_words:
                in_title = len(terms)
            if (found := starts.get(at)) is not None:
                covered = at + found.words
                _add(terms, neutral, f"@{found.actor_id}")
            elif at >= covered:
                name, number, is_neutral = _WORD_TERMS[word]
                if name:
                    terms.setdefault(number, name)
                    if is_neutral:
                        neutral.add(number)
        return terms, frozenset(neutral) if neutral else _NONE, in_title or len(terms)

    def _actor_facts(self, item: StoryItem, of_lead: list[FoundActor]) -> list[Fact]:
        text = f"{item.title}\n{item.text[:_ACTOR_CHARS]}"
        if self._find:
            whole = of_lead if len(item.text) <= _LEAD_CHARS else self._find.find([analyze(w) for w in surfaces(text)])
            named: Iterable[str] = (found.actor_id for found in whole)
        else:
            named = self._name(text) if self._name else ()
        return [Fact((f"@{actor_id}",), f"actor: {actor_id}") for actor_id in list(dict.fromkeys(named))[:_MAX_ACTORS]]


def _plain(text: str) -> str:
    """Return a text without the remains of markup that feeds leave in titles."""
    return _MARKUP.sub(" ", text) if "&" in text or "<" in text or "://" in text else text


def _short_enough(words: list[str]) -> list[str]:
    return [word for word in words if len(word) <= _MAX_SURFACE]


def _rest_folded(text: str) -> list[str]:
    if len(text) <= _LEAD_CHARS:
        return []
    return [analyze(word).folded for word in surfaces(text[_LEAD_CHARS : 4 * _LEAD_CHARS]) if len(word) <= _MAX_SURFACE]


def _add(terms: dict[int, str], neutral: set[int], term: str) -> None:
    known = term_id(term)
    terms.setdefault(known, term)
    neutral.add(known)


class _WordTerms(dict[Analysis, tuple[str, int, bool]]):
    """The term of each word seen, its id, and whether it is neutral; no name for a word that is no term."""

    def __missing__(self, word: Analysis) -> tuple[str, int, bool]:
        if len(self) >= _CACHE_SIZE:
            self.clear()
        name = _term_of(word)
        found = self[word] = (name, term_id(name) if name else 0, name[:1].isdigit())
        return found


_WORD_TERMS = _WordTerms()


def _term_of(word: Analysis) -> str:
    key = word.key
    if key in GRAMMAR_WORDS or word.folded in GRAMMAR_WORDS or is_agency_word(word.folded):
        return ""
    if not key[0].isdigit():
        return key
    plain = key.replace(",", "")
    return plain if len(plain) > 1 and plain not in _EVERYDAY_NUMBERS else ""


def _language(stated: str | None, words: list[str]) -> str:
    """Return the language an item states, else the script that most of its words are in."""
    if code := language_code(stated):
        return code
    counts = dict.fromkeys(Script, 0)
    for word in words[:40]:
        counts[Script.LATIN if word.isascii() and word.isalpha() else script_of(word.lower())] += 1
    return str(max(counts, key=counts.__getitem__))
