"""The story index: each item is placed when it comes, in one pass, and never moves."""

import heapq
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, timedelta
from math import exp, log
from typing import NamedTuple

from schemas.base import content_id
from schemas.story import Novelty
from services.domain.stories.actor_finder import Actors
from services.domain.stories.features import FeatureReader, Features
from services.domain.stories.items import Placement, StoryItem, StoryRecord, numbers_of, packed
from services.domain.stories.novelty import Judged, contradict, fact_ids, judge, judge_words
from services.domain.stories.policy import StoryPolicy
from services.domain.stories.postings import Postings
from services.domain.stories.remembered import Remembered
from services.domain.stories.scoring import Score, Weighed, frequency, prior_of, same_event, score
from services.domain.stories.signatures import bands, likeness
from services.domain.stories.story import Story

# How many stories are looked at for an item: all that hold its rarest terms, and of these the most promising.
_MAX_LOOKED_UP = 100
_MAX_SCORED = 8
_PROMISING = 3  # those that hold a third of what the most promising holds
_MAX_RIVALS = 3
# An item dated further ahead of the others is wrong about its date, and must not close the stories of today.
_MAX_AHEAD = timedelta(hours=24).total_seconds()
_TIMES_FOR_CLOCK = 3
_SHOWN_TERMS = 5


class _Near(NamedTuple):
    """An item that this one is nearly a copy of, and the share of word pairs they have in common."""

    record: StoryRecord
    share: float


@dataclass(frozen=True)
class _Found:
    """The story that an item belongs to (None: a new one), and why; `rival` is a younger one about the same event."""

    story: Story | None
    reason: str
    similarity: float
    near: _Near | None = None
    rival: Story | None = None


class StoryIndex:
    """Places items in stories. Holds what is in the window of time, however long it runs; decides the same each time.

    Not safe for threads.
    """

    def __init__(self, actors: Actors, policy: StoryPolicy | None = None) -> None:
        self._policy = policy or StoryPolicy()
        self._reader = FeatureReader(actors)
        self._recency = self._policy.recency.total_seconds()
        self._silence = self._policy.silence.total_seconds()
        self._longest = self._policy.longest.total_seconds()
        self._abroad = self._policy.abroad.total_seconds()
        self._stories: dict[int, Story] = {}
        self._by_id: dict[str, Story] = {}
        self._postings = Postings()
        self._counts: dict[int, int] = {}  # by term: the items that hold it
        self._items: dict[str, tuple[StoryRecord, Story]] = {}
        self._bands: dict[int, str] = {}  # the newest item of each band
        self._expiries: list[tuple[float, int, str]] = []
        self._remembered = Remembered(self._silence + self._longest)
        self._begun = self._placed = 0
        self._given: set[int] = set()  # the terms that brought items here
        self._clock: float | None = None
        self._times: list[float] = []
        self._mass, self._mass_at = 0.0, 0.0

    def __len__(self) -> int:
        """Return how many items are in the window."""
        return len(self._items)

    def __contains__(self, item_id: object) -> bool:
        """Return whether this item is in the window, or is remembered."""
        return item_id in self._items or item_id in self._remembered

    @property
    def open_stories(self) -> int:
        """How many stories may still take items."""
        return len(self._stories)

    def place(self, item: StoryItem) -> tuple[Placement, StoryRecord]:
        """Return where an item belongs, and the record of it.

        The same id again, for `silence` and `longest` together, returns its first placement and changes nothing.
        """
        if (known := self._known(item.id)) is not None:
            return known.placement, known
        given = self._reader.given(item.given) if item.given else frozenset()
        features = self._reader.read(item).without(self._given | given)
        at = item.at.timestamp()
        self._advance(at)
        facts = fact_ids(features.facts)
        found = self._find(features, facts, at)
        record = self._record(item, features, facts, found)
        record = replace(record, given=packed(sorted(given - self._given)))
        self._apply(record, found)
        return record.placement, record

    def restore(self, records: Iterable[StoryRecord]) -> None:
        """Take in what an index placed, in the order of placement; this one then decides as that one would.

        Needed are the records of the stories that are open: none older than `silence` and `longest` together.
        """
        for record in records:
            if record.placement.item_id in self:
                continue
            self._advance(record.at.timestamp())
            placement = record.placement
            rival = self._by_id.get(record.folded) if record.folded else None
            story = self._by_id.get(placement.story_id)
            self._apply(record, _Found(story.root() if story else None, "", 0.0, rival=rival))

    def _known(self, item_id: str) -> StoryRecord | None:
        found = self._items.get(item_id)
        return found[0] if found else self._remembered.get(item_id)

    def _find(self, item: Features, facts: tuple[int, ...], at: float) -> _Found:
        near = self._near_duplicate(item, facts, at)
        if near is not None:
            story = self._items[near.record.placement.item_id][1].root()
            why = f"near-duplicate of {near.record.placement.item_id}: {near.share:.0%} of word pairs in common"
            return _Found(story, why, near.share, near)
        scored = self._scored(item, at)
        if not scored or scored[0][0].log_odds < 0:
            return _Found(None, "no open story is likely enough", 0.0)
        (best, number), story = scored[0], self._stories[scored[0][1]]
        shared = ", ".join(item.terms[term] for term in best.shared[:_SHOWN_TERMS])
        reason = f"shares {shared[:200]} (log odds {best.log_odds:.1f})"
        similarity = round(1 / (1 + exp(-min(best.log_odds, 30.0))), 4)
        for rival_score, rival in scored[1 : 1 + _MAX_RIVALS]:
            other = self._stories[rival]
            if rival_score.log_odds < 0:
                break
            if same_event(story, other, self._postings, len(self._stories), self._policy):
                older, younger = (story, other) if number < rival else (other, story)
                return _Found(older, reason, similarity, rival=younger)
        return _Found(story, reason, similarity)

    def _near_duplicate(self, item: Features, facts: tuple[int, ...], at: float) -> _Near | None:
        """Return the item in the window that is most like this one, if it is nearly the same."""
        best: _Near | None = None
        for item_id in dict.fromkeys(found for band in bands(item.signature) if (found := self._bands.get(band))):
            record, story = self._items[item_id]
            share = likeness(item.signature, record.signature)
            if share < (best.share if best else self._policy.copy) or (best and share == best.share):
                continue
            if self._in_time(story.root(), at) and not contradict(facts, numbers_of(record.facts)):
                best = _Near(record, share)
        return best

    def _scored(self, item: Features, at: float) -> list[tuple[Score, int]]:
        """Return the scores of the stories that this item may belong to, the best first."""
        terms = self._weigh(item)
        mass = self._mass * exp(-(self._now - self._mass_at) / self._recency)
        scored: list[tuple[Score, int]] = []
        for number in self._candidates(terms):
            story = self._stories[number]
            if not self._in_time(story, at):
                continue
            abroad = item.language not in story.languages
            if abroad and abs(at - story.last_at) > self._abroad:
                continue
            prior = prior_of(story.weigh(self._now, self._recency), mass, self._policy)
            found = score(story, item, terms, len(self._items), prior=prior, policy=self._policy)
            if found is not None:
                scored.append((found, number))
        scored.sort(key=lambda pair: (-pair[0].log_odds, pair[1]))
        return scored

    def _weigh(self, item: Features) -> list[Weighed]:
        """Return what is known of the terms of an item: how usual they are now, or were in the time remembered."""
        policy, now, begun = self._policy, len(self._stories), self._remembered.stories
        holding = self._postings.count
        remembered, counted = self._remembered.holding.get, self._counts.get
        terms: list[Weighed] = []
        weight, titled = 1.0, item.in_title
        for at, term in enumerate(item.terms):
            if at == titled:
                weight = policy.lead
            usual = frequency(holding(term), now, term, policy)
            before = frequency(remembered(term, 0), begun, term, policy)
            terms.append(Weighed(term, usual if usual > before else before, counted(term, 0), weight))
        return terms

    def _candidates(self, terms: list[Weighed]) -> list[int]:
        """Return the stories that hold the rarest of these terms, those first that hold most, weighted by rarity."""
        weights: defaultdict[int, float] = defaultdict(float)
        left = _MAX_LOOKED_UP
        for share, term in sorted([(weighed.usual, weighed.term) for weighed in terms]):
            found = self._postings.holders(term)
            left -= len(found)
            if left < 0:
                break
            weight = -log(share)
            for number in found:
                weights[number] += weight
        least = max(weights.values(), default=0.0) / _PROMISING
        best = sorted([(-weight, number) for number, weight in weights.items() if weight >= least])
        return [number for _, number in best[:_MAX_SCORED]]

    def _in_time(self, story: Story, at: float) -> bool:
        near = story.first_at - self._silence <= at <= story.last_at + self._silence
        return near and at - story.first_at <= self._longest

    def _record(self, item: StoryItem, features: Features, facts: tuple[int, ...], found: _Found) -> StoryRecord:
        story, rival = found.story, found.rival
        parts = [part for part in (story, rival) if part is not None]
        outlets: set[str] = set().union(*(part.outlets for part in parts))
        judged = Judged(Novelty.FIRST, (), "the first of its story")
        if parts:
            seen = parts[0].facts if not rival else frozenset().union(*(part.facts for part in parts))
            new_outlet = features.outlet not in outlets
            judged = judge(features.facts, seen, new_outlet=new_outlet, copy=found.near is not None)
            if found.near is None and judged.novelty is not Novelty.FACTS:
                judged = judge_words(features.terms, parts, judged)
        near = found.near.record.placement if found.near else None
        story_id = story.id if story else content_id("story", item.id)
        reasons = (found.reason, judged.reason)
        placement = Placement(
            item_id=item.id,
            story_id=story_id,
            origin_id=self._origin(item.id, features, story_id, found),
            near_duplicate_of=(near.near_duplicate_of or near.item_id) if near else None,
            novelty=judged.novelty,
            new_facts=judged.new_facts,
            items=sum(part.total for part in parts) + 1,
            outlets=len(outlets | {features.outlet}),
            similarity=round(found.similarity, 4),
            reasons=reasons if not rival else (*reasons, f"the same event as story {rival.id}"),
        )
        return StoryRecord(
            placement=placement,
            outlet=features.outlet,
            language=features.language,
            at=item.at.astimezone(UTC),
            terms=packed(features.terms),
            facts=packed(facts),
            signature=features.signature,
            cites=features.cites,
            folded=rival.id if rival else None,
        )

    def _origin(self, item_id: str, item: Features, story_id: str, found: _Found) -> str:
        """Return the origin of an item: that of what it copies, else the outlet it cites, else itself."""
        if found.near is not None:
            return found.near.record.placement.origin_id
        origins = found.story.origins if found.story else {}
        if found.rival:
            origins = found.rival.origins | origins
        if item.cites and item.cites != item.outlet:
            return origins.get(item.cites) or content_id("origin", story_id, item.cites)
        cited_before = origins.get(item.outlet)
        # Others cited this outlet before its own article came: this is the article they meant.
        return cited_before if cited_before == content_id("origin", story_id, item.outlet) else item_id

    def _apply(self, record: StoryRecord, found: _Found) -> None:
        """Count an item that was placed."""
        placement, policy = record.placement, self._policy
        story = found.story or self._begin(placement.story_id, record.at.timestamp())
        if found.rival is not None and found.rival is not story:
            self._fold(story, found.rival)
        at = record.at.timestamp()
        self._given.update(numbers_of(record.given))
        terms = numbers_of(record.terms)
        self._postings.add(terms, story.number)
        for term in terms:
            self._counts[term] = self._counts.get(term, 0) + 1
        story.add(terms, record.language, policy)
        story.total = max(story.total + 1, placement.items)
        story.first_at, story.last_at = min(story.first_at, at), max(story.last_at, at)
        story.outlets.add(record.outlet)
        story.remember(numbers_of(record.facts))
        story.origins.setdefault(record.outlet, placement.origin_id)
        if record.cites:
            story.origins.setdefault(record.cites, placement.origin_id)
        story.press(self._now, self._recency)
        self._mass = self._mass * exp(-(self._now - self._mass_at) / self._recency) + 1.0
        self._mass_at = self._now
        for band in bands(record.signature):
            self._bands[band] = placement.item_id
        self._items[placement.item_id] = (record, story)
        if placement.novelty is Novelty.FIRST:
            self._remembered.begin(terms)
        self._placed += 1
        heapq.heappush(self._expiries, (min(at, self._now + _MAX_AHEAD), self._placed, placement.item_id))

    def _begin(self, story_id: str, at: float) -> Story:
        story = Story(story_id, self._begun, at)
        self._begun += 1
        self._stories[story.number] = self._by_id[story_id] = story
        return story

    def _fold(self, older: Story, younger: Story) -> None:
        self._postings.remove(younger.counts, younger.number)
        self._postings.add(younger.counts, older.number)
        older.take_over(younger, self._now, self._recency)
        del self._stories[younger.number], self._by_id[younger.id]

    @property
    def _now(self) -> float:
        return self._clock or 0.0

    def _advance(self, at: float) -> None:
        """Move the clock to the middle of the last three times, never back, and forget what is before the window."""
        self._times = [*self._times, at][-_TIMES_FOR_CLOCK:]
        middle = sorted(self._times)[(len(self._times) - 1) // 2]
        self._clock = middle if self._clock is None else max(self._clock, middle)
        for expired_at, item_id in self._expired(self._clock - self._silence):
            self._remembered.add(expired_at, self._forget(item_id))
        self._remembered.advance(self._clock)

    def _expired(self, before: float) -> Iterator[tuple[float, str]]:
        while self._expiries and self._expiries[0][0] < before:
            at, placed, item_id = heapq.heappop(self._expiries)
            own_at = self._items[item_id][0].at.timestamp()
            if before <= own_at <= self._now:  # it was ahead of the clock, which has caught up with it after a silence
                heapq.heappush(self._expiries, (own_at, placed, item_id))
            else:
                yield at, item_id

    def _forget(self, item_id: str) -> StoryRecord:
        """Take an item out of the window, and its story if it was the last of it."""
        record, story = self._items.pop(item_id)
        story = story.root()
        terms = numbers_of(record.terms)
        for term in terms:
            self._counts[term] -= 1
            if not self._counts[term]:
                del self._counts[term]
        self._postings.remove(story.remove(terms, record.language), story.number)
        for band in bands(record.signature):
            if self._bands.get(band) == item_id:
                del self._bands[band]
        if not story.members:
            del self._stories[story.number], self._by_id[story.id]
        return record
