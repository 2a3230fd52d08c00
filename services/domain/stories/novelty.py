"""What a follower adds to its story: facts, another outlet, or nothing."""

from collections.abc import Iterable, Mapping, Sequence, Set
from typing import NamedTuple

from schemas.story import Novelty
from services.domain.stories.facts import Fact
from services.domain.stories.signatures import hash_word
from services.domain.stories.story import Story

_MAX_SHOWN = 8
_MAX_SHOWN_CHARS = 80
_MAX_KEYS = 64
_MIN_NEW_WORDS = 3
_MOSTLY_NEW = 0.4
_31_BITS = (1 << 31) - 1
_NUMBER = 1 << 31


class Judged(NamedTuple):
    """What an item adds, the facts that are new in words, and why it was so judged."""

    novelty: Novelty
    new_facts: tuple[str, ...]
    reason: str


def fact_id(key: str) -> int:
    """Return the 32 bits under which a story remembers a fact; the highest marks numbers and dates."""
    return (hash_word(key) & _31_BITS) | (_NUMBER if key[0] in "#d" else 0)


def fact_ids(facts: Iterable[Fact]) -> tuple[int, ...]:
    """Return the ids of facts, at most 64: numbers, dates and actors before quotations, which have many."""
    by_kind = sorted(facts, key=lambda fact: fact.keys[0][0] == '"')
    return tuple(dict.fromkeys(fact_id(key) for fact in by_kind for key in fact.keys))[:_MAX_KEYS]


def contradict(one: Iterable[int], other: Iterable[int]) -> bool:
    """Say whether each of two items has a number or date that the other lacks: then neither is a copy."""
    numbers, others = ({fact for fact in facts if fact >= _NUMBER} for facts in (one, other))
    return bool(numbers - others and others - numbers)


def judge(facts: Iterable[Fact], seen: Set[int], *, new_outlet: bool, copy: bool) -> Judged:
    """Say what an item adds to a story that has `seen` these facts.

    Of a `copy`, quotations do not count: an outlet that cuts one short says nothing new.
    """
    new = [
        fact.shown[:_MAX_SHOWN_CHARS] for fact in facts if not (copy and _is_quotation(fact)) and _is_new(fact, seen)
    ]
    if new:
        return Judged(Novelty.FACTS, tuple(new[:_MAX_SHOWN]), f"facts new to the story: {len(new)}")
    if new_outlet:
        return Judged(Novelty.OUTLET, (), "another outlet, no new number, date, actor or quotation")
    return Judged(Novelty.NOTHING, (), "the same outlet, no new number, date, actor or quotation")


def judge_words(terms: Mapping[int, str], stories: Sequence[Story], judged: Judged) -> Judged:
    """Say whether an item that is no copy, and has no new fact, says in most of its words what its story did not.

    A refusal has no number in it, and yet is news.
    """
    new = [name for term, name in terms.items() if not any(term in story.counts for story in stories)]
    if len(new) < _MIN_NEW_WORDS or len(new) < _MOSTLY_NEW * len(terms):
        return judged
    shown = ", ".join(new)[:_MAX_SHOWN_CHARS]
    return Judged(Novelty.FACTS, (), f"most of its words are new to the story: {shown}")


def _is_quotation(fact: Fact) -> bool:
    return fact.keys[0].startswith('"')


def _is_new(fact: Fact, seen: Set[int]) -> bool:
    """A quotation is new if more than half of its words are in no quotation of the story; other facts have one key."""
    return 2 * sum(fact_id(key) not in seen for key in fact.keys) > len(fact.keys)
