"""How likely an item belongs to a story: its terms under the story's counts against those of all stories."""

import math
from collections.abc import Iterable, Mapping, Sequence, Set
from math import log
from typing import NamedTuple

from services.domain.stories.features import Features, is_frequent
from services.domain.stories.policy import StoryPolicy
from services.domain.stories.postings import Postings
from services.domain.stories.story import Story

# An absent word never counts as impossible.
_NEARLY_ALL = 0.95
# What ties items without a language in common: that many actors and numbers.
_TIES_ABROAD = 3
_TIES_WITH_NUMBER = 2
_MIN_STORY_TO_FOLD = 2
_LEAST_SHARE = 0.05
_LEAST_MASS = 1e-3


class Weighed(NamedTuple):
    """A term of an item: the share of stories that usually hold it, the items that do, and what it counts."""

    term: int
    usual: float
    items: int
    weight: float


class Score(NamedTuple):
    """The log odds that an item belongs to a story rather than begins one, and the terms that speak for it."""

    log_odds: float
    shared: tuple[int, ...]


def frequency(holding: int, stories: int, term: int, policy: StoryPolicy) -> float:
    """Return the share of stories that hold a term, of which `holding` of `stories` open ones do."""
    prior = policy.frequent if is_frequent(term) else policy.rare
    return (holding + policy.prior_stories * prior) / (stories + policy.prior_stories)


def score(
    story: Story,
    item: Features,
    terms: Sequence[Weighed],
    items: int,
    *,
    prior: float,
    policy: StoryPolicy,
) -> Score | None:
    """Return the score of an item in a story; None if they have no language and too few actors and numbers in common.

    `prior` is the log of the share of recent items that are the story's.
    """
    known_language = item.language in story.languages
    held = [term for term in terms if term[0] in story.counts]
    for_it, against = _gains(story, held, items, policy)
    if known_language:
        lacking = len(terms) - len(held)
    else:
        lacking = len(item.neutral) - sum(term[0] in item.neutral for term in held)
    against += lacking * log(policy.background)
    if not for_it or not (known_language or _tied_abroad(for_it, item.neutral, item.terms)):
        return None
    for_it.sort(reverse=True)
    total, weight = 0.0, 1.0
    for gain, _ in for_it:
        total += gain * weight
        weight *= policy.damping
    absent = _absence(story, item.terms, policy) if known_language else 0.0
    return Score(total + against + absent + policy.prior_weight * prior, tuple(term for _, term in for_it))


def _gains(
    story: Story, held: Iterable[Weighed], items: int, policy: StoryPolicy
) -> tuple[list[tuple[float, int]], float]:
    """Return the log odds of each term that speaks for the story, and the sum of those against it."""
    counts, background = story.counts, policy.background
    outside = policy.outside / max(1, items - story.members)
    dependent = (1 - background) / (story.members + 1.0)
    for_it: list[tuple[float, int]] = []
    against = 0.0
    for term, usual, everywhere, weight in held:
        count = counts[term]
        elsewhere = (everywhere - count) * outside
        gain = log(dependent * count / (usual if usual > elsewhere else elsewhere) + background)
        if gain > 0:
            for_it.append((gain * weight, term))
        else:
            against += gain
    return for_it, against


def _tied_abroad(for_it: list[tuple[float, int]], neutral: Set[int], terms: Mapping[int, str]) -> bool:
    ties = [term for _, term in for_it if term in neutral]
    with_number = any(terms[term][0].isdigit() for term in ties)
    return len(ties) >= (_TIES_WITH_NUMBER if with_number else _TIES_ABROAD) or len(for_it) - len(ties) > 1


def _absence(story: Story, terms: Mapping[int, str], policy: StoryPolicy) -> float:
    least = policy.mostly * story.members
    total = 0.0
    for term in story.common(policy):
        if term not in terms and (count := story.counts.get(term, 0)) >= least:
            total += log(1 - _NEARLY_ALL * count / story.members)
    return policy.absence_weight * total


def prior_of(mass: float, all_mass: float, policy: StoryPolicy) -> float:
    """Return the log of the share of recent items that are a story's."""
    return math.log(max(mass, _LEAST_MASS) / (all_mass + policy.prior_items))


def same_event(one: Story, other: Story, postings: Postings, stories: int, policy: StoryPolicy) -> bool:
    """Say whether two stories are about the same event: the cosine of what their items hold, weighted by rarity."""
    if min(one.members, other.members) < _MIN_STORY_TO_FOLD:
        return False
    weights = [_weights(story, postings, stories, policy) for story in (one, other)]
    product = sum(weight * weights[1].get(term, 0.0) for term, weight in weights[0].items())
    lengths = math.prod(sum(weight * weight for weight in vector.values()) for vector in weights)
    return lengths > 0 and product / math.sqrt(lengths) >= policy.alike


def _weights(story: Story, postings: Postings, stories: int, policy: StoryPolicy) -> dict[int, float]:
    least = max(2.0, _LEAST_SHARE * story.members)
    return {
        term: count / story.members * -math.log(frequency(postings.count(term), stories, term, policy))
        for term, count in story.counts.items()
        if count >= least
    }
