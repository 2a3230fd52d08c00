"""The alerter, assembled; and delivery for those who have no alerter."""

import asyncio
import io
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from schemas.alert import Alert
from schemas.base import StreamContract
from schemas.delivery import Delivery, Outcome
from schemas.streams import Stream
from services.alerter import agent as alerter_agent
from services.alerter.dispatcher import Dispatcher
from services.alerter.handler import AlerterHandler
from services.alerter.ledger import ValkeyDeliveryLedger
from services.bootstrap.state import EMBEDDED_OWNER, broker_config, open_valkey, owner_name
from services.bootstrap.world import Unit, World, provisioned_by_files
from services.ports import Publisher
from services.runtime.apps import create_app
from services.runtime.dead_letters import DeadLetters
from services.runtime.faults import RuntimeFaultError
from services.runtime.publisher import StreamPublisher
from services.settings import LoadedSettings


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


async def build_alerter(world: World) -> Unit:
    """The service that sends alerts."""
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
