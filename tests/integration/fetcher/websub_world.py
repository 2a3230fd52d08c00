"""Everything that WebSub needs, real: a publisher, a hub, the fetcher, the api on HTTP, and Valkey between them."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from redis.asyncio import Redis

from schemas.article import Article
from schemas.feed import Feed
from schemas.streams import ARTICLES
from services.api.app import build_app
from services.domain.feeds.normalize import Reading, read_feed
from services.domain.feeds.schedule import DueReason
from services.domain.feeds.websub import Status, Subscription
from services.fetcher.agent import FeedLoop
from services.fetcher.client import FeedClient
from services.fetcher.handler import FeedPoller, Reader
from services.fetcher.hub_client import HubClient
from services.fetcher.moves import host_of
from services.fetcher.policy import FetchPolicy
from services.fetcher.store import ValkeyFeedStore
from services.fetcher.transport import GuardedTransport
from services.fetcher.websub import WebSubSubscriber
from services.fetcher.websub_store import ValkeyWebSubStore
from services.runtime.valkey import ping
from tests.fakes import RecordingPublisher
from tests.integration.fetcher.hub import LoopbackHub, on_loopback, run_hub
from tests.integration.fetcher.server import FeedServer, Reply, rss

POLICY = FetchPolicy(allow_private=True, timeout_seconds=5.0, user_agent="Redline/test")
MAX_BODY = 64 * 1024


class MovableClock:
    """The time of day, plus what a test adds to it."""

    def __init__(self) -> None:
        self.ahead = timedelta()

    def now(self) -> datetime:
        return datetime.now(UTC) + self.ahead


class InlineReader:
    """Reads where it is called: no test here sends what hangs."""

    async def read(self, body: bytes, *, content_type: str | None, base_url: str | None) -> Reading:
        return read_feed(body, content_type=content_type, base_url=base_url)


@dataclass
class World:
    server: FeedServer
    valkey: Redis
    hub: LoopbackHub
    publisher: RecordingPublisher = field(default_factory=RecordingPublisher)
    clock: MovableClock = field(default_factory=MovableClock)
    callback_base: str = ""

    def __post_init__(self) -> None:
        self.feeds, self.store = ValkeyFeedStore(self.valkey), ValkeyWebSubStore(self.valkey)

    def publish(self, *items: str, path: str = "/one.xml", hubs: tuple[str, ...] | None = None, topic: str = "") -> str:
        """Serve these items as a feed that names its hubs and itself in its Link header; return its address."""
        url = self.server.url(path)
        links = [f'<{hub}>; rel="hub"' for hub in ((self.hub.url,) if hubs is None else hubs)]
        headers: dict[str, str | bytes] = {"Link": ", ".join([*links, f'<{topic or url}>; rel="self"'])}
        self.server.pages[path] = Reply(body=rss(*items), headers=headers)
        return url

    def feed(self, path: str = "/one.xml", **options: Any) -> Feed:
        return Feed(id="one", url=self.server.url(path), outlet="Example Times", **options)

    def titles(self) -> list[str]:
        return [article.title for article in self.articles()]

    def articles(self) -> list[Article]:
        return self.publisher.on(ARTICLES)

    async def subscription(self) -> Subscription | None:
        return await self.store.subscription("one")

    async def subscribed(self) -> Subscription:
        """Wait until the hub has verified; return the subscription."""
        await self.until_status(Status.VERIFIED)
        found = await self.subscription()
        assert found is not None
        # Our answer is on its way to the hub.
        await until(lambda: found.credentials.callback_url in self.hub.held or found.hub != self.hub.url)
        return found

    async def until_status(self, status: Status | None) -> None:
        async def reached() -> bool:
            found = await self.subscription()
            return (found.status if found else None) is status

        await until_true(reached)

    @asynccontextmanager
    async def api(self) -> AsyncIterator[str]:
        app = build_app(
            callbacks=self.store, ready=lambda: ping(self.valkey), clock=self.clock, max_body_bytes=MAX_BODY
        )
        async with on_loopback(app) as url:
            self.callback_base = url
            yield url

    def hub_client(self) -> HubClient:
        return HubClient(POLICY, self.clock, GuardedTransport.of(POLICY))

    def poller(self, client: Any, reader: Reader, *, websub: bool = True) -> FeedPoller:
        return FeedPoller(
            client=client,
            reader=reader,
            store=self.feeds,
            publisher=self.publisher,
            clock=self.clock,
            policy=POLICY.schedule,
            pushes=self.store if websub else None,
        )

    @asynccontextmanager
    async def fetcher(self, *feeds: Feed, websub: bool = True) -> AsyncIterator[FeedLoop]:
        stop, client, hubs = asyncio.Event(), FeedClient(POLICY, self.clock), self.hub_client()
        subscriber = WebSubSubscriber(
            store=self.store,
            feeds=self.feeds,
            hubs=hubs,
            clock=self.clock,
            callback_base=self.callback_base if websub else None,
        )
        loop = FeedLoop(
            feeds,
            store=self.feeds,
            poller=self.poller(client, InlineReader(), websub=websub),
            clock=self.clock,
            on_followed=subscriber.follow,
        )
        running = [asyncio.create_task(each.run(stop)) for each in (loop, subscriber)]
        try:
            yield loop
        finally:
            stop.set()
            await asyncio.gather(*running)
            await client.aclose()
            await hubs.aclose()


@asynccontextmanager
async def world(server: FeedServer, valkey: Redis) -> AsyncIterator[World]:
    """Give a world whose api runs; the fetcher is the test's to start."""
    async with run_hub() as hub:
        made = World(server, valkey, hub)
        async with made.api():
            yield made


async def until(condition: Callable[[], object], seconds: float = 10.0) -> None:
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.01)


async def until_true(condition: Callable[[], Any], seconds: float = 10.0) -> None:
    async with asyncio.timeout(seconds):
        while not await condition():
            await asyncio.sleep(0.01)


async def due_in(w: World) -> tuple[timedelta, DueReason]:
    """Return how long the feed has until its next poll, and why."""
    state = await w.feeds.state("one")
    assert state is not None
    assert state.due_at is not None
    assert state.due_reason is not None
    return state.due_at - w.clock.now(), state.due_reason


async def polled(w: World, times: int) -> None:
    """Wait until the feed was asked this often, and the last poll recorded."""
    lease = f"redline:host:{{{host_of(w.feed().url)}}}:lease"

    async def recorded() -> bool:
        is_asked = len(w.server.requests) >= times  # before the lease is looked at, which begins before the request
        return is_asked and not await w.valkey.exists(lease)

    await until_true(recorded)


async def poll_now(w: World, times: int) -> None:
    await w.feeds.hasten("one", w.clock.now())
    await polled(w, times)
