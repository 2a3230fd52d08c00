"""Streams of beginning stories for the tests."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from schemas.base import content_id
from services.domain.surges.records import StoryStart

MONDAY = datetime(2024, 1, 1, tzinfo=UTC)
DAY = timedelta(days=1)
HOUR = timedelta(hours=1)


def story(name: str, at: datetime, late: timedelta = timedelta(0)) -> StoryStart:
    """Return a story that began then, and was seen so much later."""
    return StoryStart(story_id=content_id(name), at=at, seen_at=at + late, title=f"Story {name}", outlet="Wire")


def steady(days: int, a_day: int = 3, begin: datetime = MONDAY) -> list[StoryStart]:
    """Return so many stories each day, evenly from six in the morning."""
    step = timedelta(hours=16) / a_day
    return [
        story(f"{begin.date()}-{day}-{number}", begin + day * DAY + 6 * HOUR + number * step)
        for day in range(days)
        for number in range(a_day)
    ]


def burst(at: datetime, count: int, within: timedelta = 6 * HOUR) -> list[StoryStart]:
    """Return so many stories evenly from then on."""
    return [story(f"burst-{at.isoformat()}-{number}", at + number * within / count) for number in range(count)]


def in_order(starts: Iterable[StoryStart]) -> list[StoryStart]:
    """Return them as they were seen."""
    return sorted(starts, key=lambda start: (start.seen_at, start.story_id))
