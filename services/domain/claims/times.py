"""When what a sentence tells happened, as far as it says so."""

import re
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from services.domain.claims.times_abroad import day_named

_MONTHS = {
    name: number
    for number, names in enumerate(
        (
            "january jan января січня", "february feb февраля лютого", "march mar марта березня",
            "april apr апреля квітня", "may мая травня", "june jun июня червня", "july jul июля липня",
            "august aug августа серпня", "september sept sep сентября вересня", "october oct октября жовтня",
            "november nov ноября листопада", "december dec декабря грудня",
        ),
        start=1,
    )
    for name in names.split()
}  # fmt: skip
_NAMES = "|".join(sorted(_MONTHS, key=len, reverse=True))
_WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_DAYS_AGO = {
    "yesterday": 1, "вчера": 1, "учора": 1, "вчора": 1, "어제": 1, "last week": 7, "a week ago": 7,
    "last month": 30, "last year": 365, "на прошлой неделе": 7, "в прошлом месяце": 30, "지난주": 7, "지난달": 30,
}  # fmt: skip
_FORMS = (
    re.compile(r"\b(?P<year>20\d\d)-(?P<month>\d\d)-(?P<day>\d\d)\b"),
    re.compile(
        rf"\b(?P<day>\d{{1,2}})(?:st|nd|rd|th)?\s+(?P<name>{_NAMES})\b\.?(?:,?\s+(?P<year>20\d\d))?", re.IGNORECASE
    ),
    re.compile(
        rf"\b(?P<name>{_NAMES})\.?\s+(?P<day>\d{{1,2}})(?:st|nd|rd|th)?\b(?:,?\s+(?P<year>20\d\d))?", re.IGNORECASE
    ),
    re.compile(r"(?:(?P<year>20\d\d)년\s*)?(?P<month>\d{1,2})월\s*(?P<day>\d{1,2})일"),
)
_WEEKDAY = re.compile(rf"\b(?:on\s+|last\s+)(?P<day>{'|'.join(_WEEKDAYS)})\b", re.IGNORECASE)
_AGO = re.compile(rf"(?<!\w)(?:{'|'.join(sorted(map(re.escape, _DAYS_AGO), key=len, reverse=True))})", re.IGNORECASE)


class FoundTime(NamedTuple):
    """A time that a text names between two offsets."""

    start: int
    end: int
    at: datetime


def event_time(text: str, known_at: datetime) -> FoundTime | None:
    """Return the first time named that is not later than `known_at`; a date without a year is the last such date.

    Days to come are plans, which were made when the text was written. None where the text names no time past.
    """
    for pattern in _FORMS:
        for found in pattern.finditer(text):
            at = _date(found, known_at)
            if at is not None and at <= known_at:
                return FoundTime(found.start(), found.end(), at)
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
    days = (
        _date(found, known_at)
        for pattern in _FORMS
        for found in pattern.finditer(text)
        if found.groupdict().get("year")
    )
    return max((day for day in days if day is not None and day <= known_at), default=None)


def _date(found: re.Match[str], known_at: datetime) -> datetime | None:
    parts = found.groupdict()
    month = int(parts["month"]) if parts.get("month") else _MONTHS[parts["name"].lower()]
    day = int(parts["day"])
    if parts["year"]:
        return _made(int(parts["year"]), month, day)
    near = _made(known_at.year, month, day)
    if near is not None and near > known_at + timedelta(days=180):
        return _made(known_at.year - 1, month, day)
    return near


def _made(year: int, month: int, day: int) -> datetime | None:
    try:
        return datetime(year, month, day, tzinfo=UTC)
    except ValueError:
        return None  # 31 November


def _midnight(at: datetime) -> datetime:
    return at.replace(hour=0, minute=0, second=0, microsecond=0)
