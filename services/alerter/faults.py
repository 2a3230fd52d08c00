"""What the alerter's stores raise."""

from collections.abc import Iterator
from contextlib import contextmanager

from redis.exceptions import RedisError

from alerts.delivery import LedgerUnavailableError
from services.runtime.faults import UnavailableError


class ValkeyLedgerUnavailableError(LedgerUnavailableError, UnavailableError):
    """The store cannot be reached, or takes no writes now: full, read-only, or loading."""


@contextmanager
def translated(to: type[UnavailableError] = ValkeyLedgerUnavailableError) -> Iterator[None]:
    """Raise what the store's client raises as `to`, whose message names the cause."""
    try:
        yield
    except (RedisError, OSError) as error:
        raise to(f"{type(error).__name__}: {error}") from error


class ContendedError(LedgerUnavailableError, UnavailableError):
    """Others changed the same thing again and again; nothing was done."""
