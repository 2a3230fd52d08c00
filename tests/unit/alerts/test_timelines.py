"""Timelines: alerts come at moments, and receivers are told at others."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from alerts.groups import FORGET_AFTER
from schemas.alert import AlertKind
from schemas.notification import DigestReason, NotificationKind
from schemas.story import Novelty
from schemas.trace import Stage
from schemas.watch import Severity
from tests.unit.alerts.timeline import START, Timeline, health, named, routes_of

MINUTE, HOUR, DAY = 60, 3600, 86_400


def timeline(options: str = "", receiver: str = "", more: str = "") -> Timeline:
    """A root route with these options to one receiver with those; flow style, without braces."""
    return Timeline(routes_of(document(options, receiver, more)))


def document(options: str = "", receiver: str = "", more: str = "") -> str:
    return f"route: {{receiver: desk, {options}}}\nreceivers: [{{name: desk, {receiver}}}]\n{more}"


def test_group_wait_gathers_the_first_alerts_into_one_message() -> None:
    desk = timeline("group_wait: 30s")
    desk.push(1, named("a", story="s"))
    desk.push(20, named("b", story="s"))
    desk.push(31.5, named("c", story="s"))
    desk.run(10 * MINUTE)
    assert desk.messages() == [(31, "new", ["a", "b"])]


def test_without_group_wait_the_first_is_told_at_once() -> None:
    desk = timeline()
    desk.push(1, named("a", story="s"))
    assert desk.messages() == [(1, "new", ["a"])]


def test_group_interval_gathers_what_comes_after_a_message() -> None:
    desk = timeline("group_interval: 5m")
    desk.push(1, named("a", story="s"))
    desk.push(2, named("b", story="s"))
    desk.push(4 * MINUTE, named("c", story="s"))
    desk.push(20 * MINUTE, named("d", story="s"))
    desk.run(HOUR)
    assert desk.messages() == [(1, "new", ["a"]), (301, "update", ["b", "c"]), (1200, "update", ["d"])]


def test_messages_of_a_group_are_one_thread_and_count_the_whole_of_it() -> None:
    desk = timeline("group_interval: 1m")
    desk.push(1, named("a", story="s", outlets=1))
    desk.push(2, named("b", story="s", outlets=7))
    desk.push(200, named("c", story="other"))
    first, second, other = desk.told
    assert first.thread == second.thread != other.thread
    assert [one.revision for one in desk.told] == [1, 2, 1]
    assert [(one.articles, one.outlets) for one in desk.told] == [(1, 1), (7, 7), (1, 1)]


def test_each_story_is_a_group_of_its_own() -> None:
    desk = timeline()
    for number in range(3):
        desk.push(number, named(f"a{number}", story=f"s{number}"))
        desk.push(number + 0.5, named(f"b{number}", story=f"s{number}"))
    assert [told for _, _, told in desk.messages()] == [["a0"], ["a1"], ["a2"]]


def test_alert_that_comes_again_is_told_once() -> None:
    desk = timeline("group_interval: 1m")
    for at in (1, 2, 100, 4 * DAY):
        desk.push(at, named("a", story="s"))
    desk.run(10 * DAY)
    assert desk.messages() == [(1, "new", ["a"])]


def test_repeat_interval_tells_again_while_alerts_come_even_such_as_add_nothing() -> None:
    desk = timeline("repeat_interval: 4h")
    desk.push(0, named("a", story="s"))
    desk.push(2 * HOUR, named("b", story="s", novelty=Novelty.NOTHING))
    desk.run(DAY)
    assert desk.messages() == [(0, "new", ["a"]), (4 * HOUR, "reminder", ["a"])]
    assert desk.verdicts(Stage.REPEATED) == [("b", "adds nothing to its story, which was told")]


def test_news_that_nothing_follows_is_not_repeated() -> None:
    desk = timeline("repeat_interval: 4h")
    desk.push(0, named("a", story="s"))
    desk.run(4 * DAY)
    assert desk.messages() == [(0, "new", ["a"])]


def test_broken_feed_is_repeated_until_it_recovers() -> None:
    desk = timeline("repeat_interval: 4h")
    desk.push(0, health("down", "broken"))
    desk.push(9 * HOUR, health("up", "recovered"))
    desk.run(3 * DAY)
    assert desk.messages() == [
        (0, "new", ["down"]),
        (4 * HOUR, "reminder", ["down"]),
        (8 * HOUR, "reminder", ["down"]),
        (9 * HOUR, "update", ["up"]),
    ]


def test_reminder_that_is_silenced_is_passed_over_and_the_next_comes_in_its_time() -> None:
    desk = timeline("repeat_interval: 4h")
    desk.push(0, health("down", "broken"))
    desk.silence(HOUR, {"kind": "feed_health"}, until=9 * HOUR)
    desk.run(13 * HOUR)
    assert desk.messages() == [(0, "new", ["down"]), (12 * HOUR, "reminder", ["down"])]


def test_reminder_in_a_mute_time_comes_when_it_ends() -> None:
    lunch = 'time_intervals: [{name: lunch, times: [{start_time: "09:30", end_time: "10:30"}]}]'
    desk = timeline("repeat_interval: 1h, mute_time_intervals: [lunch]", more=lunch)
    desk.push(0, health("down", "broken"))
    desk.run(3 * HOUR)
    assert [at for at, _, _ in desk.messages()] == [0, 1.5 * HOUR, 2.5 * HOUR]


def test_reminders_end_when_the_group_is_forgotten() -> None:
    desk = timeline("repeat_interval: 1d")
    desk.push(0, health("down", "broken"))
    desk.run(30 * DAY)
    assert [at for at, _, _ in desk.messages()] == [0, DAY, 2 * DAY, 3 * DAY, 4 * DAY]
    assert len({message.id for message in desk.told}) == 5


def test_group_that_is_to_be_forgotten_wants_no_further_flush() -> None:
    desk = timeline("repeat_interval: 1d")
    desk.push(0, health("down", "broken"))
    desk.run(4 * DAY)
    assert [group.flush_at for group in desk.groups.values()] == [None]


def test_group_that_was_forgotten_begins_anew() -> None:
    desk = timeline()
    desk.push(0, named("a", story="s"))
    desk.push(FORGET_AFTER.total_seconds() + 1, named("b", story="s"))
    assert [kind for _, kind, _ in desk.messages()] == ["new", "new"]


def test_silence_ends_an_alert_for_good_and_later_ones_are_told() -> None:
    desk = timeline("group_interval: 1m")
    desk.silence(0, {"labels": {"desk": "east-asia"}, "kind": "mention"}, until=HOUR)
    desk.push(1, named("a", story="s"))
    desk.push(2, named("b", story="s", labels={}))
    desk.push(HOUR, named("c", story="s"))
    desk.run(DAY)
    assert desk.messages() == [(2, "new", ["b"]), (HOUR, "update", ["c"])]
    assert desk.verdicts(Stage.SILENCED) == [("a", "silenced by kim until 2024-11-27 10:00 UTC: known story")]


def test_silence_that_begins_while_alerts_wait_holds_for_them() -> None:
    desk = timeline("group_wait: 10m")
    alert = named("a", story="s")
    desk.push(0, alert)
    assert alert.story is not None
    desk.silence(MINUTE, {"story": alert.story.id}, until=DAY)
    desk.run(HOUR)
    assert desk.messages() == []


def test_shift_inhibits_the_mentions_of_its_story_for_a_day() -> None:
    desk = timeline("group_wait: 1m, group_interval: 1m, group_by: [story, kind]")
    desk.push(0, named("before", story="s"))
    desk.push(30, named("moved", story="s", kind=AlertKind.SHIFT))
    desk.push(HOUR, named("after", story="s"))
    desk.push(HOUR, named("elsewhere", story="other"))
    desk.push(DAY + 30, named("next day", story="s"))
    desk.run(2 * DAY)
    assert [told for _, _, told in desk.messages()] == [["moved"], ["elsewhere"], ["next day"]]
    assert [title for title, _ in desk.verdicts(Stage.INHIBITED)] == ["before", "after"]
    assert "by the shift" in desk.verdicts(Stage.INHIBITED)[0][1]


def test_no_rules_inhibit_where_the_file_lists_none() -> None:
    desk = timeline(more="inhibit_rules: []")
    desk.push(0, named("moved", story="s", kind=AlertKind.SHIFT))
    desk.push(HOUR, named("a", story="s"))
    assert len(desk.told) == 2


NIGHTS = 'time_intervals: [{name: nights, times: [{start_time: "22:00", end_time: "07:00"}]}]'


def test_mute_time_holds_alerts_back_until_the_receivers_morning() -> None:
    desk = timeline("mute_time_intervals: [nights]", "time_zone: Europe/Kyiv", NIGHTS)
    kyiv = ZoneInfo("Europe/Kyiv")
    desk.push(datetime(2024, 11, 27, 21, 59, tzinfo=kyiv), named("evening"))
    desk.push(datetime(2024, 11, 27, 22, 0, tzinfo=kyiv), named("night", story="s"))
    desk.push(datetime(2024, 11, 28, 3, 0, tzinfo=kyiv), named("later", story="s"))
    desk.run(2 * DAY)
    morning = datetime(2024, 11, 28, 7, 0, tzinfo=kyiv)
    assert [(message.decided_at, [one.title for one in message.alerts]) for message in desk.told] == [
        (datetime(2024, 11, 27, 21, 59, tzinfo=kyiv), ["evening"]),
        (morning, ["night", "later"]),
    ]
    assert desk.verdicts(Stage.MUTED) == [("night", "muted until 2024-11-28 07:00 EET (nights)")]


def test_active_time_mutes_all_the_rest() -> None:
    hours = 'times: [{start_time: "08:00", end_time: "18:00"}]'
    office = f'time_intervals: [{{name: office, weekdays: ["monday:friday"], {hours}}}]'
    desk = timeline("active_time_intervals: [office]", more=office)
    desk.push(datetime(2024, 11, 29, 18, 0, tzinfo=UTC), named("friday evening"))
    desk.run(10 * DAY)
    assert [message.decided_at for message in desk.told] == [datetime(2024, 12, 2, 8, 0, tzinfo=UTC)]
    assert desk.verdicts(Stage.MUTED) == [("friday evening", "muted until 2024-12-02 08:00 UTC (outside office)")]


def test_mute_time_that_is_lifted_by_a_reload_lets_all_out() -> None:
    desk = timeline("mute_time_intervals: [nights]", more=NIGHTS)
    night = datetime(2024, 11, 27, 23, 0, tzinfo=UTC)
    desk.push(night, named("a"))
    desk.reload(night + timedelta(hours=1), document(more=NIGHTS))
    assert [message.decided_at for message in desk.told] == [night + timedelta(hours=1)]


def test_reload_tells_what_is_due_no_sooner_and_nothing_again() -> None:
    desk = timeline("group_interval: 10m")
    desk.push(0, named("a", story="s"))
    desk.push(1, named("b", story="s"))
    desk.reload(MINUTE, document("group_interval: 20m"))
    desk.run(HOUR)
    assert desk.messages() == [(0, "new", ["a"]), (20 * MINUTE, "update", ["b"])]


def test_alerts_whose_route_is_gone_are_routed_anew() -> None:
    two = "receivers: [{name: desk}, {name: night}]"
    desk = Timeline(
        routes_of(
            "route: {receiver: desk, group_wait: 5m, routes: [{receiver: night, match: {kind: mention}}]}\n" + two
        )
    )
    desk.push(0, named("a"))
    desk.reload(MINUTE, "route: {receiver: desk, group_wait: 5m}\n" + two)
    desk.run(HOUR)
    assert [(message.receiver, message.decided_at) for message in desk.told] == [("desk", START + timedelta(minutes=6))]


def test_digest_route_tells_once_a_day_the_most_urgent_first() -> None:
    desk = timeline("digest: true", 'time_zone: Europe/Kyiv, digest: {cron: "0 8 * * *"}')
    desk.push(1, named("minor", story="s", severity=Severity.INFO))
    desk.push(2, named("major", story="t", severity=Severity.CRITICAL))
    desk.push(HOUR, named("minor more", story="s", severity=Severity.INFO))
    desk.run(3 * DAY)
    (message,) = desk.told
    assert message.kind is NotificationKind.DIGEST
    assert message.decided_at == datetime(2024, 11, 28, 8, tzinfo=ZoneInfo("Europe/Kyiv"))
    assert message.digest is not None
    assert [(item.title, len(item.alert_ids)) for item in message.digest.items] == [("major", 1), ("minor", 2)]
    assert {item.reason for item in message.digest.items} == {DigestReason.ROUTED}


def test_digest_route_waits_for_the_end_of_a_mute_time_as_well() -> None:
    desk = timeline("digest: true, mute_time_intervals: [nights]", 'digest: {cron: "0 * * * *"}', NIGHTS)
    desk.push(datetime(2024, 11, 27, 23, 30, tzinfo=UTC), named("a"))
    desk.run(DAY)
    assert [message.decided_at.hour for message in desk.told] == [8]


def test_over_budget_the_rest_of_the_day_waits_for_the_digest() -> None:
    desk = timeline("group_interval: 1s", "budget: {per_day: 2}, time_zone: Europe/Kyiv")
    for number in range(5):
        desk.push(number, named(f"a{number}", story=f"s{number}"))
    midnight = datetime(2024, 11, 28, 0, 0, tzinfo=ZoneInfo("Europe/Kyiv"))
    desk.push(midnight - timedelta(seconds=1), named("late"))
    desk.push(midnight, named("tomorrow"))
    desk.run(DAY)
    assert [(kind, told) for _, kind, told in desk.messages()] == [
        ("new", ["a0"]),
        ("new", ["a1"]),
        ("new", ["tomorrow"]),
        ("digest", ["late", "a4", "a3", "a2"]),
    ]
    assert desk.verdicts(Stage.OVER_BUDGET)[0] == (
        "a2",
        "over budget: 2 of 2 messages of 2024-11-27 (Europe/Kyiv) were used; "
        "waits for the digest of 2024-11-28 08:00 EET",
    )


@pytest.mark.parametrize(("exempt", "told"), [("[critical]", 2), ("[]", 1)])
def test_critical_alert_is_held_back_unless_the_budget_exempts_it(exempt: str, told: int) -> None:
    desk = timeline(receiver=f"budget: {{per_day: 1, exempt: {exempt}}}")
    desk.push(0, named("a"))
    desk.push(1, named("b", severity=Severity.CRITICAL))
    desk.push(2, named("c"))
    assert len(desk.told) == told


def test_what_follows_a_story_that_was_over_budget_begins_its_thread_on_the_next_day() -> None:
    desk = timeline(receiver="budget: {per_day: 1}")
    desk.push(0, named("a", story="s"))
    desk.push(1, named("b", story="t"))
    desk.push(DAY, named("c", story="t"))
    assert [(kind, told) for _, kind, told in desk.messages()] == [
        ("new", ["a"]),
        ("digest", ["b"]),
        ("new", ["c"]),
    ]


def test_message_takes_two_hundred_alerts_and_the_digest_the_least_urgent_rest() -> None:
    desk = timeline("group_wait: 1m, group_by: [watch_topic]")
    for number in range(250):
        severity = Severity.INFO if number < 100 else Severity.WARNING
        desk.push(number / 10, named(f"a{number}", severity=severity))
    desk.run(DAY)
    told, later = desk.told
    assert later.digest is not None
    assert [len(told.alerts), *(len(item.alert_ids) for item in later.digest.items)] == [200, 50]
    assert [alert.title for alert in told.alerts[:51]] == [*(f"a{number}" for number in range(50)), "a100"]


def test_receiver_of_two_routes_is_told_once_by_the_first() -> None:
    text = """
route:
  receiver: desk
  routes:
  - {receiver: night, match: {severity: warning}, continue: true}
  - {receiver: night, group_wait: 5m, continue: true}
  - {receiver: desk}
receivers: [{name: desk}, {name: night}]
"""
    both = Timeline(routes_of(text))
    both.push(0, named("a"))
    both.run(HOUR)
    assert [(message.receiver, message.decided_at) for message in both.told] == [("night", START), ("desk", START)]


def test_each_alert_alone() -> None:
    desk = timeline("group_by: ['...']")
    desk.push(0, named("a", story="s"))
    desk.push(1, named("b", story="s"))
    assert [kind for _, kind, _ in desk.messages()] == ["new", "new"]
