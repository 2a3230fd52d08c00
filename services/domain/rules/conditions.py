"""Conditions: what rules ask of an article, numbered, each decided once for all rules that share it."""

from array import array
from collections.abc import Iterable, Sequence
from functools import partial
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from services.domain.rules.arrays import Flags, Ints, Weights, grown_flags
from services.domain.rules.article_index import ArticleIndex
from services.domain.rules.composites import (
    Composites,
    Nears,
    NearSnapshot,
    OrderedPhrases,
    Phrases,
    PhraseSnapshot,
    Sets,
    Sides,
    Stretches,
)
from services.domain.rules.leaves import Leaf
from services.domain.rules.lexicon import Lexicon
from services.domain.rules.postings import Posted
from services.domain.rules.steps import Steps
from services.domain.rules.vocabulary import FIELD_SCOPES, Form, Read, Scope, Vocabulary

# How many articles the guess at how common a word is weighs as much as.
PRIOR_ARTICLES = 20
_COMMONER = {Form.KEY: 1.0, Form.EXACT: 0.5, Form.PREFIX: 2.0}
_ONCE = np.int32(1)
_PHRASE_SHARE, _NEAR_SHARE = 0.1, 0.2  # of the articles that hold the rarest part


class OrderedComposites(NamedTuple):
    """Composites under the rarest of what they are made of."""

    phrases: OrderedPhrases
    nears: Posted
    sets: Posted


class ConditionsSnapshot(NamedTuple):
    """The composites of one moment."""

    phrases: PhraseSnapshot
    nears: NearSnapshot
    sets: Posted

    def reordered(self) -> OrderedComposites:
        """Work out where composites should wait. Others may be added meanwhile."""
        return OrderedComposites(self.phrases.reordered(), self.nears.reordered(), self.sets)


class Conditions:
    """The conditions, numbered from 1. `hold` and `release` go in pairs; in between, `truth` says what holds.

    Not safe for two threads at a time.
    """

    def __init__(self, lexicon: Lexicon) -> None:
        self.truth: Flags = np.zeros(1, np.uint8)
        self._vocabulary = Vocabulary(lexicon)
        self._composites = Composites(Phrases(), Sets(), Nears())
        self._priors = array("d", (0.0,))
        self._seen: NDArray[np.int32] = np.zeros(1, np.int32)
        self._phrase_of: dict[object, int] = {}
        self._set_of: dict[frozenset[int], int] = {}
        self._members: dict[int, tuple[int, ...]] = {}
        self._needed: dict[int, tuple[int, ...]] = {}  # by near, its rarer side
        self._checked: dict[int, tuple[Leaf, Scope]] = {}

    def __len__(self) -> int:
        return len(self._priors)

    def use(self, lexicon: Lexicon) -> None:
        """Keep what is learned of articles' words in this lexicon, an empty one, from now on."""
        self._vocabulary.use(lexicon)

    def word(self, scope: Scope, form: Form, text: str) -> int:
        """Return the condition that a word of this form stands in the scope."""
        known = self._vocabulary.find(scope, form, text)
        if known is None:
            known = self._new(_COMMONER[form] * _rarity(text))
            self._vocabulary.add(scope, form, text, known)
        return known

    def phrase(self, words: tuple[int, ...]) -> int:
        """Return the condition that these words, at most WIDTH, stand in a row."""
        known = self._phrase_of.get(words)
        if known is None:
            known = self._phrase_of[words] = self._new_phrase(words)
        return known

    def checked_phrase(self, words: tuple[int, ...], leaf: Leaf, scope: Scope) -> int:
        """Return the condition that these words, at most WIDTH, stand in a row where `leaf` is found."""
        known = self._phrase_of.get((leaf, scope))
        if known is None:
            known = self._phrase_of[leaf, scope] = self._new_phrase(words)
            self._checked[known] = leaf, scope
        return known

    def any_of(self, conditions: Iterable[int]) -> int:
        """Return the condition that any of these words, phrases and sets holds."""
        members = frozenset(member for each in conditions for member in self._members.get(each, (each,)))
        known = self._set_of.get(members)
        if known is None:
            known = self._set_of[members] = self._new(min(1.0, self._prior(members)))
            self._members[known] = tuple(sorted(members))
            self._composites.sets.add(known, self._members[known])
        return known

    def near(self, sides: Sides) -> int:
        """Return a condition that words, phrases and sets are near; never one returned before."""
        left, right = self.cost(sides.left), self.cost(sides.right)
        condition = self._new(_NEAR_SHARE * min(self._prior(sides.left), self._prior(sides.right)))
        self._composites.nears.add(condition, sides, left_is_rarer=left <= right)
        self._needed[condition] = sides.left if left <= right else sides.right
        return condition

    def is_near(self, condition: int) -> bool:
        """Say whether a condition came from `near`."""
        return condition in self._needed

    def needed(self, condition: int) -> tuple[int, ...]:
        """Return words, phrases and sets of which one holds if the condition does."""
        return self._needed.get(condition, (condition,))

    def cost(self, conditions: Sequence[int]) -> float:
        """Estimate in how many articles any of these holds, on the scale of `weights`."""
        seen, known = self._seen, len(self._seen)
        total = PRIOR_ARTICLES * self._prior(conditions)
        if known > 1:  # or no article was seen, as while a million rules are loaded
            for condition in conditions:
                if condition < known:
                    total += seen[condition]
        return float(total)

    def weights(self) -> Weights:
        """Return by condition in how many articles it holds: as seen so far, and as guessed before."""
        weights = PRIOR_ARTICLES * np.array(self._priors)
        seen = self._seen[: len(weights)]
        weights[: len(seen)] += seen
        return weights

    def snapshot(self, weights: Weights) -> ConditionsSnapshot:
        """Return what is needed to post all composites anew; takes no time."""
        return ConditionsSnapshot(
            self._composites.phrases.snapshot(weights),
            self._composites.nears.snapshot(weights),
            self._composites.sets.snapshot(),
        )

    def adopt(self, new: OrderedComposites) -> None:
        """Change over to what a snapshot worked out."""
        self._composites.phrases.adopt(new.phrases)
        self._composites.nears.adopt(new.nears)
        self._composites.sets.postings.replace(*new.sets)

    def hold(self, article: ArticleIndex, steps: Steps) -> Ints:
        """Set `truth` for every condition the article meets; return these, each once."""
        self.truth = grown_flags(self.truth, len(self))
        asked = self._vocabulary
        texts = {field: article.searched(field, asked.languages) for field in asked.fields}
        read = asked.read(texts)
        check = partial(self._really_there, read=read, article=article) if self._checked else _as_found
        try:
            held = steps.hold(read, self._composites, self.truth, check)
        except BaseException:  # memory may give out: what was set by then must not count for the next article
            self.truth[:] = 0
            raise
        self._count(held)
        return held

    def release(self, held: Ints) -> None:
        """Forget the article."""
        self.truth[held] = 0

    def _really_there(self, found: Stretches, read: Read, article: ArticleIndex) -> Stretches:
        """Leave out the places of phrases whose words are in a row, but not as the query has them."""
        kept = np.ones(len(found.conditions), np.bool_)
        for at, condition in enumerate(found.conditions.tolist()):
            if condition in self._checked:
                kept[at] = _is_found(*self._checked[condition], int(found.firsts[at]), read, article)
        return Stretches(found.conditions[kept], found.firsts[kept], found.lasts[kept])

    def _count(self, held: Ints) -> None:
        if len(self._seen) < len(self):
            grown = np.zeros(len(self) * 3 // 2, np.int32)
            grown[: len(self._seen)] = self._seen
            self._seen = grown
        np.add.at(self._seen, held, _ONCE)  # half of what `+= 1` takes, as each is there once

    def _new(self, prior: float) -> int:
        self._priors.append(prior)
        return len(self._priors) - 1

    def _new_phrase(self, words: tuple[int, ...]) -> int:
        rarest = min(words, key=self._weight)
        condition = self._new(_PHRASE_SHARE * self._priors[rarest])
        self._composites.phrases.add(condition, words, rarest)
        return condition

    def _weight(self, condition: int) -> float:
        weight = PRIOR_ARTICLES * self._priors[condition]
        return float(weight + self._seen[condition]) if condition < len(self._seen) else weight

    def _prior(self, conditions: Iterable[int]) -> float:
        total = 0.0
        for condition in conditions:
            total += self._priors[condition]
        return total


def _as_found(found: Stretches) -> Stretches:
    return found


def _is_found(leaf: Leaf, scope: Scope, first: int, read: Read, article: ArticleIndex) -> bool:
    """Say whether the leaf has a place that begins at this position of what was read."""
    return any(
        first == start + place[0]
        for field, start in read.starts.items()
        if scope in FIELD_SCOPES[field]
        for place in article.find(leaf, field)
    )


def _rarity(word: str) -> float:
    """Guess in what share of articles a word stands, from its length alone: long words are rare, and a Hangul syllable
    or Han character carries about as much as two letters."""
    letters = sum(1 if char < "\u1100" else 2.5 for char in word)
    return 1.0 / (1.0 + letters * letters)
