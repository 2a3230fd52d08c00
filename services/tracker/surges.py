"""The surges of each watch topic: every story that begins is noted, and a surge is told once."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

import structlog
from pydantic import ValidationError

from schemas.alert import Alert
from schemas.article import Arrival
from schemas.match import Match
from schemas.story import Novelty
from schemas.streams import ALERTS
from services.domain.stories.items import Placement, StoryRecord, StoryRecordError
from services.domain.surges.judging import Decision
from services.domain.surges.policy import SurgePolicy
from services.domain.surges.records import TITLE_CHARS, StoryStart, Surge, SurgeState
from services.domain.surges.tracker import SurgeTracker
from services.ports import Clock, Publisher
from services.tracker.story_store import StoredStories
from services.tracker.surge_alerts import extents, surge_alert
from services.tracker.surge_store import StoredSurges, SurgeChange

log = structlog.get_logger(__name__)

# A topic that reads articles of long ago is judged by the times in them; by the clock only when no more come.
CAUGHT_UP_AFTER = timedelta(minutes=1)


class SurgeStore(Protocol):
    """Keeps the beginnings of stories and the surges of every topic. Raises UnavailableError."""

    async def topics(self) -> tuple[str, ...]:
        """Return the ids of the topics of which anything is kept."""
        ...

    async def due(self, watch_topics: Sequence[str]) -> Mapping[str, datetime]:
        """Return when something is to be done, of those of these topics where anything is."""
        ...

    async def load(self, watch_topic: str) -> StoredSurges:
        """Return everything that is kept of the topic."""
        ...

    async def commit(self, watch_topic: str, change: SurgeChange, *, expected: int) -> int | None:
        """Keep a change and return the new version; None if the version is not the expected."""
        ...


class ReadsStories(Protocol):
    """Knows how far the stories of a topic have come. Raises UnavailableError."""

    async def load(self, watch_topic: str) -> StoredStories:
        """Return every placement of the topic, oldest first."""
        ...


@dataclass
class _Topic:
    tracker: SurgeTracker
    version: int
    lags_until: datetime | None = None  # by the clock


class Surges:
    """Follows how many stories begin on every topic, and publishes an alert for each surge.

    What is decided is kept before it is told, and is told again if that was cut short, under the same id.
    """

    def __init__(
        self, store: SurgeStore, stories: ReadsStories, publisher: Publisher, clock: Clock, policy: SurgePolicy
    ) -> None:
        self._store = store
        self._stories = stories
        self._publisher = publisher
        self._clock = clock
        self._policy = policy
        self._topics: dict[str, _Topic] = {}
        self._lock = asyncio.Lock()  # messages and the timer take turns

    async def note(self, match: Match, place: Placement) -> None:
        """Take the place of a match's article; durable when this returns, and the same however often it is told.

        What was in a feed before it was followed begins no story: it says nothing of the rate at which they come.
        """
        if match.article.arrival is Arrival.BACK_LIST:
            return
        now = self._clock.now()
        seen_at = min(match.article.first_seen_at, now)
        start = _start(match, place, seen_at) if place.novelty is Novelty.FIRST else None
        async with self._lock:
            topic = await self._step(match.watch_topic, start, match.watch_topic_title, seen_at)
            topic.lags_until = now + CAUGHT_UP_AFTER if now - seen_at > self._policy.disorder else None

    async def next_due_at(self) -> datetime | None:
        """Return when something is to be judged or told though no match comes; None if nothing waits."""
        due = await self._store.due(await self._store.topics())
        return min((max(due_at, self._caught_up_at(name) or due_at) for name, due_at in due.items()), default=None)

    async def announce_due(self, now: datetime) -> None:
        """Judge the stories that have waited for their grace, and tell of surges that nobody could be told of yet."""
        async with self._lock:
            due = await self._store.due(await self._store.topics())
            for watch_topic in sorted(name for name, due_at in due.items() if due_at <= now):
                if (self._caught_up_at(watch_topic) or now) <= now:
                    await self._step(watch_topic, None, "", now, is_due=True)

    def _caught_up_at(self, watch_topic: str) -> datetime | None:
        topic = self._topics.get(watch_topic)
        return topic.lags_until if topic else None

    async def _step(
        self, watch_topic: str, start: StoryStart | None, title: str, until: datetime, *, is_due: bool = False
    ) -> _Topic:
        """Note a story, judge, keep and tell; where something `is_due`, it is kept though nothing is known to change.

        So a tracker that holds an old state of the topic learns that another one has read in between.
        """
        while True:
            topic = await self._current(watch_topic)
            before = topic.tracker.state
            is_new = start is not None and topic.tracker.note(start, title)
            self._log(watch_topic, topic.tracker, until)
            is_changed = is_new or is_due or topic.tracker.state != before
            if not is_changed or await self._keep(watch_topic, topic, start if is_new else None):
                break
            log.info("surges_changed_elsewhere", watch_topic=watch_topic)
            del self._topics[watch_topic]
        await self._tell(watch_topic, topic)
        return topic

    def _log(self, watch_topic: str, tracker: SurgeTracker, until: datetime) -> None:
        for judgement in tracker.settle(until):
            decided = log.info if judgement.decision is Decision.BEGINS else log.debug
            decided("surge_judged", watch_topic=watch_topic, decision=judgement.decision, why=judgement.why)

    async def _tell(self, watch_topic: str, topic: _Topic) -> None:
        for surge in topic.tracker.state.untold:
            alert = await self._alert(surge, topic.tracker)
            if alert.decided_at - surge.at > self._policy.news_for:
                log.info("surge_not_told", watch_topic=watch_topic, surge_id=surge.id, reason="no longer news")
            else:
                await self._publisher.publish(ALERTS, alert)
            topic.tracker.told(surge)
            if not await self._keep(watch_topic, topic, None):
                del self._topics[watch_topic]  # whoever was faster has it to tell too, under the same id
                return

    async def _alert(self, surge: Surge, tracker: SurgeTracker) -> Alert:
        known = extents(_readable(await self._stories.load(surge.watch_topic)))
        return surge_alert(surge, tracker.state.title, tracker.stories_of(surge), known, self._clock.now())

    async def _current(self, watch_topic: str) -> _Topic:
        topic = self._topics.get(watch_topic)
        if topic is None:
            stored = await self._store.load(watch_topic)
            topic = _Topic(_restored(watch_topic, stored, self._policy), stored.version)
            self._topics[watch_topic] = topic
        return topic

    async def _keep(self, watch_topic: str, topic: _Topic, start: StoryStart | None) -> bool:
        change = SurgeChange(
            state=topic.tracker.state.model_dump_json(exclude_defaults=True).encode(),
            due_at=topic.tracker.due_at,
            starts=((start.at, start.model_dump_json(exclude_defaults=True).encode()),) if start else (),
            forget_before=topic.tracker.forgets_before,
        )
        try:
            version = await self._store.commit(watch_topic, change, expected=topic.version)
        except BaseException:
            del self._topics[watch_topic]  # the tracker holds what the store may not
            raise
        if version is None:
            return False
        topic.version = version
        return True


def _start(match: Match, place: Placement, seen_at: datetime) -> StoryStart:
    article = match.article
    title = article.title or article.text.strip().partition("\n")[0]
    return StoryStart(
        story_id=place.story_id,
        at=min(article.event_at, seen_at),  # a feed may say that it will be published tomorrow
        seen_at=seen_at,
        title=title if len(title) <= TITLE_CHARS else f"{title[: TITLE_CHARS - 1]}…",
        outlet=article.outlet,
    )


def _restored(watch_topic: str, stored: StoredSurges, policy: SurgePolicy) -> SurgeTracker:
    """Return the tracker; a record that cannot be read is left out, since nothing may stop a topic."""
    starts = []
    for record in stored.starts:
        try:
            starts.append(StoryStart.model_validate_json(record))
        except ValidationError as error:
            log.error("story_start_unreadable", watch_topic=watch_topic, reason=_faults(error))
    state = None
    if stored.state is not None:
        try:
            state = SurgeState.model_validate_json(stored.state)
        except ValidationError as error:
            log.error("surge_state_unreadable", watch_topic=watch_topic, reason=_faults(error))
    return SurgeTracker(watch_topic, policy, state=state or SurgeState.after(starts), starts=starts)


def _faults(error: ValidationError) -> str:
    return "; ".join(fault["msg"] for fault in error.errors(include_url=False)[:3])


def _readable(stored: StoredStories) -> list[StoryRecord]:
    """Return the placements; who places articles reports those that cannot be read."""
    records = []
    for line in stored.records:
        try:
            records.append(StoryRecord.from_json(line))
        except StoryRecordError:
            continue
    return records
