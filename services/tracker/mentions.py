"""Mention alerts: an article satisfied a rule of a watch topic. Pure."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from schemas.alert import Alert, AlertKind, ArticleRef, alert_id
from schemas.article import Arrival
from schemas.match import Evidence, EvidenceField, Match
from schemas.story import Novelty, StoryRef
from services.domain.stories.items import Placement
from services.domain.text.excerpts import excerpts


class SkipReason(StrEnum):
    """Why a match raises no alert."""

    BACK_LIST = "back_list"  # it was in the feed before anybody followed the feed
    ADDS_NOTHING = "adds_nothing"  # its story is told already, by this outlet, with these facts


@dataclass(frozen=True)
class Skipped:
    """A match that is recorded, but not worth an alert."""

    reason: SkipReason
    why: str


def mention(match: Match, place: Placement, now: datetime) -> Alert | Skipped:
    """Return the mention alert of a match whose article has this place in a story of the topic.

    The id is the article's, whatever its story, so an edited or replayed article raises the same alert, told once.
    """
    article = match.article
    if article.arrival is Arrival.BACK_LIST:
        return Skipped(SkipReason.BACK_LIST, "it was in the feed before the feed was followed")
    if place.novelty is Novelty.NOTHING:
        return Skipped(SkipReason.ADDS_NOTHING, f"story {place.story_id}: {'; '.join(place.reasons)}")
    evidence = _merged(match)
    return Alert(
        id=alert_id(f"{AlertKind.MENTION}/{match.watch_topic}/{article.id}", article.id),
        kind=AlertKind.MENTION,
        group_key=f"{AlertKind.MENTION}/{match.watch_topic}/{place.story_id}",
        watch_topic=match.watch_topic,
        watch_topic_title=match.watch_topic_title,
        severity=max((hit.severity for hit in match.hits), key=lambda severity: severity.rank),
        title=article.title or _first_line(article.text),
        labels={name: value for hit in match.hits for name, value in hit.labels.items()},
        rule_ids=tuple(sorted(hit.rule_id for hit in match.hits)),
        article=ArticleRef.to(article),
        evidence=evidence,
        excerpts=excerpts(article.title, article.text, evidence),
        story=_story(place),
        decided_at=now,
    )


def _story(place: Placement) -> StoryRef:
    return StoryRef(
        id=place.story_id,
        origin_id=place.origin_id,
        novelty=place.novelty,
        articles=place.items,
        outlets=place.outlets,
        new_facts=place.new_facts,
    )


def _merged(match: Match) -> tuple[Evidence, ...]:
    """Return the evidence of all rules, each span once, by field, title first, and in reading order."""
    spans = {(span.field, span.start, span.end): span for hit in match.hits for span in hit.evidence}
    order = list(EvidenceField)
    return tuple(sorted(spans.values(), key=lambda span: (order.index(span.field), span.start, span.end)))


def _first_line(text: str, limit: int = 120) -> str:
    line = text.strip().partition("\n")[0]
    return line if len(line) <= limit else f"{line[: limit - 1]}…"
