"""Metrics: what every service counts alike, and where Prometheus reads it.

A service's own metrics are defined beside its handler; all are in prometheus_client's default registry, so that one
page shows a process whole. Names follow Prometheus: `redline_` first, the unit last, `_total` for counters.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from prometheus_client import Counter, Histogram, start_http_server

from services.runtime.faults import RuntimeFaultError

SETTLED = Counter("redline_messages_total", "Messages of a stream that were dealt with.", ("service", "stream"))
DEAD_LETTERS = Counter(
    "redline_dead_letters_total", "Those of them that became dead letters.", ("service", "stream", "reason")
)
HANDLING = Histogram(
    "redline_message_seconds",
    "Time to handle one message, waiting for what it depends on included.",
    ("service", "stream"),
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30),
)


class MetricsPortError(RuntimeFaultError):
    """The port for metrics cannot be opened."""


@asynccontextmanager
async def metrics_shown(host: str, port: int | None) -> AsyncIterator[int | None]:
    """Show this process's metrics at http://host:port/metrics while the block runs; without a port, nowhere.

    Yields the port. Served by a thread of its own, so that a busy loop can still be looked into.
    """
    if port is None:
        yield None
        return
    try:
        server, thread = start_http_server(port, host)
    except OSError as error:
        raise MetricsPortError(
            f"metrics cannot be shown at {host}:{port}: {error.strerror or error}. "
            "Stop what uses that address, or set metrics.host and metrics.port"
        ) from error
    try:
        yield int(server.server_address[1])
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
