"""httpx on connections that the guard opens, for what is no feed: hubs and channels."""

import httpcore
import httpx

from services.fetcher.connections import read_proxy, tls
from services.fetcher.guard import Guard, GuardedBackend
from services.fetcher.policy import FetchPolicy


class GuardedTransport(httpx.AsyncHTTPTransport):
    """httpx's own transport, with a guard before every connection; it follows no redirect.

    With a proxy, every request's address is checked before the proxy is told of it.
    """

    def __init__(self, guard: Guard, *, connections: int = 1, proxy: str | None = None) -> None:
        self._guard = guard
        self._is_proxied = proxy is not None
        # httpx has no argument for the network backend; its initialiser would only build another pool.
        self._pool = httpcore.AsyncConnectionPool(
            ssl_context=tls("http/1.1"),
            proxy=read_proxy(proxy) if proxy else None,
            max_connections=connections,
            max_keepalive_connections=connections,
            keepalive_expiry=httpx.Limits().keepalive_expiry,
            network_backend=GuardedBackend(guard=Guard(allow_private=True) if proxy else guard),
        )

    @classmethod
    def of(cls, policy: FetchPolicy) -> "GuardedTransport":
        """Return a transport that goes out as the fetcher does."""
        return cls(Guard(allow_private=policy.allow_private), connections=policy.concurrency, proxy=policy.proxy)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request; raise what the guard raises, or httpx's errors."""
        if self._is_proxied and not self._guard.allows_private:
            port = request.url.port or {"http": 80}.get(request.url.scheme, 443)
            await self._guard.checked_addresses(request.url.raw_host.decode("ascii"), port)
        return await super().handle_async_request(request)
