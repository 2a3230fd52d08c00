"""The api service, assembled."""

import asyncio
from collections.abc import Sequence
from functools import partial

from starlette.routing import Route

from alerts.channels.http import Poster
from services.alerter.silence_store import ValkeySilences
from services.alerter.unsubscribed_store import ValkeyUnsubscribed
from services.api.app import build_app
from services.api.position_page import PositionPages
from services.api.position_view import LadderTopic
from services.api.server import listen, serve
from services.api.silence_page import SilencePages
from services.api.slack_actions import SlackActions, SlackReplies
from services.api.unsubscribe import UnsubscribePages
from services.bootstrap.world import Unit, World, stoppable
from services.configuration import SLACK_SIGNING_SECRET
from services.fetcher.websub_store import ValkeyWebSubStore
from services.outgoing import guarded_connect
from services.provisioning.catalogues import Watched
from services.provisioning.following import FileFollower, fingerprint
from services.runtime import valkey as valkey_client
from services.runtime.link_key import link_key
from services.runtime.worker import Background
from services.tracker.position_store import ValkeyPositionStore


async def build_api(world: World) -> Unit:
    """The service that the world calls. Raises CannotListenError, and UnavailableError."""
    settings = world.settings
    listener = listen(settings.api.host, settings.api.port)
    world.closing.callback(listener.close)
    key = await link_key(world.valkey)
    leaving = UnsubscribePages(ValkeyUnsubscribed(world.valkey), key, world.clock)
    silencing = SilencePages(ValkeySilences(world.valkey), key, world.clock)
    looking, following = await position_pages(world, key)
    app = build_app(
        callbacks=ValkeyWebSubStore(world.valkey),
        ready=lambda: valkey_client.ping(world.valkey),
        clock=world.clock,
        max_body_bytes=settings.fetch.max_body_bytes,
        pages=(*leaving.routes(), *silencing.routes(), *looking, *slack_routes(world)),
    )

    async def answer(stop: asyncio.Event) -> None:
        await serve(app, listener, stop)

    return Unit(None, (stoppable(answer), *following))


async def position_pages(world: World, key: bytes) -> tuple[Sequence[Route], tuple[Background, ...]]:
    """Return the pages of positions, and what follows the topic files for them; nothing where no link leads here."""
    settings = world.settings
    if settings.api.public_url is None:
        return (), ()
    places = (settings.topics, settings.actors)
    since = fingerprint(*places)  # before they are read: a change in between must not go unnoticed
    ladders = LadderBook(await asyncio.to_thread(world.provisioned.watched))
    files = FileFollower(places, world.provisioned.watched, ladders.take_over, since)
    pages = PositionPages(ValkeyPositionStore(world.valkey), ladders.find, key, world.clock)
    return pages.routes(), (stoppable(files.run, settings.matching.reload_seconds),)


class LadderBook:
    """The watch topics that have a ladder, as files say now."""

    def __init__(self, watched: Watched) -> None:
        self._topics: dict[str, LadderTopic] = {}
        self.take_over(watched)

    def take_over(self, watched: Watched) -> None:
        """Forget what was known, and know this."""
        names = {actor.id: actor.name for actor in watched.gazetteer}
        self._topics = {
            topic.id: LadderTopic(topic.id, topic.title, watched.ladders[topic.id], names)
            for topic in watched.topics
            if topic.id in watched.ladders
        }

    def find(self, watch_topic: str) -> LadderTopic | None:
        """Return a topic, or None if it has no ladder."""
        return self._topics.get(watch_topic)


def slack_routes(world: World) -> Sequence[Route]:
    """Return what Slack calls when a reader presses a button; nothing without the secret that it signs with."""
    secret = world.provisioned.secrets.get(SLACK_SIGNING_SECRET)
    if secret is None or not secret.get_secret_value().strip():
        return ()
    replies = SlackReplies(Poster(connect=partial(guarded_connect(), allow_private=False)))
    world.closing.push_async_callback(replies.aclose)
    return SlackActions(ValkeySilences(world.valkey), secret, replies, world.clock).routes()
