"""A synthetic world to measure rule matching in: words, actors and articles, the same ones at every run.

The words are pronounceable and none is changed by the analyzer, so that any other matcher given the same words sees
the same tokens. Their frequencies fall as those of news do (Zipf-Mandelbrot); an article mixes the general language
with the words of its subject and mentions actors by their aliases.
"""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache, cached_property

import numpy as np
import numpy.typing as npt

from schemas.article import Article
from schemas.base import content_id
from schemas.watch import Actor, ActorKind
from services.domain.text.analyzer import analyze

Ranks = npt.NDArray[np.int64]

SEED = 20241127
WORDS = 60_000
ARTICLES = 2_000
ACTORS = 3_000
SUBJECTS = 300
MIN_WORDS, MAX_WORDS = 400, 1_000
MIN_TITLE, MAX_TITLE = 8, 12
SENTENCE = 18
TRIES_A_WORD = 40
# Zipf-Mandelbrot: the word of rank r occurs in proportion to 1 / (r + SHIFT) ** POWER. Tuned so that of 700 words of an
# article about 400 are different ones, as in news.
SHIFT = 2.7
POWER = 1.15
SUBJECT_WORDS, SUBJECT_ACTORS = 250, 12
FROM_SUBJECT = 0.22  # of the words of a text; half of those of a title
ACTOR_RANKS = (800, WORDS)
SUBJECT_RANKS = (300, WORDS)

_ONSETS = "b br c d dr f fl g gr h j k kl l m n p pr r s sh st t tr v w z".split()
_VOWELS = "a a e e i i o o u ai ea ou io".split()
_CODAS = ["", "", "", "", "", "n", "r", "l", "m", "t", "k", "nd", "rk"]
# Words that the rule language takes for mistyped operators.
_OPERATORS = frozenset("and or not near of before".split())


class WorldError(Exception):
    """The world cannot be made; the message says why."""


def stands_as_it_is(word: str) -> bool:
    """Say whether the analyzer finds this word, capitalised or not, under itself and nothing else."""
    analyses = [analyze(form) for form in (word, word.capitalize())]
    return all(found.keys == (word,) and found.folded == word for found in analyses)


def vocabulary(count: int = WORDS) -> tuple[str, ...]:
    """Return so many words, the commonest first; common words are short."""
    chance = random.Random(SEED)
    found: dict[str, None] = {}
    for _ in range(TRIES_A_WORD * count):
        word = "".join(_syllable(chance) for _ in range(_syllables(len(found), chance)))
        if word not in found and word not in _OPERATORS and stands_as_it_is(word):
            found[word] = None
        if len(found) == count:
            return tuple(found)
    raise WorldError(f"the analyzer leaves too few made-up words as they are: {len(found)} of {count} found")


def _syllables(rank: int, chance: random.Random) -> int:
    if rank < 300:
        return 1
    return 2 if rank < 8_000 else chance.choice((2, 3, 3))


def _syllable(chance: random.Random) -> str:
    return chance.choice(_ONSETS) + chance.choice(_VOWELS) + chance.choice(_CODAS)


def log_uniform(draws: npt.NDArray[np.float64], limits: tuple[int, int]) -> Ranks:
    """Turn draws from 0 to 1 into ranks, each order of magnitude as likely as another."""
    low, high = limits
    ranks: Ranks = np.exp(np.log(low) + draws * np.log(high / low)).astype(np.int64)
    return np.minimum(ranks, high - 1)


def zipf(draws: npt.NDArray[np.float64], count: int, shift: float = SHIFT) -> Ranks:
    """Turn draws from 0 to 1 into ranks below `count`, by how often they occur."""
    weights = _cumulative(count, shift)
    ranks: Ranks = np.searchsorted(weights, draws * weights[-1], side="right")
    return ranks


@cache
def _cumulative(count: int, shift: float) -> npt.NDArray[np.float64]:
    return np.cumsum((np.arange(count) + 1 + shift) ** -POWER)


def actors(words: Sequence[str]) -> tuple[Actor, ...]:
    """Return the gazetteer: each actor has 2 to 8 aliases of one to three words, the popular actors first."""
    return tuple(_actor(number, words) for number in range(ACTORS))


def _actor(number: int, words: Sequence[str]) -> Actor:
    chance = np.random.default_rng([SEED, 1, number])
    ranks = iter(log_uniform(chance.random(32), ACTOR_RANKS).tolist())
    surname = words[next(ranks)]
    aliases = [surname]
    for length in chance.choice(3, size=int(chance.integers(1, 8)), p=(0.5, 0.4, 0.1)).tolist():
        before = [words[next(ranks)] for _ in range(length)]
        aliases.append(" ".join((*before, surname)) if before else words[next(ranks)])
    names = tuple(dict.fromkeys(aliases))
    return Actor(id=f"a{number}", kind=ActorKind.ORGANISATION, name=names[-1], aliases={"en": names})


@dataclass(frozen=True)
class Subject:
    """What a group of articles is about: ranks of its words, and numbers of its actors."""

    words: Ranks
    actors: Ranks


class Newsroom:
    """Writes the articles of the world by number."""

    def __init__(self, words: Sequence[str], gazetteer: Sequence[Actor]) -> None:
        self._words = words
        self._aliases = [actor.aliases["en"] for actor in gazetteer]

    def articles(self, count: int = ARTICLES) -> Iterator[Article]:
        """Yield the first articles."""
        for number in range(count):
            yield self.article(number)

    def article(self, number: int) -> Article:
        """Return one article of 400 to 1,000 words with a title of 8 to 12."""
        chance = np.random.default_rng([SEED, 2, number])
        subject = self._subjects[int(zipf(chance.random(1), SUBJECTS)[0])]
        title = self._prose(chance, subject, int(chance.integers(MIN_TITLE, MAX_TITLE + 1)), 0.5, 1)
        length = int(chance.integers(MIN_WORDS, MAX_WORDS + 1))
        text = self._prose(chance, subject, length, FROM_SUBJECT, int(chance.integers(6, 21)))
        return Article(
            id=content_id("bench", str(number)),
            revision=1,
            revision_id=content_id("bench", str(number), "1"),
            feed_id="bench",
            outlet="Bench",
            title=" ".join(title).capitalize(),
            text=" ".join(_sentences(text)),
            lang="en",
            first_seen_at=datetime(2024, 11, 27, tzinfo=UTC) + timedelta(seconds=number),
        )

    @cached_property
    def _subjects(self) -> list[Subject]:
        return [_subject(number) for number in range(SUBJECTS)]

    def _prose(
        self, chance: np.random.Generator, subject: Subject, length: int, share: float, mentions: int
    ) -> list[str]:
        """Return so many words: general ones, those of the subject, and actors named by one alias or another."""
        ranks = zipf(chance.random(length), WORDS)
        special = chance.random(length) < share
        ranks[special] = subject.words[zipf(chance.random(int(special.sum())), SUBJECT_WORDS)]
        words = [self._words[rank] for rank in ranks.tolist()]
        for at in sorted(chance.integers(0, length, size=mentions).tolist(), reverse=True):
            words[at:at] = self._mention(chance, subject).split()
        return words[:length]

    def _mention(self, chance: np.random.Generator, subject: Subject) -> str:
        of_subject = chance.random() < 0.6
        numbers = subject.actors if of_subject else zipf(chance.random(1), ACTORS, shift=20)
        aliases = self._aliases[int(chance.choice(numbers))]
        return aliases[int(chance.integers(len(aliases)))]


def _subject(number: int) -> Subject:
    chance = np.random.default_rng([SEED, 3, number])
    return Subject(
        log_uniform(chance.random(SUBJECT_WORDS), SUBJECT_RANKS), zipf(chance.random(SUBJECT_ACTORS), ACTORS, shift=20)
    )


def _sentences(words: Sequence[str]) -> Iterator[str]:
    for at in range(0, len(words), SENTENCE):
        yield " ".join(words[at : at + SENTENCE]).capitalize() + "."
