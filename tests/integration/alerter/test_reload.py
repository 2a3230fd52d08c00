"""routes.yaml changes while alerts wait: what was decided stays decided, what waits is told by the new routes."""

import asyncio
import os
from pathlib import Path

import pytest
from redis.asyncio import Redis

from alerts.channels.assemble import open_channels
from alerts.delivery import Lane
from schemas.notification import NotificationKind
from schemas.trace import Stage
from schemas.watch import Severity
from services.bootstrap.alerter import build_parts
from services.provisioning.catalogues import load_routes
from services.provisioning.following import FileFollower, fingerprint
from tests.fakes import FakeClock, RecordingPublisher
from tests.integration.alerter.timeline import DAY, HOUR, MINUTE, Timeline, at, mention

UPDATE, DIGEST = NotificationKind.UPDATE, NotificationKind.DIGEST
TWO = "receivers: [desk, night]"


async def test_alerts_of_a_route_that_vanished_are_routed_anew(client: Redis, namespace: str) -> None:
    t = Timeline(
        client,
        namespace,
        f"""
        route:
          receiver: desk
          routes: [{{match: {{severity: critical}}, receiver: night, group_wait: 1h}}]
        {TWO}
        """,
    )
    a, b = mention("a", severity=Severity.CRITICAL), mention("b", severity=Severity.CRITICAL)
    t.push(0, a)
    t.reload(60, f"route: {{receiver: desk, group_wait: 10s}}\n{TWO}")
    t.push(100, b)
    t.push(120, a)  # read again
    t.expect(at(70), "desk", [a])
    t.expect(at(110), "desk", [b])
    await t.play(until=DAY)


async def test_alert_goes_back_when_its_route_comes_back(client: Redis, namespace: str) -> None:
    with_route = f"""
        route:
          receiver: desk
          group_wait: 1h
          routes: [{{match: {{severity: critical}}, receiver: night, group_wait: 1h}}]
        {TWO}
        """
    t = Timeline(client, namespace, with_route)
    a = mention("a", severity=Severity.CRITICAL)
    t.push(0, a)
    t.reload(60, f"route: {{receiver: desk, group_wait: 1h}}\n{TWO}")
    t.reload(120, with_route)  # its alerts stay where they are by now: desk's route is there still
    t.expect(at(60 + HOUR), "desk", [a])
    await t.play(until=DAY)


async def test_receiver_that_vanished_with_its_digest_loses_nothing(client: Redis, namespace: str) -> None:
    t = Timeline(
        client,
        namespace,
        f"""
        route:
          receiver: desk
          routes: [{{match: {{kind: mention}}, receiver: night, digest: true}}]
        {TWO}
        """,
    )
    a, b = mention("a"), mention("b", "story")
    t.push(0, a, b)
    t.reload(HOUR, "route: {receiver: desk}")
    t.expect(at(HOUR), "desk", [a])
    t.expect(at(HOUR), "desk", [b])
    await t.play(until=3 * DAY)


async def test_shorter_interval_holds_for_what_waits(client: Redis, namespace: str) -> None:
    t = Timeline(client, namespace, "route: {receiver: desk, group_interval: 4h}")
    a, b = mention("a", "story"), mention("b", "story")
    t.push(0, a)
    t.push(60, b)
    t.reload(HOUR, "route: {receiver: desk, group_interval: 90m}")
    t.expect(at(0), "desk", [a])
    t.expect(at(90 * MINUTE), "desk", [b], UPDATE)
    await t.play(until=DAY)


async def test_mute_time_that_is_lifted_lets_go_at_once(client: Redis, namespace: str) -> None:
    intervals = 'time_intervals: [{name: always, times: [{start_time: "00:00", end_time: "24:00"}]}]'
    t = Timeline(client, namespace, f"route: {{receiver: desk, mute_time_intervals: [always]}}\n{intervals}")
    a = mention("a")
    t.push(0, a)
    t.reload(HOUR, "route: {receiver: desk}")
    t.expect(at(HOUR), "desk", [a])
    await t.play(until=DAY)


async def test_routes_changed_while_no_alerter_ran(client: Redis, namespace: str) -> None:
    t = Timeline(client, namespace, f"route: {{receiver: night, group_wait: 2h}}\n{TWO}")
    a = mention("a")
    t.push(0, a)
    t.restart(60, "route: {receiver: desk}")
    t.expect(at(60), "desk", [a])
    await t.play(until=DAY)


async def test_receiver_without_an_open_channel_is_told_of_in_the_trace(client: Redis, namespace: str) -> None:
    t = Timeline(client, namespace, f"route: {{receiver: desk, group_wait: 10s}}\n{TWO}")
    a, b = mention("a"), mention("b")
    t.push(0, a)

    async def close() -> None:
        t.open_only("night")
        await t.alerters[0].reload.take_over(t.routes)

    t.do(5, close)
    t.push(20, b)
    await t.play(until=DAY)
    for alert in (a, b):
        last = (await t.steps_of(alert))[-1]
        assert (last.stage, last.reason) == (Stage.REACHES_NOBODY, "no channel of desk is open")


async def test_file_that_is_wrong_changes_nothing_and_one_that_is_right_is_taken_over(
    client: Redis, namespace: str, tmp_path: Path
) -> None:
    file = tmp_path / "routes.yaml"

    def write(receiver: str, channel: str) -> None:
        file.write_text(
            f"route: {{receiver: {receiver}}}\n"
            f"receivers: [{{name: desk, channels: [{{type: {channel}}}, {{type: console, name: other}}]}}]"
        )
        os.utime(file, ns=(0, len(receiver) + len(channel)))

    write("desk", "console")
    parts = build_parts(
        client,
        load_routes(file),
        lambda routes: open_channels(routes, {}),
        publisher=RecordingPublisher(),
        clock=FakeClock(),
        owner="a",
        namespace=namespace,
    )
    follower = FileFollower((file,), lambda: load_routes(file), parts.reload.take_over, fingerprint(file))
    await parts.dispatcher.start()
    other = parts.dispatcher._senders[Lane("desk", "other")]
    write("nobody", "console")
    await follower.check()
    assert [lane.channel for lane in parts.dispatcher.lanes] == ["console", "other"]
    file.write_text("route: {receiver: desk}\nreceivers: [{name: desk, channels: [{type: console, name: other}]}]")
    await follower.check()
    assert [lane.channel for lane in parts.dispatcher.lanes] == ["other"]
    assert parts.dispatcher._senders[Lane("desk", "other")] is other  # it was not touched
    await asyncio.sleep(0)
    await parts.dispatcher.stop()


@pytest.mark.parametrize("changed", [False, True])
async def test_lane_is_opened_anew_only_if_its_options_changed(client: Redis, namespace: str, changed: bool) -> None:
    t = Timeline(client, namespace, "route: {receiver: desk}")
    before = t.alerters[0].dispatcher._senders[Lane("desk", "console")]
    hours = "give_up_after_hours: 3" if changed else "give_up_after_hours: 24"
    t.reload(1, f"route: {{receiver: desk}}\nreceivers: [{{name: desk, channels: [{{type: console, {hours}}}]}}]")
    await t.play(until=2)
    assert (t.alerters[0].dispatcher._senders[Lane("desk", "console")] is not before) == changed
