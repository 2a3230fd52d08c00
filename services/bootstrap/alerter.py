"""The alerter, assembled; and delivery for those who have no alerter."""

import asyncio
import io
import tempfile
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from redis.asyncio import Redis

from alerts.channels.assemble import OpenChannel, missing_secrets
from alerts.route_options import Routes
from schemas.alert import Alert
from schemas.base import StreamContract
from schemas.delivery import Delivery, Outcome
from schemas.streams import Stream
from services.alerter import agent as alerter_agent
from services.alerter.admission import Admission
from services.alerter.alert_store import ValkeyAlerts
from services.alerter.audience import Audience, CurrentAudience
from services.alerter.digest_flush import DigestFlush
from services.alerter.dispatcher import Dispatcher
from services.alerter.flusher import Flusher
from services.alerter.group_flush import Ground, GroupFlush
from services.alerter.group_store import ValkeyGroups
from services.alerter.handler import AlerterHandler
from services.alerter.inhibitor_store import ValkeyInhibitors
from services.alerter.ledger import ValkeyDeliveryLedger
from services.alerter.reloading import RouteReload
from services.alerter.silence_store import ValkeySilences
from services.alerter.surroundings import SurroundingsReader
from services.bootstrap.state import EMBEDDED_OWNER, broker_config, open_valkey, owner_name
from services.bootstrap.world import Unit, World, channel_opener, provisioned_by_files, stoppable
from services.plurals import counted
from services.ports import Clock, Publisher
from services.provisioning.faults import ConfigurationError, Fault
from services.provisioning.following import FileFollower, fingerprint
from services.runtime.apps import create_app
from services.runtime.dead_letters import DeadLetters
from services.runtime.faults import RuntimeFaultError
from services.runtime.publisher import StreamPublisher
from services.runtime.traces import ValkeyTraces
from services.settings import LoadedSettings

PATIENCE_SECONDS = 60.0  # for what a delivery without streams sends at its end


class UnsentError(RuntimeFaultError):
    """Alerts that were not delivered, and why."""

    def __init__(self, count: int, reasons: Iterable[str]) -> None:
        super().__init__(f"{count} deliveries did not succeed: {'; '.join(sorted(set(reasons)))}")


class _Outcomes:
    """A publisher that keeps the last outcome of every delivery, for a delivery that no stream carries."""

    def __init__(self) -> None:
        self._last: dict[str, Delivery] = {}

    async def publish(self, _: Stream[Any], value: StreamContract) -> None:
        """Note a delivery."""
        if isinstance(value, Delivery):
            self._last[value.idempotency_key] = value

    def sent(self) -> Counter[str]:
        """Return how many messages each channel has taken."""
        taken = (delivery for delivery in self._last.values() if delivery.outcome is Outcome.SENT)
        return Counter(f"{delivery.receiver}/{delivery.channel}" for delivery in taken)

    def check(self, unfinished: int) -> None:
        """Raise UnsentError unless everything was sent."""
        failed = [delivery for delivery in self._last.values() if delivery.outcome is not Outcome.SENT]
        if failed or unfinished:
            reasons = [f"{delivery.receiver}/{delivery.channel}: {delivery.reason}" for delivery in failed]
            raise UnsentError(max(len(failed), unfinished), reasons or ["they took too long"])


@dataclass
class IsolatedDelivery:
    """Delivery without streams. After it has ended, `sent` counts the messages that each channel took, and `left` says
    what was not told because it waits for its time.
    """

    handle: Callable[[Alert], Awaitable[None]]
    sent: Counter[str] = field(default_factory=Counter)
    left: str | None = None


@asynccontextmanager
async def isolated_delivery(
    loaded: LoadedSettings,
    *,
    patience_seconds: float = PATIENCE_SECONDS,
    on_wait: Callable[[int], None] = lambda _: None,
) -> AsyncIterator[IsolatedDelivery]:
    """Deliver alerts to the configured receivers with a ledger of its own; consoles print nothing.

    Waits at the end until all that is due within the patience is sent. What waits longer, for a group's interval, the
    end of a mute time or a digest, is counted in `left` instead; while it waits, `on_wait` gets the number of messages
    under way. Raises UnsentError for what is refused, or not sent within the time.
    """
    outcomes = _Outcomes()
    with tempfile.TemporaryDirectory(prefix="redline-replay-") as folder:
        # Links would be signed with a key that goes with the folder.
        no_links = loaded.settings.api.model_copy(update={"public_url": None})
        state = loaded.settings.model_copy(update={"data_dir": Path(folder), "redis_url": None, "api": no_links})
        provisioned = provisioned_by_files(loaded, console_file=io.StringIO())
        async with open_valkey(state) as valkey:
            world = World(state, provisioned, valkey, broker_config(loaded.settings))
            parts = await parts_of(world, outcomes, EMBEDDED_OWNER)
            await parts.dispatcher.start()
            isolated = IsolatedDelivery(parts.handler.handle)
            try:
                yield isolated
                deadline = world.clock.now() + timedelta(seconds=patience_seconds)
                unfinished = await _finish(parts, world.clock, deadline, on_wait)
                isolated.left = await _what_is_left(parts)
            finally:
                await parts.dispatcher.stop()  # which also publishes the last outcomes
                isolated.sent = outcomes.sent()
    outcomes.check(unfinished)


async def _finish(parts: "AlerterParts", clock: Clock, deadline: datetime, on_wait: Callable[[int], None]) -> int:
    """Wait until all that is due before the deadline is sent; return how many deliveries are not, by then."""
    while True:
        await parts.flusher.turn()
        unfinished, due_at = await parts.ledger.unfinished(), await parts.groups.next_due_at()
        if clock.now() > deadline or not (unfinished or (due_at and due_at <= deadline)):
            return unfinished
        on_wait(unfinished)
        await asyncio.sleep(0.1)


async def _what_is_left(parts: "AlerterParts") -> str | None:
    alerts = 0
    for key in await parts.groups.waiting_groups():
        held = await parts.groups.load(key)
        alerts += len(held.group.pending) if held.group else 0
    lines = sum(count for count, _ in (await parts.groups.digests()).values())
    told = [
        *([f"{counted(alerts, 'alert')} for the next message of a group"] if alerts else []),
        *([f"{counted(lines, 'line')} for a digest"] if lines else []),
    ]
    return f"not sent, for it waits for its time: {' and '.join(told)}" if told else None


@dataclass(frozen=True)
class AlerterParts:
    """An alerter: `handler` takes alerts, `flusher` tells what is due, `dispatcher` sends; `reload` changes routes."""

    handler: AlerterHandler
    flusher: Flusher
    dispatcher: Dispatcher
    reload: RouteReload
    ledger: ValkeyDeliveryLedger
    groups: ValkeyGroups


def build_parts(
    valkey: Redis,
    routes: Routes,
    open_channels: Callable[[Routes], tuple[OpenChannel, ...]],
    *,
    publisher: Publisher,
    clock: Clock,
    owner: str,
    namespace: str = "redline",
) -> AlerterParts:
    """Build an alerter on these routes; nothing runs yet."""
    channels = open_channels(routes)
    current = CurrentAudience(Audience(routes, channels))
    ledger = ValkeyDeliveryLedger(valkey, namespace=namespace)
    alerts = ValkeyAlerts(valkey, namespace=namespace)
    groups = ValkeyGroups(valkey, namespace=namespace)
    inhibitors = ValkeyInhibitors(valkey, namespace=namespace)
    silences = ValkeySilences(valkey, namespace=namespace)
    dispatcher = Dispatcher(channels, ledger=ledger, publisher=publisher, clock=clock, owner=owner)
    around = SurroundingsReader(valkey, silences=silences, namespace=namespace)
    traces = ValkeyTraces(valkey, namespace=namespace)
    admission = Admission(audience=current, groups=groups, traces=traces, clock=clock)
    ground = Ground(current, alerts, groups, admission, clock, dispatcher.wake)
    group_flush = GroupFlush(ground, around)
    flusher = Flusher(groups=groups, group_flush=group_flush, digest_flush=DigestFlush(ground), clock=clock)
    handler = AlerterHandler(
        audience=current,
        alerts=alerts,
        inhibitors=inhibitors,
        admission=admission,
        group_flush=group_flush,
        clock=clock,
    )
    reload = RouteReload(open_channels=open_channels, current=current, dispatcher=dispatcher, flusher=flusher)
    return AlerterParts(handler, flusher, dispatcher, reload, ledger, groups)


async def parts_of(world: World, publisher: Publisher, owner: str) -> AlerterParts:
    """Build the alerter of this world. Raises UnavailableError."""
    opens = await channel_opener(world)
    routes = world.provisioned.routes()
    return build_parts(world.valkey, routes, opens, publisher=publisher, clock=world.clock, owner=owner)


async def build_alerter(world: World) -> Unit:
    """The service that sends alerts."""
    app = create_app("alerter", world.broker)
    publisher = StreamPublisher(app)
    places = (world.settings.routes,)
    since = fingerprint(*places)  # before they are read: a change in between must not go unnoticed
    parts = await parts_of(world, publisher, owner_name(world.settings))
    alerter_agent.install(app, parts.handler, DeadLetters(publisher, "alerter", world.clock))

    async def dispatch() -> None:
        await parts.dispatcher.start()
        try:
            await parts.dispatcher.watch()
        finally:
            await parts.dispatcher.stop()

    files = FileFollower(places, lambda: _usable_routes(world), parts.reload.take_over, since)
    interval = world.settings.matching.reload_seconds
    return Unit(app, (dispatch, stoppable(parts.flusher.run), stoppable(files.run, interval)))


def _usable_routes(world: World) -> Routes:
    """Read the routes. Raises ConfigurationError, also where a secret that they need is not set."""
    routes = world.provisioned.routes()
    if unset := missing_secrets(routes, world.provisioned.secrets):
        raise ConfigurationError(Fault(str(world.settings.routes), line) for line in unset)
    return routes
