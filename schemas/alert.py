"""Alert: one thing worth telling, with the sentences that prove it."""

from enum import StrEnum

from pydantic import Field

from schemas.article import Article
from schemas.base import ContentId, Contract, NonEmpty, Slug, StreamContract, UtcDatetime, content_id
from schemas.claim import Attribution, Modality
from schemas.match import Evidence, EvidenceField
from schemas.position import PositionChange
from schemas.story import StoryRef
from schemas.watch import Severity


class AlertKind(StrEnum):
    """What an alert is about; routes match on it."""

    MENTION = "mention"
    SHIFT = "shift"
    CORRECTION = "correction"
    SURGE = "surge"
    FEED_HEALTH = "feed_health"
    DIGEST = "digest"


class ArticleRef(Contract):
    """What a reader needs to know of the article behind an alert."""

    id: ContentId
    revision_id: ContentId
    title: str
    outlet: NonEmpty
    url: str | None = None
    author: str | None = None
    lang: str | None = None
    country: str | None = None
    published_at: UtcDatetime | None = None
    first_seen_at: UtcDatetime

    @classmethod
    def to(cls, article: Article) -> "ArticleRef":
        """Return what to know of this article."""
        return cls(
            id=article.id,
            revision_id=article.revision_id,
            title=article.title,
            outlet=article.outlet,
            url=article.url,
            author=article.author,
            lang=article.lang,
            country=article.country,
            published_at=article.published_at,
            first_seen_at=article.first_seen_at,
        )


class Excerpt(Contract):
    """Verbatim sentences around evidence: `text` is the article's field from `start` to `end`.

    `marks` are (start, end) of the evidence within `text`, sorted and apart.
    """

    field: EvidenceField
    start: int = Field(ge=0)
    end: int = Field(gt=0)
    text: str
    marks: tuple[tuple[int, int], ...] = ()


class Testimony(Contract):
    """One sentence that proves what an alert says, verbatim: who said it, on whose word it rests, and where it stands.

    `text` is the article's field from `start` to `end`; `rung` is the title of what it speaks for.
    """

    claim_id: ContentId
    rung: NonEmpty
    text: NonEmpty
    speaker: str | None = None
    attribution: Attribution
    modality: Modality
    said_at: UtcDatetime
    article_id: ContentId
    field: EvidenceField
    start: int = Field(ge=0)
    end: int = Field(gt=0)
    outlet: NonEmpty
    url: str | None = None


class Alert(StreamContract):
    """One cause in one group. `id` = hash(group key, cause), so that a redelivery is the same alert."""

    id: ContentId
    kind: AlertKind
    group_key: NonEmpty
    watch_topic: Slug
    watch_topic_title: str
    severity: Severity
    title: str
    summary: str = Field(default="", description="what happened, in lines of plain text, where no article says it")
    labels: dict[str, str] = Field(default_factory=dict)
    rule_ids: tuple[str, ...] = ()
    article: ArticleRef | None = None
    evidence: tuple[Evidence, ...] = ()
    excerpts: tuple[Excerpt, ...] = ()
    story: StoryRef | None = None
    position: PositionChange | None = Field(default=None, description="what moved, in a shift or its correction")
    testimony: tuple[Testimony, ...] = Field(
        default=(), description="the sentences that prove a shift, weightiest first"
    )
    decided_at: UtcDatetime


def alert_id(group_key: str, cause: str) -> str:
    """Return the id of the alert that `cause` raises in this group."""
    return content_id("alert", group_key, cause)
