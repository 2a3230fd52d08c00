"""Two alerters share the work: whatever they do at the same moment, each alert is told once."""

import asyncio
from collections import Counter

from redis.asyncio import Redis

from schemas.notification import NotificationKind
from tests.integration.alerter.timeline import DAY, HOUR, MINUTE, Timeline, at, mention

UPDATE, DIGEST = NotificationKind.UPDATE, NotificationKind.DIGEST


async def test_alerts_of_one_story_come_to_either_and_are_one_thread(client: Redis, namespace: str) -> None:
    t = Timeline(client, namespace, "route: {receiver: desk, group_wait: 10s, group_interval: 5m}", alerters=2)
    alerts = [mention(f"{number}", "story") for number in range(6)]
    t.push(0, *alerts[:3])
    t.push(20, *alerts[3:])
    t.push(30, *alerts)  # the partitions were moved, so each comes to the other one as well
    t.push(31, *alerts[1:])
    t.expect(at(10), "desk", alerts[:3])
    t.expect(at(10 + 5 * MINUTE), "desk", alerts[3:], UPDATE)
    await t.play(until=DAY)


async def test_whatever_is_flushed_by_both_at_once_is_told_once(client: Redis, namespace: str) -> None:
    t = Timeline(
        client,
        namespace,
        """
        route: {receiver: desk, group_wait: 1m}
        receivers: [{name: desk, budget: {per_day: 10}}]
        """,
        alerters=2,
    )
    alerts = [mention(f"{number}", f"story {number % 20}") for number in range(60)]

    async def race() -> None:
        first, second = t.alerters
        for alert in alerts:
            await asyncio.gather(first.handler.handle(alert), second.handler.handle(alert))

    async def flush_all_by_both() -> None:
        keys = list(await t.groups.waiting_groups())
        flushes = [alerter.flusher._group_flush for alerter in t.alerters]
        await asyncio.gather(*(flush.flush(key) for key in keys for flush in flushes))

    async def digest_by_both() -> None:
        await asyncio.gather(*(alerter.flusher.turn() for alerter in t.alerters))

    t.do(0, race)
    t.do(60, flush_all_by_both)
    t.do(23 * HOUR, digest_by_both)
    await t.run(until=DAY)  # which stories are over budget is open
    notes = [told.notification for told in t.told]
    assert Counter(one for note in notes for one in note.alert_ids) == Counter(alert.id for alert in alerts)
    assert [note.kind for note in notes].count(DIGEST) == 1
    assert len(notes) == 11
