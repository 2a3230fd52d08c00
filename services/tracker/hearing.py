"""What a match says on a ladder: its article placed among others, and coded. The same match says the same."""

from typing import Protocol

from schemas.article import Arrival, Article
from schemas.claim import Claim
from schemas.ladder import Ladder
from schemas.match import Match
from services.domain.claims.coder import Coder
from services.domain.positions.claims import Provenance, claims_in
from services.domain.stories.items import Placement

# Back lists have stories of their own, which nobody is told of: what comes later is not old news for being in them.
_BACK_LIST = "/back-list"


class StoryPlaces(Protocol):
    """Knows the stories of every watch topic."""

    async def place(self, watch_topic: str, article: Article, given: str) -> Placement:
        """Return the article's place, the same however often it is asked; durable when this returns.

        `given` are the words for which the topic took the article.
        """
        ...


async def placed(match: Match, stories: StoryPlaces) -> Placement:
    """Return the place of a match's article among those of its topic, or of the back lists of that."""
    words = dict.fromkeys(span.text for hit in match.hits for span in hit.evidence)
    aside = _BACK_LIST if match.article.arrival is Arrival.BACK_LIST else ""
    return await stories.place(f"{match.watch_topic}{aside}", match.article, " ".join(words))


def claims_of_match(match: Match, place: Placement, coder: Coder, ladder: Ladder) -> tuple[Claim, ...]:
    """Return what the article of a match says on the ladder of its topic."""
    return claims_in(
        match.article,
        coder,
        watch_topic=match.watch_topic,
        ladder=ladder,
        matched=[span for hit in match.hits for span in hit.evidence],
        provenance=Provenance(place.story_id, place.origin_id),
        now=match.article.first_seen_at,  # whenever it is heard, also again, the claims are the same
    )
