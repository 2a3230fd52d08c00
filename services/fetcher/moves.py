"""When a feed is asked at another address than the one it was added with, and when at its own again: decided here."""

from datetime import datetime
from urllib.parse import urlsplit

from pydantic import TypeAdapter, ValidationError

from schemas.feed import HttpUrl
from services.fetcher.history import KEPT_MOVES, Move, MoveReason
from services.fetcher.state import FeedState

_URL = TypeAdapter[str](HttpUrl)


def host_of(url: str) -> str:
    """Return the host that a request for this address asks."""
    return (urlsplit(url).hostname or "").lower()


def after_answer(
    state: FeedState, moved_to: str | None, *, feed_id: str, move_after: int, now: datetime
) -> tuple[FeedState, Move | None]:
    """Count an answer and where permanent redirects led to it; adopt that address after enough that agree."""
    if moved_to is None or moved_to == state.address:
        if state.moved_to is None and not state.moved_answers:
            return state, None  # as nearly always
        return state.model_copy(update={"moved_to": None, "moved_answers": 0}), None
    answers = state.moved_answers + 1 if moved_to == state.moved_to else 1
    if answers < move_after or not _is_fit(state.address, moved_to):
        return state.model_copy(update={"moved_to": moved_to, "moved_answers": answers}), None
    move = Move(
        at=now,
        feed_id=feed_id,
        from_url=state.address,
        to_url=moved_to,
        reason=MoveReason.REDIRECTED,
        answers=answers,
    )
    return _with_move(state, move), move


def after_failure(state: FeedState, *, feed_id: str, move_after: int, now: datetime) -> tuple[FeedState, Move | None]:
    """Return to the feed's own address once the adopted one has failed as often as it took to adopt it.

    410 says so at once: if the feed's own address says it too, that counts.
    """
    if state.moved_url is None or (state.failures < move_after and not state.is_gone):
        return state, None
    reason = MoveReason.GONE if state.is_gone else MoveReason.FAILED
    answers = max(state.failures, 1)
    move = Move(at=now, feed_id=feed_id, from_url=state.address, to_url=state.url, reason=reason, answers=answers)
    # A date says nothing of a document at another address, where an entity tag does no harm.
    changed = {"failures": 1, "is_gone": False, "is_resuming": True, "last_modified": None}
    return _with_move(state, move).model_copy(update=changed), move


def _is_fit(asked: str, target: str) -> bool:
    """Say whether a feed may move there: never from https to http, which anybody on the way could ask for."""
    if urlsplit(asked).scheme == "https" and urlsplit(target).scheme != "https":
        return False
    try:
        _URL.validate_python(target)
    except ValidationError:
        return False
    return True


def _with_move(state: FeedState, move: Move) -> FeedState:
    moves = (*state.moves[1 - KEPT_MOVES :], move)
    moved_url = None if move.to_url == state.url else move.to_url
    return state.model_copy(update={"moved_url": moved_url, "moved_to": None, "moved_answers": 0, "moves": moves})
