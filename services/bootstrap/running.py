"""Services, run until they are told to stop."""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack

from services.bootstrap.alerter import build_alerter
from services.bootstrap.api import build_api
from services.bootstrap.fetcher import build_fetcher
from services.bootstrap.processors import build_matcher, build_tracker
from services.bootstrap.state import broker_config, open_state
from services.bootstrap.world import Provisioned, Unit, World, provisioned_by_files
from services.runtime.kafka import check_broker
from services.runtime.metrics import metrics_shown
from services.runtime.worker import OnReady, run_worker
from services.settings import LoadedSettings


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


BUILDERS = {
    "fetcher": build_fetcher,
    "matcher": build_matcher,
    "tracker": build_tracker,
    "alerter": build_alerter,
    "api": build_api,
}
# These neither read nor write streams.
STREAMLESS = frozenset({"api"})
