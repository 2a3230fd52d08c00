"""What a channel is: it sends one notification once and says what happened. It never retries and never sleeps."""

from dataclasses import dataclass
from typing import Protocol, TypeAlias

from schemas.notification import Notification

# How often a message that may have arrived is repeated where nobody recognises the repeat; a relay that answers every
# message too late would otherwise deliver it for a day.
BLIND_REPEATS = 2


@dataclass(frozen=True)
class Sent:
    """The other side took the message. `external_ref` is its own id for it; `note` says what was left out."""

    external_ref: str | None = None
    note: str = ""


@dataclass(frozen=True)
class RetryAfter:
    """The message did not arrive and may later; `seconds` is what the other side asked the whole channel to wait."""

    reason: str
    seconds: float | None = None


@dataclass(frozen=True)
class Refused:
    """The message did not arrive and never will as it is."""

    reason: str


@dataclass(frozen=True)
class Unknown:
    """The message may have arrived: it was written, and no answer came. `final` if it must not be sent again."""

    reason: str
    final: bool = False


SendResult: TypeAlias = Sent | RetryAfter | Refused | Unknown


@dataclass(frozen=True)
class Attempt:
    """Which attempt this is, from 1; `doubtful` if an earlier one may have arrived.

    `repeats` counts those that may have, since the message was last queued.
    `thread_ref` is the external ref of the message that began the thread on this channel, where it was sent.
    """

    number: int = 1
    doubtful: bool = False
    thread_ref: str | None = None
    repeats: int = 0


FIRST_ATTEMPT = Attempt()


class Channel(Protocol):
    """One way to tell one receiver."""

    @property
    def name(self) -> str:
        """Name of the channel, unique within its receiver."""
        ...

    async def send(
        self, notification: Notification, idempotency_key: str, attempt: Attempt = FIRST_ATTEMPT
    ) -> SendResult:
        """Send the notification once. The same key means the same message, also after a restart."""
        ...

    async def aclose(self) -> None:
        """Let go of connections."""
        ...
