"""What an index remembers of items that have left its window: their ids, and which words stories began with."""

import heapq
from collections.abc import Iterable

from schemas.story import Novelty
from services.domain.stories.items import StoryRecord, numbers_of


class Remembered:
    """The records of items past the window, until they are `longest` seconds old.

    `stories` counts the stories that began in this time, those in the window among them; `holding` says how many of
    them began with each term. Days that bring little news know from it which words are usual.
    """

    def __init__(self, longest: float) -> None:
        self.stories = 0
        self.holding: dict[int, int] = {}
        self._longest = longest
        self._records: dict[str, StoryRecord] = {}
        self._expiries: list[tuple[float, str]] = []

    def __contains__(self, item_id: object) -> bool:
        """Return whether the item of this id is past the window, and remembered."""
        return item_id in self._records

    def get(self, item_id: str) -> StoryRecord | None:
        """Return the record of an item that is past the window."""
        return self._records.get(item_id)

    def begin(self, terms: Iterable[int]) -> None:
        """Count a story that begins with these terms."""
        self.stories += 1
        for term in terms:
            self.holding[term] = self.holding.get(term, 0) + 1

    def add(self, at: float, record: StoryRecord) -> None:
        """Remember an item that leaves the window."""
        self._records[record.placement.item_id] = record
        heapq.heappush(self._expiries, (at, record.placement.item_id))

    def advance(self, now: float) -> None:
        """Forget what is too old at this time, in seconds."""
        while self._expiries and self._expiries[0][0] < now - self._longest:
            record = self._records.pop(heapq.heappop(self._expiries)[1])
            if record.placement.novelty is Novelty.FIRST:
                self._forget(numbers_of(record.terms))

    def _forget(self, terms: Iterable[int]) -> None:
        self.stories -= 1
        for term in terms:
            self.holding[term] -= 1
            if not self.holding[term]:
                del self.holding[term]
