"""Claims: coded statements as one topic's ladder reads them, and whether they may move a position."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from schemas.article import Article
from schemas.base import content_id
from schemas.claim import Attribution, Claim, Modality, Statement, claim_id
from schemas.ladder import Ladder
from schemas.match import Evidence, EvidenceField
from services.domain.claims.coder import CODER_VERSION, Coder
from services.domain.positions.ladder import Place, PlaceKind, place_of
from services.domain.positions.understood import understood

# What follows is coded only where a rule matched: long texts are transcripts and lists of many subjects.
_READ_CHARS = 40_000
# So far before any other place must the words by themselves speak for one: less is chance.
_LEAD = 0.03


class Provenance(NamedTuple):
    """Where an article stands among others: its story, and the origin that it shares with its copies."""

    story_id: str
    origin_id: str


def claims_in(
    article: Article,
    coder: Coder,
    *,
    watch_topic: str,
    ladder: Ladder,
    matched: Sequence[Evidence],
    provenance: Provenance,
    now: datetime,
) -> tuple[Claim, ...]:
    """Return what an article that matched a topic says on the topic's ladder, in reading order, each claim once.

    Every sentence is read, since what matters may lean on the one that matched ("Even this request was refused");
    beyond the first 40,000 characters, only those that `matched` touches. A sentence that cites an outlet has that
    outlet's origin, the same in all articles of the story.
    """
    spans = [*matched, *_beginning(article)] if len(article.text) > _READ_CHARS else None
    found = [
        claim
        for statement in coder.code(article, spans)
        for claim in claims_of(
            statement,
            article,
            watch_topic=watch_topic,
            ladder=ladder,
            origin_id=_origin(statement, provenance),
            now=now,
            coder_version=coder.version,
        )
    ]
    return one_each(tuple(found))


def _beginning(article: Article) -> tuple[Evidence, ...]:
    title, text = article.title, article.text[:_READ_CHARS]
    spans = [Evidence(field=EvidenceField.TEXT, start=0, end=len(text), text=text)]
    if title:
        spans.append(Evidence(field=EvidenceField.TITLE, start=0, end=len(title), text=title))
    return tuple(spans)


def _origin(statement: Statement, provenance: Provenance) -> str:
    """Return whence a sentence is: from the outlet it cites, as stories name it, else from where its article is."""
    if statement.cited_outlet is None:
        return provenance.origin_id
    return content_id("origin", provenance.story_id, statement.cited_outlet)


def claims_of(
    statement: Statement,
    article: Article,
    *,
    watch_topic: str,
    ladder: Ladder,
    origin_id: str,
    now: datetime,
    coder_version: str = CODER_VERSION,
) -> tuple[Claim, ...]:
    """Return what a statement of this article says on a ladder: one claim, or none.

    `origin_id` is the article's (services/domain/stories); where the sentence itself cites an outlet, the caller passes
    that outlet's. An actor that the sentence leaves unsaid is the ladder's, if only one can be meant. Same statement,
    same claim id. `now` is only what `seen_at` says.
    """
    statement = understood(statement, ladder)
    place = place_of(statement, ladder)
    if place is None or statement.actor is None:
        return ()
    return (_claim(statement, place, _Told(article, watch_topic, ladder, origin_id, now, coder_version)),)


class _Told(NamedTuple):
    """Where a statement was told, and on whose ladder it is read."""

    article: Article
    watch_topic: str
    ladder: Ladder
    origin_id: str
    now: datetime
    coder_version: str


def _claim(statement: Statement, place: Place, told: _Told) -> Claim:
    support = _support(statement, place, told.ladder)
    why_not = _why_not(statement, place, support, told.ladder)
    article = told.article
    actor, evidence = statement.actor or "", statement.evidence
    return Claim(
        id=claim_id(article.id, told.watch_topic, actor, place.id, evidence),
        watch_topic=told.watch_topic,
        actor=actor,
        recipient=statement.recipient,
        rung=place.id,
        side_channel=place.kind is PlaceKind.SIDE_CHANNEL,
        plover=statement.plover,
        modality=statement.modality,
        weighed_as=_weighed_as(place, statement),
        attribution=statement.attribution,
        speaker=statement.speaker,
        event_at=min(statement.event_at, _known_at(article)),
        published_at=article.published_at,
        seen_at=told.now,
        article_id=article.id,
        outlet=article.outlet,
        url=article.url,
        evidence=evidence,
        origin_id=told.origin_id,
        confidence=support.chance,
        eligible=not why_not,
        why_not=why_not,
        cues=statement.cues,
        coder_version=told.coder_version,
    )


def one_each(claims: tuple[Claim, ...]) -> tuple[Claim, ...]:
    """Return the claims of one article with each id once, the surest; in the order of their evidence."""
    best: dict[str, Claim] = {}
    for claim in claims:
        held = best.get(claim.id)
        if held is None or (claim.eligible, claim.confidence) > (held.eligible, held.confidence):
            best[claim.id] = claim
    return tuple(sorted(best.values(), key=lambda claim: (claim.evidence.field, claim.evidence.start, claim.id)))


def effective_modality(claim: Claim) -> Modality:
    """Return the modality by which a claim weighs."""
    return claim.weighed_as or claim.modality


def _weighed_as(place: Place, statement: Statement) -> Modality | None:
    return place.weighed_as if place.weighed_as is not statement.modality else None


def _known_at(article: Article) -> datetime:
    """Return when the article was out at the latest; what it tells of as an event is not later than that.

    A feed may date an article ahead, and a sentence may name a day to come: neither has moved a position yet.
    """
    return min(article.event_at, article.first_seen_at)


class _Support(NamedTuple):
    """How likely a statement speaks for a place, the place that its words by themselves speak for most, and how far
    they do so before any other."""

    chance: float
    by_words: str
    lead: float = 1.0


def _support(statement: Statement, place: Place, ladder: Ladder) -> _Support:
    """Return how far what a sentence may tell of leads to a place, by whichever event.

    Events that come to the same on this ladder count together. What leads nowhere on it is no rival: what matters is
    whether the words, without the cues, would rather lead elsewhere.
    """
    if not statement.readings:
        return _Support(statement.confidence, place.id)
    by_all: defaultdict[str, float] = defaultdict(float)
    by_words: defaultdict[str, float] = defaultdict(float)
    for reading in statement.readings:
        found = place_of(statement.model_copy(update={"plover": reading.plover}), ladder)
        if found is not None:
            by_all[found.id] += reading.chance
            by_words[found.id] += reading.by_words
    ranked = sorted(by_words, key=lambda one: (-by_words[one], one))
    lead = by_words[ranked[0]] - (by_words[ranked[1]] if len(ranked) > 1 else 0.0) if ranked else 0.0
    return _Support(round(min(by_all[place.id], 1.0), 4), next(iter(ranked), ""), lead)


def _why_not(statement: Statement, place: Place, support: _Support, ladder: Ladder) -> str:
    policy = ladder.policy
    if statement.attribution is Attribution.NARRATOR:
        return "told by the article itself, as background or judgement"
    if support.by_words != place.id:
        return f"the words by themselves rather say {support.by_words or 'nothing'}"
    if support.lead < _LEAD:
        return "the words by themselves say something else as much"
    if support.chance < policy.least_confidence:
        return f"coded with confidence {support.chance:.2f}, under {policy.least_confidence:.2f}"
    return ""
