"""Rules for the synthetic world, in two mixes, each as a query of ours and in a neutral form for other matchers.

25 % single terms, 55 % two to four OR groups joined by AND, 10 % NEAR, 5 % prefix, 5 % title; NOT on 30 % of the AND
and NEAR rules. Rule n of a mix is the same however many are made, so a small set is the beginning of a large one.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import count, islice
from typing import NamedTuple

import numpy as np

from bench.rule_world import ACTORS, SEED, WORDS, log_uniform, zipf
from schemas.watch import Actor

BLOCK = 10_000
RULES_A_TOPIC = 1_000
NEGATED = 0.3
SHARED_GROUPS = 0.5  # of the groups are an actor of the gazetteer
TITLE_RANKS = (20, 5_000)


@dataclass(frozen=True)
class Mix:
    """How common the words of the rules are: ranks they are drawn from, and how much popular actors are preferred.

    A small `actor_shift` prefers the popular ones. Words of groups are commoner, because the groups narrow one another.
    """

    name: str
    number: int
    ranks: tuple[int, int]
    group_ranks: tuple[int, int]
    actor_shift: float


# Tuned for about 5,700 and 23,000 matches an article at a million rules.
SELECTIVE = Mix("selective", 0, (2_100, WORDS), (155, WORDS), 110.0)
HEAVY = Mix("heavy", 1, (385, WORDS), (32, WORDS), 20.0)
MIXES = {mix.name: mix for mix in (SELECTIVE, HEAVY)}


class Kind(StrEnum):
    """What a rule is made of."""

    TERM = "term"
    AND = "and"
    NEAR = "near"
    PREFIX = "prefix"
    TITLE = "title"


SHARES = {Kind.TERM: 0.25, Kind.AND: 0.55, Kind.NEAR: 0.10, Kind.PREFIX: 0.05, Kind.TITLE: 0.05}


class AnyOf(NamedTuple):
    """One of several words, phrases or @actors."""

    members: tuple[str, ...]
    title: bool = False

    def query(self) -> str:
        """Return the clause in the rule language."""
        text = " OR ".join(f'"{member}"' if " " in member else member for member in self.members)
        group = f"({text})" if len(self.members) > 1 else text
        return f"title:{group}" if self.title else group

    def neutral(self) -> str:
        """Return the clause as `any:a|b c|@d` or `title:...`."""
        return f"{'title' if self.title else 'any'}:{'|'.join(self.members)}"


class Begins(NamedTuple):
    """A word that begins so."""

    prefix: str

    def query(self) -> str:
        """Return the clause in the rule language."""
        return f"{self.prefix}*"

    def neutral(self) -> str:
        """Return the clause as `prefix:abc`."""
        return f"prefix:{self.prefix}"


class Close(NamedTuple):
    """Two groups at most so many words apart, in any order."""

    left: AnyOf
    right: AnyOf
    distance: int

    def query(self) -> str:
        """Return the clause in the rule language."""
        return f"{self.left.query()} NEAR/{self.distance} {self.right.query()}"

    def neutral(self) -> str:
        """Return the clause as `near/5:a|b c~@d`."""
        return f"near/{self.distance}:{'|'.join(self.left.members)}~{'|'.join(self.right.members)}"


class Shape(NamedTuple):
    """A rule before it is written down: all of `required` hold, and `excluded` does not."""

    number: int
    kind: Kind
    required: tuple[AnyOf | Begins | Close, ...]
    excluded: AnyOf | None = None

    def query(self) -> str:
        """Return the rule in the rule language."""
        text = " AND ".join(clause.query() for clause in self.required)
        return f"{text} AND NOT {self.excluded.query()}" if self.excluded else text

    def serialised(self) -> str:
        """Return the watch rule as a line of JSON."""
        topic = self.number // RULES_A_TOPIC
        return f'{{"id":"r{self.number}","watch_topic":"t{topic}","query":{json.dumps(self.query())}}}\n'

    def neutral(self) -> str:
        """Return the rule as a line of tab-separated fields: its number, then its clauses, `not:a|b` last."""
        clauses = [clause.neutral() for clause in self.required]
        if self.excluded:
            clauses.append(f"not:{'|'.join(self.excluded.members)}")
        return "\t".join((str(self.number), *clauses)) + "\n"


class _Draws:
    """What is drawn for one block of rules, in bulk: uniform numbers, words and actors."""

    def __init__(self, mix: Mix, block: int, words: Sequence[str], phrases: Sequence[str]) -> None:
        chance = np.random.default_rng([SEED, 4, mix.number, block])
        self._uniform: list[float] = chance.random(40 * BLOCK).tolist()
        ranks = log_uniform(chance.random(BLOCK), mix.ranks).tolist()
        self._words: Iterator[str] = iter([words[rank] for rank in ranks])
        group_ranks = log_uniform(chance.random(20 * BLOCK), mix.group_ranks).tolist()
        self._group_words: Iterator[str] = iter([words[rank] for rank in group_ranks])
        title_ranks = log_uniform(chance.random(BLOCK), TITLE_RANKS).tolist()
        self._title_words: Iterator[str] = iter([words[rank] for rank in title_ranks])
        self._actors: Iterator[int] = iter(zipf(chance.random(8 * BLOCK), ACTORS, mix.actor_shift).tolist())
        self._phrases = phrases

    def uniform(self) -> float:
        return self._uniform.pop()

    def between(self, low: int, high: int) -> int:
        """Return a whole number from low to high, both included."""
        return low + int(self._uniform.pop() * (high - low + 1))

    def word(self) -> str:
        """Return a word that makes a rule by itself."""
        return next(self._words)

    def group(self) -> AnyOf:
        """Return an actor, or one to six words and phrases."""
        return self.actor() if self.uniform() < SHARED_GROUPS else self.ad_hoc(6)

    def actor(self) -> AnyOf:
        return AnyOf((f"@a{next(self._actors)}",))

    def ad_hoc(self, most: int) -> AnyOf:
        return AnyOf(tuple(dict.fromkeys(self._member() for _ in range(self.between(1, most)))))

    def titles(self) -> AnyOf:
        """Return one to three words common enough to stand in titles now and then."""
        return AnyOf(tuple(dict.fromkeys(next(self._title_words) for _ in range(self.between(1, 3)))), title=True)

    def _member(self) -> str:
        chance = self.uniform()
        if chance < 0.8:
            return next(self._group_words)
        if chance < 0.9:
            return self._phrases[int(self.uniform() * len(self._phrases))]
        return " ".join(next(self._group_words) for _ in range(self.between(2, 3)))


def shapes(mix: Mix, numbers: range, words: Sequence[str], gazetteer: Sequence[Actor]) -> Iterator[Shape]:
    """Yield the rules of a mix with these numbers."""
    phrases = [alias for actor in gazetteer for alias in actor.aliases["en"] if " " in alias]
    first_block = numbers.start // BLOCK
    from_block = _all_shapes(mix, first_block, words, phrases)
    return islice(from_block, numbers.start - first_block * BLOCK, numbers.stop - first_block * BLOCK)


def _all_shapes(mix: Mix, first_block: int, words: Sequence[str], phrases: Sequence[str]) -> Iterator[Shape]:
    for block in count(first_block):
        draws = _Draws(mix, block, words, phrases)
        for number in range(block * BLOCK, (block + 1) * BLOCK):
            yield _shape(number, draws)


def _shape(number: int, draws: _Draws) -> Shape:
    kind = _kind(draws.uniform())
    match kind:
        case Kind.TERM:
            return Shape(number, kind, (AnyOf((draws.word(),)),))
        case Kind.PREFIX:
            word = draws.word()
            return Shape(number, kind, (Begins(word[: draws.between(5, 7)]),))
        case Kind.TITLE:
            return Shape(number, kind, (draws.titles(),))
        case Kind.NEAR:
            clause = Close(draws.group(), draws.group(), draws.between(3, 15))
            return Shape(number, kind, (clause,), _excluded(draws))
        case Kind.AND:
            groups = tuple(draws.group() for _ in range(draws.between(2, 4)))
            return Shape(number, kind, groups, _excluded(draws))


def _kind(chance: float) -> Kind:
    for kind, share in SHARES.items():
        chance -= share
        if chance < 0:
            return kind
    return Kind.AND


def _excluded(draws: _Draws) -> AnyOf | None:
    return draws.ad_hoc(3) if draws.uniform() < NEGATED else None
