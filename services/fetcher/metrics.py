"""What the fetcher counts, beside what every service does; see docs/operations.md for what to watch."""

from prometheus_client import Counter, Gauge, Histogram

from services.fetcher.handler import PollReport

FOLLOWED = Gauge("redline_feeds_followed", "Feeds that this process follows, with others of its kind or alone.")
POLLS = Counter("redline_feed_polls_total", "Polls that were recorded.", ("outcome",))
FAILURES = Counter("redline_feed_failures_total", "Polls that failed.", ("reason",))
LOST = Counter("redline_feed_polls_lost_total", "Polls that could not be recorded, and so are repeated.")
PUBLISHED = Counter("redline_feed_articles_total", "Articles published: news, edits and back lists.")
HEALTH_CHANGES = Counter("redline_feed_health_changes_total", "Changes of feeds' health that were told.", ("change",))
LATENESS = Histogram(
    "redline_feed_poll_lateness_seconds",
    "How long after it was due a poll began, waiting for its host included.",
    buckets=(0.1, 0.25, 0.5, 1, 2, 5, 15, 60, 300, 3600),
)
POLLING = Histogram(
    "redline_feed_poll_seconds",
    "How long a poll took, from the request to the record.",
    buckets=(0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60),
)


def count(report: PollReport, seconds: float) -> None:
    """Count a poll that was recorded after so many seconds."""
    POLLS.labels(report.outcome.value).inc()
    POLLING.observe(seconds)
    if report.failure is not None:
        FAILURES.labels(report.failure.value).inc()
    if report.published:
        PUBLISHED.inc(report.published)
    for change in report.health_changes:
        HEALTH_CHANGES.labels(change).inc()
