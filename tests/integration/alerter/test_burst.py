"""A flood of alerts over some stories within a minute. Nobody is flooded, and nothing is lost.

In `make chaos` these are 10,000 alerts over 300 stories; else a tenth of both.
"""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable

import pytest
from redis.asyncio import Redis
from structlog.testing import capture_logs

from schemas.alert import Alert
from tests.integration.alerter.timeline import DAY, MINUTE, Timeline, mention
from tests.volume import volume

ALERTS = volume(1_000, 10_000)
STORIES, PER_DAY, SECONDS, PARTITIONS = ALERTS * 3 // 100, ALERTS // 25, 60, 4
ROUTES = f"""
route: {{receiver: desk, group_interval: 15m}}
receivers: [{{name: desk, budget: {{per_day: {PER_DAY}}}}}]
"""


@pytest.mark.slow
@pytest.mark.timeout(600)  # the whole takes 20 s, and more on a machine that does other things as well
async def test_flood_is_a_few_messages_and_one_whole_digest(client: Redis, namespace: str) -> None:
    t = Timeline(client, namespace, ROUTES)
    alerts = [mention(f"{number}", f"story {number % STORIES}") for number in range(ALERTS)]
    for second in range(SECONDS):
        t.do(second, handled(t, alerts[second::SECONDS]))
    with capture_logs():  # 20,000 lines on a terminal take longer than all the rest
        await t.run(until=DAY)
    assert Counter(one for told in t.told for one in told.notification.alert_ids) == Counter(one.id for one in alerts)
    messages = [told for told in t.told if not told.notification.digest]
    assert len(messages) == PER_DAY
    (digest,) = (told.notification.digest for told in t.told if told.notification.digest)
    assert len(digest.items) == 2 * STORIES - PER_DAY  # those whose second message was over budget
    threads: dict[str, list[float]] = {}
    for told in messages:
        threads.setdefault(told.notification.thread, []).append(told.at)
    assert len(threads) == STORIES
    assert all(times[-1] - times[0] >= 15 * MINUTE for times in threads.values() if len(times) > 1)
    assert max(map(len, threads.values())) == 2


def handled(t: Timeline, alerts: list[Alert]) -> Callable[[], Awaitable[None]]:
    """Return what handles these alerts: side by side, as partitions are, and those of one story in order."""

    async def partition(number: int) -> None:
        for alert in alerts:
            if int(alert.title) % STORIES % PARTITIONS == number:
                await t.alerters[0].handler.handle(alert)

    async def handle() -> None:
        await asyncio.gather(*(partition(number) for number in range(PARTITIONS)))

    return handle
