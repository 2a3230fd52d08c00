"""What HTTP headers say of when to ask again: Retry-After, Cache-Control, Expires."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

_MAX_AGE = re.compile(r"(?:^|[,\s])max-age\s*=\s*\"?(\d{1,10})", re.IGNORECASE)


def retry_after(headers: Mapping[str, str], now: datetime) -> timedelta | None:
    """Return how long the server asks to be left alone: seconds, or a date by the server's own clock."""
    value = headers.get("retry-after", "").strip()
    if value.isascii() and value.isdigit():
        return timedelta(seconds=int(value[:9]))
    return _until(value, headers, now)


def fresh_for(headers: Mapping[str, str], now: datetime) -> timedelta | None:
    """Return how long the answer stays fresh by max-age, else by Expires; None when neither says.

    max-age counts even beside no-cache: to a poller it says how often the document is made anew.
    """
    found = _MAX_AGE.search(headers.get("cache-control", ""))
    if not found:
        return _until(headers.get("expires", ""), headers, now)
    age = headers.get("age", "").strip()
    already = int(age) if age.isascii() and age.isdigit() and len(age) < 10 else 0
    return timedelta(seconds=max(int(found.group(1)) - already, 0))


def _until(date: str, headers: Mapping[str, str], now: datetime) -> timedelta | None:
    moment = _parse(date)
    if moment is None:
        return None
    # Relative to the server's clock, which may be wrong.
    return max(moment - (_parse(headers.get("date", "")) or now), timedelta())


def _parse(date: str) -> datetime | None:
    try:
        moment = parsedate_to_datetime(date)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
