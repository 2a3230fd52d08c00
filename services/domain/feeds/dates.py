"""Dates as feeds write them, beyond what feedparser reads."""

import re
import time
from datetime import UTC, datetime, timedelta, timezone
from email.utils import parsedate_tz

# Hours east of Greenwich. feedparser takes a zone it does not know for Greenwich, which is hours wrong.
_ZONES = {
    "KST": 9,
    "JST": 9,
    "HKT": 8,
    "SGT": 8,
    "PHT": 8,
    "ICT": 7,
    "WIB": 7,
    "MSK": 3,
    "MSD": 4,
    "TRT": 3,
    "EET": 2,
    "EEST": 3,
    "CET": 1,
    "CEST": 2,
    "WET": 0,
    "WEST": 1,
    "BST": 1,
    "AEST": 10,
    "AEDT": 11,
    "NZST": 12,
    "NZDT": 13,
    "AKST": -9,
    "AKDT": -8,
    "HST": -10,
}
_NAMED_ZONE = re.compile(r"^(.*\d)\s*([A-Z]{3,4})\s*$")


def parse_named_zone(text: str) -> time.struct_time | None:
    """Return the UTC time of a date that ends in the name of a zone; None for every other date."""
    found = _NAMED_ZONE.match(text)
    if not found or found.group(2) not in _ZONES:
        return None
    zone = timezone(timedelta(hours=_ZONES[found.group(2)]))
    fields = parsedate_tz(found.group(1))
    try:
        moment = datetime(*fields[:6]) if fields else datetime.fromisoformat(found.group(1))  # noqa: DTZ001
        return moment.replace(tzinfo=zone).utctimetuple()
    except (ValueError, OverflowError):
        return None


def to_datetime(parsed: time.struct_time | None) -> datetime | None:
    """Return feedparser's UTC time as an aware datetime; None for none and for dates that do not exist."""
    if parsed is None:
        return None
    try:
        return datetime(*parsed[:6], tzinfo=UTC)
    except (ValueError, OverflowError):
        return None
