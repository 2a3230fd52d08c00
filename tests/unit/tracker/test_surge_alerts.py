"""A surge's alert says how many stories, how many are usual, since when, and which are the largest."""

from datetime import timedelta

from schemas.alert import AlertKind
from schemas.watch import Severity
from services.domain.surges.records import DayKind, StoryStart, Surge, Usual, surge_id
from services.tracker.surge_alerts import StoryExtent, surge_alert
from tests.fakes import EPOCH
from tests.unit.surges.streams import story

USUAL = Usual(mean=3.2, variance=4.0, low=0, high=7, windows=20, days=DayKind.WORKDAYS)
STORIES = [story(str(number), EPOCH - timedelta(hours=number)) for number in range(7)]


def surge(usual: Usual = USUAL, window: timedelta = timedelta(hours=24)) -> Surge:
    return Surge(
        id=surge_id("arms", STORIES[0].story_id),
        watch_topic="arms",
        story_id=STORIES[0].story_id,
        at=EPOCH,
        window=window,
        count=14,
        usual=usual,
        probability=1e-5,
        since=EPOCH - timedelta(hours=12),
        count_since=11,
    )


def known(*extents: tuple[StoryStart, StoryExtent]) -> dict[str, StoryExtent]:
    return {start.story_id: extent for start, extent in extents}


def test_the_alert_says_what_is_out_of_rhythm() -> None:
    largest = StoryExtent(9, ("Wire", "Post", "Daily", "Times", "Globe"))
    alert = surge_alert(surge(), "Arms supplies", STORIES, known((STORIES[6], largest)), EPOCH)
    assert (alert.kind, alert.severity, alert.group_key) == (AlertKind.SURGE, Severity.WARNING, "surge/arms")
    assert alert.title == "Arms supplies: 14 new stories in 24 hours, 3 is usual"
    assert alert.summary.split("\n") == [
        "14 new stories in the 24 hours to 27 Nov 2024 09:00 UTC",
        "Usual at this time of day: 3, and 0 to 7 on nine days of ten (20 workdays compared)",
        "Since 26 Nov 2024 21:00 UTC: 11 new stories",
        "“Story 6” (Wire, Post, Daily and 2 more)",
        *(f"“Story {number}” (Wire)" for number in (5, 4, 3, 2)),
    ]


def test_of_stories_alike_the_one_told_by_more_comes_first_then_the_earlier() -> None:
    extents = known((STORIES[1], StoryExtent(2, ("A", "B"))), (STORIES[2], StoryExtent(5, ("A", "B"))))
    alert = surge_alert(surge(), "Arms", STORIES, extents, EPOCH)
    titles = [line.partition("”")[0] for line in alert.summary.split("\n")[3:]]
    assert titles == ["“Story 2", "“Story 1", "“Story 6", "“Story 5", "“Story 4"]


def test_a_topic_of_which_hardly_anything_is_told() -> None:
    rare = Usual(mean=0.3, variance=0.4, low=0, high=0, windows=1, days=DayKind.ALL)
    alert = surge_alert(surge(rare, timedelta(hours=3)), "", [], {}, EPOCH)
    assert alert.title == "arms: 14 new stories in 3 hours, less than 1 is usual"
    assert "less than 1, and 0 on nine days of ten (1 day compared)" in alert.summary


def test_the_same_surge_is_the_same_alert_whenever_it_is_told() -> None:
    first = surge_alert(surge(), "Arms", STORIES, {}, EPOCH)
    later = surge_alert(surge(), "Arms, renamed", STORIES[:2], {}, EPOCH + timedelta(days=1))
    assert first.id == later.id
    other = surge().model_copy(update={"id": surge_id("arms", STORIES[1].story_id)})
    assert surge_alert(other, "Arms", STORIES, {}, EPOCH).id != first.id
