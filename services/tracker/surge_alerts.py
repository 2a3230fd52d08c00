"""Surge alerts: a watch topic has more new stories than is usual for it. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from schemas.alert import Alert, AlertKind, alert_id
from schemas.watch import Severity
from services.domain.stories.items import StoryRecord
from services.domain.surges.records import DayKind, StoryStart, Surge
from services.plurals import counted

LARGEST = 5
NAMED_OUTLETS = 3
_HOUR = timedelta(hours=1)


@dataclass(frozen=True)
class StoryExtent:
    """How far a story has come: its articles, and its outlets in the order in which they told it."""

    articles: int
    outlets: tuple[str, ...]


def extents(records: Iterable[StoryRecord]) -> dict[str, StoryExtent]:
    """Return how far each story of a topic has come by its placements, in their order."""
    articles: dict[str, int] = {}
    outlets: dict[str, dict[str, None]] = {}
    for record in records:
        story_id = record.placement.story_id
        articles[story_id] = articles.get(story_id, 0) + 1
        outlets.setdefault(story_id, {})[record.outlet] = None
    return {story_id: StoryExtent(count, tuple(outlets[story_id])) for story_id, count in articles.items()}


def surge_alert(
    surge: Surge, title: str, starts: Iterable[StoryStart], known: Mapping[str, StoryExtent], now: datetime
) -> Alert:
    """Return the alert of a surge of the topic with this title. The same surge gives an alert of the same id.

    `starts` are the stories that began in its window; of those that are not `known`, only the first outlet is told.
    """
    group_key = f"{AlertKind.SURGE}/{surge.watch_topic}"
    topic_title = title or surge.watch_topic
    hours = counted(surge.window // _HOUR, "hour")
    return Alert(
        id=alert_id(group_key, surge.id),
        kind=AlertKind.SURGE,
        group_key=group_key,
        watch_topic=surge.watch_topic,
        watch_topic_title=topic_title,
        severity=Severity.WARNING,
        title=f"{topic_title}: {_stories(surge.count)} in {hours}, {_mean(surge)} is usual",
        summary="\n".join((*_figures(surge, hours), *_largest(starts, known))),
        decided_at=now,
    )


def _figures(surge: Surge, hours: str) -> tuple[str, ...]:
    usual = surge.usual
    low, high = f"{usual.low:,}", f"{usual.high:,}"
    most = high if low == high else f"{low} to {high}"
    days = f"{usual.windows} {usual.days.value}" if usual.days is not DayKind.ALL else counted(usual.windows, "day")
    return (
        f"{_stories(surge.count)} in the {hours} to {_moment(surge.at)}",
        f"Usual at this time of day: {_mean(surge)}, and {most} on nine days of ten ({days} compared)",
        f"Since {_moment(surge.since)}: {_stories(surge.count_since)}",
    )


def _largest(starts: Iterable[StoryStart], known: Mapping[str, StoryExtent]) -> list[str]:
    found = [(start, known.get(start.story_id) or StoryExtent(1, (start.outlet,))) for start in starts]
    found.sort(key=lambda one: (-len(one[1].outlets), -one[1].articles, one[0].at, one[0].story_id))
    return [f"“{start.title or 'untitled'}” ({_outlets(extent)})" for start, extent in found[:LARGEST]]


def _outlets(extent: StoryExtent) -> str:
    more = len(extent.outlets) - NAMED_OUTLETS
    named = ", ".join(extent.outlets[:NAMED_OUTLETS])
    return f"{named} and {more} more" if more > 0 else named


def _stories(count: int) -> str:
    return f"{count:,} new {'story' if count == 1 else 'stories'}"


def _mean(surge: Surge) -> str:
    mean = round(surge.usual.mean)
    return f"{mean:,}" if mean else "less than 1"


def _moment(at: datetime) -> str:
    return f"{at.day} {at:%b %Y %H:%M} UTC"
