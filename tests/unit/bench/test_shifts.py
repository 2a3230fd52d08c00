"""How soon shifts are told and how often what is none: the measure, and what we reach by it."""

from datetime import timedelta

import pytest

from bench.shift_timeline import read_timeline, run_timeline
from bench.shift_world import START, Stream, TrueShift, World, simulate
from bench.shifts import TIMELINE, Alarm, copies_of_one_story, every_mention, measure, tracker
from schemas.ladder import ShiftPolicy
from schemas.position import Track
from schemas.shift import Shift, ShiftStatus


def test_alarms_are_counted_as_hits_once_and_as_false_otherwise() -> None:
    day = timedelta(days=1)
    stream = Stream(shifts=[TrueShift(START + 10 * day, "agree"), TrueShift(START + 60 * day, "refuse")])
    alarms = [
        Alarm(START + 9 * day, "agree"),
        Alarm(START + 11 * day, "agree"),
        Alarm(START + 12 * day, "agree"),
        Alarm(START + 13 * day, None),
        Alarm(START + 75 * day, "refuse"),
    ]
    figures = measure([stream], lambda _: alarms, 90)
    assert (figures.shifts, figures.detected, figures.soon, figures.delays) == (2, 1, 1, (1.0,))
    assert (figures.false_alarms, figures.alerts, figures.months) == (3, 5, 3.0)


def test_the_same_seed_gives_the_same_stream() -> None:
    world = World(days=60)
    assert simulate(world, 1) == simulate(world, 1) != simulate(world, 2)


def test_forty_copies_of_one_story_confirm_nothing() -> None:
    origins, told = copies_of_one_story()
    assert origins == 1
    assert [shift for shift in told if shift.status is ShiftStatus.CONFIRMED] == []


def test_the_timeline_is_told_on_its_days_and_on_no_others() -> None:
    told = run_timeline(read_timeline(TIMELINE))
    assert told.missing() == []
    assert told.unwanted() == []
    declared = [news for _, news in told.news if isinstance(news, Shift) and news.track is Track.DECLARED]
    assert len(declared) == len(told.timeline.declared) == 6


@pytest.mark.slow
def test_sharp_shifts_are_told_soon_and_little_else() -> None:
    world = World()
    streams = [simulate(world, seed) for seed in range(20)]
    figures = measure(streams, tracker(ShiftPolicy()), world.days)
    mentions = measure(streams, every_mention, world.days)
    assert figures.soon / figures.shifts >= 0.9
    assert figures.false_alarms / figures.months <= 0.2
    assert mentions.alerts / figures.alerts >= 50
