"""What is remembered of a feed between two polls."""

from datetime import datetime, timedelta

from pydantic import Field

from schemas.base import Contract, UtcDatetime
from schemas.feed import Feed
from services.domain.feeds.hints import UpdateHints
from services.domain.feeds.schedule import DueReason
from services.fetcher.client import FailureReason, Validators


class FeedState(Contract):
    """A feed as the fetcher left it; all default before its first poll. Validators hold for `url` only."""

    url: str = ""
    interval: timedelta | None = None
    title: str = ""
    etag: str | None = None
    last_modified: str | None = None
    validators_origin: str | None = Field(default=None, description="https://host:port they came from")
    body_hash: str | None = None
    # Set by the first document that could be read: what was in it is the back list.
    first_read_at: UtcDatetime | None = None
    last_polled_at: UtcDatetime | None = None
    last_success_at: UtcDatetime | None = None
    last_status: int | None = None
    failures: int = Field(default=0, description="failed polls in a row")
    failure: FailureReason | None = None
    message: str = ""
    is_gone: bool = False
    rhythm: timedelta | None = None
    ttl: timedelta | None = None
    update_period: timedelta | None = None
    skip_hours: tuple[int, ...] = ()
    skip_days: tuple[int, ...] = ()
    moved_to: str | None = None
    moved_answers: int = Field(default=0, description="answers in a row that named `moved_to`")
    due_at: UtcDatetime | None = None
    due_reason: DueReason | None = None

    @property
    def validators(self) -> Validators:
        """The conditions of the next request."""
        return Validators(self.etag, self.last_modified, self.validators_origin)

    @property
    def hints(self) -> UpdateHints:
        """What the feed last said of its own schedule."""
        return UpdateHints(self.ttl, self.update_period, frozenset(self.skip_hours), frozenset(self.skip_days))

    def for_feed(self, feed: Feed) -> "FeedState":
        """Return the state to poll this feed with. At a new address it starts anew, its back list included."""
        if self.url == feed.url:
            return self.model_copy(update={"interval": feed.interval})
        forgotten = dict.fromkeys(
            ("etag", "last_modified", "validators_origin", "body_hash", "first_read_at", "moved_to")
        )
        fresh = {"url": feed.url, "interval": feed.interval, "is_gone": False, "failures": 0, "moved_answers": 0}
        return self.model_copy(update=forgotten | fresh)


def is_due_anew(feed: Feed, state: FeedState | None, due_at: datetime | None) -> bool:
    """Say whether a feed's timer no longer holds: it has none, or the user changed its address or interval.

    A server that asked to be left alone is left alone, whatever the user changed but the address.
    """
    if due_at is None or state is None or not state.url:
        return due_at is None
    if state.url != feed.url:
        return True
    return state.interval != feed.interval and state.due_reason not in {DueReason.RETRY_AFTER, DueReason.GONE}
