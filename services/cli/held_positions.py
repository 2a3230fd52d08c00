"""What is known of each actor on each topic: from articles, or from what the tracker keeps."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from schemas.claim import Claim
from schemas.ladder import Ladder
from schemas.shift import Position
from schemas.watch import WatchTopic
from services.domain.positions.tracker import PositionTracker
from services.provisioning.catalogues import Watched


@dataclass(frozen=True)
class Held:
    """One actor on one topic: its claims and where it stands by them."""

    topic: WatchTopic
    ladder: Ladder
    actor: str
    actor_name: str
    tracker: PositionTracker

    @property
    def position(self) -> Position:
        """Where the actor stands by all claims."""
        return self.tracker.position()

    @property
    def is_on_ladder(self) -> bool:
        """Whether the actor can have a position; others only take stances."""
        return self.actor in self.ladder.actors

    @property
    def last_at(self) -> datetime | None:
        """When the last thing was said."""
        last = self.tracker.folded().last
        return last.event_at if last else None


class HeldPositions:
    """Every actor of every topic that has a ladder, as claims come in any order."""

    def __init__(self, watched: Watched) -> None:
        self._watched = watched
        self._topics = {topic.id: topic for topic in watched.topics}
        self._trackers: dict[tuple[str, str], PositionTracker] = {}

    def add(self, claims: Iterable[Claim]) -> None:
        """Take claims of topics that have a ladder."""
        for claim in claims:
            key = claim.watch_topic, claim.actor
            if key not in self._trackers:
                self._trackers[key] = PositionTracker(self._watched.ladders[claim.watch_topic], *key)
            self._trackers[key].add((claim,))

    def put(self, watch_topic: str, actor: str, tracker: PositionTracker) -> None:
        """Take a tracker as it was kept."""
        self._trackers[watch_topic, actor] = tracker

    def all(self) -> tuple[Held, ...]:
        """Return them by topic, first those who stand on its ladder."""
        held = [self._held(topic, actor, tracker) for (topic, actor), tracker in self._trackers.items()]
        return tuple(sorted(held, key=lambda one: (one.topic.id, not one.is_on_ladder, one.actor)))

    def _held(self, topic: str, actor: str, tracker: PositionTracker) -> Held:
        gazetteer = self._watched.gazetteer
        name = gazetteer.actor(actor).name if actor in gazetteer else actor
        return Held(self._topics[topic], self._watched.ladders[topic], actor, name, tracker)
