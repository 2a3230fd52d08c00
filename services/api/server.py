"""Serving an ASGI application in the event loop that everything else runs in."""

import asyncio
import socket
from collections.abc import Iterator
from contextlib import contextmanager

import structlog
import uvicorn
from starlette.types import ASGIApp

from services.runtime.faults import RuntimeFaultError

GRACE_SECONDS = 5
# A front door of this size serves hundreds of hubs; more callers at once are told to come back.
MAX_CONNECTIONS = 200
BACKLOG = 256

log = structlog.get_logger(__name__)


class CannotListenError(RuntimeFaultError):
    """The address is taken, or not one of this machine."""

    def __init__(self, host: str, port: int, cause: OSError) -> None:
        super().__init__(
            f"the api service cannot listen on {host}:{port}: {cause.strerror or cause}. "
            "Stop what uses that address, or set api.host and api.port (0 takes any free port)"
        )


def listen(host: str, port: int) -> socket.socket:
    """Return a socket that is bound to this address, so that a conflict shows before anything starts.

    Raise CannotListenError.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    except OSError as error:
        raise CannotListenError(host, port, error) from error
    listener = socket.socket(family, kind, protocol)
    try:
        # A restart must not wait for the connections of the former process to be forgotten.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(BACKLOG)
    except OSError as error:
        listener.close()
        raise CannotListenError(host, port, error) from error
    listener.setblocking(False)
    return listener


class _Server(uvicorn.Server):
    """uvicorn without signal handlers: whoever runs the event loop knows when to stop."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals alone."""
        yield


async def serve(app: ASGIApp, listener: socket.socket, stop: asyncio.Event) -> None:
    """Serve until `stop` is set, then let running requests finish; the listener is closed in the end."""
    config = uvicorn.Config(
        app,
        lifespan="off",
        ws="none",
        log_config=None,
        access_log=False,  # paths hold the tokens of callbacks
        server_header=False,
        proxy_headers=False,
        limit_concurrency=MAX_CONNECTIONS,
        timeout_graceful_shutdown=GRACE_SECONDS,
    )
    server = _Server(config)
    host, port = listener.getsockname()[:2]
    running = asyncio.create_task(server.serve(sockets=[listener]))
    stopping = asyncio.create_task(stop.wait())
    log.info("api_listening", host=host, port=port)
    try:
        await asyncio.wait({running, stopping}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        stopping.cancel()
        server.should_exit = True
        await running
        listener.close()
