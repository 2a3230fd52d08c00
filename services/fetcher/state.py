"""What is remembered of a feed between two polls."""

from datetime import datetime, timedelta

from pydantic import Field

from schemas.base import Contract, UtcDatetime
from schemas.feed import Feed
from services.domain.feeds.health import Condition, FeedHealth
from services.domain.feeds.hints import UpdateHints
from services.domain.feeds.schedule import DueReason, rhythm_of_looks
from services.fetcher.client import FailureReason, Validators
from services.fetcher.history import Move, PollRecord, looks_of

# A document that could not be read is asked for in full again after this: a new version of ours may read it.
FULL_AFTER = timedelta(days=1)
# What a feed whose interval is no longer set by the user waits since its last poll, before its rhythm counts again.
USUAL_WAIT = timedelta(hours=1)


class FeedState(Contract):
    """A feed as the fetcher left it; all default before its first poll. Validators hold for `address` only."""

    url: str = ""
    interval: timedelta | None = None
    title: str = ""
    etag: str | None = None
    last_modified: str | None = None
    validators_origin: str | None = Field(default=None, description="https://host:port they came from")
    body_hash: str | None = None
    # The validators are those of a document that could not be read, so a 304 brings nothing but the same fault.
    is_unread: bool = False
    asked_in_full_at: UtcDatetime | None = None
    # Set by the first document that could be read: what was in it is the back list.
    first_read_at: UtcDatetime | None = None
    last_polled_at: UtcDatetime | None = None
    last_success_at: UtcDatetime | None = None
    last_news_at: UtcDatetime | None = None
    last_status: int | None = None
    failures: int = Field(default=0, description="failed polls in a row")
    failure: FailureReason | None = None
    message: str = ""
    is_gone: bool = False
    # The next document may list old items under new ids: it comes from elsewhere, or after the feed was gone.
    is_resuming: bool = False
    rhythm: timedelta | None = Field(default=None, description="by the dates of its items, where they have any")
    ttl: timedelta | None = None
    update_period: timedelta | None = None
    skip_hours: tuple[int, ...] = ()
    skip_days: tuple[int, ...] = ()
    moved_to: str | None = None
    moved_answers: int = Field(default=0, description="answers in a row that named `moved_to`")
    moved_url: str | None = Field(default=None, description="the address adopted after enough such answers")
    moves: tuple[Move, ...] = ()
    history: tuple[PollRecord, ...] = Field(default=(), description="the last polls, newest last")
    failing_since: UtcDatetime | None = Field(default=None, description="the first of the failed polls in a row")
    longest_gap: timedelta | None = Field(default=None, description="its longest silence of late")
    longest_gap_at: UtcDatetime | None = None
    quiet_from: UtcDatetime | None = Field(default=None, description="when the last silence began that was told of")
    known_since: UtcDatetime | None = Field(default=None, description="the oldest moment its items are known from")
    health: FeedHealth | None = None
    health_since: UtcDatetime | None = None
    health_reason: str = ""
    hubs: tuple[str, ...] = Field(default=(), description="where the feed says that it is pushed from (WebSub)")
    topic_url: str | None = Field(default=None, description="the feed's own address, as its hubs know it")
    due_at: UtcDatetime | None = None
    due_reason: DueReason | None = None

    @property
    def address(self) -> str:
        """Where the feed is asked."""
        return self.moved_url or self.url

    @property
    def validators(self) -> Validators:
        """The conditions of the next request."""
        return Validators(self.etag, self.last_modified, self.validators_origin)

    @property
    def usual_gap(self) -> timedelta | None:
        """How far apart the feed's news comes: by the dates of its items, else by which polls found any."""
        return self.rhythm or rhythm_of_looks(looks_of(self.history))

    @property
    def hints(self) -> UpdateHints:
        """What the feed last said of its own schedule."""
        return UpdateHints(self.ttl, self.update_period, frozenset(self.skip_hours), frozenset(self.skip_days))

    @property
    def condition(self) -> Condition | None:
        """How the feed was at its last poll."""
        if self.health is None or self.health_since is None:
            return None
        return Condition(self.health, self.health_since, self.health_reason)

    def for_feed(self, feed: Feed) -> "FeedState":
        """Return the state to poll this feed with. At a new address it starts anew, its back list included.

        An address that was adopted before the user wrote it down is not new.
        """
        if self.url == feed.url:
            return self if self.interval == feed.interval else self.model_copy(update={"interval": feed.interval})
        here = {"url": feed.url, "interval": feed.interval, "moved_url": None, "moved_to": None, "moved_answers": 0}
        if self.url and self.moved_url == feed.url:
            return self.model_copy(update=here)
        forgotten = dict.fromkeys(
            (
                "etag",
                "last_modified",
                "validators_origin",
                "body_hash",
                "first_read_at",
                "asked_in_full_at",
                "topic_url",
            )
        )
        fresh = {"hubs": (), "due_at": None, "is_gone": False, "is_unread": False, "is_resuming": False, "failures": 0}
        return self.model_copy(update=here | forgotten | fresh)

    def to_ask_with(self, now: datetime) -> "FeedState":
        """Return the state before a request at this time.

        Of a document that could not be read, the conditions are kept for a day.
        """
        if self.first_read_at is not None:
            return self
        if self.is_unread and self.asked_in_full_at and now - self.asked_in_full_at < FULL_AFTER:
            return self
        anew = {"etag": None, "last_modified": None, "body_hash": None, "is_unread": False, "asked_in_full_at": now}
        return self.model_copy(update=anew)


def timer_of(feed: Feed, state: FeedState | None, now: datetime, *, has_timer: bool) -> datetime | None:
    """Return when a feed that is new, changed or back is due, or None if the timer it has still holds.

    A server that asked to be left alone is left alone, whatever the user changed but the address. A feed that lost
    its timer takes it from its state; one that is gone has none there, and is asked once more.
    """
    if state is None or not state.url:
        return None if has_timer else now
    if feed.url not in {state.url, state.moved_url}:
        return now
    if not has_timer:
        return state.due_at or now
    if state.interval == feed.interval or state.due_reason in {DueReason.RETRY_AFTER, DueReason.GONE}:
        return None
    if state.last_polled_at is None:
        return now
    return max(now, state.last_polled_at + (feed.interval or USUAL_WAIT))
