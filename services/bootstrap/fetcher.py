"""The fetcher, assembled."""

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import timedelta
from typing import Any, Protocol, TypeAlias

from schemas.feed import Feed
from services.bootstrap.world import Unit, World, stoppable
from services.fetcher.agent import FeedLoop
from services.fetcher.client import FeedClient
from services.fetcher.handler import FeedPoller
from services.fetcher.hub_client import HubClient
from services.fetcher.pages import ACCEPT, ArticlePages, PageBudget
from services.fetcher.parse_pool import PagePool, ParsePool
from services.fetcher.policy import FetchPolicy
from services.fetcher.robots import Robots
from services.fetcher.store import FeedStore, ValkeyFeedStore
from services.fetcher.transport import GuardedTransport
from services.fetcher.websub import WebSubSubscriber
from services.fetcher.websub_store import ValkeyWebSubStore
from services.outgoing import fetch_policy
from services.provisioning.following import FileFollower, fingerprint
from services.runtime.apps import create_app
from services.runtime.publisher import StreamPublisher

_Run: TypeAlias = Callable[[asyncio.Event], Coroutine[Any, Any, None]]


class _Closable(Protocol):
    async def aclose(self) -> None: ...


async def build_fetcher(world: World) -> Unit:
    """The service that polls feeds, and what it needs beside: pages, hubs, the files it follows."""
    app = create_app("fetcher", world.broker, producer_only=True)
    policy = fetch_policy(world.settings.fetch)
    client = FeedClient(policy, world.clock)
    pool = ParsePool(workers=policy.parse_workers, seconds=policy.parse_seconds)
    pages = _article_pages(world, policy)
    hubs = HubClient(policy, world.clock, GuardedTransport.of(policy))
    store, subscriptions = ValkeyFeedStore(world.valkey), ValkeyWebSubStore(world.valkey)
    callback = world.settings.fetch.websub_callback
    subscriber = WebSubSubscriber(
        store=subscriptions, feeds=store, hubs=hubs, clock=world.clock, callback_base=callback
    )
    poller = FeedPoller(
        client=client,
        reader=pool,
        store=store,
        publisher=StreamPublisher(app),
        clock=world.clock,
        policy=policy.schedule,
        secrets=world.provisioned.secrets,
        move_after=world.settings.fetch.move_after,
        pushes=subscriptions if callback else None,
        pages=pages,
    )
    loop, files = _loop(world, store, poller, subscriber)
    poll, subscribe = _closing(loop.run, client, pool, pages), _closing(subscriber.run, hubs)
    return Unit(
        app, (stoppable(poll), stoppable(subscribe), stoppable(files.run, world.settings.matching.reload_seconds))
    )


def _closing(run: _Run, *used: _Closable) -> _Run:
    """Return what runs as this does, and closes what it used in the end."""

    async def run_and_close(stop: asyncio.Event) -> None:
        async with AsyncExitStack() as stack:
            for each in used:
                stack.push_async_callback(each.aclose)
            await run(stop)

    return run_and_close


def _loop(
    world: World, store: FeedStore, poller: FeedPoller, subscriber: WebSubSubscriber
) -> tuple[FeedLoop, FileFollower[tuple[Feed, ...]]]:
    """Return the loop, and what has it follow the files of feeds."""
    places = (world.settings.feeds,)
    since = fingerprint(*places)  # before they are read: a change in between must not go unnoticed
    loop = FeedLoop(
        world.provisioned.feeds(),
        store=store,
        poller=poller,
        clock=world.clock,
        concurrency=world.settings.fetch.concurrency,
        on_followed=subscriber.follow,
    )
    return loop, FileFollower(places, world.provisioned.feeds, loop.follow, since)


def _article_pages(world: World, policy: FetchPolicy) -> ArticlePages:
    fetch = world.settings.fetch
    client = FeedClient(replace(policy, max_body_bytes=fetch.max_page_bytes), world.clock, accept=ACCEPT)
    return ArticlePages(
        client=client,
        robots=Robots(client, world.clock),
        extractor=PagePool(seconds=policy.parse_seconds),
        clock=world.clock,
        budget=PageBudget(
            fetch.pages_per_poll,
            timedelta(seconds=fetch.pages_seconds),
            timedelta(seconds=fetch.page_delay_seconds),
        ),
    )
