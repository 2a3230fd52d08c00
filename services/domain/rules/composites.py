"""Conditions made of other conditions: words in a row, any of a set, two near each other.

Each waits in postings under what it is made of, so an article is asked only about those whose rarest part it holds.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from services.domain.rules.arrays import NO_INTS, WIDTH, Flags, IntArray, Ints, Mask, Rows, Weights, gather
from services.domain.rules.places import Places
from services.domain.rules.postings import Posted, Postings


class Stretches(NamedTuple):
    """Conditions that hold, each with the first and last position of one place."""

    conditions: Ints
    firsts: Ints
    lasts: Ints


NOTHING = Stretches(NO_INTS, NO_INTS, NO_INTS)


class OrderedPhrases(NamedTuple):
    """The phrases of a snapshot, those that wait for the same word together."""

    order: Ints
    posted: Posted


class PhraseSnapshot(NamedTuple):
    """The phrases of one moment, and how many articles meet each condition."""

    weights: Weights
    words: Ints
    since: int

    def reordered(self) -> OrderedPhrases:
        """Put each phrase under its rarest word."""
        phrases = np.arange(len(self.words), dtype=np.int32)
        column = self.weights[self.words].argmin(1) if len(self.words) else phrases
        rarest = self.words[phrases, column]
        order = np.argsort(rarest, kind="stable").astype(np.int32)
        return OrderedPhrases(order, Posted(rarest[order], phrases, self.since))


class Phrases:
    """Up to WIDTH words in a row."""

    def __init__(self) -> None:
        self._conditions = IntArray()
        self._lengths = IntArray()
        self._words = Rows()
        self.postings = Postings()

    def add(self, condition: int, words: Sequence[int], rarest: int) -> None:
        """Make `condition` true where these word conditions stand in a row; it waits for the rarest of them."""
        # The first word fills the row up, so that all of a row are true when all words are.
        phrase = self._words.add((*words, *((words[0],) * (WIDTH - len(words)))))
        self._lengths.append(len(words))
        self._conditions.append(condition)
        self.postings.post(phrase, (rarest,))

    @property
    def arrays(self) -> tuple[Ints, Ints, Ints]:
        """Return by phrase its words, their number, and its condition."""
        return self._words.view, self._lengths.view, self._conditions.view

    def snapshot(self, weights: Weights) -> PhraseSnapshot:
        """Return what is needed to order all anew; takes no time."""
        return PhraseSnapshot(weights, self._words.view, self.postings.recent)

    def adopt(self, new: OrderedPhrases) -> None:
        """Change over to what was made of a snapshot."""
        self._conditions.reorder(new.order)
        self._lengths.reorder(new.order)
        self._words.reorder(new.order)
        self.postings.replace(*new.posted)

    def candidates(self, held: Ints, truth: Flags) -> Ints:
        """Return the phrases all of whose words are held, somewhere."""
        waiting = self.postings.waiting(held, truth)
        return waiting[self._words.all_true(waiting, truth)] if len(waiting) else waiting

    def words(self, candidates: Ints) -> Ints:
        """Return the words of these phrases, some of them several times."""
        return self._words.view.take(candidates, 0).ravel()

    def find(self, candidates: Ints, words: Places) -> Stretches:
        """Return every place of these phrases."""
        rows, lengths = self._words.view.take(candidates, 0), self._lengths.view.take(candidates)
        at, owners = words.of(rows[:, 0])
        firsts = words.firsts.take(at)
        for offset in range(1, int(lengths.max())):
            position = firsts + np.int32(offset)
            kept = words.any_first(rows[owners, offset], position, position) | (lengths.take(owners) <= offset)
            owners, firsts = owners[kept], firsts[kept]
        found = self._conditions.view.take(candidates.take(owners))
        return Stretches(found, firsts, firsts + lengths.take(owners) - np.int32(1))


class Sets:
    """Any of a set of words and phrases, such as an actor's aliases."""

    def __init__(self) -> None:
        self._numbers = IntArray()  # by condition, from 1; 0 is no set
        self._ends = IntArray()
        self._ends.append(0)
        self._members = IntArray()
        self.postings = Postings()

    def add(self, condition: int, members: Sequence[int]) -> None:
        """Make `condition`, higher than any before, true where any of the members is."""
        self._numbers.extend((0,) * (condition - len(self._numbers)))
        self._numbers.append(len(self._ends))
        self._members.extend(members)
        self._ends.append(len(self._members))
        self.postings.post(condition, members)

    @property
    def arrays(self) -> tuple[Ints, Ints, Ints]:
        """Return by condition the number of the set from 1, where the members of each number end, and the members."""
        return self._numbers.view, self._ends.view, self._members.view

    def snapshot(self) -> Posted:
        """Return what is needed to post all anew."""
        return Posted(*self.postings.pairs(), self.postings.recent)

    def pairs(self, held: Ints, truth: Flags) -> tuple[Ints, Ints]:
        """Return the sets that hold, each with a member that does, as many pairs as there are such members."""
        return self.postings.pairs_waiting(held, truth)


class OrderedNears(NamedTuple):
    """The pairs of a snapshot, those that wait for the same condition together."""

    order: Ints
    posted: Posted


class NearSnapshot(NamedTuple):
    """The pairs of sides of one moment, and how many articles meet each condition."""

    weights: Weights
    sides: Ints
    since: int

    def reordered(self) -> OrderedNears:
        """Put each pair under the rarer of its sides."""
        pairs = self.sides.reshape(-1, 2, WIDTH)
        left, right = self.weights[self.sides].sum(1).reshape(-1, 2).T
        rarer = np.where((left <= right)[:, None], pairs[:, 0], pairs[:, 1])
        order = np.argsort(rarer[:, 0], kind="stable").astype(np.int32)
        return OrderedNears(order, Posted(*gather(rarer[order]), self.since))


class Nears:
    """Two sides, each any of several conditions, at most a number of words apart and apart from each other."""

    def __init__(self) -> None:
        self._kinds = IntArray()  # of each its condition, its distance, and whether the left side comes first
        self._sides = Rows()  # of each the left one, then the right one
        self.postings = Postings()

    def add(self, condition: int, sides: "Sides", *, left_is_rarer: bool) -> None:
        """Make `condition` true where both sides are near; `ordered`, where the left one comes first."""
        near = self._kinds.extend((condition, sides.distance, sides.ordered)) // 3
        self._sides.add(sides.left)
        self._sides.add(sides.right)
        self.postings.post(near, sides.left if left_is_rarer else sides.right)

    @property
    def arrays(self) -> tuple[Ints, Ints]:
        """Return the sides, two rows a pair, and by pair its condition, distance, and whether it is ordered."""
        return self._sides.view, self._kinds.view.reshape(-1, 3)

    def snapshot(self, weights: Weights) -> NearSnapshot:
        """Return what is needed to post all anew; takes no time."""
        return NearSnapshot(weights, self._sides.view, self.postings.recent)

    def adopt(self, new: OrderedNears) -> None:
        """Change over to what was made of a snapshot."""
        self._kinds.reorder(new.order, 3)
        self._sides.reorder(new.order, 2)
        self.postings.replace(*new.posted)

    def candidates(self, held: Ints, truth: Flags) -> Ints:
        """Return those both of whose sides hold, somewhere."""
        waiting = self.postings.waiting(held, truth)
        for side in (0, 1):
            if len(waiting):
                waiting = waiting[self._sides.any_true(2 * waiting + np.int32(side), truth)]
        return waiting

    def sides(self, candidates: Ints) -> Ints:
        """Return the conditions of both sides of these, some of them several times, and the filling."""
        return self._sides.view.reshape(-1, 2 * WIDTH).take(candidates, 0).ravel()

    def true(self, candidates: Ints, truth: Flags, places: Places) -> Ints:
        """Return the conditions of those whose sides are near, some of them several times."""
        left, owners = gather(self._held(0, candidates, truth))
        at, of = places.of(left)
        near = candidates[owners[of]]
        right, of = gather(self._held(1, near, truth))
        near, at = near[of], at[of]
        found = self._near(near, places.firsts[at], places.lasts[at], right, places)
        conditions: Ints = self.arrays[1][near[found], 0]
        return conditions

    def _held(self, side: int, nears: Ints, truth: Flags) -> Ints:
        rows: Ints = self._sides.view[2 * nears + np.int32(side)]
        return rows * truth[rows]

    def _near(self, near: Ints, firsts: Ints, lasts: Ints, right: Ints, places: Places) -> Mask:
        """Say for each place of a left side whether a place of this condition of the right side is near enough."""
        _, distances, ordered = self.arrays[1].take(near, 0).T
        found = places.any_first(right, lasts + np.int32(1), lasts + distances)
        before = (~found & (ordered == 0)).nonzero()[0]
        if before.size:
            firsts = firsts[before]
            found[before] = places.any_last(right[before], firsts - distances[before], firsts - np.int32(1))
        return found


class Composites(NamedTuple):
    """All conditions made of others."""

    phrases: Phrases
    sets: Sets
    nears: Nears


class Sides(NamedTuple):
    """What a NEAR asks: any of `left` at most `distance` words from any of `right`; up to WIDTH conditions each."""

    left: tuple[int, ...]
    right: tuple[int, ...]
    distance: int
    ordered: bool
