"""Feed: an address to poll, and what is known about who publishes there."""

from datetime import timedelta
from typing import Annotated

from pydantic import Field, StringConstraints

from schemas.base import Contract, NonEmpty, Slug, UtcDatetime

HttpUrl = Annotated[str, StringConstraints(pattern=r"^https?://[^\s/?#]+[^\s]*$", max_length=2048)]


class Feed(Contract):
    """A followed feed. At its first poll, items older than `since` are recorded but never alerted.

    Without `since`, that is every item already there at the first poll.
    """

    id: Slug
    url: HttpUrl
    outlet: NonEmpty
    title: str = ""
    country: str | None = Field(default=None, pattern=r"^[A-Z]{3}$", description="ISO 3166 alpha-3 of the outlet")
    lang: str | None = Field(default=None, pattern=r"^[a-z]{2,3}$", description="ISO 639 of the items")
    interval: timedelta | None = Field(
        default=None, description="poll this often, whatever its rhythm", ge=timedelta(seconds=1)
    )
    since: UtcDatetime | None = None
    enabled: bool = True
