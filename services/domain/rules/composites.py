"""Conditions made of other conditions: words in a row, any of a set, two near each other.

Each waits in postings under what it is made of, so an article is asked only about those whose rarest part it holds.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from services.domain.rules.arrays import (
    NO_INTS,
    Flags,
    IntArray,
    Ints,
    Mask,
    Rows,
    RowsView,
    Weights,
    begins,
    distinct,
    stretch,
    widths,
)
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
    words: RowsView
    since: int

    def reordered(self) -> OrderedPhrases:
        """Put each phrase under its rarest word, guarded by the next rarest."""
        words = self.words.full(self.words.heads)
        phrases = np.arange(len(words), dtype=np.int32)
        if not len(words):
            return OrderedPhrases(phrases, Posted(NO_INTS, NO_INTS, NO_INTS, self.since))
        columns = self.weights[words].argsort(1, kind="stable")
        rarest = words[phrases, columns[:, 0]]
        others = np.where(words == rarest[:, None], np.inf, self.weights[words])
        guards = words[phrases, others.argmin(1)]
        order = np.argsort(rarest, kind="stable").astype(np.int32)
        return OrderedPhrases(order, Posted(rarest[order], phrases, guards[order], self.since))


class Phrases:
    """Up to WIDTH words in a row."""

    def __init__(self) -> None:
        self._conditions = IntArray()
        self._words = Rows()
        self.postings = Postings()

    def add(self, condition: int, words: Sequence[int], rarest: int) -> None:
        """Make `condition` true where these word conditions stand in a row; it waits for the rarest of them."""
        self._words.add(words)
        self.postings.post(self._conditions.append(condition), (rarest,))

    @property
    def arrays(self) -> tuple[RowsView, Ints]:
        """Return by phrase its words, and its condition."""
        return self._words.view, self._conditions.view

    def snapshot(self, weights: Weights) -> PhraseSnapshot:
        """Return what is needed to order all anew; takes no time."""
        return PhraseSnapshot(weights, self._words.view, self.postings.recent)

    def adopt(self, new: OrderedPhrases) -> None:
        """Change over to what was made of a snapshot."""
        self._conditions.reorder(new.order)
        self._words.reorder(new.order)
        self.postings.replace(*new.posted)

    def candidates(self, held: Ints, truth: Flags) -> Ints:
        """Return the phrases all of whose words are held, somewhere."""
        waiting, words = self.postings.guarded(held, truth), self._words.view
        return waiting[words.all_true(words.heads.take(waiting), truth)]

    def words(self, candidates: Ints) -> Ints:
        """Return the words of these phrases, some of them several times."""
        words = self._words.view
        return words.parts(words.heads.take(candidates))[0]

    def find(self, candidates: Ints, words: Places) -> Stretches:
        """Return every place of these phrases."""
        view = self._words.view
        heads = view.heads.take(candidates)
        rows, lengths = view.full(heads), widths(heads)
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
        return self.postings.all()

    def pairs(self, held: Ints, truth: Flags) -> tuple[Ints, Ints]:
        """Return the sets that hold, each with a member that does, as many pairs as there are such members."""
        return self.postings.waiting(held, truth)


class NearSnapshot(NamedTuple):
    """The pairs of sides of one moment, and how many articles meet each condition."""

    weights: Weights
    sides: RowsView
    since: int

    def reordered(self) -> Posted:
        """Post each pair of a left and a right condition under the rarer of the two, guarded by the other one."""
        left, right = self.sides.heads.reshape(-1, 2).T
        columns = widths(right)
        pairs, owners = stretch(np.zeros_like(left), widths(left) * columns)
        lefts = self.sides.values[begins(left)[owners] + pairs // columns[owners]]
        rights = self.sides.values[begins(right)[owners] + pairs % columns[owners]]
        under_left = self.weights[lefts] <= self.weights[rights]
        posted, guards = np.where(under_left, lefts, rights), np.where(under_left, rights, lefts)
        return Posted(posted, 2 * owners + under_left, guards, self.since)


class Nears:
    """Two sides, each any of several conditions, at most a number of words apart and apart from each other.

    Each pair of a left and a right condition is posted under one of the two, guarded by the other: an article looks at
    no more of what is not near. What is posted is twice the number of the near, and 1 more if it is under the left one.
    """

    def __init__(self) -> None:
        self.reach = 0  # the longest distance
        self._kinds = IntArray()  # of each its condition, its distance, and whether the left side comes first
        self._sides = Rows()  # of each the left one, then the right one
        self.postings = Postings()

    def add(self, condition: int, sides: "Sides", *, left_is_rarer: bool) -> None:
        """Make `condition` true where both sides are near; `ordered`, where the left one comes first."""
        near = self._kinds.extend((condition, sides.distance, sides.ordered)) // 3
        self._sides.add(sides.left)
        self._sides.add(sides.right)
        self.reach = max(self.reach, sides.distance)
        posted, others = (sides.left, sides.right) if left_is_rarer else (sides.right, sides.left)
        for other in others:
            self.postings.post(2 * near + left_is_rarer, posted, other)

    @property
    def arrays(self) -> tuple[RowsView, Ints]:
        """Return the sides, two rows a pair, and by pair its condition, distance, and whether it is ordered."""
        return self._sides.view, self._kinds.view.reshape(-1, 3)

    def snapshot(self, weights: Weights) -> NearSnapshot:
        """Return what is needed to post all anew; takes no time."""
        return NearSnapshot(weights, self._sides.view, self.postings.recent)

    def adopt(self, new: Posted) -> None:
        """Change over to what was made of a snapshot."""
        self.postings.replace(*new)

    def candidates(self, held: Ints, truth: Flags) -> Ints:
        """Return those both of whose sides hold, somewhere."""
        return distinct(self.postings.guarded(held, truth) >> 1)

    def sides(self, candidates: Ints) -> Ints:
        """Return the conditions of both sides of these, some of them several times."""
        heads = self._sides.view.heads.reshape(-1, 2).take(candidates, 0).ravel()
        return self._sides.view.parts(heads)[0]

    def true(self, candidates: Ints, truth: Flags, places: Places) -> Ints:
        """Return the conditions of those whose sides are near, some of them several times."""
        left, owners = self._held(0, candidates, truth)
        at, of = places.of(left)
        near = candidates[owners[of]]
        right, of = self._held(1, near, truth)
        near, at = near[of], at[of]
        found = self._near(near, places.firsts[at], places.lasts[at], right, places)
        conditions: Ints = self.arrays[1][near[found], 0]
        return conditions

    def _heads(self, side: int, nears: Ints) -> Ints:
        return self._sides.view.heads.take(2 * nears + np.int32(side))

    def _held(self, side: int, nears: Ints, truth: Flags) -> tuple[Ints, Ints]:
        """Return the conditions of a side that hold, and for each the index of its near."""
        conditions, owners = self._sides.view.parts(self._heads(side, nears))
        held = truth.take(conditions).nonzero()[0]
        return conditions.take(held), owners.take(held)

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
