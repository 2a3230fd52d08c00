"""When to ask a feed again, and why then."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from itertools import pairwise

from schemas.feed import Feed
from services.domain.feeds.hints import UpdateHints

MIN_DATED_ITEMS = 3
MIN_LOOKS = 4
# Items of one minute came out together.
_TOGETHER = timedelta(minutes=1)
# How many gaps back a gap counts half: what a feed does now says more than what it did.
_HALF_LIFE_GAPS = 8
_HALF_LIFE_LOOKS = 2
# A feed that fell silent is asked less often by and by: its first item then waits no longer than an eighth of the
# silence before it, since the wait is half of what counts as its rhythm.
_SILENCE_SHARE = 4
_HOUR = timedelta(hours=1)
_WEEK_OF_HOURS = 7 * 24
# A feed whose news is pushed is asked this many times less often than the most silent of the others. That many polls
# are saved, and what a hub loses is late by a day, not lost (with the usual bound of six hours).
_PUSHED_FACTOR = 4


class DueReason(StrEnum):
    """Which bound set the time of the next poll."""

    INTERVAL = "interval"  # the user's own
    RHYTHM = "rhythm"  # how often the feed has been publishing
    DEFAULT = "default"  # its rhythm is not known yet
    FRESHNESS = "freshness"  # Cache-Control max-age, or Expires
    TTL = "ttl"
    UPDATE_PERIOD = "update_period"
    SKIPPED_TIME = "skipped_time"  # skipHours, skipDays
    BACK_OFF = "back_off"
    RETRY_AFTER = "retry_after"
    GONE = "gone"  # 410: never
    WEBSUB = "websub"  # a hub pushes its news; asked only in case the hub fails to


@dataclass(frozen=True, slots=True)
class SchedulePolicy:
    """The bounds of polling. What a feed says of itself may go below `min_interval`, down to `told_floor`."""

    min_interval: timedelta = timedelta(hours=1)
    default_interval: timedelta = timedelta(hours=1)
    max_interval: timedelta = timedelta(hours=6)
    told_floor: timedelta = timedelta(minutes=5)
    max_told: timedelta = timedelta(days=1)
    first_retry: timedelta = timedelta(minutes=5)
    max_back_off: timedelta = timedelta(days=1)
    # A server that asks for longer is obeyed this long and asked again: no feed ends silently.
    max_retry_after: timedelta = timedelta(days=31)
    jitter_share: float = 0.1
    max_jitter: timedelta = timedelta(minutes=5)

    @property
    def pushed_interval(self) -> timedelta:
        """The wait between polls of a feed whose news is pushed."""
        return self.max_interval * _PUSHED_FACTOR


@dataclass(frozen=True, slots=True)
class ResponseFacts:
    """What the last poll showed. `failures` counts failed polls in a row, this one included; 0 after a success."""

    failures: int = 0
    # The server was asked and gave something, if only an error: it is not to be asked again at once.
    is_answered: bool = False
    is_gone: bool = False
    retry_after: timedelta | None = None
    fresh_for: timedelta | None = None
    rhythm: timedelta | None = None
    # Since the last news.
    silent_for: timedelta = timedelta()
    hints: UpdateHints = field(default_factory=UpdateHints)
    is_pushed: bool = False


@dataclass(frozen=True, slots=True)
class Due:
    """The next poll; `at` is None when there is none."""

    at: datetime | None
    reason: DueReason


@dataclass(frozen=True, slots=True)
class Look:
    """A poll that was answered, and whether there was news."""

    at: datetime
    found_news: bool


def rhythm_of(published: Iterable[datetime | None]) -> timedelta | None:
    """Return the usual gap between the items of a feed, recent gaps first, or None when too few are dated to tell."""
    gaps: list[timedelta] = []
    moments = sorted((moment for moment in published if moment is not None), reverse=True)
    latest = moments[:1]
    for moment in moments[1:]:
        if latest[-1] - moment >= _TOGETHER:
            gaps.append(latest[-1] - moment)
            latest.append(moment)
    return _weighted_median(gaps) if len(latest) >= MIN_DATED_ITEMS else None


def _weighted_median(gaps: Sequence[timedelta]) -> timedelta:
    """Return the gap with half of the weight on either side; gaps come newest first."""
    weighed = sorted((gap, 0.5 ** (age / _HALF_LIFE_GAPS)) for age, gap in enumerate(gaps))
    left = sum(weight for _, weight in weighed) / 2
    for gap, weight in weighed:
        left -= weight
        if left <= 0:
            return gap
    return weighed[-1][0]


def rhythm_of_looks(looks: Sequence[Look]) -> timedelta | None:
    """Return how far apart news comes, judged by which polls found any; for feeds whose items carry no dates.

    Looks come oldest first, and the first only says since when. None when they are too few to tell.
    """
    if len(looks) < MIN_LOOKS:
        return None
    span, news = timedelta(), 0.0
    for age, (before, after) in enumerate(reversed(list(pairwise(looks)))):
        weight = 0.5 ** (age / _HALF_LIFE_LOOKS)
        span += weight * (after.at - before.at)
        news += weight * after.found_news
    # Never any news is half a piece of news still to come, rather than a rhythm of for ever.
    return span / max(news, 0.5)


def next_due(policy: SchedulePolicy, feed: Feed, facts: ResponseFacts, now: datetime, jitter: float = 0.0) -> Due:
    """Return the latest of all bounds. `jitter` in [0, 1) spreads feeds that would fall due together.

    The user's own interval replaces what the feed hints, but never Retry-After nor the back-off from errors.
    """
    if facts.is_gone:
        return Due(None, DueReason.GONE)
    bounds = list(_failed_bounds(policy, feed, facts) if facts.failures else _bounds(policy, feed, facts))
    if facts.retry_after is not None and facts.failures:
        bounds.append((min(facts.retry_after, policy.max_retry_after), DueReason.RETRY_AFTER))
    wait, reason = max(bounds, key=lambda bound: bound[0])
    at = now + wait + min(wait * policy.jitter_share, policy.max_jitter) * jitter
    open_at = at if feed.interval is not None else _after_skipped(at, facts.hints)
    return Due(open_at, reason if open_at == at else DueReason.SKIPPED_TIME)


def _bounds(policy: SchedulePolicy, feed: Feed, facts: ResponseFacts) -> Iterable[tuple[timedelta, DueReason]]:
    if feed.interval is not None:
        return [(feed.interval, DueReason.INTERVAL)]
    told = _told(policy, facts)
    pushed = [(policy.pushed_interval, DueReason.WEBSUB)] if facts.is_pushed else []
    return [*pushed, *told, _adaptive(policy, facts, told)]


def _adaptive(
    policy: SchedulePolicy, facts: ResponseFacts, told: list[tuple[timedelta, DueReason]]
) -> tuple[timedelta, DueReason]:
    """Return half the feed's usual gap, so that an item waits a quarter of a gap on average, within the bounds."""
    least = policy.min_interval
    if told:
        # A feed that says it is made anew every ten minutes may be asked every ten minutes.
        least = min(least, max(policy.told_floor, max(told)[0]))
    if facts.rhythm is None:
        return max(least, policy.default_interval), DueReason.DEFAULT
    rhythm = max(facts.rhythm, facts.silent_for / _SILENCE_SHARE)
    return min(max(rhythm / 2, least), policy.max_interval), DueReason.RHYTHM


def _told(policy: SchedulePolicy, facts: ResponseFacts) -> list[tuple[timedelta, DueReason]]:
    said = (
        (facts.fresh_for, DueReason.FRESHNESS),
        (facts.hints.ttl, DueReason.TTL),
        (facts.hints.update_period, DueReason.UPDATE_PERIOD),
    )
    return [(min(span, policy.max_told), reason) for span, reason in said if span]


def _failed_bounds(policy: SchedulePolicy, feed: Feed, facts: ResponseFacts) -> Iterable[tuple[timedelta, DueReason]]:
    usual = feed.interval or policy.min_interval
    first = usual if facts.is_answered else min(policy.first_retry, usual)
    # The exponent is bounded too: 2 ** a year of failures is no number to compute.
    back_off = first * 2 ** min(facts.failures - 1, 32)
    yield min(back_off, max(policy.max_back_off, first)), DueReason.BACK_OFF
    if facts.fresh_for is not None and feed.interval is None:
        yield min(facts.fresh_for, policy.max_told), DueReason.FRESHNESS


def _after_skipped(at: datetime, hints: UpdateHints) -> datetime:
    """Return the first time from `at` on that the feed does not ask to skip; `at` if it skips all times."""
    candidate = at.astimezone(UTC)
    for _ in range(_WEEK_OF_HOURS + 1):
        if candidate.hour not in hints.skip_hours and candidate.weekday() not in hints.skip_days:
            return candidate
        candidate = candidate.replace(minute=0, second=0, microsecond=0) + _HOUR
    return at
