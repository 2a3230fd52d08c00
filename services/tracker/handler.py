"""One match: place its article in a story of the watch topic, decide whether that is worth an alert, and publish it."""

from typing import Protocol

import structlog

from schemas.alert import Alert
from schemas.article import Article
from schemas.match import Match
from schemas.streams import ALERTS
from schemas.trace import Stage, TraceStep
from services.domain.stories.items import Placement
from services.ports import Clock, Publisher, Traces
from services.tracker.mentions import Skipped, mention, worth_placing

log = structlog.get_logger()


class StoryPlaces(Protocol):
    """Knows the stories of every watch topic."""

    async def place(self, watch_topic: str, article: Article, given: str) -> Placement:
        """Return the article's place, the same however often it is asked; durable when this returns.

        `given` are the words for which the topic took the article.
        """
        ...


class TrackerHandler:
    """Publishes the alerts that a match is worth. The same match gives alerts of the same ids."""

    def __init__(self, publisher: Publisher, clock: Clock, *, stories: StoryPlaces, traces: Traces) -> None:
        self._publisher = publisher
        self._clock = clock
        self._stories = stories
        self._traces = traces

    async def handle(self, match: Match) -> None:
        """Decide about one match."""
        decision = worth_placing(match) or mention(match, await self._place(match), self._clock.now())
        if isinstance(decision, Alert):
            await self._publisher.publish(ALERTS, decision)
        else:
            log.info("match_not_alerted", match_id=match.id, watch_topic=match.watch_topic, reason=decision.reason)
        await self._traces.note(self._steps(match, decision))

    async def _place(self, match: Match) -> Placement:
        words = dict.fromkeys(span.text for hit in match.hits for span in hit.evidence)
        return await self._stories.place(match.watch_topic, match.article, " ".join(words))

    def _steps(self, match: Match, decision: Alert | Skipped) -> tuple[TraceStep, TraceStep]:
        rules = ", ".join(sorted(hit.rule_id for hit in match.hits))
        if isinstance(decision, Alert):
            story = f"story {decision.story.id}: {decision.story.novelty}" if decision.story else ""
            outcome = self._step(match, Stage.RAISED, story, decision.id)
        else:
            outcome = self._step(match, Stage.NOT_ALERTED, f"{decision.reason}: {decision.why}", None)
        return self._step(match, Stage.MATCHED, f"rules {rules}", match.id), outcome

    def _step(self, match: Match, stage: Stage, reason: str, ref: str | None) -> TraceStep:
        return TraceStep(
            subject_kind="article",
            subject=match.article.id,
            stage=stage,
            at=self._clock.now(),
            reason=reason,
            watch_topic=match.watch_topic,
            ref=ref,
        )
