"""The positions of watch topics with a ladder: what articles say is kept before it is told, and each shift told once.

What is decided is kept together with its alerts, and then published (ADR 10). So whoever goes on after a crash has the
very alerts to publish that were decided, and nothing that was told is forgotten.
"""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Protocol

import structlog

from schemas.alert import Alert
from schemas.claim import Claim
from schemas.ladder import Ladder
from schemas.match import Match
from schemas.streams import ALERTS
from schemas.trace import Stage, TraceStep
from services.domain.claims.coder import Coder
from services.domain.stories.items import Placement
from services.domain.text.gazetteer import Gazetteer
from services.ports import Publisher, Traces
from services.provisioning.catalogues import Watched
from services.tracker import metrics
from services.tracker.hearing import claims_of_match
from services.tracker.position_records import Change, StoredPositions
from services.tracker.position_topic import NewCorrection, News, NewShift, TopicPositions
from services.tracker.shift_alerts import Scene, correction_alert, shift_alert

log = structlog.get_logger(__name__)


class PositionStore(Protocol):
    """Keeps the positions of every topic. Raises UnavailableError."""

    async def version(self, watch_topic: str) -> int:
        """Return the version of the topic's positions."""
        ...

    async def due(self, watch_topics: Sequence[str]) -> Mapping[str, datetime]:
        """Return when there is something to do for a topic, of those of these where anything waits."""
        ...

    async def load(self, watch_topic: str) -> StoredPositions:
        """Return everything that is kept of the topic."""
        ...

    async def commit(self, watch_topic: str, change: Change, *, expected: int) -> int | None:
        """Keep a change and return the new version; None, and no change, if the version is not the expected."""
        ...


class Positions:
    """Hears what articles say on the ladders of their topics, and tells when an actor has moved.

    Any number may work on one store: each step is kept if nobody changed the topic meanwhile, else taken again.
    """

    def __init__(
        self,
        store: PositionStore,
        publisher: Publisher,
        traces: Traces,
        watched: Watched,
        coder_for: Callable[[Gazetteer], Coder] = Coder,
    ) -> None:
        self._store = store
        self._coder_for = coder_for
        self._publisher = publisher
        self._traces = traces
        self._locks: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._topics: dict[str, TopicPositions] = {}
        self._refold: set[str] = set()
        self._take(watched)

    def follow(self, watched: Watched) -> None:
        """Go by these ladders and actors from now on. Claims stay as they were coded; positions are folded anew."""
        ladders = watched.ladders
        self._refold |= {name for name, ladder in ladders.items() if self._watched.ladders.get(name) != ladder}
        self._take(watched)
        self._topics.clear()

    def _take(self, watched: Watched) -> None:
        self._watched = watched
        self._coder = self._coder_for(watched.gazetteer)
        self._titles = {topic.id: topic.title for topic in watched.topics}

    def follows(self, watch_topic: str) -> bool:
        """Say whether the topic has a ladder."""
        return watch_topic in self._watched.ladders

    async def hear(self, match: Match, place: Placement) -> tuple[Claim, ...]:
        """Return what a matched article says on the ladder of its topic; kept when this returns.

        A revision takes back what the one before said and it does not. The same match changes nothing.
        """
        ladder = self._watched.ladders.get(match.watch_topic)
        if ladder is None:
            return ()
        claims = await asyncio.to_thread(claims_of_match, match, place, self._coder, ladder)
        async with self._locks[match.watch_topic]:
            change = await self._step(match.watch_topic, ladder, lambda topic: topic.hear(match.article, claims))
        metrics.count_claims(change.claims if change else ())
        return claims

    async def announce(self, watch_topic: str, now: datetime) -> tuple[Alert, ...]:
        """Publish an alert for each shift and correction that is to be told at `now`; return what was published."""
        ladder = self._watched.ladders.get(watch_topic)
        if ladder is None:
            return ()
        self._refold.discard(watch_topic)
        title, gazetteer = self._titles.get(watch_topic, watch_topic), self._watched.gazetteer

        def decide(topic: TopicPositions) -> Change | None:
            change, news = topic.decide(now)
            scene = Scene(title, ladder, gazetteer, topic.reference)
            return change and topic.post(change, [_alert(one, scene, now) for one in news], now)

        async with self._locks[watch_topic]:
            await self._step(watch_topic, ladder, decide)
            return await self._publish(watch_topic, ladder)

    async def announce_due(self, now: datetime) -> None:
        """Announce for every topic where something waits whose time has come, also what a crash left to publish."""
        due = await self._store.due(tuple(self._watched.ladders))
        for watch_topic in self._watched.ladders:
            if watch_topic in self._refold or (watch_topic in due and due[watch_topic] <= now):
                await self.announce(watch_topic, now)

    async def next_due_at(self) -> datetime | None:
        """Return when there is something to announce again, if nothing is heard until then."""
        return min((await self._store.due(tuple(self._watched.ladders))).values(), default=None)

    async def _publish(self, watch_topic: str, ladder: Ladder) -> tuple[Alert, ...]:
        """Publish what the outbox holds; whoever dies before it is emptied leaves it to be published again."""
        while True:
            topic = await self._current(watch_topic, ladder)
            alerts = tuple(topic.outbox.values())
            if not alerts:
                return ()
            for alert in alerts:
                await self._publisher.publish(ALERTS, alert)
            await self._traces.note([step for alert in alerts for step in _steps(alert)])
            if await self._keep(watch_topic, topic, topic.published()):
                metrics.count_told(alerts)
                return alerts

    async def _step(
        self, watch_topic: str, ladder: Ladder, take: Callable[[TopicPositions], Change | None]
    ) -> Change | None:
        """Take a step and keep what it changes; return that, None if it changes nothing."""
        while True:
            topic = await self._current(watch_topic, ladder)
            try:
                change = await asyncio.to_thread(take, topic)  # folding what was said for years takes its time
            except BaseException:
                self._topics.pop(watch_topic, None)  # it may have been left half-way
                raise
            if change is None or await self._keep(watch_topic, topic, change):
                return change

    async def _current(self, watch_topic: str, ladder: Ladder) -> TopicPositions:
        topic = self._topics.get(watch_topic)
        if topic is not None and topic.ladder is ladder and topic.version == await self._store.version(watch_topic):
            return topic
        stored = await self._store.load(watch_topic)
        topic = await asyncio.to_thread(TopicPositions, ladder, watch_topic, stored)
        self._topics[watch_topic] = topic
        return topic

    async def _keep(self, watch_topic: str, topic: TopicPositions, change: Change) -> bool:
        try:
            version = await self._store.commit(watch_topic, change, expected=topic.version)
        except BaseException:
            self._topics.pop(watch_topic, None)  # it holds what the store may not
            raise
        if version is None:  # and so the topic will be loaded anew
            log.info("positions_changed_elsewhere", watch_topic=watch_topic)
            return False
        topic.version = version
        return True


def _alert(news: News, scene: Scene, now: datetime) -> Alert:
    match news:
        case NewShift(shift, position):
            return shift_alert(shift, position, scene, now)
        case NewCorrection(correction, told, position):
            return correction_alert(correction, told, position, scene, now)


def _steps(alert: Alert) -> list[TraceStep]:
    """Return for each article that proves an alert the step that says so."""
    return [
        TraceStep(
            subject_kind="article",
            subject=article_id,
            stage=Stage.PROVES,
            at=alert.decided_at,
            reason=alert.title,
            watch_topic=alert.watch_topic,
            ref=alert.id,
        )
        for article_id in dict.fromkeys(said.article_id for said in alert.testimony)
    ]
