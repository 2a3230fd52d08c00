"""A surge is found once, ends when the rhythm is back, and is the same whatever the order within the grace."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from services.domain.surges.judging import Decision
from services.domain.surges.policy import SurgePolicy
from services.domain.surges.records import StoryStart, Surge, SurgeState, surge_id
from services.domain.surges.tracker import SurgeTracker
from tests.unit.surges.streams import DAY, HOUR, MONDAY, burst, in_order, steady, story

POLICY = SurgePolicy()
MINUTE = timedelta(minutes=1)


def read(tracker: SurgeTracker, starts: Iterable[StoryStart]) -> list[tuple[datetime, Decision]]:
    """Note stories as they are seen, judge as time goes on, and return each decision with its moment."""
    decided = []
    for start in starts:
        tracker.note(start)
        decided += [(start.seen_at, one.decision) for one in tracker.settle(start.seen_at)]
    end = datetime.max.replace(tzinfo=MONDAY.tzinfo)
    decided += [(end, one.decision) for one in tracker.settle(end)]
    return decided


def surges(starts: Iterable[StoryStart], policy: SurgePolicy = POLICY) -> tuple[Surge, ...]:
    tracker = SurgeTracker("arms", policy)
    read(tracker, starts)
    return tracker.state.untold


def test_a_steady_stream_is_in_rhythm() -> None:
    tracker = SurgeTracker("arms", POLICY)
    decisions = {decision for _, decision in read(tracker, steady(45, a_day=8))}
    assert decisions == {Decision.NO_HISTORY, Decision.IN_RHYTHM}
    assert tracker.state.untold == ()


def test_a_burst_is_one_surge_that_says_since_when() -> None:
    begun = MONDAY + 31 * DAY + 9 * HOUR
    (surge,) = surges(in_order([*steady(40), *burst(begun, 20)]))
    assert begun < surge.at < begun + 6 * HOUR
    assert surge.since == begun
    assert surge.id == surge_id("arms", surge.story_id)
    assert surge.count >= surge.count_since >= 4
    assert surge.probability < 1e-3
    assert round(surge.usual.mean) <= 3


def test_a_burst_of_three_hours_is_told_before_a_day_is_out_of_rhythm() -> None:
    begun = MONDAY + 31 * DAY + 1 * HOUR  # nothing is usual at night
    (surge,) = surges(in_order([*steady(40, a_day=12), *burst(begun, 12, within=HOUR)]))
    assert surge.window == 3 * HOUR


def test_few_stories_are_no_surge_however_unusual() -> None:
    begun = MONDAY + 31 * DAY
    lone = [*steady(2, a_day=1), *burst(begun, 3, within=HOUR)]
    tracker = SurgeTracker("arms", POLICY)
    assert read(tracker, in_order(lone))[-1][1] is Decision.TOO_FEW


def test_a_week_must_be_known_before_anything_is_told() -> None:
    for day, expected in ((6, 0), (8, 1)):
        assert len(surges(in_order([*steady(day), *burst(MONDAY + day * DAY + 7 * HOUR, 30)]))) == expected


def test_stories_from_before_the_topic_was_followed_are_no_history() -> None:
    followed = MONDAY + 30 * DAY
    old = [story(f"old-{day}", MONDAY + day * DAY, late=(30 - day) * DAY) for day in range(30)]
    tracker = SurgeTracker("arms", POLICY)
    assert {one for _, one in read(tracker, in_order([*old, *burst(followed + HOUR, 30)]))} == {Decision.NO_HISTORY}


def test_a_surge_that_goes_on_is_told_once_and_a_second_after_the_first_ended_again() -> None:
    first, second = MONDAY + 31 * DAY + 9 * HOUR, MONDAY + 38 * DAY + 9 * HOUR
    on = [one for day in range(3) for one in burst(first + day * DAY, 20)]
    found = surges(in_order([*steady(45), *on, *burst(second, 20)]))
    assert [surge.at.date() for surge in found] == [first.date(), second.date()]


def test_a_second_burst_within_a_day_is_the_same_surge() -> None:
    first = MONDAY + 31 * DAY + HOUR  # of three hours only; of the day, it is not out of rhythm
    found = surges(in_order([*steady(34, a_day=24), *burst(first, 6, HOUR), *burst(first + 14 * HOUR, 30, HOUR)]))
    assert len(found) == 1


def test_what_lasts_two_weeks_is_the_new_rhythm() -> None:
    louder = [*steady(31), *steady(25, a_day=15, begin=MONDAY + 31 * DAY)]
    tracker = SurgeTracker("arms", POLICY)
    read(tracker, louder)
    assert len(tracker.state.untold) == 1
    assert tracker.state.on is None


def test_the_days_of_a_surge_do_not_hide_the_next() -> None:
    first, second = MONDAY + 31 * DAY + 9 * HOUR, MONDAY + 43 * DAY + 9 * HOUR
    big = [one for day in range(5) for one in burst(first + day * DAY, 60)]
    (_, again) = surges(in_order([*steady(50), *big, *burst(second, 14)]))
    assert again.usual.mean < 5


def test_a_story_that_comes_too_late_to_be_judged_in_its_place_still_counts() -> None:
    begun = MONDAY + 31 * DAY + 9 * HOUR
    late = [
        StoryStart(**{**one.model_dump(), "seen_at": begun + 8 * HOUR + number * MINUTE})
        for number, one in enumerate(burst(begun, 20))
    ]
    (surge,) = surges(in_order([*steady(40), *late]))
    (last,) = (one for one in late if one.story_id == surge.story_id)
    assert surge.at == last.seen_at - POLICY.late_after


def test_a_story_that_is_seen_soon_is_judged_as_of_its_beginning() -> None:
    begun = MONDAY + 31 * DAY + 9 * HOUR
    plain, seen_later = (
        [story(str(number), begun + number * 7 * MINUTE, late=late * MINUTE) for number in range(20)]
        for late in (0, 25)
    )
    (one,), (other,) = (surges(in_order([*steady(40), *starts])) for starts in (plain, seen_later))
    assert one == other


def test_a_story_that_comes_behind_what_was_judged_is_judged_at_once_and_as_of_then() -> None:
    begun = MONDAY + 31 * DAY + 9 * HOUR
    stories = burst(begun, 5, within=2 * HOUR)
    for missing in range(4):  # each is needed for the surge
        tracker = SurgeTracker("arms", POLICY)
        read(tracker, [*steady(31), *stories[:missing], *stories[missing + 1 :]])
        before = tracker.state
        assert before.on is None
        tracker.note(stories[missing])
        judged = tracker.settle(stories[missing].seen_at)
        assert [one.decision for one in judged] == [Decision.BEGINS]
        (surge,) = tracker.state.untold
        assert surge.at == before.up_to
        assert surge.story_id == stories[missing].story_id


def test_old_beginnings_are_forgotten() -> None:
    tracker = SurgeTracker("arms", POLICY)
    starts = steady(60, a_day=1)
    read(tracker, starts)
    before = tracker.forgets_before
    assert before is not None
    assert not tracker.note(starts[0])
    assert tracker.due_at is None


minutes = st.integers(0, 20 * 24 * 60)


@st.composite
def streams(draw: st.DrawFn) -> list[StoryStart]:
    """Return stories of twenty days in the order in which they were seen, with bursts, some seen long after."""
    times = draw(st.lists(minutes, min_size=10, max_size=60))
    for at, count in draw(st.lists(st.tuples(st.integers(8 * 24 * 60, 20 * 24 * 60), st.integers(5, 40)), max_size=3)):
        times += [at + number * 7 for number in range(count)]
    lateness = st.one_of(st.integers(0, 30), st.integers(0, 600))
    return in_order(
        story(str(number), MONDAY + at * MINUTE, late=draw(lateness) * MINUTE) for number, at in enumerate(times)
    )


def disordered(starts: Sequence[StoryStart], random: Random) -> list[StoryStart]:
    """Return the stories and some again, out of the order in which they were seen by less than the policy allows."""
    slack = POLICY.disorder / timedelta(seconds=1) - 1
    keyed = [(start.seen_at.timestamp() + random.uniform(0, slack), start) for start in starts]
    keyed += [(at + random.uniform(0, 5 * 24 * 3600), start) for at, start in random.sample(keyed, len(keyed) // 3)]
    return [start for _, start in sorted(keyed, key=lambda one: one[0])]


def following(tracker: SurgeTracker, starts: Iterable[StoryStart], restarts: Random | None = None) -> SurgeTracker:
    """Note and judge as the service does: up to the latest moment at which anything was seen."""
    latest, known = MONDAY, dict[str, StoryStart]()
    for start in starts:
        latest = max(latest, start.seen_at)
        if tracker.note(start):
            known[start.story_id] = start
        tracker.settle(latest)
        if restarts and restarts.random() < 0.2:
            state = SurgeState.model_validate_json(tracker.state.model_dump_json())
            tracker = SurgeTracker("arms", POLICY, state=state, starts=reversed(known.values()))
    tracker.settle(latest + POLICY.grace)
    return tracker


@settings(max_examples=15, deadline=None)
@given(streams(), st.randoms(use_true_random=False))
def test_order_and_repeats_within_the_grace_change_nothing(starts: list[StoryStart], random: Random) -> None:
    plain = following(SurgeTracker("arms", POLICY), starts).state
    assert following(SurgeTracker("arms", POLICY), disordered(starts, random)).state == plain


@settings(max_examples=10, deadline=None)
@given(streams(), st.randoms(use_true_random=False))
def test_restarts_change_nothing(starts: list[StoryStart], random: Random) -> None:
    plain = following(SurgeTracker("arms", POLICY), starts).state
    assert following(SurgeTracker("arms", POLICY), starts, random).state == plain


@settings(max_examples=10, deadline=None)
@given(streams(), st.integers(1, 240))
def test_when_anybody_asks_changes_nothing(starts: list[StoryStart], batch: int) -> None:
    """As long as nothing is asked before what was seen by then has come."""
    plain = following(SurgeTracker("arms", POLICY), starts)
    all_at_once = SurgeTracker("arms", POLICY)
    for number, start in enumerate(starts):
        all_at_once.note(start)
        if number % batch == 0:
            all_at_once.settle(start.seen_at)
    all_at_once.settle(starts[-1].seen_at + POLICY.grace)
    assert [surge.id for surge in all_at_once.state.untold] == [surge.id for surge in plain.state.untold]
