"""Article: one canonical news item, as every later stage sees it."""

from datetime import datetime
from enum import StrEnum

from pydantic import Field

from schemas.base import ContentId, NonEmpty, Slug, StreamContract, UtcDatetime


class Arrival(StrEnum):
    """How an article came to be seen: only `new` ones are worth an alert."""

    NEW = "new"  # appeared while the feed was being followed
    BACK_LIST = "back_list"  # already in the feed at its first poll, and older than the feed's `since`


class Article(StreamContract):
    """One item of one feed, revision n.

    `id` is the hash of what identifies the item (its GUID within the feed, or its canonical URL), `revision_id` that of
    its content; so the same item seen twice is the same article, and an edit is a new revision of it.
    Evidence offsets are code points into `title` or `text` exactly as they stand here.
    """

    id: ContentId
    revision: int = Field(ge=1)
    revision_id: ContentId
    feed_id: Slug
    outlet: NonEmpty
    title: str
    text: str = ""
    url: str | None = None
    author: str | None = None
    lang: str | None = None
    country: str | None = None
    arrival: Arrival = Arrival.NEW
    published_at: UtcDatetime | None = None
    first_seen_at: UtcDatetime

    @property
    def event_at(self) -> datetime:
        """When this was published, or, where the feed does not say, when it was first seen."""
        return self.published_at or self.first_seen_at
