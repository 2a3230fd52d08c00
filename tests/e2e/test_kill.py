"""Redline is killed again and again while articles run through it: nothing is lost, and what comes twice says so.

Eight times in every run, twenty times in `make chaos`.
"""

import random
import time
from collections import Counter
from pathlib import Path

import pytest

from alerts.channels.assemble import WEBHOOK_CONNECTIONS
from tests.e2e.scenario import FeedSite, Receiver, Redline, wait_until, write_config
from tests.volume import volume

KILLS = volume(8, 20)
FEEDS, ITEMS = 20, 5 * KILLS


@pytest.mark.slow
@pytest.mark.timeout(200)
def test_every_alert_arrives_although_the_process_is_killed_at_random_points(tmp_path: Path) -> None:
    seed = random.randrange(1_000_000)
    chance = random.Random(seed)
    print(f"seed {seed}")
    with FeedSite(FEEDS, ITEMS) as site, Receiver() as receiver:
        config = write_config(tmp_path, site, receiver)
        for number in range(KILLS):
            # New items for every life, so that there is work to be killed in.
            site.visible = ITEMS * (number + 1) // KILLS
            with Redline("up", "--config", str(config), log=tmp_path / f"log.{number}.txt") as redline:
                if number % 4:
                    redline.wait_ready()
                    time.sleep(chance.uniform(0, 1.2))
                else:
                    time.sleep(chance.uniform(0.05, 0.8))  # somewhere in the start
                redline.kill()
                receiver.killed()
        site.visible = ITEMS
        expected = site.expected_alerts()
        with Redline("up", "--config", str(config), log=tmp_path / "log.txt") as redline:
            wait_until(
                lambda: receiver.log.alert_ids() >= expected,
                60,
                lambda: f"{redline.output()}\n{len(expected - receiver.log.alert_ids())} alerts are missing",
            )
            assert redline.stop() == 0, redline.output()
    assert receiver.log.alert_ids() == expected
    assert_repeats_only_after_an_unknown_outcome(receiver)


def assert_repeats_only_after_an_unknown_outcome(receiver: Receiver) -> None:
    keys = {request.alert_id: request.idempotency_key for request in receiver.log.requests}
    for request in receiver.log.requests:
        assert request.idempotency_key == keys[request.alert_id]
    assert len(set(keys.values())) == len(keys)
    for first, again in receiver.repeats():
        assert again.incarnation > first.incarnation, "sent twice by one process that was not killed in between"
    # A send holds its connection until its outcome is recorded, so no more can be unknown when the process dies.
    unknown = Counter(first.incarnation for first, _ in receiver.repeats())
    assert all(count <= WEBHOOK_CONNECTIONS for count in unknown.values()), f"repeats for each life: {unknown}"
