"""What the alerter counts, beside what every service does; see docs/operations.md for what to watch."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from prometheus_client import Counter, Gauge, Histogram

from alerts.delivery import Lane
from schemas.notification import Notification
from schemas.trace import Stage, TraceStep

SUPPRESSIONS = frozenset({Stage.SILENCED, Stage.INHIBITED, Stage.REPEATED, Stage.REACHES_NOBODY})

MESSAGES = Counter("redline_notifications_total", "Messages decided on.", ("receiver", "kind"))
TOLD = Counter("redline_alerts_told_total", "Alerts that these messages tell, digests included.", ("receiver",))
SUPPRESSED = Counter("redline_alerts_suppressed_total", "Alerts that are never told, by the reason.", ("reason",))
DIGEST_WAITING = Gauge("redline_digest_items_waiting", "Lines that wait for the receiver's digest.", ("receiver",))
DELIVERIES = Counter("redline_delivery_attempts_total", "Attempts at a delivery.", ("receiver", "channel", "outcome"))
TOLD_AFTER = Histogram(
    "redline_delivery_seconds",
    "From the decision to tell until the other side had taken the message.",
    buckets=(0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800, 7200, 86400),
)
WAITING = Gauge("redline_deliveries_waiting", "Deliveries that wait in a lane.", ("receiver", "channel"))
OLDEST = Gauge("redline_delivery_oldest_seconds", "For how long the oldest unfinished delivery has waited.")


def count(notifications: Sequence[Notification], steps: Sequence[TraceStep]) -> None:
    """Count what was decided, once it is durable."""
    for notification in notifications:
        MESSAGES.labels(notification.receiver, notification.kind.value).inc()
        TOLD.labels(notification.receiver).inc(len(notification.alert_ids))
    for step in steps:
        if step.stage in SUPPRESSIONS:
            SUPPRESSED.labels(step.stage.value).inc()


def show_queue(waiting: Mapping[Lane, int], oldest_at: datetime | None, now: datetime) -> None:
    """Show what waits at this moment; lanes with nothing waiting vanish."""
    WAITING.clear()
    for lane, number in waiting.items():
        WAITING.labels(*lane).set(number)
    OLDEST.set((now - oldest_at).total_seconds() if oldest_at else 0)
