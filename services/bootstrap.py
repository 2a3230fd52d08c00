"""The composition root: the only place where real adapters are built and handed to the services."""

import asyncio
import gc
import io
import os
import socket
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TextIO

from pydantic import SecretStr
from redis.asyncio import Redis

from alerts.channels.assemble import OpenChannel, open_channels
from alerts.routing import Routes
from schemas.alert import Alert
from schemas.base import StreamContract
from schemas.delivery import Delivery, Outcome
from schemas.feed import Feed
from schemas.streams import Stream
from services.alerter import agent as alerter_agent
from services.alerter.dispatcher import Dispatcher
from services.alerter.handler import AlerterHandler
from services.alerter.ledger import ValkeyDeliveryLedger
from services.api.app import build_app
from services.api.server import listen, serve
from services.fetcher.agent import FeedLoop
from services.fetcher.client import FeedClient
from services.fetcher.handler import FeedPoller
from services.fetcher.hub_client import HubClient
from services.fetcher.parse_pool import ParsePool
from services.fetcher.store import ValkeyFeedStore
from services.fetcher.transport import GuardedTransport
from services.fetcher.websub import WebSubSubscriber
from services.fetcher.websub_store import ValkeyWebSubStore
from services.matcher import agent as matcher_agent
from services.matcher.following import RuleFollower
from services.matcher.handler import MatcherHandler
from services.matcher.rule_store import ValkeyRuleStore
from services.matcher.watchlist import Watchlist
from services.outgoing import fetch_policy, guarded_connect
from services.ports import Publisher
from services.provisioning.catalogues import Watched, load_feeds, load_routes, load_watched
from services.provisioning.following import FileFollower, fingerprint
from services.runtime import valkey as valkey_client
from services.runtime.apps import BrokerConfig, RedlineApp, create_app
from services.runtime.clock import SystemClock
from services.runtime.dead_letters import DeadLetters
from services.runtime.embedded_valkey import Durability, EmbeddedValkey
from services.runtime.faults import RuntimeFaultError, WorkerCrashedError
from services.runtime.kafka import check_broker
from services.runtime.metrics import metrics_shown
from services.runtime.publisher import StreamPublisher
from services.runtime.worker import Background, OnReady, run_worker
from services.settings import LoadedSettings, Settings
from services.tracker import agent as tracker_agent
from services.tracker.handler import TrackerHandler


class UnsentError(RuntimeFaultError):
    """Alerts that were not delivered, and why."""

    def __init__(self, count: int, reasons: Iterable[str]) -> None:
        super().__init__(f"{count} deliveries did not succeed: {'; '.join(sorted(set(reasons)))}")


EMBEDDED_OWNER = "embedded"  # one process owns the embedded log, so its name is the same after a restart


@dataclass(frozen=True)
class Provisioned:
    """Everything that files say, or that a caller such as the demo says in their place."""

    watched: Callable[[], Watched]
    feeds: Callable[[], tuple[Feed, ...]]
    channels: Callable[[Routes], tuple[OpenChannel, ...]]
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
        channels=lambda routes: open_channels(
            routes, loaded.secrets, console_file=console_file, connect=guarded_connect()
        ),
    )


def provisioned_for_demo(settings: Settings, feeds: tuple[Feed, ...], routes: str, *, quiet: bool) -> Provisioned:
    """Return the seeds' topics with these feeds and routes (JSON); `quiet` prints no cards."""
    return Provisioned(
        watched=lambda: load_watched(settings.topics, settings.actors),
        feeds=lambda: feeds,
        routes=lambda: Routes.model_validate_json(routes),
        channels=lambda parsed: open_channels(parsed, {}, console_file=io.StringIO() if quiet else None),
    )


async def run_services(
    loaded: LoadedSettings,
    names: Sequence[str],
    *,
    on_ready: OnReady | None = None,
    stop: asyncio.Event | None = None,
    provisioned: Provisioned | None = None,
    extra: Callable[[World], Unit] | None = None,
) -> None:
    """Run these services in this process until `stop` is set or a signal arrives.

    `extra` adds one more unit. Raises ConfigurationError, RuntimeFaultError.
    """
    settings = loaded.settings
    if not settings.embedded_broker and set(names) - STREAMLESS:
        await check_broker(settings.log_url)
    async with (
        AsyncExitStack() as closing,
        metrics_shown(settings.metrics.host, settings.metrics.port),
        open_state(settings) as (valkey, crashed),
    ):
        sources = provisioned or provisioned_by_files(loaded)
        world = World(settings, sources, valkey, broker_config(settings), closing=closing)
        units = [await BUILDERS[name](world) for name in names]
        if extra is not None:
            units.append(extra(world))
        await run_worker(
            [unit.app for unit in units if unit.app is not None],
            stop=stop or asyncio.Event(),
            on_ready=on_ready,
            background=[*(work for unit in units for work in unit.background), crashed],
        )


@asynccontextmanager
async def open_state(settings: Settings) -> AsyncIterator[tuple[Redis, Background]]:
    """Connect to the state store, starting the embedded one where none is set; also what ends when it crashes."""
    if settings.redis_url is not None:
        await valkey_client.check(settings.redis_url)
        client = valkey_client.connect(settings.redis_url)
        try:
            yield client, _never
        finally:
            await client.aclose()
        return
    async with EmbeddedValkey(settings.data_dir, durability=valkey_durability(settings)) as server:

        async def crashed() -> None:
            raise WorkerCrashedError("the embedded Valkey", RuntimeError(await server.wait_crashed()))

        client = valkey_client.connect(server.url)
        try:
            yield client, crashed
        finally:
            await client.aclose()


async def _never() -> None:
    """A server that is not ours does not end with us; commands that fail are tried again."""
    await asyncio.Event().wait()


@asynccontextmanager
async def open_valkey(settings: Settings) -> AsyncIterator[Redis]:
    """Connect to the state store for a command that does not run services."""
    async with open_state(settings) as (client, _):
        yield client


def has_state(settings: Settings) -> bool:
    """Whether there is a state store already, so that a command that only reads need not create one."""
    return settings.redis_url is not None or (settings.data_dir / "valkey").is_dir()


def broker_config(settings: Settings) -> BrokerConfig:
    """Return where the streams are."""
    return BrokerConfig(
        settings.log_url,
        synchronous=settings.durability,
        replication_factor=settings.kafka.replication_factor,
        min_insync_replicas=settings.kafka.min_insync_replicas,
    )


def valkey_durability(settings: Settings) -> Durability:
    """Return what an acknowledged write to the embedded Valkey survives."""
    return Durability.ALWAYS if settings.durability == "full" else Durability.EVERY_SECOND


def owner_name(settings: Settings) -> str:
    """Return the name under which this process holds leases."""
    if settings.instance:
        return settings.instance
    return EMBEDDED_OWNER if settings.embedded_broker else f"{socket.gethostname()}-{os.getpid()}"


class _Outcomes:
    """A publisher that keeps the last outcome of every delivery, for a delivery that no stream carries."""

    def __init__(self) -> None:
        self._last: dict[str, Delivery] = {}

    async def publish(self, _: Stream[Any], value: StreamContract) -> None:
        """Note a delivery."""
        if isinstance(value, Delivery):
            self._last[value.idempotency_key] = value

    def check(self, unfinished: int) -> None:
        """Raise UnsentError unless everything was sent."""
        failed = [delivery for delivery in self._last.values() if delivery.outcome is not Outcome.SENT]
        if failed or unfinished:
            reasons = [f"{delivery.receiver}/{delivery.channel}: {delivery.reason}" for delivery in failed]
            raise UnsentError(max(len(failed), unfinished), reasons or ["they took too long"])


@asynccontextmanager
async def isolated_delivery(
    loaded: LoadedSettings, *, patience_seconds: float = 60.0
) -> AsyncIterator[Callable[[Alert], Awaitable[None]]]:
    """Deliver alerts to the configured receivers with a ledger of its own; consoles print nothing.

    Waits at the end until all are sent. Raises UnsentError for those that are refused, or not sent within the time.
    """
    outcomes = _Outcomes()
    with tempfile.TemporaryDirectory(prefix="redline-replay-") as folder:
        state = loaded.settings.model_copy(update={"data_dir": Path(folder), "redis_url": None})
        provisioned = provisioned_by_files(loaded, console_file=io.StringIO())
        async with open_valkey(state) as valkey:
            world = World(loaded.settings, provisioned, valkey, broker_config(loaded.settings))
            dispatcher, handler, ledger = _delivery(world, outcomes, EMBEDDED_OWNER)
            await dispatcher.start()
            try:
                yield handler.handle
                deadline = time.monotonic() + patience_seconds
                while True:
                    unfinished = await ledger.unfinished()
                    if not unfinished or time.monotonic() > deadline:
                        break
                    await asyncio.sleep(0.1)
            finally:
                await dispatcher.stop()  # which also publishes the last outcomes
    outcomes.check(unfinished)


def _delivery(
    world: World, publisher: Publisher, owner: str
) -> tuple[Dispatcher, AlerterHandler, ValkeyDeliveryLedger]:
    routes = world.provisioned.routes()
    ledger = ValkeyDeliveryLedger(world.valkey)
    channels = world.provisioned.channels(routes)
    dispatcher = Dispatcher(channels, ledger=ledger, publisher=publisher, clock=world.clock, owner=owner)
    lanes, wake = dispatcher.lanes, dispatcher.wake
    return dispatcher, AlerterHandler(routes=routes, lanes=lanes, ledger=ledger, clock=world.clock, wake=wake), ledger


async def _fetcher(world: World) -> Unit:
    app = create_app("fetcher", world.broker, producer_only=True)
    policy = fetch_policy(world.settings.fetch)
    client = FeedClient(policy, world.clock)
    pool = ParsePool(workers=policy.parse_workers, seconds=policy.parse_seconds)
    store = ValkeyFeedStore(world.valkey)
    callback = world.settings.fetch.websub_callback
    subscriptions = ValkeyWebSubStore(world.valkey)
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
    )
    hubs = HubClient(policy, world.clock, GuardedTransport.of(policy))
    subscriber = WebSubSubscriber(
        store=subscriptions, feeds=store, hubs=hubs, clock=world.clock, callback_base=callback
    )
    places = (world.settings.feeds,)
    since = fingerprint(*places)
    feeds = world.provisioned.feeds()
    loop = FeedLoop(
        feeds,
        store=store,
        poller=poller,
        clock=world.clock,
        concurrency=policy.concurrency,
        on_followed=subscriber.follow,
    )

    files = FileFollower(places, world.provisioned.feeds, loop.follow, since)

    async def poll(stop: asyncio.Event) -> None:
        try:
            await loop.run(stop)
        finally:
            await client.aclose()
            await pool.aclose()

    async def subscribe(stop: asyncio.Event) -> None:
        try:
            await subscriber.run(stop)
        finally:
            await hubs.aclose()

    return Unit(
        app, (_stoppable(poll), _stoppable(subscribe), _stoppable(files.run, world.settings.matching.reload_seconds))
    )


async def _matcher(world: World) -> Unit:
    app = create_app("matcher", world.broker)
    publisher = StreamPublisher(app)
    settings = world.settings
    places = (settings.topics, settings.actors)
    since = fingerprint(*places)  # before they are read: a change in between must not go unnoticed
    provisioned = await asyncio.to_thread(world.provisioned.watched)
    watchlist = Watchlist(Watched((), provisioned.gazetteer))
    rules = RuleFollower(watchlist, ValkeyRuleStore(world.valkey), provisioned, on_loaded=_let_live)
    await rules.check()  # no article may be matched before the users' rules are known
    files = FileFollower(places, world.provisioned.watched, rules.provision, since)
    matcher_agent.install(app, MatcherHandler(watchlist, publisher), DeadLetters(publisher, "matcher", world.clock))
    interval = settings.matching.reload_seconds
    return Unit(app, tuple(_stoppable(follower.run, interval) for follower in (rules, files)))


def _let_live() -> None:
    """Keep what lives long, as rules do, out of all further collections, each of which would walk through it."""
    gc.unfreeze()  # the rules from before, if any, which may be garbage now
    gc.collect()
    gc.freeze()


async def _tracker(world: World) -> Unit:
    app = create_app("tracker", world.broker)
    publisher = StreamPublisher(app)
    handler = TrackerHandler(publisher, world.clock)
    tracker_agent.install(app, handler, DeadLetters(publisher, "tracker", world.clock))
    return Unit(app)


async def _alerter(world: World) -> Unit:
    app = create_app("alerter", world.broker)
    publisher = StreamPublisher(app)
    dispatcher, handler, _ = _delivery(world, publisher, owner_name(world.settings))
    alerter_agent.install(app, handler, DeadLetters(publisher, "alerter", world.clock))

    async def dispatch() -> None:
        await dispatcher.start()
        try:
            await dispatcher.watch()
        finally:
            await dispatcher.stop()

    return Unit(app, (dispatch,))


async def _api(world: World) -> Unit:
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

    return Unit(None, (_stoppable(answer),))


def _stoppable(run: Callable[..., Coroutine[Any, Any, None]], *arguments: float) -> Background:
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


BUILDERS = {"fetcher": _fetcher, "matcher": _matcher, "tracker": _tracker, "alerter": _alerter, "api": _api}
# These neither read nor write streams.
STREAMLESS = frozenset({"api"})
