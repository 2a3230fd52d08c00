"""The api service as an ASGI application."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable

import structlog
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from services.api.websub import TRY_AGAIN_SECONDS, Callbacks, HubCalls
from services.ports import Clock
from services.runtime.faults import UnavailableError

READY_SECONDS = 3.0
Ready = Callable[[], Awaitable[None]]

log = structlog.get_logger(__name__)


def build_app(
    *, callbacks: Callbacks, ready: Ready, clock: Clock, max_body_bytes: int, pages: Iterable[Route] = ()
) -> Starlette:
    """Return the application; `ready` raises UnavailableError while something it needs cannot be reached.

    `pages` are what readers come to by the links of messages.
    """

    async def readyz(_: Request) -> Response:
        try:
            async with asyncio.timeout(READY_SECONDS):
                await ready()
        except (UnavailableError, TimeoutError) as error:
            log.warning("not_ready", error=str(error) or f"no answer within {READY_SECONDS:g} s")
            return PlainTextResponse("the state store cannot be reached\n", 503)
        return PlainTextResponse("ready\n")

    calls = HubCalls(callbacks, clock, max_body_bytes=max_body_bytes)
    routes = [Route("/healthz", _healthz), Route("/readyz", readyz), *calls.routes(), *pages]
    return Starlette(routes=routes, exception_handlers={UnavailableError: _unavailable})


async def _healthz(_: Request) -> Response:
    """Say that this process answers."""
    return PlainTextResponse("ok\n")


async def _unavailable(_: Request, error: Exception) -> Response:
    """Have the caller try again: nothing was taken."""
    log.error("state_store_unavailable", error=str(error))
    return PlainTextResponse(
        "the state store cannot be reached\n", 503, headers={"Retry-After": str(TRY_AGAIN_SECONDS)}
    )
