"""Connections to servers, one request at a time on each; an idle one waits a moment for the next of its origin.

httpcore's pool looks at every connection it holds several times a request, so only its connections are used here.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import cache
from ssl import SSLContext
from typing import TypeAlias

import httpcore
import httpx

_IDLE_SECONDS = 5.0  # feeds are asked far apart; kept for redirects, pages, and further feeds of a host
_MAX_IDLE = 64
# The other side closed a connection just as we used it again.
_STALE = (httpcore.RemoteProtocolError, httpcore.ReadError, httpcore.WriteError, httpcore.ConnectionNotAvailable)

_Origin: TypeAlias = tuple[bytes, bytes, int | None]


def read_proxy(setting: str) -> httpcore.Proxy:
    """Return the proxy that a checked setting names, as scheme://user:password@host:port."""
    url = httpx.URL(setting)
    port = url.port or {"http": 80, "https": 443}.get(url.scheme, 1080)
    auth = (url.username.encode(), url.password.encode()) if url.username or url.password else None
    place = httpcore.URL(scheme=url.raw_scheme, host=url.raw_host, port=port, target=b"/")
    return httpcore.Proxy(place, auth=auth, ssl_context=tls("proxy") if url.scheme == "https" else None)


@cache
def tls(protocols: str) -> SSLContext:
    """Return the context for connections that offer these protocols; SSL_CERT_FILE adds to whom it trusts."""
    # Reading the certificates takes milliseconds and a megabyte. httpcore writes the protocols it offers into the
    # context, so each set of protocols has its own.
    return httpx.create_ssl_context()


class Connections:
    """Opens connections, through a proxy if there is one, and keeps a few."""

    def __init__(
        self, backend: httpcore.AsyncNetworkBackend, *, http2: bool, proxy: httpcore.Proxy | None = None
    ) -> None:
        self._maker = httpcore.AsyncConnectionPool(
            ssl_context=tls("h2" if http2 else "http/1.1"),
            proxy=proxy,
            http2=http2,
            keepalive_expiry=_IDLE_SECONDS,
            network_backend=backend,
        )
        self._idle: dict[_Origin, httpcore.AsyncConnectionInterface] = {}

    @asynccontextmanager
    async def ask(self, request: httpcore.Request) -> AsyncIterator[httpcore.Response]:
        """Send a request without a body and yield the answer; what of it is not read by the end is given up."""
        origin: _Origin = (request.url.scheme, request.url.host, request.url.port)
        connection, response = await self._send(origin, request)
        try:
            yield response
        finally:
            await response.aclose()
            await self._keep(origin, connection)

    async def aclose(self) -> None:
        """Close what is idle."""
        while self._idle:
            _, connection = self._idle.popitem()
            await connection.aclose()

    async def _send(
        self, origin: _Origin, request: httpcore.Request
    ) -> tuple[httpcore.AsyncConnectionInterface, httpcore.Response]:
        idle = self._idle.pop(origin, None)
        if idle is not None:
            try:
                if not idle.has_expired():
                    return idle, await idle.handle_async_request(request)
            except _STALE:
                pass  # nothing came back, and a GET may be repeated
            except BaseException:
                await idle.aclose()
                raise
            await idle.aclose()
        connection = self._maker.create_connection(request.url.origin)
        try:
            return connection, await connection.handle_async_request(request)
        except BaseException:
            await connection.aclose()
            raise

    async def _keep(self, origin: _Origin, connection: httpcore.AsyncConnectionInterface) -> None:
        surplus = [] if connection.is_idle() else [connection]
        if not surplus:
            if (other := self._idle.pop(origin, None)) is not None:
                surplus.append(other)
            self._idle[origin] = connection
        for waiting, idle in list(self._idle.items()):  # the longest idle first
            if len(self._idle) <= _MAX_IDLE and not idle.has_expired():
                break
            surplus.append(self._idle.pop(waiting))
        for closing in surplus:
            await closing.aclose()
