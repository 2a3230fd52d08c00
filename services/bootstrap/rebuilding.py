"""Rebuilding what is kept, from the log, for commands that run beside the services."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime

from schemas.codec import DecodeError, decode
from schemas.match import Match
from schemas.streams import MATCHES
from services.bootstrap.state import broker_config, open_valkey
from services.coding import coder_for
from services.provisioning.catalogues import Watched
from services.runtime.apps import BrokerConfig
from services.runtime.archive import read_stream
from services.settings import LoadedSettings
from services.tracker.position_store import ValkeyPositionStore
from services.tracker.rebuilding import Rebuilt, rebuild


async def rebuild_positions(loaded: LoadedSettings, watched: Watched, watch_topic: str) -> Rebuilt:
    """Hear every match of a topic that the log holds again. Raises UnavailableError."""
    async with open_valkey(loaded.settings) as valkey:
        matches = _matches(broker_config(loaded.settings))
        coders = coder_for(loaded.settings.coding)
        return await rebuild(
            watch_topic, matches, watched, ValkeyPositionStore(valkey), datetime.now(UTC), coder_for=coders
        )


async def _matches(broker: BrokerConfig) -> AsyncIterator[Match]:
    async for message in read_stream(broker, MATCHES):
        try:
            yield decode(Match, message.value)
        except DecodeError:
            continue  # the tracker has made it a dead letter
