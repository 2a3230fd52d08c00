"""One open story: what its items say, counted."""

import math
from collections.abc import Collection, Iterable

from services.domain.stories.policy import StoryPolicy

# A story's facts are remembered up to this many, so that a live ticker stays bounded.
_MAX_FACTS = 4096
_MIN_FOR_MOSTLY = 4
# Most stories stay small: what they do not have yet takes no room.
_NO_TERMS: dict[int, None] = {}
_NO_FACTS: frozenset[int] = frozenset()


class Story:
    """The counts of a story's items that are in the window, and what is remembered of all of them.

    `number` is the order in which stories were begun; `into` is the older story that this one was folded into.
    """

    __slots__ = (
        "_common",
        "_stale",
        "counts",
        "facts",
        "first_at",
        "id",
        "into",
        "languages",
        "last_at",
        "mass",
        "mass_at",
        "members",
        "number",
        "origins",
        "outlets",
        "total",
    )  # fmt: skip

    def __init__(self, story_id: str, number: int, at: float) -> None:
        self.id = story_id
        self.number = number
        self.into: Story | None = None
        self.counts: dict[int, int] = {}
        self.members = 0
        self.languages: dict[str, int] = {}
        self.first_at = self.last_at = at
        self.mass, self.mass_at = 0.0, at
        self.total = 0
        self.outlets: set[str] = set()
        self.facts: set[int] | frozenset[int] = _NO_FACTS
        self.origins: dict[str, str] = {}
        self._common: dict[int, None] = _NO_TERMS
        self._stale = True

    def add(self, terms: Iterable[int], language: str, policy: StoryPolicy) -> None:
        """Count an item."""
        self.members += 1
        self.languages[language] = self.languages.get(language, 0) + 1
        counts = self.counts
        if self._stale:
            for term in terms:
                counts[term] = counts.get(term, 0) + 1
            return
        least = policy.mostly * self.members
        for term in terms:
            count = counts[term] = counts.get(term, 0) + 1
            if count >= least:
                self._common[term] = None

    def remove(self, terms: Iterable[int], language: str) -> list[int]:
        """Take back an item that was counted; return the terms that the story has no more."""
        self.members -= 1
        self._stale = True
        self.languages[language] -= 1
        if not self.languages[language]:
            del self.languages[language]
        gone: list[int] = []
        for term in terms:
            self.counts[term] -= 1
            if not self.counts[term]:
                del self.counts[term]
                gone.append(term)
        return gone

    def common(self, policy: StoryPolicy) -> Iterable[int]:
        """Return the terms that most items hold, and some that fewer do; of a story of three or fewer, none."""
        if self.members < _MIN_FOR_MOSTLY:
            return ()
        if self._stale or len(self._common) > 24:
            least = policy.mostly * self.members
            self._common = {term: None for term, count in self.counts.items() if count >= least}
            self._stale = False
        return self._common

    def weigh(self, now: float, recency: float) -> float:
        """Return how many items the story has, each counting less with its age."""
        return self.mass * math.exp(-max(0.0, now - self.mass_at) / recency)

    def press(self, now: float, recency: float) -> None:
        """Add the weight of one item that comes now."""
        self.mass = self.weigh(now, recency) + 1.0
        self.mass_at = max(self.mass_at, now)

    def remember(self, facts: Collection[int]) -> None:
        """Remember facts, as long as there is room."""
        if facts and len(self.facts) < _MAX_FACTS:
            if isinstance(self.facts, set):
                self.facts.update(facts)
            else:
                self.facts = set(facts)

    def take_over(self, younger: "Story", now: float, recency: float) -> None:
        """Count all that a younger story holds as this one's."""
        younger.into = self
        for term, count in younger.counts.items():
            self.counts[term] = self.counts.get(term, 0) + count
        for language, count in younger.languages.items():
            self.languages[language] = self.languages.get(language, 0) + count
        self.members += younger.members
        self.total += younger.total
        self.mass = self.weigh(now, recency) + younger.weigh(now, recency)
        self.mass_at = max(self.mass_at, now)
        self.first_at = min(self.first_at, younger.first_at)
        self.last_at = max(self.last_at, younger.last_at)
        self.outlets |= younger.outlets
        self.facts = {*self.facts, *younger.facts}
        self.origins = younger.origins | self.origins
        self._stale = True

    def root(self) -> "Story":
        """Return the story that this one is part of now."""
        story = self
        while story.into is not None:
            story = story.into
        return story
