"""What of an item decides which story it belongs to, and what it may add to it."""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from services.domain.stories.actor_finder import ActorFinder, Actors
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

    `neutral` are the ids of those. `facts` include the actors of the whole text.
    """

    terms: dict[int, str]
    neutral: frozenset[int]
    language: str
    facts: tuple[Fact, ...]
    numbers: frozenset[str]
    signature: bytes
    outlet: str
    cites: str | None


class FeatureReader:
    """Reads the features of items, with the actors of a gazetteer."""

    def __init__(self, actors: Actors) -> None:
        self._find = ActorFinder(actors) if isinstance(actors, Gazetteer) else None
        self._name: Callable[[str], Iterable[str]] | None = None if isinstance(actors, Gazetteer) else actors

    def read(self, item: StoryItem) -> Features:
        """Return the features of an item; the same item, the same features."""
        title, lead = _plain(item.title[:_ACTOR_CHARS]), _plain(item.text[:_LEAD_CHARS])
        words = [word for word in surfaces(title) + surfaces(lead) if len(word) <= _MAX_SURFACE]
        analyses = [analyze(word) for word in words]
        terms, neutral = self._terms(analyses, f"{title}\n{lead}")
        facts = facts_of(item.title, item.text)
        return Features(
            terms,
            neutral,
            _language(item.lang, words),
            (*facts, *self._actor_facts(item)),
            number_keys(facts),
            signature([analysis.folded for analysis in analyses] + _rest_folded(item.text)),
            outlet_key(item.outlet),
            cited_outlet(item.title, item.text),
        )

    def _terms(self, words: list[Analysis], text: str) -> tuple[dict[int, str], frozenset[int]]:
        """Return the terms in order, an actor in place of the words that name it."""
        starts = {found.at: found for found in self._find.find(words)} if self._find else {}
        terms: dict[int, str] = {}
        neutral: set[int] = set()
        covered = 0
        if self._name:
            for actor_id in self._name(text):
                _add(terms, neutral, f"@{actor_id}")
        for at, word in enumerate(words):
            if len(terms) >= MAX_TERMS:
                break
            if (found := starts.get(at)) is not None:
                covered = at + found.words
                _add(terms, neutral, f"@{found.actor_id}")
            elif at >= covered:
                _add_word(terms, neutral, word)
        return terms, frozenset(neutral)

    def _actor_facts(self, item: StoryItem) -> list[Fact]:
        text = f"{item.title}\n{item.text[:_ACTOR_CHARS]}"
        if self._find:
            named: Iterable[str] = (found.actor_id for found in self._find.find([analyze(w) for w in surfaces(text)]))
        else:
            named = self._name(text) if self._name else ()
        return [Fact((f"@{actor_id}",), f"actor: {actor_id}") for actor_id in list(dict.fromkeys(named))[:_MAX_ACTORS]]


def _plain(text: str) -> str:
    """Return a text without the remains of markup that feeds leave in titles."""
    return _MARKUP.sub(" ", text) if "&" in text or "<" in text or "://" in text else text


def _rest_folded(text: str) -> list[str]:
    return [analyze(word).folded for word in surfaces(text[_LEAD_CHARS : 4 * _LEAD_CHARS]) if len(word) <= _MAX_SURFACE]


def _add(terms: dict[int, str], neutral: set[int], term: str) -> None:
    known = term_id(term)
    terms.setdefault(known, term)
    neutral.add(known)


def _add_word(terms: dict[int, str], neutral: set[int], word: Analysis) -> None:
    key = word.key
    if key in GRAMMAR_WORDS or word.folded in GRAMMAR_WORDS or is_agency_word(word.folded):
        return
    if key[0].isdigit():
        plain = key.replace(",", "")
        if len(plain) > 1 and plain not in _EVERYDAY_NUMBERS:
            _add(terms, neutral, plain)
    else:
        terms.setdefault(term_id(key), key)


def _language(stated: str | None, words: list[str]) -> str:
    """Return the language an item states, else the script that most of its words are in."""
    if code := language_code(stated):
        return code
    counts = dict.fromkeys(Script, 0)
    for word in words[:40]:
        counts[script_of(word.lower())] += 1
    return str(max(counts, key=lambda script: counts[script]))
