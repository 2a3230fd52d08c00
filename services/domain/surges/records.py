"""What is known of a topic's surges: when its stories began, the surge that is on, and what is yet to be told."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Self

from pydantic import Field

from schemas.base import ContentId, Contract, NonEmpty, Slug, UtcDatetime, content_id

TITLE_CHARS = 160


class DayKind(StrEnum):
    """Which days were compared."""

    ALL = "days"
    WORKDAYS = "workdays"
    WEEKEND = "weekend days"
    TURN = "turns of the week"  # from Friday to Saturday and from Sunday to Monday


class StoryStart(Contract):
    """A story of a topic began: `at` is when its first article was published, which was first seen at `seen_at`."""

    story_id: ContentId
    at: UtcDatetime
    seen_at: UtcDatetime
    title: str = Field(default="", max_length=TITLE_CHARS)
    outlet: NonEmpty

    def counts_at(self, late_after: timedelta) -> datetime:
        """Return the moment at which it is judged: when it began, or, if it was seen late, so long before that."""
        return max(self.at, self.seen_at - late_after)


class Usual(Contract):
    """What is usual in a window: `low` to `high` on nine days of ten, by `windows` windows of days of this kind.

    `variance` is that of a count yet to come, which is more than that of the windows, by what is not known of them.
    """

    mean: float = Field(ge=0)
    variance: float = Field(ge=0)
    low: int = Field(ge=0)
    high: int = Field(ge=0)
    windows: int = Field(ge=1)
    days: DayKind


class Surge(Contract):
    """In the `window` that ended `at`, more stories began than is usual; `since` then, `count_since` of them."""

    id: ContentId
    watch_topic: Slug
    story_id: ContentId = Field(description="the story with which the window left the rhythm")
    at: UtcDatetime
    window: timedelta = Field(gt=timedelta(0))
    count: int = Field(ge=1)
    usual: Usual
    probability: float = Field(ge=0, le=1, description="of so many or more, if nothing had changed")
    since: UtcDatetime
    count_since: int = Field(ge=1)


class Stretch(Contract):
    """A surge that ended: its windows say nothing of what is usual."""

    since: UtcDatetime
    until: UtcDatetime


class SurgeState(Contract):
    """How far a topic's stories were judged, up to `up_to` and there up to the id `up_to_story`, and what came of it.

    `known_from` is when the topic's first story was seen: before, nobody looked, so that no story says nothing.
    """

    title: str = ""
    known_from: UtcDatetime | None = None
    up_to: UtcDatetime | None = None
    up_to_story: str = ""
    on: Surge | None = None
    past: tuple[Stretch, ...] = ()
    untold: tuple[Surge, ...] = ()

    @classmethod
    def after(cls, starts: Sequence[StoryStart]) -> Self:
        """Return a state in which all of these were judged, for want of what came of it."""
        if not starts:
            return cls()
        return cls(
            known_from=min(start.seen_at for start in starts),
            up_to=max(max(start.at, start.seen_at) for start in starts),
        )


def surge_id(watch_topic: str, story_id: str) -> str:
    """Return the id of the surge that began with this story."""
    return content_id("surge", watch_topic, story_id)
