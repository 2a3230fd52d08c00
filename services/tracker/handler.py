"""One match: decide whether it is worth an alert, and publish that."""

import structlog

from schemas.match import Match
from schemas.streams import ALERTS
from services.ports import Clock, Publisher
from services.tracker.mentions import Skipped, mention

log = structlog.get_logger()


class TrackerHandler:
    """Publishes the alerts that a match is worth. The same match gives alerts of the same ids."""

    def __init__(self, publisher: Publisher, clock: Clock) -> None:
        self._publisher = publisher
        self._clock = clock

    async def handle(self, match: Match) -> None:
        """Decide about one match."""
        decision = mention(match, self._clock.now())
        if isinstance(decision, Skipped):
            log.info("match_not_alerted", match_id=match.id, watch_topic=match.watch_topic, reason=decision.reason)
            return
        await self._publisher.publish(ALERTS, decision)
