"""Who has unsubscribed, in Valkey/Redis: `unsubscribed`, a hash from receiver and address to when and how, as JSON.

Kept for good: somebody who wants no mail has said so once and for all, until they say otherwise.
"""

import json
from dataclasses import dataclass
from datetime import datetime

from redis.asyncio import Redis

from alerts.channels.email import UnsubscribedUnavailableError
from services.alerter.faults import translated
from services.runtime.faults import UnavailableError


class UnsubscribedStoreUnavailableError(UnsubscribedUnavailableError, UnavailableError):
    """The store cannot be reached, or takes no writes now: full, read-only, or loading."""


@dataclass(frozen=True)
class Left:
    """One who left a receiver: at which address, by a mail of which channel, and when."""

    receiver: str
    address: str
    channel: str
    at: datetime


class ValkeyUnsubscribed:
    """Keeps who left which receiver. Addresses differ neither by case nor by what stands around them.

    Every method raises UnsubscribedStoreUnavailableError.
    """

    def __init__(self, client: Redis, *, namespace: str = "redline") -> None:
        self._client = client
        self._name = f"{namespace}:unsubscribed"

    async def unsubscribe(self, receiver: str, address: str, channel: str, now: datetime) -> datetime:
        """Note that this address wants no more of this receiver; return since when, which the first time decides."""
        said = json.dumps({"at": now.isoformat(), "channel": channel})
        with translated(UnsubscribedStoreUnavailableError):
            await self._client.hsetnx(self._name, _field(receiver, address), said)
        return await self.unsubscribed_at(receiver, address) or now

    async def subscribe_again(self, receiver: str, address: str) -> bool:
        """Forget that this address left; False if it had not."""
        with translated(UnsubscribedStoreUnavailableError):
            return bool(await self._client.hdel(self._name, _field(receiver, address)))

    async def all(self) -> tuple[Left, ...]:
        """Return who has left, by receiver and address."""
        with translated(UnsubscribedStoreUnavailableError):
            said = await self._client.hgetall(self._name)
        left = (_left(name, how) for name, how in said.items())
        return tuple(sorted(left, key=lambda one: (one.receiver, one.address)))

    async def unsubscribed_at(self, receiver: str, address: str) -> datetime | None:
        """Return when this address left this receiver, or None."""
        with translated(UnsubscribedStoreUnavailableError):
            said = await self._client.hget(self._name, _field(receiver, address))
        return datetime.fromisoformat(json.loads(said)["at"]) if said else None


def _field(receiver: str, address: str) -> str:
    # The name of a receiver holds no slash.
    return f"{receiver}/{address.strip().casefold()}"


def _left(name: bytes | str, said: bytes | str) -> Left:
    receiver, _, address = (name if isinstance(name, str) else name.decode()).partition("/")
    how = json.loads(said)
    return Left(receiver, address, how["channel"], datetime.fromisoformat(how["at"]))
