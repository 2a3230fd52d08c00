"""Each stage by itself: whom it takes out, where they go, and what it says."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from alerts.budget import budget_day, fits
from alerts.groups import Group, admit
from alerts.inhibition import Inhibitor
from alerts.options import ConsoleOptions
from alerts.route_options import Budget, GroupPolicy, Receiver
from alerts.routing import Target
from alerts.stages import (
    STAGES,
    Flush,
    Surroundings,
    drop_inhibited,
    drop_silenced,
    drop_told,
    tell,
    to_digest,
    wait_for_mute,
    within_budget,
    within_one_message,
)
from schemas.alert import Alert, AlertKind
from schemas.base import content_id
from schemas.notification import DigestReason, NotificationKind
from schemas.story import Novelty
from schemas.trace import Stage
from schemas.watch import Severity
from tests.unit.alerts.test_silences import a_silence
from tests.unit.alerts.test_time_intervals import between, interval
from tests.unit.alerts.timeline import START, named

DESK = Receiver(name="desk", channels=(ConsoleOptions(type="console"),), time_zone="Europe/Kyiv")
TARGET = Target(content_id("route"), "root / 2", "desk", GroupPolicy())
MINOR = named("minor", story="s", severity=Severity.INFO)
MAJOR = named("major", story="s", severity=Severity.CRITICAL)
ALWAYS = interval(times=[between("00:00", "24:00")], years=["2024"])


def flush(*alerts: Alert, told: int = 0, policy: GroupPolicy | None = None, **around: Any) -> Flush:
    """A flush of these alerts, in a group that was told this many times before."""
    alerts = alerts or (MINOR, MAJOR)
    target = replace(TARGET, policy=policy or TARGET.policy)
    group: Group | None = None
    for alert in alerts:
        group = admit(group, alert, target, START)
    assert group is not None
    group = group.model_copy(update={"revision": told, "told_at": START - timedelta(hours=1) if told else None})
    return Flush(group, target, Surroundings(**{"receiver": DESK, **around}), START, alerts)


def reminder(**around: Any) -> Flush:
    """The same as `flush`, for alerts that were told before."""
    first = flush(told=1, **around)
    ids = tuple(alert.id for alert in first.left)
    return replace(first, group=first.group.model_copy(update={"pending": (), "settled": ids, "last_alerts": ids}))


def said(after: Flush) -> list[tuple[str, Stage, str]]:
    by_id = {alert.id: alert.title for alert in (MINOR, MAJOR)}
    return [(by_id[step.subject], step.stage, step.reason) for step in after.steps]


def test_silenced_alerts_are_dropped_with_the_word_of_who_did_it() -> None:
    after = drop_silenced(flush(silences=[a_silence({"severity": "info"})]))
    assert after.left == (MAJOR,)
    assert said(after) == [("minor", Stage.SILENCED, "silenced by kim until 2024-11-27 12:00 EET: known story")]
    assert [step.ref for step in after.steps] == [a_silence({"severity": "info"}).id], "the step leads to the silence"


def test_inhibited_alerts_are_dropped_with_what_inhibits_them() -> None:
    inhibitor = Inhibitor(
        key=content_id("k"), until=START + timedelta(hours=1), alert_id=MAJOR.id, kind=AlertKind.SHIFT, title="moved"
    )
    after = drop_inhibited(flush(inhibited={MINOR.id: inhibitor}))
    assert after.left == (MAJOR,)
    reason = f"inhibited until 2024-11-27 12:00 EET by the shift {MAJOR.id}: moved"
    assert said(after) == [("minor", Stage.INHIBITED, reason)]
    late = inhibitor.model_copy(update={"until": START})
    assert drop_inhibited(flush(inhibited={MINOR.id: late})).left == (MINOR, MAJOR)


@pytest.mark.parametrize(
    ("told", "novelty", "left"),
    [
        (0, Novelty.NOTHING, 1),  # nobody has heard of the story
        (1, Novelty.NOTHING, 0),
        (1, Novelty.OUTLET, 1),
        (1, Novelty.FACTS, 1),
        (1, None, 1),
    ],
)
def test_what_adds_nothing_is_dropped_once_its_group_was_told(told: int, novelty: Novelty | None, left: int) -> None:
    alert = named("a", story="s", novelty=novelty) if novelty else named("a")
    assert len(drop_told(flush(alert, told=told)).left) == left


def test_mute_time_makes_all_wait() -> None:
    after = wait_for_mute(flush(mute=(ALWAYS,)))
    assert (after.left, after.waiting) == ((), (MINOR, MAJOR))
    assert after.muted_until == datetime(2024, 12, 31, 22, tzinfo=UTC)
    assert said(after)[0] == ("minor", Stage.MUTED, "muted until 2025-01-01 00:00 EET (it)")
    assert wait_for_mute(flush()).left == (MINOR, MAJOR)
    assert wait_for_mute(flush(active=(ALWAYS,))).left == (MINOR, MAJOR)


def test_digest_route_leaves_one_item_for_the_group() -> None:
    after = to_digest(flush(policy=GroupPolicy(digest=True)))
    (item,) = after.digest_items
    assert after.left == ()
    assert (item.alert_ids, item.title, item.reason) == ((MINOR.id, MAJOR.id), "major", DigestReason.ROUTED)
    reason = "its route tells by digest only: waits for that of 2024-11-28 08:00 EET"
    assert said(after)[0] == ("minor", Stage.IN_DIGEST, reason)
    assert to_digest(flush()) == flush()


@pytest.mark.parametrize(
    ("budget", "spent", "severity", "fit"),
    [
        (None, 10_000, Severity.INFO, True),
        (Budget(per_day=2), 1, Severity.INFO, True),
        (Budget(per_day=2), 2, Severity.CRITICAL, False),
        (Budget(per_day=2, exempt=(Severity.CRITICAL,)), 2, Severity.CRITICAL, True),
        (Budget(per_day=2, exempt=(Severity.CRITICAL,)), 2, Severity.WARNING, False),
    ],
)
def test_budget(budget: Budget | None, spent: int, severity: Severity, fit: bool) -> None:
    receiver = DESK.model_copy(update={"budget": budget})
    assert fits(receiver, spent, severity) is fit
    alert = named("minor", severity=severity)
    after = within_budget(flush(alert, receiver=receiver, spent_today=spent))
    assert bool(after.left) is fit
    assert [item.reason for item in after.digest_items] == ([] if fit else [DigestReason.OVER_BUDGET])


def test_message_is_as_urgent_as_its_most_urgent_alert() -> None:
    receiver = DESK.model_copy(update={"budget": Budget(per_day=1, exempt=(Severity.CRITICAL,))})
    assert within_budget(flush(MINOR, MAJOR, receiver=receiver, spent_today=1)).left == (MINOR, MAJOR)


def test_day_of_the_budget_is_the_receivers() -> None:
    assert [budget_day(DESK, datetime(2024, 11, 27, hour, tzinfo=UTC)).day for hour in (21, 22)] == [27, 28]


@pytest.mark.parametrize(("told", "kind"), [(0, NotificationKind.NEW), (1, NotificationKind.UPDATE)])
def test_message_tells_all_that_is_left(told: int, kind: NotificationKind) -> None:
    after = tell(flush(told=told))
    message = after.notification
    assert message is not None
    assert (message.kind, message.alerts, message.revision) == (kind, (MINOR, MAJOR), told + 1)
    assert (message.receiver, message.time_zone, message.decided_at) == ("desk", "Europe/Kyiv", START)
    assert (message.group_key, message.group_labels) == (after.group.key, after.group.labels)
    assert tell(replace(flush(), left=())).notification is None


@pytest.mark.parametrize(
    ("stage", "around"),
    [
        (drop_silenced, {"silences": [a_silence({"kind": "mention"})]}),
        (wait_for_mute, {"mute": (ALWAYS,)}),
        (to_digest, {"policy": GroupPolicy(digest=True)}),
        (within_budget, {"receiver": DESK.model_copy(update={"budget": Budget(per_day=1)}), "spent_today": 1}),
    ],
)
def test_reminder_is_held_back_without_a_word_about_alerts_that_were_told(
    stage: Callable[[Flush], Flush], around: dict[str, Any]
) -> None:
    after = stage(reminder(**around))
    assert (after.left, after.steps, after.digest_items) == ((), (), ())


def test_reminder_is_a_message_of_its_own() -> None:
    again = reminder()
    for stage in STAGES:
        again = stage(again)
    assert again.notification is not None
    assert again.notification.kind is NotificationKind.REMINDER
    first = tell(flush()).notification
    assert first is not None
    assert first.id != again.notification.id


def test_one_message_holds_what_one_flush_brings() -> None:
    assert within_one_message(flush()) == flush()


def test_every_stage_lets_a_flush_of_nothing_pass() -> None:
    nothing = replace(flush(), left=())
    for stage in STAGES:
        assert stage(nothing) == nothing
