"""Positions rebuilt from the log: every match that it still holds is heard again, placed and coded as it is now."""

from collections.abc import AsyncIterable, Callable
from dataclasses import dataclass
from datetime import datetime
from functools import partial

import structlog

from schemas.claim import Claim
from schemas.ladder import Ladder
from schemas.match import Match
from services.domain.claims.coder import Coder
from services.domain.stories.stories import StoryIndex
from services.domain.text.gazetteer import Gazetteer
from services.provisioning.catalogues import Watched
from services.tracker.hearing import claims_of_match, placed
from services.tracker.position_records import Change, StoredPositions
from services.tracker.position_topic import TopicPositions
from services.tracker.positions import PositionStore
from services.tracker.stories import Stories
from services.tracker.story_store import InMemoryStoryStore

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Rebuilt:
    """How much was heard again, and what that changed."""

    articles: int
    claims: int
    new: int
    withdrawn: int


async def rebuild(
    watch_topic: str,
    matches: AsyncIterable[Match],
    watched: Watched,
    store: PositionStore,
    now: datetime,
    *,
    coder_for: Callable[[Gazetteer], Coder] = Coder,
) -> Rebuilt:
    """Replace what is kept of the articles in `matches`, oldest first, by what they say now; all at once.

    Articles that the log no longer holds keep their claims, and what was told stays told: the tracker tells what is
    different as corrections, and of new shifts those that are still news. It may run meanwhile.
    """
    ladder = watched.ladders[watch_topic]
    fresh = await _heard(watch_topic, matches, watched, ladder, coder_for(watched.gazetteer))
    while True:
        stored = await store.load(watch_topic)
        change = _difference(stored, fresh, now)
        if await store.commit(watch_topic, change, expected=stored.version) is not None:
            return Rebuilt(len(fresh.articles), len(fresh.claims), len(change.claims), len(change.withdrawn))
        log.info("positions_changed_elsewhere", watch_topic=watch_topic)


async def _heard(
    watch_topic: str, matches: AsyncIterable[Match], watched: Watched, ladder: Ladder, coder: Coder
) -> TopicPositions:
    # Not the stories that are told: those keep what they placed, and would take old articles for new ones.
    stories = Stories(InMemoryStoryStore(), partial(StoryIndex, watched.gazetteer))
    fresh = TopicPositions(ladder, watch_topic, StoredPositions())
    async for match in matches:
        if match.watch_topic == watch_topic:
            place = await placed(match, stories)
            fresh.hear(match.article, claims_of_match(match, place, coder, ladder))
    return fresh


def _difference(stored: StoredPositions, fresh: TopicPositions, now: datetime) -> Change:
    """Return what leads from what is kept to what was heard now; a revision that came meanwhile stays."""
    held: dict[str, Claim] = {claim.id: claim for state in stored.states for claim in state.claims}
    articles = {
        article_id: heard
        for article_id, heard in fresh.articles.items()
        if article_id not in stored.articles or stored.articles[article_id].revision <= heard.revision
    }
    return Change(
        claims=tuple(
            claim for claim in fresh.claims.values() if claim.article_id in articles and held.get(claim.id) != claim
        ),
        withdrawn=tuple(
            claim.id for claim in held.values() if claim.article_id in articles and claim.id not in fresh.claims
        ),
        articles={name: heard for name, heard in articles.items() if stored.articles.get(name) != heard},
        due_at=now,
    )
