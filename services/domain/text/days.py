"""Days that a text names, in English, Russian, Ukrainian and Korean."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import NamedTuple

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
_FORMS = (
    r"\b(?P<year1>20\d\d)-(?P<month1>\d\d)-(?P<day1>\d\d)\b",
    rf"\b(?P<day2>\d{{1,2}})(?:st|nd|rd|th)?\s+(?P<name2>{_NAMES})\b\.?(?:,?\s+(?P<year2>20\d\d))?",
    rf"\b(?P<name3>{_NAMES})\.?\s+(?P<day3>\d{{1,2}})(?:st|nd|rd|th)?\b(?:,?\s+(?P<year3>20\d\d))?",
    r"(?:(?P<year4>20\d\d)년\s*)?(?P<month4>\d{1,2})월\s*(?P<day4>\d{1,2})일",
)
_DAY = re.compile("|".join(_FORMS), re.IGNORECASE)
_DIGIT = re.compile(r"\d")


class NamedDay(NamedTuple):
    """A day named between two offsets; `year` is None where the text leaves it out."""

    start: int
    end: int
    year: int | None
    month: int
    day: int

    def in_year(self, year: int) -> datetime | None:
        """Return the beginning of the day in a year, in UTC; None for one that the year has not, as 30 February."""
        try:
            return datetime(year, self.month, self.day, tzinfo=UTC)
        except ValueError:
            return None

    def near(self, at: datetime) -> datetime | None:
        """Return the beginning of the day: of its own year, else of the year in which it is nearest to `at`."""
        if self.year is not None:
            return self.in_year(self.year)
        days = [day for year in (at.year - 1, at.year, at.year + 1) if (day := self.in_year(year))]
        return min(days, key=lambda day: abs(day - at), default=None)

    def latest(self, until: datetime) -> datetime | None:
        """Return the beginning of the day, the last one that is not after `until`; None where there is none."""
        years = (self.year,) if self.year is not None else (until.year, until.year - 1)
        return next((day for year in years if (day := self.in_year(year)) and day <= until), None)


def named_days(text: str) -> Iterator[NamedDay]:
    """Yield the days that a text names, in order."""
    if not _DIGIT.search(text):
        return
    for found in _DAY.finditer(text):
        parts = {key.rstrip("1234"): value for key, value in found.groupdict().items() if value}
        month = int(parts["month"]) if "month" in parts else _MONTHS[parts["name"].lower()]
        yield NamedDay(*found.span(), int(parts["year"]) if "year" in parts else None, month, int(parts["day"]))
