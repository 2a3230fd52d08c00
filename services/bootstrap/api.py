"""The api service, assembled."""

import asyncio
from collections.abc import Sequence
from functools import partial

from starlette.routing import Route

from alerts.channels.http import Poster
from services.alerter.silence_store import ValkeySilences
from services.alerter.unsubscribed_store import ValkeyUnsubscribed
from services.api.app import build_app
from services.api.server import listen, serve
from services.api.silence_page import SilencePages
from services.api.slack_actions import SlackActions, SlackReplies
from services.api.unsubscribe import UnsubscribePages
from services.bootstrap.world import Unit, World, stoppable
from services.configuration import SLACK_SIGNING_SECRET
from services.fetcher.websub_store import ValkeyWebSubStore
from services.outgoing import guarded_connect
from services.runtime import valkey as valkey_client
from services.runtime.link_key import link_key


async def build_api(world: World) -> Unit:
    """The service that the world calls. Raises CannotListenError, and UnavailableError."""
    settings = world.settings
    listener = listen(settings.api.host, settings.api.port)
    world.closing.callback(listener.close)
    key = await link_key(world.valkey)
    leaving = UnsubscribePages(ValkeyUnsubscribed(world.valkey), key, world.clock)
    silencing = SilencePages(ValkeySilences(world.valkey), key, world.clock)
    app = build_app(
        callbacks=ValkeyWebSubStore(world.valkey),
        ready=lambda: valkey_client.ping(world.valkey),
        clock=world.clock,
        max_body_bytes=settings.fetch.max_body_bytes,
        pages=(*leaving.routes(), *silencing.routes(), *slack_routes(world)),
    )

    async def answer(stop: asyncio.Event) -> None:
        await serve(app, listener, stop)

    return Unit(None, (stoppable(answer),))


def slack_routes(world: World) -> Sequence[Route]:
    """Return what Slack calls when a reader presses a button; nothing without the secret that it signs with."""
    secret = world.provisioned.secrets.get(SLACK_SIGNING_SECRET)
    if secret is None or not secret.get_secret_value().strip():
        return ()
    replies = SlackReplies(Poster(connect=partial(guarded_connect(), allow_private=False)))
    world.closing.push_async_callback(replies.aclose)
    return SlackActions(ValkeySilences(world.valkey), secret, replies, world.clock).routes()
