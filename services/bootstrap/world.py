"""What services are built from, and what they are when they are built."""

import asyncio
import io
from collections.abc import Callable, Coroutine, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Protocol, TextIO

from pydantic import SecretStr
from redis.asyncio import Redis

from alerts.channels.assemble import OpenChannel, open_channels
from alerts.channels.email import Unsubscribed
from alerts.links import Links
from alerts.routing import Routes
from schemas.feed import Feed
from services.alerter.unsubscribed_store import ValkeyUnsubscribed
from services.outgoing import guarded_connect
from services.provisioning.catalogues import Watched, load_feeds, load_routes, load_watched
from services.runtime.apps import BrokerConfig, RedlineApp
from services.runtime.clock import SystemClock
from services.runtime.link_key import link_key
from services.runtime.worker import Background
from services.settings import LoadedSettings, Settings


class OpensChannels(Protocol):
    """Builds the channels of routes; without links and the list of those who unsubscribed, messages do without."""

    def __call__(
        self, routes: Routes, *, links: Links | None = None, unsubscribed: Unsubscribed | None = None
    ) -> tuple[OpenChannel, ...]:
        """Return the channels, ready to send."""


@dataclass(frozen=True)
class Provisioned:
    """Everything that files say, or that a caller such as the demo says in their place."""

    watched: Callable[[], Watched]
    feeds: Callable[[], tuple[Feed, ...]]
    channels: OpensChannels
    routes: Callable[[], Routes]
    secrets: Mapping[str, SecretStr] = field(default_factory=dict)


@dataclass(frozen=True)
class World:
    """What every service is built from. What a service opens while it is built is closed with `closing`."""

    settings: Settings
    provisioned: Provisioned
    valkey: Redis
    broker: BrokerConfig
    clock: SystemClock = field(default_factory=SystemClock)
    closing: AsyncExitStack = field(default_factory=AsyncExitStack)


@dataclass(frozen=True)
class Unit:
    """A service ready to run: its app, if it has to do with streams, and what runs beside it until the worker stops."""

    app: RedlineApp | None
    background: tuple[Background, ...] = ()


def provisioned_by_files(loaded: LoadedSettings, *, console_file: TextIO | None = None) -> Provisioned:
    """Return what the files of the settings say, each read when it is needed."""
    settings = loaded.settings
    return Provisioned(
        watched=lambda: load_watched(settings.topics, settings.actors),
        feeds=lambda: load_feeds(settings.feeds),
        routes=lambda: load_routes(settings.routes),
        secrets=loaded.secrets,
        channels=partial(open_channels, secrets=loaded.secrets, console_file=console_file, connect=guarded_connect()),
    )


async def channel_opener(world: World) -> Callable[[Routes], tuple[OpenChannel, ...]]:
    """Return what opens the channels of routes, with what they need of the world. Raises UnavailableError."""
    links = Links(world.settings.api.public_url, await link_key(world.valkey))
    return partial(world.provisioned.channels, links=links, unsubscribed=ValkeyUnsubscribed(world.valkey))


def provisioned_for_demo(settings: Settings, feeds: tuple[Feed, ...], routes: str, *, quiet: bool) -> Provisioned:
    """Return the seeds' topics with these feeds and routes (JSON); `quiet` prints no cards."""
    return Provisioned(
        watched=lambda: load_watched(settings.topics, settings.actors),
        feeds=lambda: feeds,
        routes=lambda: Routes.model_validate_json(routes),
        channels=partial(open_channels, secrets={}, console_file=io.StringIO() if quiet else None),
    )


def stoppable(run: Callable[..., Coroutine[Any, Any, None]], *arguments: float) -> Background:
    """Return work that, when it is cancelled, lets `run` come to its end instead of breaking into it.

    redis-py on Python 3.11 can swallow a cancellation; here none ever reaches it.
    """

    async def work() -> None:
        stop = asyncio.Event()
        running = asyncio.create_task(run(stop, *arguments))
        try:
            await asyncio.shield(running)
        finally:
            stop.set()
            await running

    return work
