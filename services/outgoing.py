"""How requests leave this machine: what the settings say of it, and one guard for feeds and alerts alike."""

from datetime import timedelta

import httpx

from alerts.channels.http import Connect, DestinationRefusedError
from services.fetcher.guard import Guard, SystemResolver
from services.fetcher.policy import FetchPolicy
from services.fetcher.transport import GuardedTransport
from services.settings import FetchSettings

_HINT = "set allow_private: true on this channel in the routes file if that is intended"


def fetch_policy(fetch: FetchSettings) -> FetchPolicy:
    """Return how the fetcher behaves towards servers."""
    return FetchPolicy(
        contact=fetch.contact,
        concurrency=fetch.concurrency,
        timeout_seconds=fetch.timeout_seconds,
        max_body_bytes=fetch.max_body_bytes,
        allow_private=fetch.allow_private,
        min_interval=timedelta(seconds=fetch.min_interval_seconds),
        default_interval=timedelta(seconds=fetch.default_interval_seconds),
        max_interval=timedelta(seconds=fetch.max_interval_seconds),
        parse_workers=fetch.parse_workers,
        http2=fetch.http2,
        proxy=fetch.proxy,
    )


def guarded_connect() -> Connect:
    """Return what opens connections for channels: to public addresses only, where a channel does not allow more."""
    resolver = SystemResolver()

    def connect(*, allow_private: bool) -> httpx.AsyncBaseTransport:
        guard = Guard(allow_private=allow_private, resolver=resolver, refuse=DestinationRefusedError, hint=_HINT)
        return GuardedTransport(guard)

    return connect
