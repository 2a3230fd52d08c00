"""Since when a document can have been known that does not say when it was written."""

from datetime import datetime, timedelta

from services.domain.text.days import NamedDay, named_days

_READ_CHARS = 200_000
# A day without a year that is further from the days with one is history, or yet to come.
_SAME_MATTER = timedelta(days=45)
_DAY = timedelta(days=1)


class UndatedDocuments:
    """Dates documents by what they tell: each was written after the last day that it names.

    Where no year stands with any, the year is that in which they are nearest to the document before; in the first
    document they are the last such days there were. One that names none is of `now`, as is one that seems to be of
    later.
    """

    def __init__(self, now: datetime) -> None:
        self._now = now
        self._before: datetime | None = None

    def follow(self, written_at: datetime) -> None:
        """Take note of when a document was written that says so."""
        self._before = written_at

    def seen_at(self, text: str) -> datetime:
        """Return the moment from which on a document can have been known: the end of the last day that it names."""
        days = list(named_days(text[:_READ_CHARS]))
        latest = max(self._moments(days), default=None)
        if latest is None:
            return self._now
        self._before = min(latest + _DAY, self._now)
        return self._before

    def _moments(self, days: list[NamedDay]) -> list[datetime]:
        full = [at for day in days if day.year is not None and (at := day.near(self._now)) and at <= self._now]
        partial = [day for day in days if day.year is None]
        anchor = max(full, default=None)
        if anchor is not None:
            near = [at for day in partial if (at := day.near(anchor)) and anchor <= at <= anchor + _SAME_MATTER]
            return [*full, *(at for at in near if at <= self._now)]
        if self._before is not None:
            return [at for day in partial if (at := day.near(self._before)) and at <= self._now]
        return [at for day in partial if (at := day.latest(self._now))]
