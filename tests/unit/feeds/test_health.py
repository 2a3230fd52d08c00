"""When a feed counts as broken, quiet or gone, and what is told of it: each change once."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.alert import AlertKind
from schemas.feed import Feed
from services.domain.feeds.health import (
    Condition,
    FeedHealth,
    HealthChange,
    HealthFacts,
    assess,
    change_between,
    health_alert,
    in_words,
    longest_gap,
    settle,
)

NOW = datetime(2024, 11, 27, 9, 0, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
FEED = Feed(id="wire", url="https://example.org/feed", outlet="Example Wire")
MONTHS_AGO = NOW - 90 * DAY


def ago(span: timedelta) -> datetime:
    return NOW - span


def known(gap: timedelta | None, silent: timedelta, *, since: datetime = MONTHS_AGO) -> HealthFacts:
    return HealthFacts(last_news_at=ago(silent), longest_gap=gap, known_since=since)


@pytest.mark.parametrize(
    ("name", "facts", "health"),
    [
        ("answers, with news", known(HOUR, HOUR), FeedHealth.HEALTHY),
        ("a wire's quiet night", known(HOUR, 20 * HOUR), FeedHealth.HEALTHY),
        ("a wire silent for three days", known(HOUR, 3 * DAY), FeedHealth.QUIET),
        ("a weekly that is a week late", known(7 * DAY, 14 * DAY), FeedHealth.HEALTHY),
        ("a weekly silent for a month", known(7 * DAY, 30 * DAY), FeedHealth.QUIET),
        ("its first weekend", known(HOUR, 3 * DAY, since=ago(4 * DAY)), FeedHealth.HEALTHY),
        ("too few items to tell", known(None, 300 * DAY), FeedHealth.HEALTHY),
        ("nothing was ever dated", HealthFacts(), FeedHealth.HEALTHY),
        ("gone", HealthFacts(is_gone=True), FeedHealth.GONE),
        ("failed once, long ago", HealthFacts(failures=1, failing_since=ago(DAY)), FeedHealth.FAILING),
        ("failed often, but just now", HealthFacts(failures=9, failing_since=ago(HOUR)), FeedHealth.FAILING),
        ("failed often and for long", HealthFacts(failures=5, failing_since=ago(6 * HOUR)), FeedHealth.BROKEN),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_a_feed_is(name: str, facts: HealthFacts, health: FeedHealth) -> None:
    assert assess(facts, NOW).health is health, name


def test_the_longest_gap_needs_two_gaps() -> None:
    assert longest_gap([NOW, None, ago(HOUR)]) is None
    assert longest_gap([NOW, None, ago(HOUR), ago(6 * HOUR)]) == 5 * HOUR


def test_a_feed_that_breaks_and_comes_back_is_told_of_twice() -> None:
    """Healthy, failing, broken, still broken, back: two things to tell."""
    broken = HealthFacts(failures=6, failing_since=ago(7 * HOUR), message="503")
    polls = [
        HealthFacts(),
        HealthFacts(failures=1, failing_since=ago(HOUR)),
        broken,
        HealthFacts(failures=7, failing_since=ago(7 * HOUR), message="timeout"),
        HealthFacts(),
        HealthFacts(),
    ]
    condition: Condition | None = None
    told = []
    for number, facts in enumerate(polls):
        before, condition = condition, settle(condition, assess(facts, NOW + number * HOUR))
        told.append(change_between(before, condition))
    assert told == [None, None, HealthChange.BROKEN, None, HealthChange.RECOVERED, None]


@pytest.mark.parametrize("stored", [None, Condition(FeedHealth.NEW, MONTHS_AGO)])
def test_a_new_feed_that_never_answered_is_told_of_when_it_counts_as_broken(stored: Condition | None) -> None:
    first = settle(stored, assess(HealthFacts(failures=1, failing_since=ago(7 * HOUR)), NOW))
    assert (first.health, change_between(stored, first)) == (FeedHealth.FAILING, None)
    then = settle(first, assess(HealthFacts(failures=5, failing_since=ago(7 * HOUR)), NOW))
    assert change_between(first, then) is HealthChange.BROKEN


@pytest.mark.parametrize("was", [None, Condition(FeedHealth.FAILING, MONTHS_AGO)])
def test_a_feed_that_was_dormant_when_it_was_added_is_not_news(was: Condition | None) -> None:
    first = settle(was, assess(known(HOUR, 300 * DAY), NOW))
    assert (first.health, change_between(was, first)) == (FeedHealth.QUIET, None)
    assert change_between(first, Condition(FeedHealth.HEALTHY, NOW)) is HealthChange.RECOVERED


def test_from_quiet_to_broken_to_gone_nothing_recovers() -> None:
    conditions = [Condition(health, NOW) for health in (FeedHealth.QUIET, FeedHealth.BROKEN, FeedHealth.GONE)]
    changes = [change_between(before, after) for before, after in pairwise(conditions)]
    assert changes == [HealthChange.BROKEN, HealthChange.GONE]


def test_the_alert_says_what_and_why() -> None:
    healthy = Condition(FeedHealth.HEALTHY, MONTHS_AGO)
    quiet = assess(known(HOUR, 3 * DAY), NOW)
    alert = health_alert(FEED, HealthChange.QUIET, quiet, NOW, before=healthy)
    assert alert.kind is AlertKind.FEED_HEALTH
    assert alert.title == "Example Wire has gone quiet"
    assert alert.summary == (
        "Nothing new for 3 days; its longest silence before was 1 hour.\nFeed wire: https://example.org/feed"
    )
    assert alert.labels == {"feed_id": "wire", "outlet": "Example Wire", "change": "quiet"}


def test_a_repeated_poll_tells_the_same_alert() -> None:
    healthy = Condition(FeedHealth.HEALTHY, MONTHS_AGO)
    gone = HealthFacts(is_gone=True)
    first = health_alert(FEED, HealthChange.GONE, assess(gone, NOW), NOW, before=healthy)
    again = health_alert(FEED, HealthChange.GONE, assess(gone, NOW + HOUR), NOW + HOUR, before=healthy)
    assert first.id == again.id


def test_the_second_time_it_breaks_is_another_alert() -> None:
    broken = Condition(FeedHealth.BROKEN, NOW)
    first = health_alert(FEED, HealthChange.BROKEN, broken, NOW, before=Condition(FeedHealth.HEALTHY, MONTHS_AGO))
    second = health_alert(FEED, HealthChange.BROKEN, broken, NOW, before=Condition(FeedHealth.HEALTHY, ago(DAY)))
    assert first.id != second.id


@given(
    st.integers(0, 40),
    st.timedeltas(timedelta(), 60 * DAY),
    st.timedeltas(timedelta(), 60 * DAY),
    st.none() | st.timedeltas(timedelta(seconds=1), 30 * DAY),
)
def test_time_alone_never_heals(failures: int, failing: timedelta, silent: timedelta, gap: timedelta | None) -> None:
    facts = HealthFacts(failures=failures, failing_since=ago(failing), last_news_at=ago(silent), longest_gap=gap)
    now, later = assess(facts, NOW).health, assess(facts, NOW + DAY).health
    if now in {FeedHealth.BROKEN, FeedHealth.QUIET}:
        assert later is now


@pytest.mark.parametrize(
    ("span", "words"),
    [
        (timedelta(seconds=5), "5 seconds"),
        (timedelta(seconds=1), "1 second"),
        (timedelta(minutes=1), "1 minute"),
        (timedelta(hours=26), "26 hours"),
        (timedelta(days=3, hours=5), "3 days"),
        (timedelta(days=-1), "0 seconds"),
    ],
)
def test_spans_in_words(span: timedelta, words: str) -> None:
    assert in_words(span) == words


def test_an_address_at_the_beginning_of_a_reason_stays_as_it_is() -> None:
    gone = Condition(FeedHealth.GONE, NOW, "https://example.org/feed is gone (410)")
    alert = health_alert(FEED, HealthChange.GONE, gone, NOW)
    assert alert.summary.startswith("https://example.org/feed is gone (410).\n")


def test_a_feed_that_is_gone_at_its_first_poll_is_told_of_once_although_that_poll_is_repeated() -> None:
    first, again = (
        health_alert(FEED, HealthChange.GONE, Condition(FeedHealth.GONE, at), at) for at in (NOW, NOW + HOUR)
    )
    assert first.id == again.id
