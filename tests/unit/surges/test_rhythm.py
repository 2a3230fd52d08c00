"""What is compared with what: counts as a plain loop gives them, and windows that lie where the policy says."""

from datetime import datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.domain.surges.policy import SurgePolicy
from services.domain.surges.records import DayKind, Stretch
from services.domain.surges.rhythm import Beginnings, Known, expect, kind_of
from tests.unit.surges.streams import DAY, HOUR, MONDAY, steady

POLICY = SurgePolicy()
QUARTER = timedelta(minutes=15)
FOLLOWED = Known(MONDAY)
moments = st.integers(0, 60 * 24 * 4).map(lambda quarters: MONDAY + quarters * QUARTER)
lengths = st.sampled_from([3 * HOUR, DAY, timedelta(minutes=45)])


@settings(max_examples=40, deadline=None)
@given(st.lists(moments, max_size=60), moments, lengths)
def test_windows_hold_what_began_after_their_start_up_to_their_end(
    times: list[datetime], end: datetime, length: timedelta
) -> None:
    beginnings = Beginnings(times[::2])
    for at in times[1::2]:
        beginnings.add(at)
    inside = sorted(at for at in times if end - length < at <= end)
    assert beginnings.count(end, length) == len(inside)
    assert list(beginnings.within(end, length)) == inside


@settings(max_examples=40, deadline=None)
@given(st.lists(moments, max_size=80), moments, lengths, moments, st.lists(st.tuples(moments, moments), max_size=2))
def test_the_baseline_is_that_of_a_plain_loop(
    times: list[datetime],
    end: datetime,
    length: timedelta,
    since: datetime,
    surges: list[tuple[datetime, datetime]],
) -> None:
    ended = tuple(Stretch(since=min(pair), until=max(pair)) for pair in surges)
    windows = []
    for days in range(1, 60):
        high = end - days * DAY
        low = high - length
        if (
            high <= end - length - POLICY.guard
            and low >= end - length - POLICY.guard - POLICY.baseline
            and low >= since
        ):
            windows.append((low, high))
    apart = [w for w in windows if not any(s.since <= w[1] and w[0] < s.until for s in ended)]
    windows = apart if len(apart) >= POLICY.least_alike else windows
    alike = [w for w in windows if plain_kind(*w) is plain_kind(end - length, end)]
    compared = alike if len(alike) >= POLICY.least_alike else windows
    found = expect(Beginnings(times), end, length, Known(since, ended), POLICY)
    if len(windows) < POLICY.least_alike:
        assert found is None
        return
    assert found is not None
    counts = [sum(1 for at in times if low < at <= high) for low, high in compared]
    assert found.windows == len(compared)
    assert found.days is (plain_kind(end - length, end) if compared is alike else DayKind.ALL)
    assert found.mean == pytest.approx((sum(counts) + 0.5) / len(counts))
    assert found.variance >= found.mean


def plain_kind(low: datetime, high: datetime) -> DayKind:
    """Return the kind of day by asking every quarter of an hour of the window."""
    quarters = int((high - low) / QUARTER)
    weekend = sum(1 for quarter in range(quarters) if (low + quarter * QUARTER).weekday() >= 5)
    if weekend * 4 < quarters:
        return DayKind.WORKDAYS
    return DayKind.WEEKEND if weekend * 4 > quarters * 3 else DayKind.TURN


@settings(max_examples=40, deadline=None)
@given(moments, lengths)
def test_the_kind_of_day_is_that_of_its_hours(end: datetime, length: timedelta) -> None:
    assert kind_of(end, length) is plain_kind(end - length, end)


def test_a_days_windows_leave_out_the_guard_band_and_what_nobody_looked_at() -> None:
    beginnings = Beginnings(start.at for start in steady(40))
    end = MONDAY + 38 * DAY + 12 * HOUR  # a Thursday
    every = expect(beginnings, end, DAY, FOLLOWED, POLICY)
    assert every is not None
    assert (every.windows, every.days, round(every.mean)) == (16, DayKind.WORKDAYS, 3)
    late = expect(beginnings, end, DAY, Known(end - 8 * DAY), POLICY)  # ends 3 to 7 days ago, a weekend among them
    assert late is not None
    assert (late.windows, late.days) == (5, DayKind.ALL)
    assert expect(beginnings, end, DAY, Known(end - 6 * DAY), POLICY) is None


def test_usual_is_told_with_its_range() -> None:
    beginnings = Beginnings(start.at for start in steady(40))
    expected = expect(beginnings, MONDAY + 38 * DAY + 12 * HOUR, DAY, FOLLOWED, POLICY)
    assert expected is not None
    usual = expected.usual()
    assert 0 <= usual.low < 3 < usual.high <= 8
