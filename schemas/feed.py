"""Feed: an address to poll, and what is known about who publishes there."""

from datetime import timedelta
from typing import Annotated

from pydantic import Field, StringConstraints, field_validator

from schemas.base import Contract, NonEmpty, SecretRef, Slug, UtcDatetime

# What the fetcher sets itself, and what a perfect citizen does not send.
_RESERVED = frozenset({
    "connection", "content-length", "cookie", "host", "if-modified-since", "if-none-match", "referer",
    "transfer-encoding", "user-agent",
})  # fmt: skip
HeaderName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9-]{1,64}$")]
HeaderValue = Annotated[str, StringConstraints(pattern=r"^[\x20-\x7e]{1,1024}$")]
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
    full_text: bool = Field(default=False, description="read each new article's page, not only what the feed says")
    websub: bool = Field(
        default=True, description="subscribe at the feed's hub, where it names one and we can be called"
    )
    headers: dict[HeaderName, HeaderValue | SecretRef] = Field(
        default_factory=dict, description="sent with every request for it, to its own host only"
    )
    basic_auth: SecretRef | None = Field(default=None, description="the secret that holds user:password")

    @field_validator("headers")
    @classmethod
    def _not_ours(cls, headers: dict[str, str | SecretRef]) -> dict[str, str | SecretRef]:
        for name in headers:
            if name.lower() in _RESERVED:
                raise ValueError(f"the header {name} is set by Redline itself, or never sent")
        return headers
