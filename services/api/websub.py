"""The addresses that WebSub hubs call: one for each subscription, which only its hub knows.

A hub asks here whether we meant to subscribe, and posts the feed here when it changes. Nothing is read here: what is
signed is kept, answered at once, and read by the fetcher's next poll.
"""

import asyncio
import random
from collections.abc import Callable
from datetime import datetime
from typing import Protocol

import structlog
from prometheus_client import Counter
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from services.api.bodies import TooLargeError, read_body
from services.domain.feeds.websub import Status, Subscription
from services.domain.feeds.websub_calls import (
    Keeping,
    Signature,
    Verdict,
    Verification,
    check_signature,
    parse_verification,
)
from services.ports import Clock

# More documents than this at the same time would fill the memory; further ones wait for their turn.
BODIES_AT_ONCE = 8
BODY_SECONDS = 30.0
TRY_AGAIN_SECONDS = 60
MAX_SHOWN = 200
_CONFIRMED = frozenset({Verdict.SUBSCRIBED, Verdict.UNSUBSCRIBED})

PUSHES = Counter("redline_websub_pushes_total", "Documents that hubs pushed.", ("result",))

log = structlog.get_logger(__name__)


class Callbacks(Protocol):
    """The subscriptions that hubs call us about. Every call may raise UnavailableError."""

    async def by_token(self, token: str) -> Subscription | None:
        """Return the subscription that this callback belongs to."""

    async def verify(self, token: str, said: Verification, now: datetime, jitter: float) -> Verdict:
        """Judge what a hub said at this callback, and keep what it changes."""

    async def keep(self, subscription: Subscription, body: bytes, content_type: str | None, now: datetime) -> Keeping:
        """Keep a document that a hub pushed until it has been read, and make the feed due."""


class HubCalls:
    """Answers hubs."""

    def __init__(
        self,
        callbacks: Callbacks,
        clock: Clock,
        *,
        max_body_bytes: int,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._callbacks = callbacks
        self._clock = clock
        self._max_body_bytes = max_body_bytes
        self._jitter = jitter
        self._bodies = asyncio.Semaphore(BODIES_AT_ONCE)

    def routes(self) -> list[Route]:
        """Return the routes; the token in the path is a secret."""
        return [
            Route("/websub/{token}", self.verify, methods=["GET"]),
            Route("/websub/{token}", self.receive, methods=["POST"]),
        ]

    async def verify(self, request: Request) -> Response:
        """Confirm to a hub what we asked it for, by repeating its challenge; else 404. Take note of a denial."""
        said = parse_verification(request.query_params)
        token = request.path_params["token"]
        verdict = await self._callbacks.verify(token, said, self._clock.now(), self._jitter())
        if verdict in _CONFIRMED:
            log.info("websub_confirmed", verdict=verdict.value, topic_url=said.topic_url)
            return PlainTextResponse(said.challenge)
        if verdict is Verdict.DENIED:
            log.warning("websub_denied", topic_url=said.topic_url, reason=said.reason)
            return PlainTextResponse("")
        facts = {"verdict": verdict.value, "mode": said.mode[:MAX_SHOWN], "topic_url": said.topic_url[:MAX_SHOWN]}
        # Anybody can ask for what was never ours; that is not worth a line each.
        (log.debug if verdict is Verdict.NOT_ASKED else log.warning)("websub_not_confirmed", **facts)
        return PlainTextResponse("not asked for\n", 404)

    async def receive(self, request: Request) -> Response:
        """Keep what a hub pushes if it is signed with our secret; what is not is answered alike, and dropped."""
        subscription = await self._callbacks.by_token(request.path_params["token"])
        if subscription is None:
            # 410 rather than 404: a hub may take it as the end of a subscription that we have forgotten.
            return PlainTextResponse("no such subscription\n", 410)
        facts = {"feed_id": subscription.feed_id, "hub": subscription.hub}
        async with self._bodies:
            try:
                async with asyncio.timeout(BODY_SECONDS):
                    body = await read_body(request, self._max_body_bytes)
            except (TimeoutError, ClientDisconnect):
                log.warning("push_cut_short", **facts)
                return PlainTextResponse("the body did not come in time\n", 408)
            except TooLargeError:
                PUSHES.labels("refused").inc()
                log.warning("push_too_large", max_bytes=self._max_body_bytes, **facts)
                return PlainTextResponse("the body is too large\n", 413)
            return await self._take(subscription, body, request)

    async def _take(self, subscription: Subscription, body: bytes, request: Request) -> Response:
        facts = {"feed_id": subscription.feed_id, "hub": subscription.hub, "bytes": len(body)}
        found = check_signature(request.headers.get("x-hub-signature"), subscription.credentials.secret, body)
        if found is not Signature.VALID:
            PUSHES.labels("ignored").inc()
            log.warning("push_ignored", reason=f"signature {found.value}", **facts)
            return Response(status_code=202)
        if subscription.status in {Status.UNSUBSCRIBING, Status.DENIED}:
            PUSHES.labels("ignored").inc()
            log.info("push_ignored", reason=subscription.status.value, **facts)
            return Response(status_code=202)
        content_type = request.headers.get("content-type")
        kept = await self._callbacks.keep(subscription, body, content_type, self._clock.now())
        if kept is Keeping.FULL:
            PUSHES.labels("refused").inc()
            log.warning("push_refused", reason="too many wait to be read; does a fetcher run?", **facts)
            return Response(status_code=503, headers={"Retry-After": str(TRY_AGAIN_SECONDS)})
        PUSHES.labels("kept").inc()
        log.info("push_kept", **facts)
        return Response(status_code=202)
