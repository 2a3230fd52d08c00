import json
from calendar import monthrange
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from alerts.time_intervals import (
    LOOK_AHEAD,
    MONTHS,
    WEEKDAYS,
    TimeInterval,
    changes,
    ends_at,
    is_within,
    muted_by,
    muted_until,
)

MINUTE = timedelta(minutes=1)
KYIV = ZoneInfo("Europe/Kyiv")
UTC_ZONE = ZoneInfo("UTC")
# Days on which clocks do something: by an hour at night and at midnight, by half an hour, by a whole day, or nothing.
DAYS = (
    ("Europe/Kyiv", date(2024, 3, 31)),
    ("Europe/Kyiv", date(2024, 10, 27)),
    ("America/Havana", date(2024, 3, 10)),
    ("America/Havana", date(2024, 11, 3)),
    ("Africa/Cairo", date(2024, 4, 26)),
    ("Africa/Cairo", date(2024, 10, 31)),
    ("Australia/Lord_Howe", date(2024, 4, 7)),
    ("Australia/Lord_Howe", date(2024, 10, 6)),
    ("Pacific/Apia", date(2011, 12, 30)),
    ("Asia/Kathmandu", date(2024, 2, 29)),
    ("UTC", date(2024, 12, 31)),
    ("America/Toronto", date(1919, 3, 31)),  # from 23:30 to 00:30
)


def interval(**conditions: Any) -> TimeInterval:
    return TimeInterval.model_validate_json(json.dumps({"name": "it", **conditions}))


def clock(minutes: int) -> str:
    return f"{minutes // 60:02}:{minutes % 60:02}"


def between(start: str, end: str) -> dict[str, str]:
    return {"start_time": start, "end_time": end}


times = st.tuples(st.integers(0, 1439), st.integers(0, 1440)).filter(lambda pair: pair[0] != pair[1])
weekday_ranges = st.tuples(st.integers(0, 6), st.integers(0, 6))
day_ranges = st.sampled_from([(1, 1), (27, 31), (-1, -1), (-3, -2), (10, -5), (31, 31), (1, 26), (-31, -30)])
month_ranges = st.tuples(st.integers(1, 12), st.integers(1, 12)).map(lambda pair: (min(pair), max(pair)))


@st.composite
def conditions(draw: st.DrawFn) -> dict[str, list[tuple[int, int]]]:
    """What an interval says, as numbers: minutes, weekdays from 0, days and months from 1."""
    chosen = {
        "times": draw(st.lists(times, max_size=2)),
        "weekdays": draw(st.lists(weekday_ranges, max_size=1)),
        "days_of_month": draw(st.lists(day_ranges, max_size=1)),
        "months": draw(st.lists(month_ranges, max_size=1)),
    }
    return chosen if any(chosen.values()) else {**chosen, "times": [(0, 1440)]}


def written(chosen: dict[str, list[tuple[int, int]]]) -> TimeInterval:
    """The interval as a user would write it."""
    return interval(
        times=[between(clock(start), clock(end)) for start, end in chosen["times"]],
        weekdays=[f"{WEEKDAYS[start]}:{WEEKDAYS[end]}" for start, end in chosen["weekdays"]],
        days_of_month=[f"{start}:{end}" for start, end in chosen["days_of_month"]],
        months=[f"{MONTHS[start - 1]}:{end}" for start, end in chosen["months"]],
    )


def is_chosen_day(chosen: dict[str, list[tuple[int, int]]], day: date) -> bool:
    def days_of(start: int, end: int) -> set[int]:
        length = monthrange(day.year, day.month)[1]
        numbers = list(range(1, length + 1))
        low = start if start > 0 else max(length + start + 1, 1)
        high = end if end > 0 else length + end + 1
        return {number for number in numbers if low <= number <= high}

    def weekdays_of(start: int, end: int) -> set[int]:
        found = {start}
        while start != end:
            start = (start + 1) % 7
            found.add(start)
        return found

    return (
        (not chosen["weekdays"] or any(day.weekday() in weekdays_of(*span) for span in chosen["weekdays"]))
        and (not chosen["days_of_month"] or any(day.day in days_of(*span) for span in chosen["days_of_month"]))
        and (not chosen["months"] or any(start <= day.month <= end for start, end in chosen["months"]))
    )


def wall_minutes(chosen: dict[str, list[tuple[int, int]]], days: list[date]) -> set[datetime]:
    """Every minute that a clock on the wall shows while the interval holds, of ranges that begin on these days."""
    found = set()
    for day in days:
        if is_chosen_day(chosen, day):
            midnight = datetime(day.year, day.month, day.day)  # noqa: DTZ001 - what a clock shows has no zone
            for start, end in chosen["times"] or [(0, 1440)]:
                last = end if end > start else end + 1440
                found |= {midnight + minute * MINUTE for minute in range(start, last)}
    return found


@settings(max_examples=25, deadline=None)
@given(conditions(), st.sampled_from(DAYS), st.integers(0, 1439), st.integers(0, 59))
@example({"times": [(0, 150)], "weekdays": [], "days_of_month": [], "months": []}, DAYS[0], 0, 0)
@example({"times": [(1320, 420)], "weekdays": [(4, 4)], "days_of_month": [], "months": []}, DAYS[1], 1000, 30)
@example({"times": [(35, 600), (1425, 1430)], "weekdays": [], "days_of_month": [], "months": []}, DAYS[-1], 1439, 0)
def test_interval_is_what_a_walk_minute_by_minute_finds(
    chosen: dict[str, list[tuple[int, int]]], place: tuple[str, date], minute: int, second: int
) -> None:
    zone, day = ZoneInfo(place[0]), place[1]
    it = written(chosen)
    days = [day + timedelta(days=number) for number in range(-3, 5)]
    within = wall_minutes(chosen, days)
    start = datetime(day.year, day.month, day.day, tzinfo=UTC) - timedelta(hours=30) + minute * MINUTE
    walk = [start + number * MINUTE for number in range(60 * 60)]
    found = [moment.astimezone(zone).replace(tzinfo=None) in within for moment in walk]
    assert [is_within(it, moment, zone) for moment in walk[::7]] == found[::7]
    asked = start + timedelta(seconds=second)
    change = next((moment for moment, one in zip(walk, found, strict=True) if one != found[0]), None)
    got = next(changes(it, asked, zone), None)
    if change is None:
        assert got is None or got > walk[-1]
    else:
        assert got == change
        assert ends_at(it, asked, zone) == (change if found[0] else asked)


@settings(max_examples=15, deadline=None)
@given(
    st.lists(conditions(), max_size=2), st.lists(conditions(), max_size=2), st.sampled_from(DAYS), st.integers(0, 1439)
)
def test_mute_ends_when_no_interval_mutes(
    mute: list[dict[str, list[tuple[int, int]]]],
    active: list[dict[str, list[tuple[int, int]]]],
    place: tuple[str, date],
    minute: int,
) -> None:
    zone, day = ZoneInfo(place[0]), place[1]
    muting, activating = [written(one) for one in mute], [written(one) for one in active]

    def is_muted(moment: datetime) -> bool:
        on = any(is_within(one, moment, zone) for one in muting)
        return on or (bool(activating) and not any(is_within(one, moment, zone) for one in activating))

    start = datetime(day.year, day.month, day.day, tzinfo=UTC) + minute * MINUTE
    until = muted_until(muting, activating, start, zone)
    if not is_muted(start):
        assert until is None
        assert muted_by(muting, activating, start, zone) == ()
        return
    walk = (start + number * MINUTE for number in range(60 * 48))
    first = next((moment for moment in walk if not is_muted(moment)), None)
    assert until is not None
    assert until == first if first else until > start + timedelta(hours=47)


def test_range_over_midnight_belongs_to_the_evening_on_which_it_begins() -> None:
    friday_night = interval(weekdays=["friday"], times=[between("22:00", "07:00")])
    inside = [datetime(2024, 11, 29, 22, tzinfo=UTC), datetime(2024, 11, 30, 6, 59, tzinfo=UTC)]
    outside = [datetime(2024, 11, 29, 6, tzinfo=UTC), datetime(2024, 11, 30, 7, tzinfo=UTC)]
    assert all(is_within(friday_night, moment, UTC_ZONE) for moment in inside)
    assert not any(is_within(friday_night, moment, UTC_ZONE) for moment in outside)


def test_own_zone_wins_over_the_receivers() -> None:
    seoul = interval(times=[between("09:00", "10:00")], time_zone="Asia/Seoul")
    assert is_within(seoul, datetime(2024, 11, 27, 0, 30, tzinfo=UTC), KYIV)
    assert not is_within(seoul, datetime(2024, 11, 27, 7, 30, tzinfo=UTC), KYIV)


def test_hour_that_clocks_skip_ends_the_interval_when_they_do() -> None:
    until_half_past_three = interval(times=[between("01:00", "03:30")])
    asked = datetime(2024, 3, 31, 2, 30, tzinfo=KYIV)
    assert ends_at(until_half_past_three, asked, KYIV) == datetime(2024, 3, 31, 1, 0, tzinfo=UTC)


def test_hour_that_comes_twice_is_within_twice() -> None:
    nights = interval(times=[between("03:00", "03:30")])
    first, second = (datetime(2024, 10, 27, 3, 0, fold=fold, tzinfo=KYIV) for fold in (0, 1))
    assert ends_at(nights, first, KYIV) == datetime(2024, 10, 27, 0, 30, tzinfo=UTC)
    assert ends_at(nights, second, KYIV) == datetime(2024, 10, 27, 1, 30, tzinfo=UTC)
    assert next(changes(nights, first.astimezone(UTC) + 30 * MINUTE, KYIV)) == second.astimezone(UTC)


def test_what_ends_in_years_is_asked_again_before() -> None:
    now = datetime(2024, 11, 27, tzinfo=UTC)
    decade = interval(years=["2024:2034"])
    assert list(changes(decade, now, UTC_ZONE)) == []
    assert ends_at(decade, now, UTC_ZONE) == now + LOOK_AHEAD
    assert muted_until([decade], [], now, UTC_ZONE) == now + LOOK_AHEAD
    assert ends_at(interval(years=[2024]), now, UTC_ZONE) == datetime(2025, 1, 1, tzinfo=UTC)


def test_overlapping_intervals_mute_until_the_last_ends() -> None:
    nights = interval(times=[between("22:00", "07:00")])
    mornings = interval(times=[between("06:00", "09:00")])
    asked = datetime(2024, 11, 27, 23, tzinfo=UTC)
    assert muted_until([nights, mornings], [], asked, UTC_ZONE) == datetime(2024, 11, 28, 9, tzinfo=UTC)


@pytest.mark.parametrize(
    ("said", "field", "says"),
    [
        ({}, (), "would be always"),
        ({"times": [{"start_time": 1320, "end_time": "07:00"}]}, ("times", 0, "start_time"), "in quotes"),
        ({"times": [between("22:60", "07:00")]}, ("times", 0, "start_time"), 'from "00:00" to "24:00"'),
        ({"times": [between("07:00", "24:01")]}, ("times", 0, "end_time"), 'from "00:00" to "24:00"'),
        ({"times": [between("07:00", "07:00")]}, ("times", 0), "lasts a while"),
        ({"times": [between("24:00", "07:00")]}, ("times", 0), "lasts a while"),
        ({"weekdays": ["monday:frday"]}, ("weekdays", 0), "not a weekday"),
        ({"weekdays": ["1:5"]}, ("weekdays", 0), "not a weekday"),
        ({"days_of_month": [0]}, ("days_of_month", 0), "not a day of a month"),
        ({"days_of_month": [65]}, ("days_of_month", 0), "written in quotes, as in '1:5'"),  # YAML reads 1:5 so
        ({"days_of_month": ["5:1"]}, ("days_of_month", 0), "ends before it begins"),
        ({"days_of_month": ["-1:-3"]}, ("days_of_month", 0), "ends before it begins"),
        ({"days_of_month": ["-3:3"]}, ("days_of_month", 0), "begins with a negative day"),
        ({"months": ["may:march"]}, ("months", 0), "ends before it begins"),
        ({"months": [13]}, ("months", 0), "not a month"),
        ({"years": ["next"]}, ("years", 0), "not a year"),
        ({"weekdays": ["monday"], "time_zone": "Europe/Kiew"}, ("time_zone",), "IANA"),
        ({"weekdays": ["monday"], "time_zone": "Europe"}, ("time_zone",), "IANA"),
        ({"weekdays": ["monday"], "time_zone": "../etc"}, ("time_zone",), "IANA"),
        ({"weekdays": ["monday"], "location": "UTC"}, ("location",), "Extra"),
    ],
)
def test_faults(said: dict[str, Any], field: tuple[int | str, ...], says: str) -> None:
    with pytest.raises(ValidationError) as caught:
        interval(**said)
    (fault,) = caught.value.errors()
    assert fault["loc"] == field
    assert says in fault["msg"]
