"""Times as Valkey holds them: whole microseconds since 1970, which the score of a sorted set holds exactly.

In Lua they stay strings from end to end: it would print a large number with 14 digits only.
"""

from datetime import UTC, datetime, timedelta

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def micros(moment: datetime) -> int:
    """Return the microseconds from 1970 to this moment."""
    return (moment - _EPOCH) // _MICROSECOND


def moment_of(value: float | str | bytes) -> datetime:
    """Return the moment that so many microseconds after 1970 are."""
    return _EPOCH + timedelta(microseconds=int(value))


def text_of(value: str | bytes) -> str:
    """Return what the store answered as text."""
    return value.decode() if isinstance(value, bytes) else value
