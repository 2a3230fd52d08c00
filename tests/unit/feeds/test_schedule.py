"""When a feed is asked again, and why then."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.feed import Feed
from services.domain.feeds.freshness import fresh_for, retry_after
from services.domain.feeds.hints import UpdateHints
from services.domain.feeds.schedule import (
    Due,
    DueReason,
    Look,
    ResponseFacts,
    SchedulePolicy,
    next_due,
    rhythm_of,
    rhythm_of_looks,
)

NOW = datetime(2024, 11, 27, 9, 30, tzinfo=UTC)  # a Wednesday
POLICY = SchedulePolicy()
FEED = Feed(id="one", url="https://example.org/feed", outlet="Example Times")
EVERY_MINUTE = FEED.model_copy(update={"interval": timedelta(minutes=1)})


def minutes(number: float) -> timedelta:
    return timedelta(minutes=number)


def hints(**said: object) -> UpdateHints:
    return UpdateHints(**said)  # type: ignore[arg-type]


LATEST = ResponseFacts(fresh_for=minutes(90), hints=hints(ttl=minutes(70)), rhythm=minutes(160))
BUSY_AND_SAYS_SO = ResponseFacts(fresh_for=minutes(10), rhythm=minutes(4))
RETRY_AND_MAX_AGE = ResponseFacts(failures=1, retry_after=minutes(100), fresh_for=minutes(50))
RETRY_IN_YEARS = ResponseFacts(failures=1, retry_after=timedelta(days=4000))
NEVER_OPEN = ResponseFacts(hints=hints(skip_hours=frozenset(range(24))))


@pytest.mark.parametrize(
    ("name", "facts", "wait", "reason"),
    [
        ("nothing known", ResponseFacts(), 60, DueReason.DEFAULT),
        ("half its rhythm", ResponseFacts(rhythm=minutes(240)), 120, DueReason.RHYTHM),
        ("busy: hourly at most", ResponseFacts(rhythm=minutes(4)), 60, DueReason.RHYTHM),
        ("quiet: six hours at most", ResponseFacts(rhythm=timedelta(days=9)), 360, DueReason.RHYTHM),
        ("max-age longer", ResponseFacts(fresh_for=minutes(100)), 100, DueReason.FRESHNESS),
        ("max-age shorter lowers the floor", BUSY_AND_SAYS_SO, 10, DueReason.FRESHNESS),
        ("but not below five minutes", ResponseFacts(fresh_for=minutes(1), rhythm=minutes(4)), 5, DueReason.RHYTHM),
        ("max-age 0 says nothing", ResponseFacts(fresh_for=minutes(0), rhythm=minutes(4)), 60, DueReason.RHYTHM),
        ("max-age of a month is capped", ResponseFacts(fresh_for=timedelta(days=31)), 1440, DueReason.FRESHNESS),
        ("ttl", ResponseFacts(hints=hints(ttl=minutes(180))), 180, DueReason.TTL),
        ("update period", ResponseFacts(hints=hints(update_period=minutes(720))), 720, DueReason.UPDATE_PERIOD),
        ("the latest of all", LATEST, 90, DueReason.FRESHNESS),
        ("Retry-After on a good answer is ignored", ResponseFacts(retry_after=minutes(600)), 60, DueReason.DEFAULT),
        ("first failure", ResponseFacts(failures=1), 5, DueReason.BACK_OFF),
        ("first answer that is a failure", ResponseFacts(failures=1, is_answered=True), 60, DueReason.BACK_OFF),
        ("third answer that is one", ResponseFacts(failures=3, is_answered=True), 240, DueReason.BACK_OFF),
        ("its thousandth: daily", ResponseFacts(failures=1000, is_answered=True), 1440, DueReason.BACK_OFF),
        ("silent for eight hours", ResponseFacts(rhythm=minutes(4), silent_for=minutes(480)), 60, DueReason.RHYTHM),
        ("silent for a day", ResponseFacts(rhythm=minutes(4), silent_for=minutes(1440)), 180, DueReason.RHYTHM),
        ("silent for a month", ResponseFacts(rhythm=minutes(4), silent_for=timedelta(30)), 360, DueReason.RHYTHM),
        ("fourth failure", ResponseFacts(failures=4), 40, DueReason.BACK_OFF),
        ("thousandth failure: daily", ResponseFacts(failures=1000), 1440, DueReason.BACK_OFF),
        ("Retry-After longer", ResponseFacts(failures=1, retry_after=minutes(100)), 100, DueReason.RETRY_AFTER),
        ("Retry-After shorter", ResponseFacts(failures=4, retry_after=minutes(1)), 40, DueReason.BACK_OFF),
        ("Retry-After beyond max-age", RETRY_AND_MAX_AGE, 100, DueReason.RETRY_AFTER),
        ("Retry-After of years", RETRY_IN_YEARS, 31 * 1440, DueReason.RETRY_AFTER),
        ("skips the tenth hour", ResponseFacts(hints=hints(skip_hours=frozenset({10}))), 90, DueReason.SKIPPED_TIME),
        ("skips Wednesday", ResponseFacts(hints=hints(skip_days=frozenset({2}))), 14.5 * 60, DueReason.SKIPPED_TIME),
        ("skips every hour: as if none", NEVER_OPEN, 60, DueReason.DEFAULT),
    ],
)  # fmt: skip
def test_the_latest_bound_decides(name: str, facts: ResponseFacts, wait: float, reason: DueReason) -> None:
    assert next_due(POLICY, FEED, facts, NOW) == Due(NOW + minutes(wait), reason), name


@pytest.mark.parametrize(
    ("facts", "wait", "reason"),
    [
        (ResponseFacts(fresh_for=minutes(33), hints=hints(ttl=minutes(60))), 1, DueReason.INTERVAL),
        (ResponseFacts(hints=hints(skip_hours=frozenset({9}))), 1, DueReason.INTERVAL),
        (ResponseFacts(failures=1), 1, DueReason.BACK_OFF),
        (ResponseFacts(failures=1, is_answered=True), 1, DueReason.BACK_OFF),
        (ResponseFacts(rhythm=minutes(4), silent_for=timedelta(30)), 1, DueReason.INTERVAL),
        (ResponseFacts(failures=3), 4, DueReason.BACK_OFF),
        (ResponseFacts(failures=1, retry_after=minutes(33)), 33, DueReason.RETRY_AFTER),
    ],
)
def test_the_users_interval_overrides_hints_but_not_retry_after(
    facts: ResponseFacts, wait: float, reason: DueReason
) -> None:
    assert next_due(POLICY, EVERY_MINUTE, facts, NOW) == Due(NOW + minutes(wait), reason)


def test_gone_is_never_due_and_says_so() -> None:
    assert next_due(POLICY, EVERY_MINUTE, ResponseFacts(is_gone=True), NOW) == Due(None, DueReason.GONE)


facts_strategy = st.builds(
    ResponseFacts,
    failures=st.integers(0, 10_000),
    is_answered=st.booleans(),
    silent_for=st.timedeltas(timedelta(), timedelta(days=10_000)),
    retry_after=st.none() | st.timedeltas(timedelta(), timedelta(days=10_000)),
    fresh_for=st.none() | st.timedeltas(timedelta(), timedelta(days=10_000)),
    rhythm=st.none() | st.timedeltas(timedelta(), timedelta(days=10_000)),
    hints=st.builds(
        UpdateHints,
        st.none() | st.timedeltas(minutes(1), timedelta(days=999)),
        st.none() | st.timedeltas(minutes(1), timedelta(days=999)),
        st.frozensets(st.integers(0, 23)),
        st.frozensets(st.integers(0, 6)),
    ),
)


@given(facts_strategy, st.sampled_from([FEED, EVERY_MINUTE]), st.floats(0, 1, exclude_max=True))
def test_every_feed_is_asked_again_and_never_at_once(facts: ResponseFacts, feed: Feed, jitter: float) -> None:
    due = next_due(POLICY, feed, facts, NOW, jitter)
    assert due.at is not None
    assert NOW + minutes(1) <= due.at <= NOW + POLICY.max_retry_after + timedelta(days=8)
    if facts.failures and facts.retry_after is not None:
        assert due.at >= NOW + min(facts.retry_after, POLICY.max_retry_after)


def test_jitter_only_delays_and_only_a_little() -> None:
    assert next_due(POLICY, FEED, ResponseFacts(), NOW, 0.5).at == NOW + minutes(62.5)
    slow = ResponseFacts(fresh_for=timedelta(days=1))
    assert next_due(POLICY, FEED, slow, NOW, 0.999).at < NOW + timedelta(days=1, minutes=5)  # type: ignore[operator]


def ago(*hours: float) -> list[datetime]:
    return [NOW - timedelta(hours=number) for number in hours]


def test_rhythm_is_the_usual_gap_and_needs_three_dates() -> None:
    hours = [NOW, None, NOW - timedelta(hours=2), NOW - timedelta(hours=1), NOW - timedelta(days=30)]
    assert rhythm_of(hours) == timedelta(hours=1)
    assert rhythm_of(hours[:3]) is None
    assert rhythm_of([]) is None


def test_rhythm_follows_a_feed_that_changes_its_pace() -> None:
    speeding = ago(*range(10), *(10 + 24 * day for day in range(14)))
    slowing = ago(*(24 * day for day in range(10)), *(216 + hour for hour in range(1, 14)))
    assert rhythm_of(speeding) == timedelta(hours=1)
    assert rhythm_of(slowing) == timedelta(days=1)


def test_items_that_come_out_together_are_one_publication() -> None:
    daily = [moment + timedelta(seconds=second) for moment in ago(0, 24, 48, 72) for second in range(20)]
    assert rhythm_of(daily) == timedelta(hours=24)
    assert rhythm_of(ago(5) * 30) is None


def looks(*news: bool, every: float = 1) -> list[Look]:
    return [Look(NOW + timedelta(hours=every * number), found_news=found) for number, found in enumerate(news)]


def test_polls_that_find_news_tell_a_rhythm_to_feeds_without_dates() -> None:
    assert rhythm_of_looks(looks(True, True, True)) is None
    assert rhythm_of_looks(looks(True, True, True, True)) == timedelta(hours=1)
    every_other = rhythm_of_looks(looks(*[True, False] * 5))
    assert every_other is not None
    assert timedelta(hours=1.5) < every_other < timedelta(hours=3)
    never = [rhythm_of_looks(looks(*[False] * count)) for count in (4, 7, 10)]
    assert never == sorted(never)  # type: ignore[type-var]
    lately, formerly = (
        rhythm_of_looks(looks(*[False] * 5, *[True] * 4)),
        rhythm_of_looks(looks(*[True] * 5, *[False] * 4)),
    )
    assert lately is not None
    assert formerly is not None
    assert lately < timedelta(hours=2) < formerly


@given(st.lists(st.tuples(st.floats(0.01, 1000), st.booleans()), max_size=12))
def test_any_series_of_polls_gives_a_rhythm_no_shorter_than_its_shortest_gap(steps: list[tuple[float, bool]]) -> None:
    at, series = NOW, []
    for hours, found in steps:
        at += timedelta(hours=hours)
        series.append(Look(at, found_news=found))
    rhythm = rhythm_of_looks(series)
    assert (rhythm is None) is (len(series) < 4)
    assert rhythm is None or rhythm >= 0.99 * min(after.at - before.at for before, after in pairwise(series))


DATE = "Wed, 27 Nov 2024 09:30:00 GMT"


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({"retry-after": "120"}, timedelta(seconds=120)),
        ({"retry-after": "Wed, 27 Nov 2024 11:10:00 GMT"}, minutes(100)),
        ({"retry-after": "Wed, 27 Nov 2024 12:10:00 +0100"}, minutes(100)),
        ({"retry-after": "Wed, 27 Nov 2024 11:10:00 GMT", "date": "Wed, 27 Nov 2024 08:30:00 GMT"}, minutes(160)),
        ({"retry-after": "Wed, 27 Nov 2024 08:10:00 GMT"}, timedelta()),
        ({"retry-after": "xyz"}, None),
        ({"retry-after": "-5"}, None),
        ({}, None),
    ],
)  # fmt: skip
def test_retry_after(headers: dict[str, str], expected: timedelta | None) -> None:
    assert retry_after(headers, NOW) == expected


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({"cache-control": "public, max-age=600"}, minutes(10)),
        ({"cache-control": "no-cache, max-age=600"}, minutes(10)),
        ({"cache-control": "max-age=600", "age": "60"}, minutes(9)),
        ({"cache-control": "max-age=600", "age": "900"}, timedelta()),
        ({"cache-control": "s-maxage=600"}, None),
        ({"cache-control": "max-age=invalid"}, None),
        ({"cache-control": "max-age=60", "expires": "Wed, 27 Nov 2024 11:10:00 GMT"}, minutes(1)),
        ({"expires": "Wed, 27 Nov 2024 11:10:00 GMT", "date": DATE}, minutes(100)),
        ({"expires": "0"}, None),
        ({"expires": "invalid-date"}, None),
        ({}, None),
    ],
)
def test_freshness(headers: dict[str, str], expected: timedelta | None) -> None:
    assert fresh_for(headers, NOW) == expected


@given(st.dictionaries(st.sampled_from(["retry-after", "cache-control", "expires", "date", "age"]), st.text()))
def test_no_header_breaks_it(headers: dict[str, str]) -> None:
    for span in (retry_after(headers, NOW), fresh_for(headers, NOW)):
        assert span is None or span >= timedelta()
