"""The steps in dicts and loops: for few rules, where numpy's calls cost more than what is done in them."""

from collections.abc import Iterable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from typing import Generic, NamedTuple, TypeAlias, TypeVar

import numpy as np

from services.domain.rules.arrays import NO_INTS, WIDTH, Flags, Ints
from services.domain.rules.composites import Composites, Sides, Stretches
from services.domain.rules.lexicon import Lexicon, PlainLexicon
from services.domain.rules.plan_records import LAST, VETO
from services.domain.rules.presearcher import Presearcher
from services.domain.rules.steps import Check
from services.domain.rules.stretches import Occurrence, any_joined
from services.domain.rules.vocabulary import Read

# Where each condition stands, sorted.
Places: TypeAlias = dict[int, list[Occurrence]]


Item = TypeVar("Item")


class _Waiting(Generic[Item]):
    """Composites by the conditions that they wait for."""

    def __init__(self) -> None:
        self._items: dict[int, list[Item]] = {}
        self._count = 0
        self._last = 0

    def of(self, held: AbstractSet[int]) -> Iterator[tuple[int, Item]]:
        """Yield those that wait for any of these conditions, each with the one it waits for."""
        for condition in self._items.keys() & held:
            for item in self._items[condition]:
                yield condition, item

    def load(self, condition: int) -> int:
        """Return how many wait for a condition."""
        return len(self._items.get(condition, ()))

    def put(self, item: Item, conditions: Iterable[int]) -> None:
        """Let a composite wait for any of these."""
        for condition in conditions:
            self._items.setdefault(condition, []).append(item)

    def fresh(self, conditions: Ints) -> list[int]:
        """Return the indices of the conditions that were not there at the last call; later ones have higher numbers."""
        if len(conditions) == self._count:
            return []
        fresh: list[int] = (conditions > self._last).nonzero()[0].tolist()
        self._count, self._last = len(conditions), int(conditions.max(initial=0))
        return fresh


class _Phrase(NamedTuple):
    condition: int
    words: tuple[int, ...]


class _Near(NamedTuple):
    condition: int
    sides: Sides


class _Plans:
    """The plans of a presearcher as lists, of which every article takes over what was added before it."""

    def __init__(self) -> None:
        self._starts: Ints | None = None  # of the postings that were taken over
        self._late = 0
        self._items: dict[int, list[tuple[int, int]]] = {}  # by condition, each with its guard
        self._records: list[int] = []

    def take_over(self, presearcher: Presearcher) -> None:
        """Take over what is new since the last article; everything, if it was put in order meanwhile."""
        starts, items, guards, late_conditions, late_items, late_guards = presearcher.posted.arrays
        if starts is not self._starts:
            self._starts, self._late, self._items, self._records = starts, 0, {}, []
            self._put(np.arange(len(starts) - 1, dtype=np.int32).repeat(np.diff(starts)), items, guards)
        if len(late_items) > self._late:
            self._put(late_conditions[self._late :], late_items[self._late :], late_guards[self._late :])
            self._late = len(late_items)
        self._records += presearcher.arrays[0][len(self._records) :].tolist()

    def satisfied(self, held: AbstractSet[int]) -> set[int]:
        """Return the slots of all plans that these conditions satisfy, those of removed ones among them."""
        found: set[int] = set()
        for condition in self._items.keys() & held:
            for item, guard in self._items[condition]:
                if guard not in held:
                    continue
                if not item & 1:
                    found.add(item >> 2)
                elif self._holds(item >> 2, held):
                    found.add(self._records[item >> 2])
        return found

    def _put(self, conditions: Ints, items: Ints, guards: Ints) -> None:
        for condition, item, guard in zip(conditions.tolist(), items.tolist(), guards.tolist(), strict=True):
            self._items.setdefault(condition, []).append((item, guard))

    def _holds(self, begin: int, held: AbstractSet[int]) -> bool:
        """Say whether what a record asks for holds."""
        at, head = begin + 1, 0
        while not head & LAST:
            head = self._records[at]
            end = at + 2 + head % WIDTH
            if held.isdisjoint(self._records[at + 1 : end]) != bool(head & VETO):
                return False
            at = end
        return True


class PlainSteps:
    """One condition after the other. Belongs to one set of rules; what composites it has grows with theirs."""

    def __init__(self) -> None:
        self._phrases = _Waiting[_Phrase]()
        self._sets = _Waiting[int]()
        self._known_sets = 0  # conditions that were asked whether they are one
        self._nears = _Waiting[_Near]()
        self._plans = _Plans()

    def lexicon(self) -> Lexicon:
        """Return an empty lexicon in a dict."""
        return PlainLexicon()

    def hold(self, read: Read, composites: Composites, truth: Flags, check: Check) -> Ints:
        """Set `truth` for what was read and every condition made of it; return these, each once."""
        if not len(read.conditions):
            return NO_INTS
        self._take_over(composites)
        places: Places = {}
        for condition, at in zip(read.conditions.tolist(), read.positions.tolist(), strict=True):
            places.setdefault(condition, []).append((at, at))
        self._hold_phrases(places, check)
        members: dict[int, list[int]] = {}
        for condition, each in self._sets.of(places.keys()):
            members.setdefault(each, []).append(condition)
        held = np.array([*places, *members, *self._true_nears(places, members)], np.int32)
        truth[held] = 1
        return held

    def candidates(self, presearcher: Presearcher, held: Ints, truth: Flags) -> Ints:
        """Return the slots of all plans that these conditions satisfy, each once."""
        self._plans.take_over(presearcher)
        slots = self._plans.satisfied(set(held.tolist()))
        return presearcher.left(np.array([*slots], np.int32)) if slots else NO_INTS

    def _hold_phrases(self, places: Places, check: Check) -> None:
        """Add the places of the phrases that stand there."""
        conditions, firsts, lasts = [], [], []
        for _, (condition, words) in self._phrases.of(places.keys()):
            for first in _in_a_row(words, places):
                conditions.append(condition)
                firsts.append(first)
                lasts.append(first + len(words) - 1)
        if conditions:
            found = check(Stretches(*(np.array(each, np.int32) for each in (conditions, firsts, lasts))))
            for condition, first, last in zip(*(each.tolist() for each in found), strict=True):
                places.setdefault(condition, []).append((first, last))

    def _true_nears(self, places: Places, members: dict[int, list[int]]) -> set[int]:
        """Return the conditions whose sides are near."""
        held = places.keys() | members.keys()
        true: set[int] = set()
        for _, (condition, sides) in self._nears.of(held):
            if condition in true or held.isdisjoint(sides.right):
                continue
            left, right = (_places_of(side, places, members) for side in (sides.left, sides.right))
            if any_joined(left, right, sides.distance, ordered=sides.ordered):
                true.add(condition)
        return true

    def _take_over(self, composites: Composites) -> None:
        """Take over what composites were added since the last article."""
        phrases, sets, nears = composites
        words, conditions = phrases.arrays
        for at in self._phrases.fresh(conditions):
            phrase = _Phrase(int(conditions[at]), words.row(at))
            self._phrases.put(phrase, (min(phrase.words, key=self._phrases.load),))
        numbers, ends, members = sets.arrays
        for condition in range(self._known_sets, len(numbers)):
            if number := numbers[condition]:
                self._sets.put(condition, members[ends[number - 1] : ends[number]].tolist())
        self._known_sets = len(numbers)
        sides, kinds = nears.arrays
        for at in self._nears.fresh(kinds[:, 0]):
            condition, distance, ordered = kinds[at].tolist()
            near = _Near(condition, Sides(sides.row(2 * at), sides.row(2 * at + 1), distance, bool(ordered)))
            self._nears.put(near, near.sides.left)


def _places_of(side: tuple[int, ...], places: Places, members: dict[int, list[int]]) -> list[Occurrence]:
    """Return where any condition of a side stands, a set standing for its members."""
    found = [places[each] for one in side for each in members.get(one, (one,)) if each in places]
    return found[0] if len(found) == 1 else sorted(place for each in found for place in each)


def _in_a_row(words: Sequence[int], places: Places) -> list[int]:
    """Return where these words follow one another."""
    for word in words:
        if word not in places:
            return []
    others = [{first for first, _ in places[word]} for word in words[1:]]
    return [
        first for first, _ in places[words[0]] if all(first + at in firsts for at, firsts in enumerate(others, start=1))
    ]
