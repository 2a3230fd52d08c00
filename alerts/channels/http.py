"""One HTTP POST, and what became of it: answered, never reached, or unknown."""

import asyncio
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import cache
from typing import Protocol

import httpx

from alerts.card import one_line
from alerts.channels.base import Refused, RetryAfter, SendResult, Sent, Unknown

CONNECT_SECONDS = 5.0
ANSWER_SECONDS = 10.0
MAX_ANSWER_BYTES = 4 * 1024 * 1024
RETRY_STATUSES = frozenset({408, 425, 429})
# Nothing of the message was on the wire yet, so sending it again is safe.
_NEVER_REACHED = (
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx.PoolTimeout,
    httpx.ProxyError,
)
_NEVER_POSSIBLE = (httpx.UnsupportedProtocol, httpx.LocalProtocolError, httpx.InvalidURL)


class DestinationRefusedError(Exception):
    """What a transport raises, before it connects, for a host that its channel may not reach; it says why."""


class Connect(Protocol):
    """Makes transports of one connection each."""

    def __call__(self, *, allow_private: bool) -> httpx.AsyncBaseTransport:
        """Return a transport; without `allow_private`, it connects to public addresses only."""


@dataclass(frozen=True)
class Answer:
    """What the server said; `body` may be cut, and `retry_after` is in seconds."""

    status: int
    body: bytes
    retry_after: float | None


class Poster:
    """Posts over one pool of connections.

    It talks to the transport rather than through a client, because the client logs full URLs, and those of webhooks are
    secrets. It follows no redirect: a POST that moved is a setting to correct.
    """

    def __init__(
        self,
        transport: httpx.AsyncBaseTransport | None = None,
        *,
        connections: int = 1,
        connect: Callable[[], httpx.AsyncBaseTransport] | None = None,
    ) -> None:
        # One pool a connection: httpcore looks at every connection of a pool several times a request.
        self._idle = [transport] if transport else [(connect or _one_connection)() for _ in range(connections)]
        self._all = tuple(self._idle)
        self._free = asyncio.Semaphore(len(self._all))
        timeout = httpx.Timeout(ANSWER_SECONDS, connect=CONNECT_SECONDS)
        self._extensions = {"timeout": timeout.as_dict()}

    async def post(
        self, url: str, body: bytes, headers: Mapping[str, str], now: datetime
    ) -> Answer | RetryAfter | Refused | Unknown:
        """Post once; `now` is what a Retry-After date is measured against."""
        try:
            request = httpx.Request("POST", url, content=body, headers=headers, extensions=self._extensions)
            async with self._free:
                return await self._exchange(request, now)
        except _NEVER_REACHED as error:
            return RetryAfter(f"not reached: {_why(error)}")
        except _NEVER_POSSIBLE as error:
            return Refused(f"cannot be sent: {type(error).__name__}")
        except DestinationRefusedError as error:
            return Refused(f"not sent: {one_line(str(error))}")
        except httpx.TransportError as error:
            return Unknown(f"no answer: {_why(error)}")

    async def _exchange(self, request: httpx.Request, now: datetime) -> Answer:
        transport = self._idle.pop()  # the one used last, so that the others may go idle
        try:
            return await _read(await transport.handle_async_request(request), now)
        finally:
            self._idle.append(transport)

    async def aclose(self) -> None:
        """Close the connections."""
        for transport in self._all:
            await transport.aclose()


def unguarded(*, allow_private: bool) -> httpx.AsyncBaseTransport:
    """Return a transport that connects to any address, whatever it is told."""
    return _one_connection()


def _one_connection() -> httpx.AsyncBaseTransport:
    limits = httpx.Limits(max_connections=1, max_keepalive_connections=1)
    return httpx.AsyncHTTPTransport(verify=_tls(), limits=limits, retries=0)


@cache
def _tls() -> ssl.SSLContext:
    # Reading the certificates takes milliseconds and a megabyte, so the connections share them.
    return httpx.create_ssl_context()


async def _read(response: httpx.Response, now: datetime) -> Answer:
    retry_after = parse_retry_after(response.headers.get("retry-after"), now)
    body = bytearray()
    try:
        async for chunk in response.aiter_bytes():
            body += chunk
            if len(body) > MAX_ANSWER_BYTES:
                break
    except httpx.RequestError:
        # The status line is the answer; the server took the request whatever became of its body.
        pass
    finally:
        await response.aclose()
    return Answer(response.status_code, bytes(body[:MAX_ANSWER_BYTES]), retry_after)


def _why(error: Exception) -> str:
    return one_line(f"{type(error).__name__} {error}")


def parse_retry_after(value: str | None, now: datetime) -> float | None:
    """Return the seconds that a Retry-After header asks for, given as seconds or as a date; None if it says nothing."""
    if value is None:
        return None
    value = value.strip()
    if value.isascii() and value.isdigit():
        return float(value[:12])
    try:
        moment = parsedate_to_datetime(value)
    except (ValueError, IndexError, OverflowError):
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return max(0.0, (moment - now).total_seconds())


def result_of(answer: Answer, *, external_ref: str | None = None) -> SendResult:
    """Say what a status means: 2xx sent; 408, 425, 429 and 5xx later; anything else refused."""
    if 200 <= answer.status < 300:
        return Sent(external_ref)
    reason = f"HTTP {answer.status}"
    if text := one_line(answer.body[:400].decode("utf-8", "replace"))[:200]:
        reason = f"{reason}: {text}"
    if answer.status in RETRY_STATUSES or answer.status >= 500:
        return RetryAfter(reason, answer.retry_after)
    return Refused(reason)
