"""What polls make of a feed's health, and what is told of it."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from schemas.alert import Alert
from schemas.feed import Feed
from services.domain.feeds.health import FeedHealth, HealthChange
from services.domain.feeds.normalize import Draft, Reading
from services.domain.feeds.parser import ParsedFeed
from services.fetcher import outcome
from services.fetcher.answers import Failed, FailureReason, Fetched, Gone, NotModified, Validators
from services.fetcher.history import Move, MoveReason
from services.fetcher.outcome import Poll
from services.fetcher.state import FeedState
from services.fetcher.wellness import examine

NOW = datetime(2024, 11, 27, 9, 0, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
FEED = Feed(id="wire", url="https://example.org/feed", outlet="Example Wire")


class Watch:
    """A feed polled again and again, by what comes of each poll."""

    def __init__(self) -> None:
        self.state = FeedState(url=FEED.url)
        self.now = NOW
        self.told: list[Alert] = []

    def poll(self, made: Poll, *, after: timedelta = HOUR) -> list[str]:
        self.now += after
        poll = outcome.moved(made, None, feed_id=FEED.id, move_after=3, now=self.now)
        poll, alerts = examine(self.state, outcome.timed(poll, self.now, ()), FEED, self.now)
        self.state = poll.state
        self.told += alerts
        return [alert.labels["change"] for alert in alerts]

    def lists(self, *published: datetime, after: timedelta = HOUR) -> list[str]:
        drafts = tuple(Draft(guid=str(at), url=None, title="T", text="", published_at=at) for at in published)
        feed = ParsedFeed(
            title="A feed", link=None, description="", language=None, feed_type="rss20", entries=(), warnings=()
        )
        result = Fetched(FEED.url, b"%r" % (published,), "application/rss+xml", Validators())
        if published:
            self.state = self.state.model_copy(update={"last_news_at": max(published)})
        return self.poll(outcome.read(result, Reading(feed, drafts), self.state), after=after)

    def fails(self, after: timedelta = HOUR) -> list[str]:
        return self.poll(outcome.failed(Failed(FailureReason.TIMEOUT, "no answer"), self.state), after=after)

    def unchanged(self, after: timedelta = HOUR) -> list[str]:
        return self.poll(outcome.judge(NotModified(Validators()), self.state), after=after)


def hourly(until: datetime, hours: int = 24 * 8) -> list[datetime]:
    return [until - number * HOUR for number in range(hours)]


def test_a_feed_that_fails_for_hours_is_broken_once_and_back_once() -> None:
    watch = Watch()
    assert watch.lists(*hourly(NOW)) == []
    assert [watch.fails() for _ in range(9)] == [*[[]] * 6, ["broken"], [], []]
    assert watch.state.health is FeedHealth.BROKEN
    assert watch.unchanged() == ["recovered"]
    assert watch.unchanged() == []
    assert "It had been broken" in watch.told[-1].summary


def test_a_wire_that_falls_silent_is_quiet_and_its_next_item_ends_it() -> None:
    watch = Watch()
    watch.lists(*hourly(NOW))
    changes = [change for _ in range(30) for change in watch.unchanged(after=3 * HOUR)]
    assert changes == ["quiet"]
    assert watch.lists(watch.now, *hourly(NOW)) == ["recovered"]
    assert watch.state.longest_gap == HOUR, "a silence that was told of does not become usual"


def test_what_a_feed_was_silent_for_before_is_what_it_may_be_silent_for_again() -> None:
    watch = Watch()
    watch.lists(*hourly(NOW - 40 * HOUR), after=timedelta())
    watch.lists(NOW, *hourly(NOW - 40 * HOUR), after=timedelta())
    assert watch.state.longest_gap == 40 * HOUR
    assert [watch.unchanged(after=12 * HOUR) for _ in range(9)] == [[]] * 9
    assert watch.unchanged(after=24 * HOUR) == ["quiet"]


def test_a_feed_that_is_gone_is_told_of_once() -> None:
    watch = Watch()
    watch.lists(*hourly(NOW))
    gone = outcome.judge(Gone("gone (410)"), watch.state)
    assert watch.poll(gone) == ["gone"]
    assert watch.poll(outcome.judge(Gone("gone (410)"), watch.state)) == []


def test_an_adopted_move_is_told_with_where_it_leads() -> None:
    watch = Watch()
    elsewhere = "https://example.net/feed"
    told: list[Alert] = []
    for _ in range(3):
        result = Fetched(elsewhere, b"x", "application/rss+xml", Validators(), moved_to=elsewhere)
        reading = Reading(ParsedFeed("A feed", None, "", None, "rss20", ()), ())
        watch.now += HOUR
        poll = outcome.moved(
            outcome.read(result, reading, watch.state), elsewhere, feed_id=FEED.id, move_after=3, now=watch.now
        )
        poll, alerts = examine(watch.state, outcome.timed(poll, watch.now, ()), FEED, watch.now)
        watch.state = poll.state
        told += alerts
    assert [alert.labels["change"] for alert in told] == [HealthChange.MOVED]
    assert elsewhere in told[0].summary
    assert "3 answers in a row" in told[0].summary


def test_a_poll_that_is_repeated_after_a_crash_tells_the_same() -> None:
    watch = Watch()
    watch.lists(*hourly(NOW))
    for _ in range(6):
        watch.fails()
    before = watch.state
    made = outcome.failed(Failed(FailureReason.TIMEOUT, "no answer"), before)
    alerts = []
    for late in (HOUR, 2 * HOUR):
        poll = outcome.timed(made, watch.now + late, ())
        alerts.append(examine(before, poll, FEED, watch.now + late)[1])
    assert [alert.id for alert in alerts[0]] == [alert.id for alert in alerts[1]]
    assert len(alerts[0]) == 1


def test_a_quiet_feed_that_fails_for_a_moment_is_not_told_of_again() -> None:
    watch = Watch()
    watch.lists(*hourly(NOW))
    assert watch.unchanged(after=4 * DAY) == ["quiet"]
    assert [watch.fails(), watch.unchanged(), watch.fails(), watch.unchanged()] == [[]] * 4
    assert watch.state.health is FeedHealth.QUIET


def test_a_feed_that_moves_to_and_fro_is_told_of_each_time() -> None:
    there = Move(
        at=NOW,
        feed_id=FEED.id,
        from_url=FEED.url,
        to_url="https://example.net/",
        reason=MoveReason.REDIRECTED,
        answers=3,
    )
    before = FeedState(url=FEED.url, health=FeedHealth.HEALTHY, health_since=NOW)
    ids = set()
    for last in (NOW, NOW + DAY):
        state = before.model_copy(update={"last_polled_at": last})
        poll = outcome.timed(
            outcome.judge(NotModified(Validators()), state.model_copy(update={"first_read_at": NOW})), last, ()
        )
        _, (alert,) = examine(state, replace(poll, move=there), FEED, last + HOUR)
        ids.add(alert.id)
    assert len(ids) == 2
