"""What a poll says of its feed's health: what to remember of it, and what to tell. Decided before anything is kept."""

from datetime import datetime, timedelta

from schemas.alert import Alert
from schemas.feed import Feed
from services.domain.feeds.health import (
    Condition,
    FeedHealth,
    HealthChange,
    HealthFacts,
    assess,
    change_between,
    health_alert,
    longest_gap,
    settle,
)
from services.fetcher.history import Move, MoveReason, PollOutcome
from services.fetcher.outcome import Poll
from services.fetcher.state import FeedState

# A silence counts as usual for so long: last winter's holidays explain this winter's, but not a dead August.
GAP_KEPT = timedelta(days=400)
_ANSWERED = frozenset({PollOutcome.READ, PollOutcome.UNCHANGED})


def examine(before: FeedState, poll: Poll, feed: Feed, now: datetime) -> tuple[Poll, tuple[Alert, ...]]:
    """Return the poll with what it shows of the feed's health in its state, and the alerts that this is worth.

    `before` is the state before the poll, and the poll has its times already. The same poll gives the same alerts.
    """
    if poll.outcome is PollOutcome.PUSHED:
        return poll, ()
    state = poll.state.model_copy(update=_rhythm(before, poll, now) | _failing(before, poll, now))
    condition = settle(before.condition, assess(_facts(state), now))
    told: dict[str, object] = {"health": condition.health, "health_since": condition.since}
    told["health_reason"] = condition.reason
    if condition.health is FeedHealth.QUIET:
        told["quiet_from"] = condition.since
    alerts = [*_moved(feed, before, poll.move, condition, now), *_changed(feed, before, condition, now)]
    return poll.with_state(state.model_copy(update=told)), tuple(alerts)


def _facts(state: FeedState) -> HealthFacts:
    return HealthFacts(
        is_gone=state.is_gone,
        failures=state.failures,
        failing_since=state.failing_since,
        last_news_at=state.last_news_at,
        known_since=state.known_since,
        longest_gap=state.longest_gap,
        message=state.message,
    )


def _failing(before: FeedState, poll: Poll, now: datetime) -> dict[str, object]:
    return {"failing_since": None if poll.outcome in _ANSWERED else before.failing_since or now}


def _rhythm(before: FeedState, poll: Poll, now: datetime) -> dict[str, object]:
    """Return the longest silence of late: between the items listed, or before the news of this poll.

    A silence that was told of as unusual does not become usual by ending.
    """
    if poll.reading is None:
        return {}
    dates = [min(draft.published_at, now) for draft in poll.reading.drafts if draft.published_at is not None]
    listed, observed = longest_gap(dates, but_at=before.quiet_from), _silence_before(before, poll)
    is_kept = before.longest_gap_at is not None and now - before.longest_gap_at < GAP_KEPT
    kept = before.longest_gap if is_kept else None
    known = [moment for moment in (before.known_since, poll.state.first_read_at, *dates) if moment is not None]
    told: dict[str, object] = {"known_since": min(known, default=now)}
    if listed is None and kept is None:
        return told
    longest = max(gap for gap in (listed, observed, kept) if gap is not None)
    return told if longest == kept else told | {"longest_gap": longest, "longest_gap_at": now}


def _silence_before(before: FeedState, poll: Poll) -> timedelta | None:
    """Return how long the feed had been silent before the news of this poll."""
    if before.last_news_at is None or poll.state.last_news_at is None or before.health is FeedHealth.QUIET:
        return None
    return poll.state.last_news_at - before.last_news_at


def _changed(feed: Feed, before: FeedState, condition: Condition, now: datetime) -> list[Alert]:
    change = change_between(before.condition, condition)
    return [health_alert(feed, change, condition, now, before=before.condition)] if change else []


def _moved(feed: Feed, before: FeedState, move: Move | None, condition: Condition, now: datetime) -> list[Alert]:
    if move is None:
        return []
    why = {
        MoveReason.REDIRECTED: f"{move.answers} answers in a row redirected it for good to {move.to_url}",
        MoveReason.FAILED: f"{move.from_url} failed {move.answers} times in a row, so it is asked at its own again",
        MoveReason.GONE: f"{move.from_url} is gone, so it is asked at its own address again",
    }[move.reason]
    moved = Condition(condition.health, condition.since, why)
    # Told apart by the poll before, since a feed may move to and fro.
    cause = f"{move.from_url}\n{move.to_url}\n{before.last_polled_at}"
    return [health_alert(feed, HealthChange.MOVED, moved, now, before=before.condition, cause=cause)]
