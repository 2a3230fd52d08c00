"""Asking a hub to subscribe or unsubscribe: one form posted, through the same guard as every request of the fetcher."""

import asyncio
from dataclasses import dataclass
from datetime import timedelta
from http.cookiejar import CookieJar, DefaultCookiePolicy

import httpx

from services.domain.feeds.freshness import retry_after
from services.domain.feeds.links import absolute_http_url
from services.domain.feeds.websub import ASKED_LEASE, Mode, Subscription
from services.fetcher.guard import AddressRefusedError, HostNotFoundError
from services.fetcher.policy import FetchPolicy
from services.ports import Clock

MAX_HOPS = 3
MAX_SECONDS = 30.0
MAX_ANSWER_BYTES = 4096
MAX_REASON_CHARS = 200
_MOVED = frozenset({307, 308})


@dataclass(frozen=True, slots=True)
class Accepted:
    """The hub took the request and will call us. `moved_to` is where it said it is from now on."""

    moved_to: str | None = None


@dataclass(frozen=True, slots=True)
class Refused:
    """The hub did not take the request, or could not be asked."""

    reason: str
    retry_after: timedelta | None = None


class HubClient:
    """Posts requests to hubs through a guarded transport; never raises for what hubs do."""

    def __init__(self, policy: FetchPolicy, clock: Clock, transport: httpx.AsyncBaseTransport) -> None:
        self._clock = clock
        self._seconds = min(policy.timeout_seconds, MAX_SECONDS)
        self._client = httpx.AsyncClient(
            transport=transport,
            timeout=self._seconds,
            trust_env=False,
            cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
            headers={"User-Agent": policy.identification, "Accept-Encoding": "identity"},
        )

    async def aclose(self) -> None:
        """Close all connections."""
        await self._client.aclose()

    async def ask(self, subscription: Subscription, mode: Mode) -> Accepted | Refused:
        """Send one request for this subscription, following a hub that has moved (307, 308), no other redirect."""
        try:
            async with asyncio.timeout(self._seconds):
                return await self._ask(subscription, mode)
        except TimeoutError:
            return Refused(f"no answer within {self._seconds:g} s")
        except (httpx.HTTPError, httpx.InvalidURL, AddressRefusedError, HostNotFoundError) as error:
            return Refused(_without_credentials(str(error) or type(error).__name__, subscription))

    async def _ask(self, subscription: Subscription, mode: Mode) -> Accepted | Refused:
        url, moved_to, is_permanent = subscription.hub_url, None, True
        for _ in range(MAX_HOPS + 1):
            async with self._client.stream("POST", url, data=_form(subscription, mode)) as response:
                if response.status_code not in _MOVED:
                    return await self._judge(response, subscription, moved_to)
                location = response.headers.get("location", "")
                target = absolute_http_url(location, url) if location else None
                if target is None:
                    return Refused(f"{url} redirects to {location!r}, which is no http address")
            is_permanent = is_permanent and response.status_code == 308
            url, moved_to = target, target if is_permanent else moved_to
        return Refused(f"more than {MAX_HOPS} redirects, last to {url}")

    async def _judge(
        self, response: httpx.Response, subscription: Subscription, moved_to: str | None
    ) -> Accepted | Refused:
        # The Recommendation says 202; hubs that verify while we wait have long said 204, and some say 200.
        if response.is_success:
            return Accepted(moved_to)
        said = _without_credentials(await _beginning(response), subscription)[:MAX_REASON_CHARS]
        told = f": {said}" if said else ""
        wait = retry_after(response.headers, self._clock.now())
        return Refused(f"{response.url} answered {response.status_code}{told}", wait)


def _form(subscription: Subscription, mode: Mode) -> dict[str, str]:
    form = {
        "hub.mode": mode.value,
        "hub.topic": subscription.topic_url,
        "hub.callback": subscription.credentials.callback_url,
    }
    if mode is Mode.SUBSCRIBE:
        form["hub.secret"] = subscription.credentials.secret
        form["hub.lease_seconds"] = str(ASKED_LEASE // timedelta(seconds=1))
    return form


async def _beginning(response: httpx.Response) -> str:
    """Return the first characters of what the hub says, on one line."""
    read = b""
    async for part in response.aiter_bytes(MAX_ANSWER_BYTES):
        read += part
        if len(read) >= MAX_ANSWER_BYTES:
            break
    text = read[:MAX_ANSWER_BYTES].decode("utf-8", "replace")
    return " ".join("".join(char if char.isprintable() else " " for char in text).split())


def _without_credentials(text: str, subscription: Subscription) -> str:
    for secret in (subscription.credentials.token, subscription.credentials.secret):
        text = text.replace(secret, "***")
    return text
