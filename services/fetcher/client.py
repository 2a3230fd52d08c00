"""Asks for a feed as a perfect citizen does: one conditional request, within a deadline and a size."""

import asyncio
from base64 import b64encode
from collections.abc import AsyncIterable, Mapping
from dataclasses import replace

import httpcore

from services.domain.feeds.freshness import fresh_for, retry_after
from services.domain.feeds.links import parse_link_header
from services.fetcher.answers import (
    NO_LINKS,
    REDIRECTS,
    Exchange,
    Failed,
    FailureReason,
    FeedRequest,
    Fetched,
    FetchResult,
    Gone,
    Hop,
    NotModified,
    Permit,
    Validators,
    moved_to,
)
from services.fetcher.body import ACCEPT_ENCODING, BodyEncodingError, BodyTooLargeError, Tally, read_body
from services.fetcher.connections import Connections, read_proxy
from services.fetcher.guard import (
    AddressRefusedError,
    Guard,
    GuardedBackend,
    HostNotFoundError,
    Resolver,
    SystemResolver,
)
from services.fetcher.policy import FetchPolicy
from services.fetcher.target import BadTargetError, Target, read_target
from services.fetcher.wire import BadCertificateError, Dial, TlsFailedError, connect
from services.ports import Clock

__all__ = [  # what was asked and what came of it is part of the client's face
    "Exchange", "Failed", "FailureReason", "FeedClient", "FeedRequest", "FetchResult", "Fetched", "Gone", "Hop",
    "NotModified", "Permit", "Validators",
]  # fmt: skip

_ACCEPT = (
    "application/atom+xml, application/rss+xml, application/feed+json, application/rdf+xml;q=0.9,"
    " application/xml;q=0.8, text/xml;q=0.8, application/json;q=0.8, */*;q=0.1"
)
_FULL_ANSWERS = frozenset({200, 203})  # 203: some proxy changed it on the way
# The rest of an answer that is not wanted is read up to this, which keeps the connection for the next request.
_DRAIN_BYTES = 16 * 1024


class _FetchError(Exception):
    def __init__(self, failed: Failed) -> None:
        super().__init__(failed.message)
        self.failed = failed


class _Trail:
    """What one fetch has met so far."""

    def __init__(self) -> None:
        self.hops: list[Hop] = []
        self.tally = Tally()
        self.http_version: str | None = None
        self._clock = asyncio.get_running_loop().time
        self._started = self._clock()

    def add(self, target: Target, response: httpcore.Response) -> None:
        version = response.extensions.get("http_version", b"")
        self.http_version = version.decode("ascii", "replace") or None
        self.hops.append(Hop(target.text, response.status))

    def exchange(self) -> Exchange:
        elapsed = self._clock() - self._started
        return Exchange(tuple(self.hops), self.tally.received_bytes, self.http_version, elapsed)


class FeedClient:
    """Asks for feeds: no cookies, no referrer, public addresses only; secrets go to the feed's own origin only."""

    def __init__(
        self,
        policy: FetchPolicy,
        clock: Clock,
        *,
        accept: str = _ACCEPT,
        resolver: Resolver | None = None,
        dial: Dial = connect,
    ) -> None:
        self._policy = policy
        self._clock = clock
        self._headers = (
            (b"User-Agent", policy.identification.encode("latin-1", "replace")),
            (b"Accept", accept.encode()),
            (b"Accept-Encoding", ACCEPT_ENCODING.encode()),
        )
        self._own_resolver = None if resolver else SystemResolver()
        self._guard = Guard(allow_private=policy.allow_private, resolver=resolver or self._own_resolver)
        proxy = read_proxy(policy.proxy) if policy.proxy else None
        # The operator's proxy may well be in a private network. Where it is to connect to is checked before it is told.
        self._is_proxied = proxy is not None
        backend = GuardedBackend(guard=self._guard if proxy is None else Guard(allow_private=True), dial=dial)
        self._connections = Connections(backend, http2=policy.http2, proxy=proxy)

    async def aclose(self) -> None:
        """Close all connections."""
        await self._connections.aclose()
        if self._own_resolver is not None:
            self._own_resolver.close()

    async def fetch(
        self, url: str, validators: Validators | None = None, *, permit: Permit | None = None
    ) -> FetchResult:
        """Return what the server answers to one conditional request; never raises for what servers do."""
        return await self.ask(FeedRequest(url, validators or Validators()), permit=permit)

    async def ask(self, request: FeedRequest, *, permit: Permit | None = None) -> FetchResult:
        """Return what the server answers to this request; never raises for what servers do.

        `permit` is asked for every address, redirects included, before a request is made to it.
        """
        trail, seconds = _Trail(), self._policy.timeout_seconds
        try:
            async with asyncio.timeout(seconds):
                result = await self._follow(request, trail, permit)
        except TimeoutError:
            result = Failed(FailureReason.TIMEOUT, f"no complete answer within {seconds:g} s")
        except _FetchError as error:
            result = error.failed
        except _TRANSLATED as error:
            result = Failed(_reason(error), str(error) or type(error).__name__)
        return replace(result, exchange=trail.exchange())

    async def _follow(self, request: FeedRequest, trail: _Trail, permit: Permit | None) -> FetchResult:
        first = target = read_target(request.url)
        for _ in range(self._policy.max_redirects + 1):
            if permit is not None and (refusal := await permit(target.text)) is not None:
                raise _FetchError(Failed(FailureReason.DISALLOWED, refusal))
            outgoing = self._outgoing(target, first, request)
            if self._is_proxied and not self._guard.allows_private:
                await self._guard.checked_addresses(target.host, target.port)
            async with self._connections.ask(outgoing) as response:
                trail.add(target, response)
                headers = _read_headers(response.headers)
                if response.status not in REDIRECTS:
                    return await self._judge(target, response, headers, request.validators, trail)
                following = _next_hop(target, response)
                await _drain(response)
            if any(hop.url == following.text for hop in trail.hops):
                raise _FetchError(
                    Failed(FailureReason.REDIRECT_LOOP, f"{target.text} redirects back to {following.text}")
                )
            target = following
        limit = self._policy.max_redirects
        message = f"more than {limit} redirects, last to {target.text}"
        raise _FetchError(Failed(FailureReason.TOO_MANY_REDIRECTS, message))

    def _outgoing(self, target: Target, first: Target, request: FeedRequest) -> httpcore.Request:
        own = _own_headers(request, first) if first.may_share_secrets_with(target) else {}
        headers = [(b"Host", target.authority)]
        headers += [(name, value) for name, value in self._headers if name.lower() not in own]
        headers += own.values()
        headers += request.validators.as_headers(target.origin)
        url = httpcore.URL(
            scheme=target.scheme.encode(), host=target.host.encode(), port=target.port, target=target.path
        )
        return httpcore.Request(b"GET", url, headers=headers)

    async def _judge(
        self,
        target: Target,
        response: httpcore.Response,
        headers: Mapping[str, str],
        asked_with: Validators,
        trail: _Trail,
    ) -> FetchResult:
        now, status = self._clock.now(), response.status
        fresh, moved = fresh_for(headers, now), moved_to(trail.hops)
        if status in _FULL_ANSWERS:
            return Fetched(
                url=target.text,
                body=await read_body(headers, _stream(response), self._policy.max_body_bytes, trail.tally),
                content_type=headers.get("content-type"),
                validators=Validators(_raw(response, b"etag"), _raw(response, b"last-modified"), target.origin),
                status=status,
                moved_to=moved,
                fresh_for=fresh,
                content_location=headers.get("content-location"),
                links=parse_link_header(headers["link"], target.text) if "link" in headers else NO_LINKS,
            )
        await _drain(response)
        if status == 304:
            return NotModified(_renewed(response, asked_with, target), moved_to=moved, fresh_for=fresh)
        if status == 410:
            return Gone(f"{target.text} is gone (410)")
        return Failed(*_status_fault(target, response), status, retry_after(headers, now), fresh)


def _own_headers(request: FeedRequest, first: Target) -> dict[bytes, tuple[bytes, bytes]]:
    """Return what only the feed's own origin is sent, by lower-case name."""
    pairs = [(name.encode(), value.encode("latin-1", "replace")) for name, value in request.headers]
    auth = request.auth or first.userinfo
    if auth is not None:
        pairs.append((b"Authorization", b"Basic " + b64encode(auth.encode())))
    return {name.lower(): (name, value) for name, value in pairs}


def _read_headers(raw: list[tuple[bytes, bytes]]) -> dict[str, str]:
    """Return headers by lower-case name; a repeated one is joined as a list."""
    headers: dict[str, str] = {}
    for name, value in raw:
        key, text = name.decode("latin-1").lower(), value.decode("latin-1")
        headers[key] = f"{headers[key]}, {text}" if key in headers else text
    return headers


def _stream(response: httpcore.Response) -> AsyncIterable[bytes]:
    if not isinstance(response.stream, AsyncIterable):
        raise TypeError("an asynchronous connection has an asynchronous answer")
    return response.stream


async def _drain(response: httpcore.Response) -> None:
    left = _DRAIN_BYTES
    async for chunk in _stream(response):
        left -= len(chunk)
        if left < 0:
            return


def _raw(response: httpcore.Response, name: bytes) -> str | None:
    return next((value.decode("latin-1") for key, value in response.headers if key.lower() == name), None)


def _renewed(response: httpcore.Response, old: Validators, target: Target) -> Validators:
    """Return the validators after a 304, which may renew them but need not repeat them."""
    etag, last_modified = _raw(response, b"etag"), _raw(response, b"last-modified")
    return Validators(etag or old.etag, last_modified or old.last_modified, target.origin)


def _next_hop(target: Target, response: httpcore.Response) -> Target:
    raw = next((value for name, value in response.headers if name.lower() == b"location"), b"")
    try:
        location = raw.decode("utf-8")
    except UnicodeDecodeError:
        location = raw.decode("latin-1")
    try:
        if location:
            return target.joined(location)
        why = "nowhere"
    except BadTargetError as error:
        why = f"{location!r}: {error}"
    raise _FetchError(Failed(FailureReason.BAD_REDIRECT, f"{target.text} redirects to {why}", response.status))


_STATUS_REASONS: Mapping[int, FailureReason] = {
    401: FailureReason.FORBIDDEN,
    403: FailureReason.FORBIDDEN,
    404: FailureReason.NOT_FOUND,
    407: FailureReason.PROXY_FAILED,
    429: FailureReason.RATE_LIMITED,
}


def _status_fault(target: Target, response: httpcore.Response) -> tuple[FailureReason, str]:
    status = response.status
    reason = FailureReason.SERVER_ERROR if status >= 500 else FailureReason.HTTP_STATUS
    phrase = response.extensions.get("reason_phrase", b"").decode("latin-1")
    return _STATUS_REASONS.get(status, reason), f"{target.text} answered {status} {phrase}".rstrip()


def _reason(error: Exception) -> FailureReason:
    return next(reason for kind, reason in _REASONS if isinstance(error, kind))


# The first that fits counts, so the particular stand before the general.
_REASONS: tuple[tuple[type[Exception], FailureReason], ...] = (
    (AddressRefusedError, FailureReason.ADDRESS_REFUSED),
    (HostNotFoundError, FailureReason.HOST_NOT_FOUND),
    (BadTargetError, FailureReason.BAD_URL),
    (BodyTooLargeError, FailureReason.TOO_LARGE),
    (BodyEncodingError, FailureReason.BAD_ENCODING),
    (BadCertificateError, FailureReason.BAD_CERTIFICATE),
    (TlsFailedError, FailureReason.TLS_FAILED),
    (httpcore.ProxyError, FailureReason.PROXY_FAILED),
    (httpcore.TimeoutException, FailureReason.TIMEOUT),
    (httpcore.NetworkError, FailureReason.NO_CONNECTION),
    (httpcore.ProtocolError, FailureReason.BAD_RESPONSE),
    (httpcore.UnsupportedProtocol, FailureReason.BAD_URL),
    (httpcore.ConnectionNotAvailable, FailureReason.NO_CONNECTION),
)
_TRANSLATED = tuple(kind for kind, _ in _REASONS)
