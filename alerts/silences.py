"""Silences: what nobody is to be told of for a while, on whose word and why. Pure."""

from collections.abc import Iterable
from datetime import datetime
from typing import Annotated, Self

from pydantic import Field, StringConstraints, model_validator

from alerts.matchers import Matchers, mismatch
from schemas.alert import Alert
from schemas.base import ContentId, Contract, UtcDatetime, content_id

Author = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=100)]
Comment = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=500)]


class Silence(Contract):
    """Alerts that meet all conditions of `match` are not told from `starts_at` to before `ends_at`.

    One that was ended before it began is as long as nothing.
    """

    id: ContentId
    match: Matchers
    author: Author
    comment: Comment
    starts_at: UtcDatetime
    ends_at: UtcDatetime
    created_at: UtcDatetime = Field(description="when it was written, which may be long before it starts")

    @model_validator(mode="after")
    def _is_meant(self) -> Self:
        if self.match == Matchers():
            raise ValueError("match: a silence names at least one condition, else it would silence everything")
        if self.ends_at < self.starts_at:
            raise ValueError("ends_at: a silence ends after it starts")
        return self


def silence_id(match: Matchers, author: str, starts_at: datetime, created_at: datetime) -> str:
    """Return the id of the silence that this author wrote at this moment; the same request twice is one silence."""
    conditions = match.model_dump_json(exclude_defaults=True)
    return content_id("silence", conditions, author, starts_at.isoformat(), created_at.isoformat())


def is_active(silence: Silence, now: datetime) -> bool:
    """Tell whether a silence holds at `now`."""
    return silence.starts_at <= now < silence.ends_at


def silenced_by(alert: Alert, silences: Iterable[Silence], now: datetime) -> Silence | None:
    """Return the silence that keeps an alert from being told at `now`: of several, the one that ends last."""
    holding = (one for one in silences if is_active(one, now) and mismatch(alert, one.match) is None)
    return max(holding, key=lambda one: (one.ends_at, one.id), default=None)
