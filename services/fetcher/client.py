"""One conditional request for a feed, as a perfect citizen makes it. Every outcome is a value.

FetchResult
|- Fetched       a body
|- NotModified   304
|- Gone          410
`- Failed        anything else, with a FailureReason
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import TypeAlias

import httpcore
import httpx

from services.domain.feeds.freshness import fresh_for, retry_after
from services.fetcher.body import BodyEncodingError, BodyTooLargeError, read_body
from services.fetcher.guard import AddressRefusedError, GuardedBackend, HostNotFoundError
from services.fetcher.policy import FetchPolicy
from services.ports import Clock

_ACCEPT = (
    "application/atom+xml, application/rss+xml, application/rdf+xml;q=0.9, application/xml;q=0.8,"
    " text/xml;q=0.8, */*;q=0.1"
)
_PERMANENT = frozenset({301, 308})
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_IDLE_SECONDS = 5.0  # feeds are asked far apart; a connection is worth keeping only across a redirect


@dataclass(frozen=True, slots=True)
class Validators:
    """ETag and Last-Modified as they came, byte for byte (latin-1 keeps every byte)."""

    etag: str | None = None
    last_modified: str | None = None

    def as_headers(self) -> list[tuple[bytes, bytes]]:
        """Return the conditions of the next request."""
        pairs = ((b"If-None-Match", self.etag), (b"If-Modified-Since", self.last_modified))
        return [(name, value.encode("latin-1")) for name, value in pairs if value]


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


@dataclass(frozen=True, slots=True)
class NotModified:
    """304: nothing new; its headers still count."""

    validators: Validators
    status: int = 304
    moved_to: str | None = None
    fresh_for: timedelta | None = None


@dataclass(frozen=True, slots=True)
class Gone:
    """410: the feed is not coming back."""

    message: str
    status: int = 410


class FailureReason(StrEnum):
    """Why there is no answer to work with."""

    TIMEOUT = "timeout"
    HOST_NOT_FOUND = "host_not_found"
    NO_CONNECTION = "no_connection"
    BAD_CERTIFICATE = "bad_certificate"
    ADDRESS_REFUSED = "address_refused"
    BAD_URL = "bad_url"
    TOO_MANY_REDIRECTS = "too_many_redirects"
    BAD_REDIRECT = "bad_redirect"
    TOO_LARGE = "too_large"
    BAD_ENCODING = "bad_encoding"
    BAD_RESPONSE = "bad_response"
    RATE_LIMITED = "rate_limited"
    FORBIDDEN = "forbidden"
    NOT_FOUND = "not_found"
    SERVER_ERROR = "server_error"
    HTTP_STATUS = "http_status"
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


FetchResult: TypeAlias = Fetched | NotModified | Gone | Failed


class _FetchError(Exception):
    def __init__(self, failed: Failed) -> None:
        super().__init__(failed.message)
        self.failed = failed


class FeedClient:
    """Asks for feeds: conditional, within a deadline and a size, no cookies, no referrer, public addresses only."""

    def __init__(self, policy: FetchPolicy, clock: Clock) -> None:
        self._policy = policy
        self._clock = clock
        self._client = httpx.AsyncClient(
            transport=_GuardedTransport(policy),
            timeout=policy.timeout_seconds,
            trust_env=False,
            cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
            headers={"User-Agent": policy.identification, "Accept": _ACCEPT, "Accept-Encoding": "gzip, deflate"},
        )

    async def aclose(self) -> None:
        """Close all connections."""
        await self._client.aclose()

    async def fetch(self, url: str, validators: Validators | None = None) -> FetchResult:
        """Return what the server answers to one conditional request; never raises for what servers do."""
        seconds = self._policy.timeout_seconds
        try:
            async with asyncio.timeout(seconds):
                return await self._follow(url, validators or Validators())
        except TimeoutError:
            return Failed(FailureReason.TIMEOUT, f"no complete answer within {seconds:g} s")
        except _FetchError as error:
            return error.failed
        except _TRANSLATED as error:
            return Failed(_reason(error), str(error) or type(error).__name__)

    async def _follow(self, url: str, validators: Validators) -> FetchResult:
        target, moved_to, is_permanent = httpx.URL(url), None, True
        for _ in range(self._policy.max_redirects + 1):
            request = self._client.build_request("GET", target)
            request.headers = httpx.Headers([*request.headers.raw, *validators.as_headers()])
            response = await self._send(request)
            try:
                if response.status_code not in _REDIRECTS:
                    return await self._judge(response, validators, moved_to)
                target = _next_hop(response)
            finally:
                await response.aclose()
            is_permanent = is_permanent and response.status_code in _PERMANENT
            moved_to = str(target) if is_permanent else moved_to
        limit = self._policy.max_redirects
        raise _FetchError(Failed(FailureReason.TOO_MANY_REDIRECTS, f"more than {limit} redirects, last to {target}"))

    async def _send(self, request: httpx.Request) -> httpx.Response:
        try:
            return await self._client.send(request, stream=True)
        except httpx.InvalidURL as error:
            # httpx reads the Location of a redirect even where it is not to follow it.
            message = f"{request.url} redirects to what is no address: {error}"
            raise _FetchError(Failed(FailureReason.BAD_REDIRECT, message)) from error

    async def _judge(self, response: httpx.Response, validators: Validators, moved_to: str | None) -> FetchResult:
        headers, now, status = response.headers, self._clock.now(), response.status_code
        fresh = fresh_for(headers, now)
        if status == 304:
            return NotModified(_renewed(headers, validators), moved_to=moved_to, fresh_for=fresh)
        if status == 410:
            return Gone(f"{response.url} is gone (410)")
        if status != 200:
            return Failed(*_status_fault(response), status, retry_after(headers, now), fresh)
        return Fetched(
            url=str(response.url),
            body=await read_body(response, self._policy.max_body_bytes),
            content_type=headers.get("content-type"),
            validators=Validators(_raw(headers, b"etag"), _raw(headers, b"last-modified")),
            moved_to=moved_to,
            fresh_for=fresh,
        )


class _GuardedTransport(httpx.AsyncHTTPTransport):
    """httpx's own transport on a connection pool whose sockets the guard opens."""

    def __init__(self, policy: FetchPolicy) -> None:
        # httpx has no argument for the network backend; its initialiser would only build another pool.
        self._pool = httpcore.AsyncConnectionPool(
            ssl_context=httpx.create_ssl_context(trust_env=False),
            max_connections=policy.concurrency * 2,
            max_keepalive_connections=policy.concurrency,
            keepalive_expiry=_IDLE_SECONDS,
            network_backend=GuardedBackend(allow_private=policy.allow_private),
        )


def _raw(headers: httpx.Headers, name: bytes) -> str | None:
    return next((value.decode("latin-1") for key, value in headers.raw if key.lower() == name), None)


def _renewed(headers: httpx.Headers, old: Validators) -> Validators:
    """Return the validators after a 304, which may renew them but need not repeat them."""
    return Validators(_raw(headers, b"etag") or old.etag, _raw(headers, b"last-modified") or old.last_modified)


def _next_hop(response: httpx.Response) -> httpx.URL:
    location = response.headers.get("location", "")
    try:
        target = response.url.join(location)
    except httpx.InvalidURL:
        target = None
    if not location or target is None or target.scheme not in {"http", "https"} or not target.host:
        message = f"{response.url} redirects to {location!r}, which is no http address"
        raise _FetchError(Failed(FailureReason.BAD_REDIRECT, message, response.status_code))
    return target.copy_with(fragment=None)


_STATUS_REASONS: Mapping[int, FailureReason] = {
    401: FailureReason.FORBIDDEN,
    403: FailureReason.FORBIDDEN,
    404: FailureReason.NOT_FOUND,
    429: FailureReason.RATE_LIMITED,
}


def _status_fault(response: httpx.Response) -> tuple[FailureReason, str]:
    status = response.status_code
    reason = FailureReason.SERVER_ERROR if status >= 500 else FailureReason.HTTP_STATUS
    return _STATUS_REASONS.get(status, reason), f"{response.url} answered {status} {response.reason_phrase}".rstrip()


def _reason(error: Exception) -> FailureReason:
    if isinstance(error, httpx.ConnectError) and ("CERTIFICATE_VERIFY" in str(error) or "[SSL" in str(error)):
        return FailureReason.BAD_CERTIFICATE
    return next(reason for kind, reason in _REASONS if isinstance(error, kind))


# The first that fits counts, so the particular stand before the general.
_REASONS: tuple[tuple[type[Exception], FailureReason], ...] = (
    (AddressRefusedError, FailureReason.ADDRESS_REFUSED),
    (HostNotFoundError, FailureReason.HOST_NOT_FOUND),
    (BodyTooLargeError, FailureReason.TOO_LARGE),
    (BodyEncodingError, FailureReason.BAD_ENCODING),
    (httpx.TimeoutException, FailureReason.TIMEOUT),
    (httpx.NetworkError, FailureReason.NO_CONNECTION),
    (httpx.InvalidURL, FailureReason.BAD_URL),
    (httpx.UnsupportedProtocol, FailureReason.BAD_URL),
    (httpx.HTTPError, FailureReason.BAD_RESPONSE),
    (httpx.StreamError, FailureReason.BAD_RESPONSE),
)
_TRANSLATED = tuple(kind for kind, _ in _REASONS)
