"""Time intervals of a week and a year, as Alertmanager writes them: when a receiver is not to be told. Pure.

All is wall time in a zone: where clocks are set back, an hour that comes twice is within twice; one that is left out
is not missed. A range over midnight belongs to the day on which it begins.
"""

import re
from calendar import monthrange
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, date, datetime, time, timedelta
from heapq import merge
from typing import Annotated, Any, Self
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BeforeValidator, Field, model_validator
from pydantic_core import PydanticCustomError

from alerts.options import Name
from schemas.base import Contract

LOOK_AHEAD = timedelta(days=400)  # a year and some, so that a yearly change is found
WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
MONTHS = (
    "january", "february", "march", "april", "may", "june",
    "july", "august", "september", "october", "november", "december",
)  # fmt: skip
_DAY_MINUTES = 24 * 60
_CLOCK = re.compile(r"^(\d{1,2}):(\d{2})$")
Span = tuple[int, int]  # both included


def _time_zone(value: str) -> str:
    try:
        ZoneInfo(value)
    except (KeyError, ValueError, OSError) as error:
        raise ValueError("not a time zone; zones have IANA names, such as Europe/Kyiv or UTC") from error
    return value


def _minutes(value: Any) -> Any:
    """Return "22:00" as minutes from midnight."""
    if isinstance(value, int):  # YAML reads 22:00 as a number of base 60
        raise PydanticCustomError("time", 'a time is written in quotes, as in "22:00"')
    match = _CLOCK.match(value.strip()) if isinstance(value, str) else None
    minutes = int(match[1]) * 60 + int(match[2]) if match and int(match[2]) < 60 else None
    if minutes is None or minutes > _DAY_MINUTES:
        raise PydanticCustomError("time", 'a time is written as in "07:30", from "00:00" to "24:00"')
    return minutes


def _range(read: Callable[[str], int], fault: Callable[[int, int], str | None]) -> BeforeValidator:
    def parse(value: Any) -> Any:
        first, colon, last = str(value).strip().lower().partition(":")
        try:
            start = read(first.strip())
            end = read(last.strip()) if colon else start
        except ValueError as error:
            raise PydanticCustomError("range", "{fault}", {"fault": str(error)}) from error
        if found := fault(start, end):
            raise PydanticCustomError("range", "{fault}", {"fault": found})
        return (start, end)

    return BeforeValidator(parse)


def _named(names: Sequence[str], what: str, *, numbers: bool) -> Callable[[str], int]:
    def read(text: str) -> int:
        if text in names:
            return names.index(text) + 1
        if numbers and text.isdecimal() and 1 <= int(text) <= len(names):
            return int(text)
        raise ValueError(f"not a {what}; a range is written in quotes, as in '{names[0]}:{names[2]}'")

    return read


def _number(lowest: int, highest: int, what: str, example: str) -> Callable[[str], int]:
    def read(text: str) -> int:
        digits = text.removeprefix("-")
        if not digits.isdecimal() or not lowest <= int(text) <= highest or int(text) == 0:
            raise ValueError(f"not a {what}; a range is written in quotes, as in '{example}'")
        return int(text)

    return read


def _backwards(start: int, end: int) -> str | None:
    return "the range ends before it begins" if end < start else None


def _backwards_in_month(start: int, end: int) -> str | None:
    if start < 0 < end:
        return "a range that begins with a negative day ends with one, as in '-3:-1'"
    return _backwards(start, end) if (start < 0) == (end < 0) else None


TimeZoneName = Annotated[str, AfterValidator(_time_zone)]
Minutes = Annotated[int, BeforeValidator(_minutes)]
# A week has no end: friday:monday is the weekend and a day on either side.
WeekdayRange = Annotated[Span, _range(_named(WEEKDAYS, "weekday", numbers=False), lambda *_: None)]
MonthRange = Annotated[Span, _range(_named(MONTHS, "month", numbers=True), _backwards)]
DayRange = Annotated[Span, _range(_number(-31, 31, "day of a month", "1:5"), _backwards_in_month)]
YearRange = Annotated[Span, _range(_number(1970, 9998, "year", "2024:2026"), _backwards)]


class TimeRange(Contract):
    """From `start_time` to before `end_time`, minutes from midnight; over midnight where it ends before it begins."""

    start_time: Minutes
    end_time: Minutes

    @model_validator(mode="after")
    def _is_a_range(self) -> Self:
        if self.start_time in {self.end_time, _DAY_MINUTES}:
            raise ValueError('a time range lasts a while; the whole day is "00:00" to "24:00"')
        return self

    def begins_today(self, minute: int) -> bool:
        """Tell whether this minute of a day is in the range that begins on that day."""
        return self.start_time <= minute and (minute < self.end_time or self.end_time < self.start_time)

    def began_yesterday(self, minute: int) -> bool:
        """Tell whether this minute of a day is in the range that began on the day before."""
        return self.end_time < self.start_time and minute < self.end_time


class TimeInterval(Contract):
    """Moments that meet all the conditions given, each of which one of its ranges meets.

    `days_of_month` count from the end where negative: -1 is the last day.
    """

    name: Name
    time_zone: TimeZoneName | None = Field(default=None, description="that of the receiver where none is given")
    times: tuple[TimeRange, ...] = ()
    weekdays: tuple[WeekdayRange, ...] = ()
    days_of_month: tuple[DayRange, ...] = ()
    months: tuple[MonthRange, ...] = ()
    years: tuple[YearRange, ...] = ()

    @model_validator(mode="after")
    def _says_when(self) -> Self:
        if not (self.times or self.weekdays or self.days_of_month or self.months or self.years):
            raise ValueError("says no times, weekdays, days_of_month, months or years, and so would be always")
        return self


def is_within(interval: TimeInterval, moment: datetime, zone: ZoneInfo) -> bool:
    """Tell whether a moment is within an interval; `zone` is for an interval that names none."""
    local = moment.astimezone(_zone(interval, zone))
    day = local.date()
    if not interval.times:
        return _is_day_of(interval, day)
    minute = local.hour * 60 + local.minute
    if any(span.begins_today(minute) for span in interval.times) and _is_day_of(interval, day):
        return True
    # Not the eve of the first of all days.
    return any(span.began_yesterday(minute) for span in interval.times) and (
        day > date.min and _is_day_of(interval, day - timedelta(days=1))
    )


def changes(interval: TimeInterval, moment: datetime, zone: ZoneInfo) -> Iterator[datetime]:
    """Yield the instants after `moment`, up to LOOK_AHEAD, at which it comes to be within or without."""
    within = is_within(interval, moment, zone)
    for instant in _boundaries(interval, moment, _zone(interval, zone)):
        if instant > moment and is_within(interval, instant, zone) != within:
            within = not within
            yield instant


def ends_at(interval: TimeInterval, moment: datetime, zone: ZoneInfo) -> datetime:
    """Return the first instant from `moment` on that is outside; `moment` + LOOK_AHEAD where none is before that."""
    if not is_within(interval, moment, zone):
        return moment
    return next(changes(interval, moment, zone), moment + LOOK_AHEAD)


def muted_by(
    mute: Sequence[TimeInterval], active: Sequence[TimeInterval], moment: datetime, zone: ZoneInfo
) -> tuple[str, ...]:
    """Return the names of the intervals that mute a moment: one to mute that it is in, or those to be active in."""
    names = tuple(interval.name for interval in mute if is_within(interval, moment, zone))
    if names or not active or any(is_within(interval, moment, zone) for interval in active):
        return names
    return tuple(interval.name for interval in active)


def muted_until(
    mute: Sequence[TimeInterval], active: Sequence[TimeInterval], moment: datetime, zone: ZoneInfo
) -> datetime | None:
    """Return the first instant after `moment` that nothing mutes, or None if nothing mutes `moment` itself.

    Where all of LOOK_AHEAD is muted, that is the answer: by then it can be asked again.
    """
    if not muted_by(mute, active, moment, zone):
        return None
    instants = merge(*(changes(interval, moment, zone) for interval in (*mute, *active)))
    ends = (instant for instant in instants if not muted_by(mute, active, instant, zone))
    return next(ends, moment + LOOK_AHEAD)


def _zone(interval: TimeInterval, default: ZoneInfo) -> ZoneInfo:
    return ZoneInfo(interval.time_zone) if interval.time_zone else default


def _is_day_of(interval: TimeInterval, day: date) -> bool:
    weekday = day.isoweekday()
    return (
        _meets(interval.years, day.year)
        and _meets(interval.months, day.month)
        and (not interval.weekdays or any(_is_weekday(weekday, span) for span in interval.weekdays))
        and (not interval.days_of_month or any(_is_day(day, span) for span in interval.days_of_month))
    )


def _meets(spans: Sequence[Span], value: int) -> bool:
    return not spans or any(start <= value <= end for start, end in spans)


def _is_weekday(weekday: int, span: Span) -> bool:
    start, end = span
    return start <= weekday <= end if start <= end else weekday >= start or weekday <= end


def _is_day(day: date, span: Span) -> bool:
    length = monthrange(day.year, day.month)[1]
    start, end = (bound if bound > 0 else length + 1 + bound for bound in span)
    return start <= day.day <= end


def _boundaries(interval: TimeInterval, moment: datetime, zone: ZoneInfo) -> Iterator[datetime]:
    """Yield, in order, each instant of LOOK_AHEAD at which the answer may change: wall times, and changes of clocks."""
    minutes = {0} | {bound for span in interval.times for bound in (span.start_time, span.end_time)}
    first = moment.astimezone(zone).date()
    for number in range(LOOK_AHEAD.days):
        day = first + timedelta(days=number)
        yield from sorted({*_instants(day, minutes, zone), *_clock_change(day, zone)})


def _instants(day: date, minutes: Iterable[int], zone: ZoneInfo) -> Iterator[datetime]:
    """Yield when a clock on the wall shows these minutes of a day: once, twice, or never on days of changes."""
    for minute in minutes:
        if minute == _DAY_MINUTES:  # which is the next day's first
            continue
        for fold in (0, 1):
            local = datetime.combine(day, time(minute // 60, minute % 60, fold=fold), zone)
            instant = local.astimezone(UTC)
            if instant.astimezone(zone).replace(tzinfo=None) == local.replace(tzinfo=None):
                yield instant


def _clock_change(day: date, zone: ZoneInfo) -> Iterator[datetime]:
    """Yield the instant of this day at which clocks are changed, to the second, if there is one."""
    start, end = (datetime.combine(one, time(), zone).astimezone(UTC) for one in (day, day + timedelta(days=1)))
    before = start.astimezone(zone).utcoffset()
    if before == end.astimezone(zone).utcoffset():
        return
    low, high = 0, int((end - start).total_seconds())
    while high - low > 1:
        middle = (low + high) // 2
        same = (start + timedelta(seconds=middle)).astimezone(zone).utcoffset() == before
        low, high = (middle, high) if same else (low, middle)
    yield start + timedelta(seconds=high)
