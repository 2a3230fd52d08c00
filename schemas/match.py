"""Match: an article that satisfies rules of one watch topic, with the spans that prove it."""

from enum import StrEnum

from pydantic import Field

from schemas.article import Article
from schemas.base import ContentId, Contract, Slug, StreamContract, content_id
from schemas.watch import Severity


class EvidenceField(StrEnum):
    """The part of an article that a span indexes."""

    TITLE = "title"
    TEXT = "text"
    OUTLET = "outlet"
    COUNTRY = "country"
    LANG = "lang"
    AUTHOR = "author"


class Evidence(Contract):
    """A verbatim span: `text` equals the article's field between `start` and `end`, counted in code points."""

    field: EvidenceField
    start: int = Field(ge=0)
    end: int = Field(gt=0)
    text: str


class RuleHit(Contract):
    """One rule that the article satisfies. `rule_version` is the content hash of the rule that matched."""

    rule_id: Slug
    rule_version: ContentId
    severity: Severity = Severity.INFO
    labels: dict[str, str] = Field(default_factory=dict)
    evidence: tuple[Evidence, ...]


class Match(StreamContract):
    """One article revision against one watch topic; carries every rule of the topic that hit (ADR 0003)."""

    id: ContentId
    watch_topic: Slug
    watch_topic_title: str
    article: Article
    hits: tuple[RuleHit, ...] = Field(min_length=1)


def match_id(revision_id: str, watch_topic: str, hits: tuple[RuleHit, ...]) -> str:
    """Return the id of a match: the same revision against the same rule versions is the same match."""
    return content_id("match", revision_id, watch_topic, *sorted(hit.rule_version for hit in hits))
