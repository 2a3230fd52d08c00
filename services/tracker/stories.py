"""The stories of each watch topic: articles are placed as they come, and every placement is kept before it is told."""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol

import structlog

from schemas.article import Article
from services.domain.stories.items import Placement, StoryRecord, StoryRecordError, from_article
from services.domain.stories.stories import StoryIndex
from services.tracker.story_store import StoredStories

log = structlog.get_logger(__name__)

# A story that is open may hold articles that are this old (StoryPolicy: `longest` and `silence` together).
KEEP_PLACEMENTS = timedelta(days=17)


class StoryStore(Protocol):
    """Keeps the placements of every topic, in their order. Raises UnavailableError."""

    async def version(self, watch_topic: str) -> int:
        """Return the version of the topic's stories."""
        ...

    async def load(self, watch_topic: str) -> StoredStories:
        """Return every placement of the topic, oldest first."""
        ...

    async def append(self, watch_topic: str, record: bytes, *, expected: int, drop: int = 0) -> int | None:
        """Add a placement and forget the `drop` oldest; None if the version is not the expected."""
        ...


@dataclass
class _Topic:
    index: StoryIndex
    version: int
    times: deque[datetime] = field(default_factory=deque)  # of the kept placements, in their order


class Stories:
    """Places articles in the stories of their watch topic.

    A topic's matches have one reader at a time, so its index is kept in memory; when another tracker has read for a
    while in between, the version in the store tells, and the index is built anew.
    """

    def __init__(self, store: StoryStore, new_index: Callable[[], StoryIndex]) -> None:
        self._store = store
        self._new_index = new_index
        self._topics: dict[str, _Topic] = {}

    def index_anew(self, new_index: Callable[[], StoryIndex]) -> None:
        """Place articles with indexes of this make from now on; what is placed stays where it is."""
        self._new_index = new_index
        self._topics.clear()

    async def place(self, watch_topic: str, article: Article, given: str) -> Placement:
        """Return the article's place, the same however often it is asked; durable when this returns.

        `given` are the words for which the topic took the article.
        """
        while True:
            topic = await self._current(watch_topic)
            known = article.id in topic.index
            placement, record = topic.index.place(from_article(article, given))
            if known or await self._keep(watch_topic, topic, record):
                return placement
            log.info("stories_changed_elsewhere", watch_topic=watch_topic)
            del self._topics[watch_topic]

    async def _current(self, watch_topic: str) -> _Topic:
        topic = self._topics.get(watch_topic)
        if topic is not None and topic.version == await self._store.version(watch_topic):
            return topic
        stored = await self._store.load(watch_topic)
        records = _readable(watch_topic, stored)
        topic = _Topic(self._new_index(), stored.version, deque(record.at for record in records))
        topic.index.restore(records)
        self._topics[watch_topic] = topic
        return topic

    async def _keep(self, watch_topic: str, topic: _Topic, record: StoryRecord) -> bool:
        outdated = _outdated(topic.times, record.at - KEEP_PLACEMENTS)
        try:
            version = await self._store.append(
                watch_topic, record.to_json().encode(), expected=topic.version, drop=outdated
            )
        except BaseException:
            del self._topics[watch_topic]  # the index holds what the store may not
            raise
        if version is None:
            return False
        for _ in range(outdated):
            topic.times.popleft()
        topic.times.append(record.at)
        topic.version = version
        return True


def _outdated(times: deque[datetime], before: datetime) -> int:
    count = 0
    for at in times:
        if at >= before:
            break
        count += 1
    return count


def _readable(watch_topic: str, stored: StoredStories) -> list[StoryRecord]:
    """Return the records; one that cannot be read is left out, since a story more is better than a topic that stops."""
    records = []
    for line in stored.records:
        try:
            records.append(StoryRecord.from_json(line))
        except StoryRecordError as error:
            log.error("story_record_unreadable", watch_topic=watch_topic, reason=str(error))
    return records
