"""Times and spans as people write and read them; everything is UTC."""

from datetime import UTC, datetime, timedelta

from pydantic import TypeAdapter, ValidationError

from services.cli.output import BadInputError
from services.provisioning.yaml_file import iso_duration, iso_moment

_SPAN = TypeAdapter(timedelta)
_LONGEST = timedelta(days=3650)


def span_of(text: str, option: str) -> timedelta:
    """Return the span that `90m`, `24h` or `7d` says, else raise BadInputError naming the option."""
    try:
        span = _SPAN.validate_python(iso_duration(text)) if iso_duration(text) != text else None
    except (ValidationError, OverflowError):
        span = None
    if span is None or not timedelta(0) < span <= _LONGEST:
        raise BadInputError(f"{option} {text}: expected a span above 0 such as 90m, 24h or 7d")
    return span


def moment_of(text: str, option: str) -> datetime:
    """Return the moment that `2024-12-01` or `2024-12-01T09:00` says, in UTC where it has no zone."""
    try:
        return datetime.fromisoformat(str(iso_moment(text))).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise BadInputError(f"{option} {text}: expected a time such as 2024-12-01T09:00, in UTC") from error


def since_moment(text: str, option: str, now: datetime) -> datetime:
    """Return when a look back begins: `24h` before now, or at the moment written out."""
    return now - span_of(text, option) if iso_duration(text) != text else moment_of(text, option)


def shown(moment: datetime) -> str:
    """Return a time to the second: `2024-11-27 09:00:01Z`."""
    return f"{moment:%Y-%m-%d %H:%M:%S}Z"


def zulu(moment: datetime) -> str:
    """Return a time as JSON holds it, like those in the contracts: `2024-11-27T09:00:01.5Z`."""
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def span_text(span: timedelta) -> str:
    """Return a span in its largest whole unit: `3 h`."""
    seconds = int(span.total_seconds())
    for size, unit in ((86_400, "d"), (3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"
