"""What an answer makes of a feed's state, and of the time of its next poll: decided before anything is kept."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from hashlib import blake2b

from schemas.article import Arrival, Article
from services.domain.feeds.normalize import Reading
from services.domain.feeds.schedule import Due, ResponseFacts, rhythm_of
from services.fetcher.client import Failed, FailureReason, Fetched, FetchResult, Gone, NotModified
from services.fetcher.history import KEPT_POLLS, Move, PollOutcome, PollRecord
from services.fetcher.moves import after_answer, after_failure
from services.fetcher.state import FeedState

# Nothing was asked of the server, or by a fault of ours: it may be tried again within minutes.
_UNANSWERED = frozenset({FailureReason.HOST_NOT_FOUND, FailureReason.NO_CONNECTION, FailureReason.FAULT})


@dataclass(frozen=True, slots=True)
class Poll:
    """A poll in the making. `state` is the state so far: its times are still those of the polls before."""

    outcome: PollOutcome
    state: FeedState
    reading: Reading | None = None
    size: int = 0
    fresh_for: timedelta | None = None
    retry_after: timedelta | None = None
    redirected_to: str | None = None
    move: Move | None = None
    is_pushed: bool = False  # a hub pushes the feed's news, and this poll found none that it had not

    def with_state(self, state: FeedState) -> "Poll":
        """Return this poll with another state."""
        return replace(self, state=state)

    def facts(self, now: datetime) -> ResponseFacts:
        """Return what the time of the next poll depends on."""
        state = self.state
        if self.outcome is PollOutcome.GONE:
            return ResponseFacts(is_gone=True)
        if self.outcome is PollOutcome.FAILED:
            return ResponseFacts(
                failures=state.failures,
                is_answered=state.failure not in _UNANSWERED,
                retry_after=self.retry_after,
                fresh_for=self.fresh_for,
                hints=state.hints,
            )
        silent_for = now - (state.last_news_at or now)
        return ResponseFacts(
            fresh_for=self.fresh_for,
            rhythm=state.usual_gap,
            silent_for=silent_for,
            hints=state.hints,
            is_pushed=self.is_pushed,
        )


def hash_of(body: bytes) -> str:
    """Return what tells a document from another."""
    return blake2b(body, digest_size=16).hexdigest()


def is_to_read(result: Fetched, state: FeedState) -> bool:
    """Say whether a document is another than the last."""
    return hash_of(result.body) != state.body_hash


def judge(result: FetchResult, state: FeedState) -> Poll:
    """Return what an answer comes to that brings no document to read."""
    match result:
        case Fetched() | NotModified() if state.is_unread:
            return failed(Failed(FailureReason.NOT_A_FEED, _still(state), result.status), state)
        case NotModified() if state.first_read_at is None:
            reason = "answered 304 to a request without conditions"
            return failed(Failed(FailureReason.BAD_RESPONSE, reason, result.status), state)
        case Fetched() | NotModified():
            return _unchanged(result, state)
        case Gone():
            told = {"is_gone": True, "last_status": result.status, "message": result.message}
            return Poll(PollOutcome.GONE, state.model_copy(update=told))
        case Failed():
            return failed(result, state)


def read(result: Fetched, reading: Reading, state: FeedState) -> Poll:
    """Return what a document comes to."""
    hints = reading.feed.hints
    said = {
        "title": reading.feed.title,
        "body_hash": hash_of(result.body),
        "is_unread": False,
        "rhythm": rhythm_of(draft.published_at for draft in reading.drafts),
        "ttl": hints.ttl,
        "update_period": hints.update_period,
        "skip_hours": tuple(sorted(hints.skip_hours)),
        "skip_days": tuple(sorted(hints.skip_days)),
    }
    return Poll(
        PollOutcome.READ,
        state.model_copy(update=_answered(result, state) | said),
        reading,
        size=len(result.body),
        fresh_for=result.fresh_for,
        redirected_to=_elsewhere(result, state),
    )


def unread(result: Fetched, reason: FailureReason, message: str, state: FeedState) -> Poll:
    """Return what a document comes to that could not be read.

    The validators of the last that could be stay. Where there was none, those of this one are kept, so that the
    server need not send it again every time.
    """
    if state.first_read_at is None:
        state = state.model_copy(update=_validators(result) | {"body_hash": hash_of(result.body), "is_unread": True})
    poll = failed(Failed(reason, message, result.status, fresh_for=result.fresh_for), state)
    return replace(poll, size=len(result.body), redirected_to=_elsewhere(result, state))


def failed(fault: Failed, state: FeedState) -> Poll:
    """Count a failure. Validators stay as they were: nothing was taken from this answer."""
    told = {
        "failures": state.failures + 1,
        "failure": fault.reason,
        "message": fault.message,
        "last_status": fault.status,
    }
    known = state.model_copy(update=told)
    return Poll(PollOutcome.FAILED, known, fresh_for=fault.fresh_for, retry_after=fault.retry_after)


def moved(poll: Poll, moved_to: str | None, *, feed_id: str, move_after: int, now: datetime) -> Poll:
    """Return the poll with the move that it decides, if it decides one."""
    if poll.outcome in {PollOutcome.READ, PollOutcome.UNCHANGED}:
        state, move = after_answer(poll.state, moved_to, feed_id=feed_id, move_after=move_after, now=now)
        redirected_to = poll.redirected_to or moved_to
        if state is poll.state and redirected_to == poll.redirected_to:
            return poll
        return replace(poll, state=state, move=move, redirected_to=redirected_to)
    state, move = after_failure(poll.state, feed_id=feed_id, move_after=move_after, now=now)
    if move is None or poll.outcome is PollOutcome.FAILED:
        return replace(poll, state=state, move=move)
    state = state.model_copy(update={"failure": FailureReason.HTTP_STATUS})
    return replace(poll, outcome=PollOutcome.FAILED, state=state, move=move)


def timed(poll: Poll, now: datetime, articles: Sequence[Article], *, message: str | None = None) -> Poll:
    """Return the poll with its times, and with itself as the last of the history.

    A pushed document is news, but says nothing of when the feed itself was asked, or of what it lists.
    """
    state, is_pushed = poll.state, poll.outcome is PollOutcome.PUSHED
    times: dict[str, object] = {} if is_pushed else {"last_polled_at": now}
    if is_pushed and articles:
        times["last_news_at"] = _news_at(poll, now, articles)
    if poll.outcome in {PollOutcome.READ, PollOutcome.UNCHANGED}:
        times["last_success_at"] = now
    if poll.outcome is PollOutcome.READ:
        times["first_read_at"] = state.first_read_at or now
        times["last_news_at"] = _news_at(poll, now, articles)
        times["is_resuming"] = False
    record = PollRecord(
        at=now,
        outcome=poll.outcome,
        status=None if is_pushed else state.last_status,
        bytes=poll.size,
        entries=len(poll.reading.drafts) if poll.reading else 0,
        published=len(articles),
        message=state.message if message is None else message,
        redirected_to=poll.redirected_to,
    )
    times["history"] = (*state.history[1 - KEPT_POLLS :], record)
    return replace(poll, state=state.model_copy(update=times))


def due_again(poll: Poll, due: Due) -> FeedState:
    """Return the state to keep."""
    last = poll.state.history[-1].model_copy(update={"due_at": due.at, "due_reason": due.reason})
    history = (*poll.state.history[:-1], last)
    return poll.state.model_copy(update={"due_at": due.at, "due_reason": due.reason, "history": history})


def _unchanged(result: Fetched | NotModified, state: FeedState) -> Poll:
    known = state.model_copy(update=_answered(result, state) | {"is_resuming": False})
    poll = Poll(PollOutcome.UNCHANGED, known, fresh_for=result.fresh_for)
    if isinstance(result, NotModified):
        return poll
    return replace(poll, size=len(result.body), redirected_to=_elsewhere(result, state))


def _answered(result: Fetched | NotModified, state: FeedState) -> dict[str, object]:
    """Return what an answer changes in the state, whatever is in its body."""
    has_new_place = result.moved_to is not None and state.moved_to is None
    return _validators(result) | {
        "last_status": result.status,
        "failures": 0,
        "failure": None,
        "message": "",
        "is_gone": False,
        "is_resuming": state.is_resuming or state.is_gone or has_new_place,
    }


def _validators(result: Fetched | NotModified) -> dict[str, object]:
    kept = result.validators
    return {"etag": kept.etag, "last_modified": kept.last_modified, "validators_origin": kept.origin}


def _news_at(poll: Poll, now: datetime, articles: Sequence[Article]) -> datetime | None:
    """Return when the feed last brought news; for a back list, when the newest of it was published."""
    if any(article.arrival is Arrival.NEW for article in articles):
        return now
    if poll.state.last_news_at is not None:
        return poll.state.last_news_at
    return max((article.published_at for article in articles if article.published_at), default=now)


def _still(state: FeedState) -> str:
    prefix = "unchanged since it could not be read: "
    return state.message if state.message.startswith(prefix) else prefix + state.message


def _elsewhere(result: Fetched, state: FeedState) -> str | None:
    return result.url if result.url != state.address else None
