"""One match: place its article in a story, keep what it says on the topic's ladder, and tell what is worth an alert."""

from collections.abc import Sequence

import structlog

from schemas.alert import Alert
from schemas.claim import Claim
from schemas.match import Match
from schemas.streams import ALERTS
from schemas.trace import Stage, TraceStep
from services.ports import Clock, Publisher, Traces
from services.tracker.hearing import StoryPlaces, placed
from services.tracker.mentions import Skipped, mention
from services.tracker.positions import Positions
from services.tracker.surges import Surges

_TRACED_CLAIMS = 12

log = structlog.get_logger()


class TrackerHandler:
    """Publishes the alerts that a match is worth. The same match gives alerts of the same ids."""

    def __init__(
        self,
        publisher: Publisher,
        clock: Clock,
        *,
        stories: StoryPlaces,
        positions: Positions,
        surges: Surges,
        traces: Traces,
    ) -> None:
        self._publisher = publisher
        self._clock = clock
        self._stories = stories
        self._positions = positions
        self._surges = surges
        self._traces = traces

    async def handle(self, match: Match) -> None:
        """Decide about one match: whether it is mentioned, whether somebody has moved, and whether the topic surges."""
        place = await placed(match, self._stories)
        claims = await self._positions.hear(match, place)
        decision = mention(match, place, self._clock.now())
        if isinstance(decision, Alert):
            await self._publisher.publish(ALERTS, decision)
        else:
            log.info("match_not_alerted", match_id=match.id, watch_topic=match.watch_topic, reason=decision.reason)
        await self._traces.note(self._steps(match, claims, decision))
        await self._positions.announce(match.watch_topic, self._clock.now())
        await self._surges.note(match, place)

    def _steps(self, match: Match, claims: Sequence[Claim], decision: Alert | Skipped) -> list[TraceStep]:
        rules = ", ".join(sorted(hit.rule_id for hit in match.hits))
        steps = [self._step(match, Stage.MATCHED, f"rules {rules}", match.id)]
        if self._positions.follows(match.watch_topic):
            steps.append(self._step(match, Stage.CODED, _said(claims), None))
        if isinstance(decision, Alert):
            story = f"story {decision.story.id}: {decision.story.novelty}" if decision.story else ""
            return [*steps, self._step(match, Stage.RAISED, story, decision.id)]
        return [*steps, self._step(match, Stage.NOT_ALERTED, f"{decision.reason}: {decision.why}", None)]

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


def _said(claims: Sequence[Claim]) -> str:
    """Return what an article says on the ladder: `1 of 2 may move a position: south_korea refuse (unnamed), ...`."""
    if not claims:
        return "says nothing on the ladder"
    eligible = sum(claim.eligible for claim in claims)
    each = [f"{claim.actor} {claim.rung} ({claim.attribution})" for claim in claims[:_TRACED_CLAIMS]]
    more = f" and {len(claims) - len(each)} more" if len(claims) > len(each) else ""
    return f"{eligible} of {len(claims)} may move a position: {', '.join(each)}{more}"
