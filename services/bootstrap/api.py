"""The api service, assembled."""

import asyncio

from services.api.app import build_app
from services.api.server import listen, serve
from services.bootstrap.world import Unit, World, stoppable
from services.fetcher.websub_store import ValkeyWebSubStore
from services.runtime import valkey as valkey_client


async def build_api(world: World) -> Unit:
    """The service that the world calls. Raises CannotListenError."""
    settings = world.settings
    listener = listen(settings.api.host, settings.api.port)
    world.closing.callback(listener.close)
    app = build_app(
        callbacks=ValkeyWebSubStore(world.valkey),
        ready=lambda: valkey_client.ping(world.valkey),
        clock=world.clock,
        max_body_bytes=settings.fetch.max_body_bytes,
    )

    async def answer(stop: asyncio.Event) -> None:
        await serve(app, listener, stop)

    return Unit(None, (stoppable(answer),))
