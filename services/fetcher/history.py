"""What is kept of polls and moves, so that every decision can be shown afterwards."""

from collections.abc import Sequence
from enum import StrEnum

from schemas.base import Contract, UtcDatetime
from services.domain.feeds.schedule import DueReason, Look

KEPT_POLLS = 10
KEPT_MOVES = 10


class PollOutcome(StrEnum):
    """What came of a poll."""

    READ = "read"  # a document, with or without news
    UNCHANGED = "unchanged"  # 304, or the same bytes again
    PUSHED = "pushed"  # a document that a hub sent; the server was not asked
    FAILED = "failed"  # asked again later
    GONE = "gone"  # 410: not asked again


class PollRecord(Contract):
    """One poll: what was answered, what it brought, and when the next one was set to be, and why then."""

    at: UtcDatetime
    outcome: PollOutcome
    status: int | None = None
    bytes: int = 0
    entries: int = 0
    published: int = 0
    due_at: UtcDatetime | None = None
    due_reason: DueReason | None = None
    message: str = ""
    redirected_to: str | None = None


class MoveReason(StrEnum):
    """Why a feed is asked elsewhere from now on."""

    REDIRECTED = "redirected"  # so many answers in a row named the same permanent address
    FAILED = "failed"  # the adopted address failed as often: back to the feed's own
    GONE = "gone"  # the adopted address answered 410: the feed's own has the last word


class Move(Contract):
    """An entry of the audit: since `at` the feed is asked at `to_url`, after so many answers that said so."""

    at: UtcDatetime
    feed_id: str
    from_url: str
    to_url: str
    reason: MoveReason
    answers: int


def looks_of(history: Sequence[PollRecord]) -> tuple[Look, ...]:
    """Return which polls found news, oldest first; polls without an answer saw nothing, and say nothing."""
    answered = (record for record in history if record.outcome in {PollOutcome.READ, PollOutcome.UNCHANGED})
    return tuple(Look(record.at, found_news=record.published > 0) for record in answered)
