"""Groups as timelines of chance: whatever comes, and however often, each alert meets one fate, at the right time."""

from collections import Counter, defaultdict
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alerts.groups import (
    FORGET_AFTER,
    MAX_SETTLED,
    Group,
    admit,
    due_at,
    group_key,
    is_forgotten,
    settled_with,
    wanted_alerts,
)
from alerts.pipeline import admission_steps, plan
from alerts.route_options import GroupPolicy
from alerts.routing import Target, targets
from alerts.stages import Surroundings
from schemas.alert import AlertKind
from schemas.base import content_id
from schemas.notification import NotificationKind
from schemas.story import Novelty
from schemas.trace import Stage
from schemas.watch import Severity
from tests.unit.alerts.examples import article
from tests.unit.alerts.timeline import START, SUPPRESSED, Timeline, health, named, routes_of

DESK = routes_of("route: {receiver: desk, group_wait: 30s, group_interval: 5m}")
TARGET = Target(content_id("route"), "root", "desk", GroupPolicy(group_wait=timedelta(seconds=30)))
AROUND = Surroundings(DESK.receiver("desk"))
NIGHTS = 'time_intervals: [{name: nights, times: [{start_time: "09:10", end_time: "09:25"}]}]'
WORLDS = (
    "route: {receiver: desk}",
    "route: {receiver: desk, group_wait: 30s, group_interval: 5m, repeat_interval: 7m}",
    "route: {receiver: desk, group_wait: 2m, group_interval: 0s, group_by: [watch_topic]}\n"
    "receivers: [{name: desk, budget: {per_day: 3, exempt: [critical]}}]",
    "route: {receiver: desk, group_by: ['...'], mute_time_intervals: [nights]}\n" + NIGHTS,
    "route: {receiver: desk, digest: true, group_by: [severity]}\n"
    "receivers: [{name: desk, digest: {cron: '*/20 * * * *'}}]",
    "route: {receiver: desk, active_time_intervals: [nights], repeat_interval: 1m}\n"
    "receivers: [{name: desk, budget: {per_day: 2}, digest: {cron: '*/20 * * * *'}}]\n" + NIGHTS,
)
ALERTS = tuple(
    named(
        f"a{number}",
        story=f"s{number % 3}",
        outlets=number + 1,
        kind=AlertKind.SHIFT if number == 7 else AlertKind.MENTION,
        novelty=Novelty.NOTHING if number % 5 == 4 else Novelty.FACTS,
        severity=tuple(Severity)[number % 3],
    )
    for number in range(12)
)
arrivals = st.lists(st.tuples(st.integers(0, 400), st.integers(0, len(ALERTS) - 1)), max_size=30)


def played(world: str, pushed: list[tuple[int, int]], silence_at: int | None) -> Timeline:
    timeline = Timeline(routes_of(world))
    at = 0
    for pause, number in pushed:
        at += pause
        if silence_at is not None and not timeline.silences and at >= silence_at:
            timeline.silence(at, {"severity": "info"}, until=at + 600)
        timeline.push(at, ALERTS[number])
    timeline.run(at)
    return timeline


@settings(max_examples=50, deadline=None)
@given(st.sampled_from(WORLDS), arrivals, st.none() | st.integers(0, 2000))
def test_every_alert_meets_exactly_one_fate(world: str, pushed: list[tuple[int, int]], silence_at: int | None) -> None:
    timeline = played(world, pushed, silence_at)
    fates: Counter[str] = Counter()
    for message in timeline.told:
        if message.kind is not NotificationKind.REMINDER:
            fates.update(message.alert_ids)
    fates.update(step.subject for step in timeline.steps if step.stage in SUPPRESSED)
    fates.update(one for group in timeline.groups.values() for one in group.pending)
    fates.update(one for items in timeline.waiting.values() for item in items.values() for one in item.alert_ids)
    assert fates == dict.fromkeys((ALERTS[number].id for _, number in pushed), 1)


@settings(max_examples=25, deadline=None)
@given(st.sampled_from(WORLDS), arrivals)
def test_groups_are_told_no_sooner_than_allowed_and_no_message_twice(world: str, pushed: list[tuple[int, int]]) -> None:
    timeline = played(world, pushed, None)
    target = targets(ALERTS[0], timeline.routes)[0]
    policy = target.policy
    told = [message for message in timeline.told if message.kind is not NotificationKind.DIGEST]
    assert len({message.id for message in timeline.told}) == len(timeline.told)
    arrived: dict[str, datetime] = {}
    at = START
    for pause, number in pushed:
        at += timedelta(seconds=pause)
        arrived.setdefault(ALERTS[number].id, at)
    threads = defaultdict(list)
    for message in told:
        threads[message.thread].append(message)
    for messages in threads.values():
        assert [message.revision for message in messages] == list(range(1, len(messages) + 1))
        assert messages[0].kind is NotificationKind.NEW
        # a group waits from its first alert, even where that one is inhibited by a later one in the end
        group, _ = group_key(messages[0].alerts[0], target)
        members = (alert for alert in ALERTS if alert.id in arrived and group_key(alert, target)[0] == group)
        assert messages[0].decided_at - min(arrived[alert.id] for alert in members) >= policy.group_wait
        for before, after in pairwise(messages):
            reminder = after.kind is NotificationKind.REMINDER
            pause_ = (policy.repeat_interval if reminder else policy.group_interval) or timedelta(0)
            assert after.decided_at - before.decided_at >= pause_
            assert (after.articles, after.outlets) >= (before.articles, before.outlets)


@settings(max_examples=25, deadline=None)
@given(arrivals, st.integers(1, 4))
def test_budget_is_never_exceeded(pushed: list[tuple[int, int]], per_day: int) -> None:
    world = (
        f"route: {{receiver: desk, group_interval: 1s}}\nreceivers: [{{name: desk, budget: {{per_day: {per_day}}}}}]"
    )
    timeline = played(world, pushed, None)
    assert len(timeline.told) <= per_day
    assert sum(timeline.spent.values()) == len(timeline.told)


def test_undisturbed_group_is_told_exactly_when_it_is_due() -> None:
    alert = ALERTS[0]
    group = admit(None, alert, TARGET, START)
    assert group.flush_at == START + timedelta(seconds=30)
    early = plan(group, [alert], TARGET, AROUND, START + timedelta(seconds=29.9))
    assert (early.group, early.notification, early.due_at) == (group, None, group.flush_at)
    made = plan(group, [alert], TARGET, AROUND, START + timedelta(seconds=30))
    assert made.notification is not None
    assert made.notification.alerts == (alert,)
    assert made == plan(group, [alert], TARGET, AROUND, START + timedelta(seconds=30))


def test_known_alert_changes_nothing_whether_it_waits_or_was_told() -> None:
    group = admit(None, ALERTS[0], TARGET, START)
    assert admit(group, ALERTS[0], TARGET, START + timedelta(hours=1)) is group
    told = plan(group, [ALERTS[0]], TARGET, AROUND, START + timedelta(hours=1)).group
    assert told is not None
    assert admit(told, ALERTS[0], TARGET, START + timedelta(hours=2)) is told


def test_what_comes_long_after_the_last_message_is_due_at_once() -> None:
    first = plan(admit(None, ALERTS[0], TARGET, START), [ALERTS[0]], TARGET, AROUND, START + timedelta(minutes=1)).group
    later = START + timedelta(hours=1)
    assert admit(first, ALERTS[3], TARGET, later).flush_at == later


def test_admission_says_which_route_took_the_alert_and_until_when_it_waits() -> None:
    group = admit(None, ALERTS[0], TARGET, START)
    routed, grouped = admission_steps(ALERTS[0], TARGET, group, START)
    assert (routed.stage, routed.route, routed.receiver, routed.ref) == (Stage.ROUTED, "root", "desk", group.key)
    story = content_id("story", "s0")
    assert grouped.stage is Stage.GROUPED
    assert grouped.reason == f"waits until 2024-11-27 09:00 UTC in the group of watch_topic=rok-arms, story={story}"
    everything = Target(TARGET.route_id, "root", "desk", GroupPolicy(group_by=()))
    (_, grouped) = admission_steps(ALERTS[0], everything, admit(None, ALERTS[0], everything, START), START)
    assert grouped.reason.endswith("in the group of all alerts")


def test_alert_that_is_not_kept_any_more_is_named_and_waited_for_no_longer() -> None:
    group = admit(admit(None, ALERTS[0], TARGET, START), ALERTS[3], TARGET, START)
    assert wanted_alerts(group) == (ALERTS[0].id, ALERTS[3].id)
    made = plan(group, [ALERTS[3]], TARGET, AROUND, START + timedelta(hours=1))
    assert made.missing == (ALERTS[0].id,)
    assert made.notification is not None
    assert made.group is not None
    assert (made.group.pending, made.due_at) == ((), None)
    assert ALERTS[0].id in made.group.settled


def test_what_a_mute_time_holds_back_waits_on_and_is_not_settled() -> None:
    (nights,) = routes_of("route: {receiver: desk}\n" + NIGHTS).time_intervals
    group = admit(None, ALERTS[0], TARGET, START)
    muted = START + timedelta(minutes=12)
    made = plan(group, [ALERTS[0]], TARGET, replace(AROUND, mute=(nights,)), muted)
    assert made.notification is None
    assert made.group is not None
    assert (made.group.pending, made.group.settled) == (group.pending, ())
    assert made.group.waiting_since == START
    assert made.due_at == START + timedelta(minutes=25)


def test_group_is_forgotten_five_days_after_its_last_alert_but_never_while_something_waits() -> None:
    group = admit(None, ALERTS[0], TARGET, START)
    assert not is_forgotten(group, START + 2 * FORGET_AFTER)
    told = plan(group, [ALERTS[0]], TARGET, AROUND, START + timedelta(hours=1)).group
    assert told is not None
    assert not is_forgotten(told, START + FORGET_AFTER - timedelta(seconds=1))
    assert is_forgotten(told, START + FORGET_AFTER)
    assert plan(told, [], TARGET, AROUND, START + FORGET_AFTER).group is None


def test_what_is_settled_is_bounded_and_keeps_the_newest() -> None:
    group = admit(None, ALERTS[0], TARGET, START)
    ids = tuple(content_id(str(number)) for number in range(MAX_SETTLED + 5))
    kept = settled_with(group, ids)
    assert kept == ids[5:]
    again = settled_with(group.model_copy(update={"settled": kept}), ids[-2:])
    assert again == kept


@pytest.mark.parametrize(
    ("group_by", "changes", "labels"),
    [
        (("watch_topic", "story"), {}, {"watch_topic": "rok-arms", "story": "mention/a"}),
        (("watch_topic", "story"), {"story": "s"}, {"watch_topic": "rok-arms", "story": content_id("story", "s")}),
        (("kind", "severity"), {}, {"kind": "mention", "severity": "warning"}),
        (("outlet", "lang", "country"), {}, {"outlet": "Example Wire", "lang": "en", "country": "KR"}),
        (("outlet", "lang", "country"), {"article": None}, {"outlet": "", "lang": "", "country": ""}),
        (("labels.desk", "labels.team"), {}, {"labels.desk": "east-asia", "labels.team": ""}),
        (("...",), {}, {"alert": content_id("alert", "a")}),
        ((), {}, {}),
    ],
)
def test_labels_of_a_group(group_by: tuple[str, ...], changes: dict[str, Any], labels: dict[str, str]) -> None:
    target = Target(TARGET.route_id, "root", "desk", GroupPolicy(group_by=group_by))
    assert group_key(named("a", **changes), target)[1] == labels


def test_groups_differ_by_route_and_label_values_only() -> None:
    alert = named("a", story="s")
    key, _ = group_key(alert, TARGET)
    other_route = Target(content_id("other"), "root / 1", "desk", TARGET.policy)
    other_options = Target(TARGET.route_id, "root", "desk", GroupPolicy(group_wait=timedelta(hours=1)))
    assert group_key(named("b", story="s"), TARGET)[0] == key
    assert group_key(alert, other_options)[0] == key
    assert len({key, group_key(alert, other_route)[0], group_key(named("b", story="t"), TARGET)[0]}) == 3


def test_group_of_several_stories_counts_the_articles_and_outlets_it_told_of() -> None:
    timeline = Timeline(
        routes_of("route: {receiver: desk, group_wait: 1m, group_interval: 1m, group_by: [watch_topic]}")
    )
    for number, outlet in enumerate(["A", "B", "A"]):
        about = article(id=content_id(f"article {number}"), outlet=outlet)
        timeline.push(number, named(f"a{number}", story=f"s{number}", article=about))
    timeline.push(100, named("later", article=article(id=content_id("article later"), outlet="C")))
    timeline.push(200, health("down", "broken"))
    timeline.run(300)
    assert [(message.articles, message.outlets) for message in timeline.told] == [(3, 2), (4, 3), (4, 3)]


def test_group_survives_its_journey_through_the_store() -> None:
    group = admit(admit(None, ALERTS[0], TARGET, START), ALERTS[3], TARGET, START)
    assert Group.model_validate_json(group.model_dump_json()) == group
    assert due_at(group, TARGET.policy) == group.flush_at
