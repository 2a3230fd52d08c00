"""When who is told of what: each test is a timeline, in seconds from 09:00 UTC on 27 November 2024, a Wednesday."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from redis.asyncio import Redis

from alerts.delivery import EntryState
from schemas.notification import DigestReason, NotificationKind
from schemas.story import Novelty
from schemas.trace import Stage
from schemas.watch import Severity
from tests.integration.alerter.timeline import DAY, HOUR, MINUTE, Timeline, at, between, mention, shift

UPDATE, REMINDER, DIGEST = NotificationKind.UPDATE, NotificationKind.REMINDER, NotificationKind.DIGEST
Begin = Callable[..., Timeline]


@pytest.fixture
def begin(client: Redis, namespace: str) -> Begin:
    def build(routes: str, **options: Any) -> Timeline:
        return Timeline(client, namespace, routes, **options)

    return build


async def test_without_group_wait_an_alert_is_told_at_once_and_once(begin: Begin) -> None:
    t = begin("route: {receiver: desk}")
    a, b = mention("a"), mention("b")
    t.push(1, a)
    t.push(2, a, b)
    t.expect(at(1), "desk", [a])
    t.expect(at(2), "desk", [b])
    await t.play(until=2 * DAY)


async def test_group_wait_gathers_what_belongs_together(begin: Begin) -> None:
    t = begin("route: {receiver: desk, group_wait: 30s}")
    a, b, other = mention("a", "story"), mention("b", "story"), mention("c")
    t.push(1, a)
    t.push(20, b)
    t.push(30, other)
    t.expect(between(31, 31.5), "desk", [a, b])
    t.expect(between(60, 60.5), "desk", [other])
    await t.play(until=DAY)


async def test_group_interval_parts_the_messages_of_a_group(begin: Begin) -> None:
    t = begin("route: {receiver: desk, group_interval: 15m}")
    a, b, c, d = (mention(name, "story", articles=number) for number, name in enumerate("abcd", 1))
    t.push(0, a)
    t.push(60, b)
    t.push(120, c)
    t.push(HOUR, d)
    t.expect(at(0), "desk", [a])
    t.expect(at(15 * MINUTE), "desk", [b, c], UPDATE)
    t.expect(at(HOUR), "desk", [d], UPDATE)
    await t.play(until=DAY)
    assert len({told.notification.thread for told in t.told}) == 1
    assert [told.notification.revision for told in t.told] == [1, 2, 3]
    assert [told.notification.articles for told in t.told] == [1, 3, 4]
    first = t.told[0].notification
    assert [told.attempt.thread_ref for told in t.told] == [None, *[f"ref of {first.id}"] * 2]


async def test_what_adds_nothing_to_a_told_story_is_not_told(begin: Begin) -> None:
    t = begin("route: {receiver: desk}")
    a, b = mention("a", "story", Novelty.FIRST), mention("b", "story", Novelty.NOTHING)
    t.push(0, a)
    t.push(HOUR, b)
    t.expect(at(0), "desk", [a])
    await t.play(until=DAY)
    assert [step.stage for step in await t.steps_of(b)] == [Stage.ROUTED, Stage.GROUPED, Stage.REPEATED]


async def test_repeat_interval_reminds_of_what_lives(begin: Begin) -> None:
    t = begin("route: {receiver: desk, repeat_interval: 4h}")
    a, b = mention("a", "story"), mention("b", "story", Novelty.NOTHING)
    t.push(0, a)
    t.push(HOUR, b)  # adds nothing, and shows that the story goes on
    t.expect(at(0), "desk", [a])
    t.expect(at(4 * HOUR), "desk", [a], REMINDER)
    await t.play(until=3 * DAY)


async def test_each_receiver_of_a_branch_is_told(begin: Begin) -> None:
    t = begin(
        """
        route:
          receiver: desk
          routes:
            - {match: {severity: critical}, receiver: night, continue: true}
            - {match: {kind: mention}, receiver: desk}
        receivers: [desk, night]
        """
    )
    a, b = mention("a"), mention("b", severity=Severity.CRITICAL)
    t.push(0, a, b)
    t.expect(at(0), "desk", [a])
    t.expect(at(0), "desk", [b])
    t.expect(at(0), "night", [b])
    await t.play(until=HOUR)
    steps = await t.steps_of(b)
    assert [(step.stage, step.receiver) for step in steps if step.stage is Stage.QUEUED] == [
        (Stage.QUEUED, "night"),
        (Stage.QUEUED, "desk"),
    ]
    entries = await t.ledger.entries_of(b.id)
    assert {step.ref for step in steps if step.stage is Stage.QUEUED} == {entry.key for entry in entries}
    assert {entry.state for entry in entries} == {EntryState.SENT}


async def test_silenced_alerts_are_never_told(begin: Begin) -> None:
    t = begin("route: {receiver: desk}")
    a, b, c = mention("a"), mention("b"), mention("c")
    t.push(0, a)
    t.silence(10, HOUR, watch_topic=("rok-arms",))
    t.push(20, b)
    t.push(10 + HOUR, c)
    t.expect(at(0), "desk", [a])
    t.expect(at(10 + HOUR), "desk", [c])
    await t.play(until=DAY)
    assert (await t.steps_of(b))[-1].reason == "silenced by ana until 2024-11-27 10:00 UTC: known"


async def test_silence_of_a_story_lets_others_through(begin: Begin) -> None:
    t = begin("route: {receiver: desk, group_wait: 1m}")
    a, b = mention("a", "story"), mention("b", "other")
    t.push(0, a, b)
    t.silence(30, HOUR, story=(a.story.id if a.story else "",))  # before it was told
    t.expect(at(60), "desk", [b])
    await t.play(until=DAY)


async def test_shift_inhibits_the_mentions_of_its_story(begin: Begin) -> None:
    t = begin("route: {receiver: desk, group_wait: 10s, group_by: [story, kind]}")
    a, moved, b, other = mention("a", "story"), shift("moved", "story"), mention("b", "story"), mention("c", "other")
    t.push(0, a)  # still waits when the shift comes
    t.push(5, moved)
    t.push(HOUR, b, other)
    late = mention("late", "story")
    t.push(2 * DAY, late)
    t.expect(at(15), "desk", [moved])
    t.expect(at(HOUR + 10), "desk", [other])
    t.expect(at(2 * DAY + 10), "desk", [late])
    await t.play(until=3 * DAY)
    last = (await t.steps_of(a))[-1]
    assert last.stage is Stage.INHIBITED
    assert moved.id in last.reason


async def test_mute_time_of_the_receivers_zone_holds_back_until_it_ends(begin: Begin) -> None:
    t = begin(
        """
        route: {receiver: desk, mute_time_intervals: [night]}
        receivers: [{name: desk, time_zone: Europe/Kyiv}]
        time_intervals: [{name: night, times: [{start_time: "22:00", end_time: "07:00"}]}]
        """
    )
    a, b, c = mention("a", "story"), mention("b", "story"), mention("c", "story")
    t.push(10 * HOUR, a)  # 21:00 in Kyiv
    t.push(12 * HOUR, b)  # 23:00
    t.push(16 * HOUR, c)  # 03:00
    t.expect(at(10 * HOUR), "desk", [a])
    t.expect(at(20 * HOUR), "desk", [b, c], UPDATE)  # 07:00
    await t.play(until=DAY)
    assert Stage.MUTED in [step.stage for step in await t.steps_of(b)]


async def test_digest_is_one_message_at_its_hour(begin: Begin) -> None:
    t = begin(
        """
        route:
          receiver: desk
          routes: [{match: {severity: info}, digest: true}]
        receivers: [{name: desk, time_zone: Europe/Kyiv, digest: {cron: "0 8 * * *"}}]
        """
    )
    a, b, c, d = (
        mention("a", "one", severity=Severity.INFO),
        mention("b", "one", severity=Severity.INFO),
        mention("c", "two", severity=Severity.INFO),
        mention("d", "two"),
    )
    t.push(HOUR, a, c)
    t.push(2 * HOUR, b, d)
    t.expect(at(2 * HOUR), "desk", [d])
    t.expect(at(21 * HOUR), "desk", [a, b, c], DIGEST)  # 08:00 in Kyiv, on Thursday
    await t.play(until=4 * DAY)
    digest = t.told[-1].notification.digest
    assert digest is not None
    assert [(item.title, len(item.alert_ids), item.reason) for item in digest.items] == [
        ("a", 2, DigestReason.ROUTED),
        ("c", 1, DigestReason.ROUTED),
    ]
    assert (await t.steps_of(c))[-1].reason == "told in the digest"


async def test_digest_is_split_where_the_channel_is_limited(begin: Begin) -> None:
    t = begin("route: {receiver: desk, digest: true}", digest_items=2)
    a, b, c = (mention(name) for name in "abc")
    t.push(1, c)
    t.push(2, b)
    t.push(3, a)
    t.expect(at(23 * HOUR), "desk", [a, b], DIGEST)  # 08:00, the newest first
    t.expect(at(23 * HOUR), "desk", [c], DIGEST)
    await t.play(until=2 * DAY)
    assert [told.notification.digest.part for told in t.told if told.notification.digest] == [1, 2]


async def test_over_budget_goes_to_the_digest_until_the_receivers_midnight(begin: Begin) -> None:
    t = begin(
        """
        route: {receiver: desk, group_by: ["..."]}
        receivers: [{name: desk, time_zone: Asia/Seoul, budget: {per_day: 2, exempt: [critical]}}]
        """
    )
    a, b, c, d = (mention(name) for name in "abcd")
    urgent = mention("urgent", severity=Severity.CRITICAL)
    t.push(0, a, b, c)  # 18:00 in Seoul
    t.push(HOUR, urgent)
    t.push(6 * HOUR, d)  # the next day there
    for told in (a, b):
        t.expect(at(0), "desk", [told])
    t.expect(at(HOUR), "desk", [urgent])
    t.expect(at(6 * HOUR), "desk", [d])
    t.expect(at(14 * HOUR), "desk", [c], DIGEST)  # 08:00
    await t.play(until=2 * DAY)
    steps = await t.steps_of(c)
    assert "2 of 2 messages of 2024-11-27 (Asia/Seoul)" in steps[-2].reason


async def test_restart_changes_nothing(begin: Begin) -> None:
    t = begin("route: {receiver: desk, group_wait: 30s, group_interval: 10m}")
    a, b, c = (mention(name, "story") for name in "abc")
    t.push(0, a)
    t.restart(10)
    t.push(20, a, b)  # the stream is read again from the last committed offset
    t.restart(31)
    t.push(40, c)
    t.restart(50)
    t.expect(at(30), "desk", [a, b])
    t.expect(at(630), "desk", [c], UPDATE)
    await t.play(until=DAY)


async def test_alerter_that_was_down_tells_when_it_is_back(begin: Begin) -> None:
    t = begin("route: {receiver: desk, group_wait: 30s}", begin=datetime(2024, 11, 27, 9, tzinfo=UTC))
    a = mention("a")
    t.push(0, a)
    await t.play(until=0)
    t.clock.advance(timedelta(hours=5))
    t.restart(5 * HOUR)
    t.expect(at(5 * HOUR), "desk", [a])
    await t.play(until=6 * HOUR)
