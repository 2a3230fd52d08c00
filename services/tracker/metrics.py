"""What the tracker counts, beside what every service does; see docs/operations.md for what to watch."""

from collections.abc import Iterable

from prometheus_client import Counter

from schemas.alert import Alert
from schemas.claim import Claim

CLAIMS = Counter(
    "redline_claims_total",
    "Claims coded in matched articles; the eligible ones may move a position.",
    ("watch_topic", "eligible"),
)
SHIFTS = Counter("redline_shifts_told_total", "Shifts and corrections told.", ("watch_topic", "kind", "status"))


def count_claims(claims: Iterable[Claim]) -> None:
    """Count claims that are new, once they are kept."""
    for claim in claims:
        CLAIMS.labels(claim.watch_topic, "yes" if claim.eligible else "no").inc()


def count_told(alerts: Iterable[Alert]) -> None:
    """Count alerts of shifts and corrections, once they are published."""
    for alert in alerts:
        SHIFTS.labels(
            alert.watch_topic, alert.kind.value, alert.labels.get("correction") or alert.labels["status"]
        ).inc()
