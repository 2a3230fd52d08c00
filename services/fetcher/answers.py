"""What is asked of a server for a feed, and what came of it. Every outcome is a value.

FetchResult
|- Fetched       a body
|- NotModified   304
|- Gone          410
`- Failed        anything else, with a FailureReason
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from itertools import pairwise
from typing import TypeAlias
from urllib.parse import urljoin

from services.domain.feeds.links import Links

NO_LINKS = Links()
PERMANENT = frozenset({301, 308})
REDIRECTS = frozenset({301, 302, 303, 307, 308})


@dataclass(frozen=True, slots=True)
class Validators:
    """ETag and Last-Modified as they came, byte for byte (latin-1 keeps every byte).

    `origin` is where they came from, as https://host:port. Another origin's answer to them would mean nothing.
    """

    etag: str | None = None
    last_modified: str | None = None
    origin: str | None = field(default=None, compare=False)

    def as_headers(self, origin: str | None = None) -> list[tuple[bytes, bytes]]:
        """Return the conditions of the next request; none at an origin that is known to be another."""
        if None not in {origin, self.origin} and origin != self.origin:
            return []
        pairs = ((b"If-None-Match", self.etag), (b"If-Modified-Since", self.last_modified))
        return [(name, value.encode("latin-1")) for name, value in pairs if value]


@dataclass(frozen=True, slots=True)
class FeedRequest:
    """One request for a feed. `headers` and `auth` (user:password) are for the url's own origin, and for no log."""

    url: str
    validators: Validators = Validators()
    headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    auth: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Hop:
    """One request and the status it got."""

    url: str
    status: int


@dataclass(frozen=True, slots=True)
class Exchange:
    """How an answer came about. `received_bytes` are those of the last body, as they were sent."""

    hops: tuple[Hop, ...] = ()
    received_bytes: int = 0
    http_version: str | None = None
    elapsed_seconds: float = 0.0


def moved_to(hops: Sequence[Hop]) -> str | None:
    """Return as far as permanent redirects led, if the first one was permanent.

    One from https to http counts as temporary: what is followed once must not be given up for good.
    """
    target = None
    for hop, following in pairwise(hops):
        is_downgrade = hop.url.startswith("https:") and following.url.startswith("http:")
        if hop.status not in PERMANENT or is_downgrade:
            break
        target = following.url
    return target


@dataclass(frozen=True, slots=True)
class Fetched:
    """A body, found at `url`. `moved_to` is as far as permanent redirects led, if the first one was permanent."""

    url: str
    body: bytes
    content_type: str | None
    validators: Validators
    status: int = 200
    moved_to: str | None = None
    fresh_for: timedelta | None = None
    content_location: str | None = None
    links: Links = NO_LINKS
    exchange: Exchange = field(default=Exchange(), compare=False)

    @property
    def base_url(self) -> str:
        """What relative links in the body are relative to, where it does not say so itself."""
        return urljoin(self.url, self.content_location) if self.content_location else self.url


@dataclass(frozen=True, slots=True)
class NotModified:
    """304: nothing new; its headers still count."""

    validators: Validators
    status: int = 304
    moved_to: str | None = None
    fresh_for: timedelta | None = None
    exchange: Exchange = field(default=Exchange(), compare=False)


@dataclass(frozen=True, slots=True)
class Gone:
    """410: the feed is not coming back."""

    message: str
    status: int = 410
    exchange: Exchange = field(default=Exchange(), compare=False)


class FailureReason(StrEnum):
    """Why there is no answer to work with."""

    TIMEOUT = "timeout"
    HOST_NOT_FOUND = "host_not_found"
    NO_CONNECTION = "no_connection"
    BAD_CERTIFICATE = "bad_certificate"
    TLS_FAILED = "tls_failed"
    PROXY_FAILED = "proxy_failed"
    ADDRESS_REFUSED = "address_refused"
    BAD_URL = "bad_url"
    MISSING_SECRET = "missing_secret"  # noqa: S105 - a reason, not a secret
    TOO_MANY_REDIRECTS = "too_many_redirects"
    REDIRECT_LOOP = "redirect_loop"
    BAD_REDIRECT = "bad_redirect"
    TOO_LARGE = "too_large"
    BAD_ENCODING = "bad_encoding"
    BAD_RESPONSE = "bad_response"
    RATE_LIMITED = "rate_limited"
    FORBIDDEN = "forbidden"
    NOT_FOUND = "not_found"
    SERVER_ERROR = "server_error"
    HTTP_STATUS = "http_status"
    DISALLOWED = "disallowed"  # by the site's robots.txt
    NOT_A_FEED = "not_a_feed"
    PARSE_ABORTED = "parse_aborted"
    FAULT = "fault"  # ours: the log has the traceback


@dataclass(frozen=True, slots=True)
class Failed:
    """No answer to work with; asked again later."""

    reason: FailureReason
    message: str
    status: int | None = None
    retry_after: timedelta | None = None
    fresh_for: timedelta | None = None
    exchange: Exchange = field(default=Exchange(), compare=False)


# Says why an address may not be asked for, or None if it may.
Permit: TypeAlias = Callable[[str], Awaitable[str | None]]
FetchResult: TypeAlias = Fetched | NotModified | Gone | Failed
