"""The state store and the broker, as the settings say: connected to, or started here."""

import asyncio
import os
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from redis.asyncio import Redis

from services.runtime import valkey as valkey_client
from services.runtime.apps import BrokerConfig
from services.runtime.embedded_valkey import Durability, EmbeddedValkey
from services.runtime.faults import WorkerCrashedError
from services.runtime.worker import Background
from services.settings import Settings

EMBEDDED_OWNER = "embedded"  # one process owns the embedded log, so its name is the same after a restart


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
