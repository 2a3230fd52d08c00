"""How often a feed asks to be asked: RSS ttl, the syndication module, skipHours and skipDays."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_PERIODS = {
    "hourly": timedelta(hours=1),
    "daily": timedelta(days=1),
    "weekly": timedelta(weeks=1),
    "monthly": timedelta(days=30),
    "yearly": timedelta(days=365),
}
_DEFAULT_PERIOD = "daily"  # RSS 1.0 syndication module: what is meant when only a frequency is given
_MAX_SKIP_CHARS = 4096
_MAX_TTL_MINUTES = 366 * 24 * 60


@dataclass(frozen=True, slots=True)
class UpdateHints:
    """What the feed says of its own schedule. Hours are of the UTC day, 0 to 23; days count from Monday = 0."""

    ttl: timedelta | None = None
    update_period: timedelta | None = None
    skip_hours: frozenset[int] = frozenset()
    skip_days: frozenset[int] = frozenset()


def read_hints(head: Mapping[str, Any], document: str) -> UpdateHints:
    """Return the hints of a feed from feedparser's channel and, where feedparser keeps only the last, the document."""
    hours = {int(hour) % 24 for hour in _items(document, "skipHours", "hour") if hour.isdecimal() and int(hour) <= 24}
    days = {WEEKDAYS.index(day.lower()) for day in _items(document, "skipDays", "day") if day.lower() in WEEKDAYS}
    return UpdateHints(_ttl(head), _update_period(head), frozenset(hours), frozenset(days))


def _ttl(head: Mapping[str, Any]) -> timedelta | None:
    minutes = _number(head.get("ttl"))
    return timedelta(minutes=min(minutes, _MAX_TTL_MINUTES)) if minutes else None


def _update_period(head: Mapping[str, Any]) -> timedelta | None:
    period, frequency = head.get("sy_updateperiod"), head.get("sy_updatefrequency")
    if period is None and frequency is None:
        return None
    length = _PERIODS.get(str(period or _DEFAULT_PERIOD).strip().lower())
    return length / (_number(frequency) or 1) if length else None


def _number(value: object) -> int:
    text = str(value or "").strip()
    return int(text) if text.isdecimal() and len(text) < 10 else 0


def _items(document: str, container: str, item: str) -> list[str]:
    start = document.find(f"<{container}>")
    end = document.find(f"</{container}>", start, start + _MAX_SKIP_CHARS) if start >= 0 else -1
    if end < 0:
        return []
    return re.findall(rf"<{item}>\s*(\w{{1,9}})\s*</{item}>", document[start:end])
