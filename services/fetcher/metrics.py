"""What the fetcher counts, for Prometheus."""

from datetime import datetime

from prometheus_client import Counter, Histogram

from schemas.alert import Alert
from services.fetcher.history import PollOutcome

_POLLS = Counter("redline_feed_polls_total", "Polls of feeds, by what came of them.", ("outcome",))
_FAILURES = Counter("redline_feed_failures_total", "Polls that failed, by reason.", ("reason",))
_PUBLISHED = Counter("redline_articles_published_total", "Articles and revisions published.")
_HEALTH = Counter(
    "redline_feed_health_changes_total", "Feeds that broke, fell silent, moved, went or came back.", ("change",)
)
_SECONDS = Histogram(
    "redline_feed_poll_seconds",
    "Time of one poll, from request to record.",
    buckets=(0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60),
)
_LATENESS = Histogram(
    "redline_feed_poll_lateness_seconds",
    "How long after its time a poll began.",
    buckets=(0.05, 0.1, 0.25, 0.5, 1, 2, 5, 15, 60, 300),
)
_BY_OUTCOME = {outcome: _POLLS.labels(outcome.value) for outcome in PollOutcome}


def count_poll(outcome: PollOutcome, failure: str | None, published: int, seconds: float) -> None:
    """Count a poll that was recorded."""
    _BY_OUTCOME[outcome].inc()
    _SECONDS.observe(seconds)
    if failure is not None:
        _FAILURES.labels(failure).inc()
    if published:
        _PUBLISHED.inc(published)


def count_start(due_at: datetime | None, now: datetime) -> None:
    """Count how late a poll begins."""
    if due_at is not None:
        _LATENESS.observe(max((now - due_at).total_seconds(), 0.0))


def count_change(alert: Alert) -> None:
    """Count a change of a feed's health."""
    _HEALTH.labels(alert.labels["change"]).inc()
