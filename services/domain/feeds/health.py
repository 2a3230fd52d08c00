"""Whether a feed still does what it is followed for: answering, and bringing news as it used to. Pure.

A feed is broken when it has failed often and for long; quiet when it answers but has been silent for longer than its
own rhythm explains; gone when its server says so.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import pairwise

from schemas.alert import Alert, AlertKind, alert_id
from schemas.feed import Feed
from schemas.watch import Severity
from services.plurals import counted

WATCH_TOPIC = "feed-health"  # what alerts about feeds say where others name their watch topic
WATCH_TOPIC_TITLE = "Feed health"
_WEEK = timedelta(days=7)


class FeedHealth(StrEnum):
    """How a feed is."""

    NEW = "new"  # not asked yet
    FAILING = "failing"  # has never answered, not yet often and long enough to be called broken
    HEALTHY = "healthy"
    QUIET = "quiet"  # answers, but is silent for longer than its rhythm explains
    BROKEN = "broken"  # fails often and for long
    GONE = "gone"  # 410: not asked again


@dataclass(frozen=True, slots=True)
class HealthPolicy:
    """When a failing feed is called broken, and a silent one quiet.

    `quiet_gaps` counts the longest silence known of the feed: with gaps distributed exponentially, three times the
    longest of fifty falls to chance less than once in 100,000 gaps. Until a whole week is known, the first weekend or
    holiday may yet come, so the least silence is longer.
    """

    broken_failures: int = 5
    broken_after: timedelta = timedelta(hours=6)
    quiet_gaps: float = 3.0
    quiet_least: timedelta = timedelta(days=2)
    quiet_least_unknown: timedelta = timedelta(days=5)


@dataclass(frozen=True, slots=True)
class HealthFacts:
    """What is known of a feed after a poll.

    `longest_gap` is the longest time between two items so far, None while there were too few; `last_news_at` is when
    its newest item appeared; `known_since` is the oldest moment from which its items are known.
    """

    is_gone: bool = False
    failures: int = 0
    failing_since: datetime | None = None
    last_news_at: datetime | None = None
    known_since: datetime | None = None
    longest_gap: timedelta | None = None
    message: str = ""


@dataclass(frozen=True, slots=True)
class Condition:
    """How a feed is, since when, and what says so."""

    health: FeedHealth
    since: datetime
    reason: str = ""


def assess(facts: HealthFacts, now: datetime, policy: HealthPolicy | None = None) -> Condition:
    """Return how a feed is now; FAILING for any that only begins to fail. See `settle` for what to remember."""
    policy = policy or HealthPolicy()
    if facts.is_gone:
        return Condition(FeedHealth.GONE, facts.failing_since or now, facts.message or "its server says it is gone")
    if facts.failures:
        since = facts.failing_since or now
        if facts.failures >= policy.broken_failures and now - since >= policy.broken_after:
            why = facts.message or "no answer"
            return Condition(FeedHealth.BROKEN, since, f"{facts.failures} polls in a row failed; the last: {why}")
        return Condition(FeedHealth.FAILING, since, facts.message)
    silence = now - facts.last_news_at if facts.last_news_at else timedelta()
    limit = quiet_limit(facts, now, policy)
    if facts.last_news_at is not None and limit is not None and silence > limit:
        usual = f"its longest silence before was {in_words(facts.longest_gap or timedelta())}"
        return Condition(FeedHealth.QUIET, facts.last_news_at, f"nothing new for {in_words(silence)}; {usual}")
    return Condition(FeedHealth.HEALTHY, now)


def quiet_limit(facts: HealthFacts, now: datetime, policy: HealthPolicy | None = None) -> timedelta | None:
    """Return the silence beyond which the feed counts as quiet, or None while its rhythm is not known."""
    policy = policy or HealthPolicy()
    if facts.longest_gap is None:
        return None
    knows_a_week = facts.known_since is not None and now - facts.known_since >= _WEEK
    least = policy.quiet_least if knows_a_week else policy.quiet_least_unknown
    return max(facts.longest_gap * policy.quiet_gaps, least)


def longest_gap(moments: Iterable[datetime | None], *, but_at: datetime | None = None) -> timedelta | None:
    """Return the longest time between two items that follow one another, or None where fewer than three are dated.

    The gap that `but_at` falls into does not count.
    """
    known = sorted(moment for moment in moments if moment is not None)
    if len(known) < 3:
        return None
    pairs = pairwise(known)
    gaps = [after - before for before, after in pairs if but_at is None or not before <= but_at < after]
    return max(gaps, default=None)


class HealthChange(StrEnum):
    """What is worth telling about a feed, once each time."""

    BROKEN = "broken"
    QUIET = "quiet"
    GONE = "gone"
    MOVED = "moved"
    RECOVERED = "recovered"


_NEVER_ANSWERED = frozenset({FeedHealth.NEW, FeedHealth.FAILING})
_TOLD = {
    FeedHealth.BROKEN: HealthChange.BROKEN,
    FeedHealth.QUIET: HealthChange.QUIET,
    FeedHealth.GONE: HealthChange.GONE,
}
_SEVERITIES = {
    HealthChange.BROKEN: Severity.WARNING,
    HealthChange.QUIET: Severity.WARNING,
    HealthChange.GONE: Severity.WARNING,
    HealthChange.MOVED: Severity.INFO,
    HealthChange.RECOVERED: Severity.INFO,
}


def settle(before: Condition | None, found: Condition) -> Condition:
    """Return the condition to remember: a feed that has answered and only begins to fail stays what it was."""
    if found.health is FeedHealth.FAILING and before is not None and before.health not in _NEVER_ANSWERED:
        return before
    if before is not None and before.health is found.health:
        return Condition(found.health, before.since, found.reason)
    return found


def change_between(before: Condition | None, after: Condition) -> HealthChange | None:
    """Return what to tell of a step from one condition to the next, or None where there is nothing to tell.

    A feed that is broken goes on to be gone or quiet without recovering in between; the first healthy poll of a new
    feed is no recovery.
    """
    was = before.health if before else FeedHealth.NEW
    if was is after.health:
        return None
    if was in _NEVER_ANSWERED and after.health is FeedHealth.QUIET:
        return None  # who follows a dormant feed, or imports a hundred, need not be told that it is dormant
    if after.health in _TOLD:
        return _TOLD[after.health]
    if after.health is FeedHealth.HEALTHY and was in _TOLD:
        return HealthChange.RECOVERED
    return None


def health_alert(
    feed: Feed,
    change: HealthChange,
    condition: Condition,
    now: datetime,
    *,
    before: Condition | None = None,
    cause: str = "",
) -> Alert:
    """Return the alert about a change; the same change of the same feed gives the same id, however often it is told.

    `cause` tells the change from others of its kind where the condition before it does not.
    """
    group_key = f"feed-health:{feed.id}"
    # Told apart by what it ends, which the store knows already: a poll that dies before it is recorded is repeated,
    # at another time, and must not tell again.
    ended = before.since.isoformat() if before else "first poll"
    return Alert(
        id=alert_id(group_key, f"{change}:{cause or ended}"),
        kind=AlertKind.FEED_HEALTH,
        group_key=group_key,
        watch_topic=WATCH_TOPIC,
        watch_topic_title=WATCH_TOPIC_TITLE,
        severity=_SEVERITIES[change],
        title=_title(feed, change),
        summary=_summary(feed, change, condition, now, before),
        labels={"feed_id": feed.id, "outlet": feed.outlet, "change": change.value},
        decided_at=now,
    )


def _title(feed: Feed, change: HealthChange) -> str:
    name = feed.title or feed.outlet
    verbs = {
        HealthChange.BROKEN: "cannot be read",
        HealthChange.QUIET: "has gone quiet",
        HealthChange.GONE: "is gone",
        HealthChange.MOVED: "has moved",
        HealthChange.RECOVERED: "is back",
    }
    return f"{name} {verbs[change]}"


def _summary(feed: Feed, change: HealthChange, condition: Condition, now: datetime, before: Condition | None) -> str:
    lines = []
    if change is HealthChange.RECOVERED and before is not None:
        lines.append(f"It had been {before.health} for {in_words(now - before.since)}: {before.reason}")
    elif condition.reason:
        lines.append(f"{_as_sentence(condition.reason)}.".replace("..", "."))
    if change is HealthChange.GONE:
        lines.append("It is not asked any more; remove it, or give it a new address.")
    lines.append(f"Feed {feed.id}: {feed.url}")
    return "\n".join(lines)


def _as_sentence(reason: str) -> str:
    """Return a reason with a capital, unless it begins with an address."""
    return reason if "://" in reason.partition(" ")[0] else f"{reason[0].upper()}{reason[1:]}"


def in_words(span: timedelta) -> str:
    """Return a span as people say it, in its largest fitting unit: `3 days`, `1 hour`, `12 minutes`."""
    seconds = max(int(span.total_seconds()), 0)
    for least, size, unit in ((2 * 86_400, 86_400, "day"), (3600, 3600, "hour"), (60, 60, "minute")):
        if seconds >= least:
            return counted(seconds // size, unit)
    return counted(seconds, "second")
