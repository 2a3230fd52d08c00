"""When what a sentence tells happened, as far as it says so."""

import re
from datetime import datetime, timedelta
from typing import NamedTuple

from services.domain.claims.times_abroad import day_named
from services.domain.text.days import named_days

_WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_DAYS_AGO = {
    "yesterday": 1, "вчера": 1, "учора": 1, "вчора": 1, "어제": 1, "last week": 7, "a week ago": 7,
    "last month": 30, "last year": 365, "на прошлой неделе": 7, "в прошлом месяце": 30, "지난주": 7, "지난달": 30,
}  # fmt: skip
_WEEKDAY = re.compile(rf"\b(?:on\s+|last\s+)(?P<day>{'|'.join(_WEEKDAYS)})\b", re.IGNORECASE)
_AGO = re.compile(rf"(?<!\w)(?:{'|'.join(sorted(map(re.escape, _DAYS_AGO), key=len, reverse=True))})", re.IGNORECASE)


class FoundTime(NamedTuple):
    """A time that a text names between two offsets."""

    start: int
    end: int
    at: datetime


def event_time(text: str, known_at: datetime) -> FoundTime | None:
    """Return the first time named that is not later than `known_at`; a date without a year is the nearest such date.

    Days to come are plans, which were made when the text was written. None where the text names no time past.
    """
    for day in named_days(text):
        at = day.near(known_at)
        if at is not None and at <= known_at:
            return FoundTime(day.start, day.end, at)
    if found_day := _WEEKDAY.search(text):
        back = (known_at.weekday() - _WEEKDAYS.index(found_day["day"].lower())) % 7
        return FoundTime(*found_day.span(), _midnight(known_at - timedelta(days=back)))
    if found_ago := _AGO.search(text):
        days = _DAYS_AGO[found_ago.group().lower()]
        return FoundTime(*found_ago.span(), _midnight(known_at - timedelta(days=days)))
    found_abroad = day_named(text, known_at)
    return FoundTime(*found_abroad) if found_abroad else None


def latest_dated(text: str, known_at: datetime) -> datetime | None:
    """Return the latest day that a text names with its year and that is not later than `known_at`; None without one."""
    days = (day.near(known_at) for day in named_days(text) if day.year is not None)
    return max((day for day in days if day is not None and day <= known_at), default=None)


def _midnight(at: datetime) -> datetime:
    return at.replace(hour=0, minute=0, second=0, microsecond=0)
