"""The main job on a real Kafka: every service its own process, workers killed, joined and restarted, nothing lost."""

import asyncio
import random
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.coordinator.protocol import ConsumerProtocolMemberAssignment

from services.cli.demo import EXPECTED, expected_alerts
from services.cli.seed_server import load_seed_articles, serve
from services.runtime.embedded_valkey import find_binary
from services.settings import SEEDS
from tests.e2e.scenario import FeedSite, Receiver, Redline, wait_until, write_config
from tests.e2e.test_kill import assert_repeats_only_after_an_unknown_outcome
from tests.kafka.server import KafkaServer, free_ports

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(420)]

SERVICES = ("fetcher", "matcher", "tracker", "alerter")


@pytest.fixture
def redis_url(tmp_path: Path) -> Iterator[str]:
    """A Valkey of its own for a test, on a port of loopback."""
    (port,) = free_ports(1)
    options = ["--bind", "127.0.0.1", "--port", str(port), "--dir", str(tmp_path), "--appendonly", "yes"]
    with (tmp_path / "valkey.log").open("wb") as output:
        server = subprocess.Popen([str(find_binary()), *options], stdout=output, stderr=subprocess.STDOUT)
    wait_until(lambda: _listens(port), 10)
    yield f"redis://127.0.0.1:{port}/0"
    server.terminate()
    server.wait(20)


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


class Cluster:
    """One process a service and name; each can be killed and started again."""

    def __init__(self, config: Path, logs: Path, broker: str, redis_url: str) -> None:
        self._config, self._logs = config, logs
        self._environ = {"REDLINE_BROKER_URL": f"kafka://{broker}", "REDLINE_REDIS_URL": redis_url}
        self.processes: dict[str, Redline] = {}

    def start(self, service: str, name: str | None = None) -> Redline:
        name = name or service
        log = self._logs / f"{name}.{time.monotonic_ns()}.log"
        environ = {**self._environ, "REDLINE_INSTANCE": name}
        self.processes[name] = Redline(service, "--config", str(self._config), log=log, environ=environ)
        return self.processes[name]

    def start_all(self) -> None:
        for service in SERVICES:
            self.start(service)
        for process in self.processes.values():
            process.wait_ready(90)

    def stop_all(self) -> None:
        codes = {name: process.stop(60) for name, process in self.processes.items()}
        assert set(codes.values()) == {0}, codes

    def kill_all(self) -> None:
        for process in self.processes.values():
            process.kill()

    def explain(self) -> str:
        return "\n".join(f"== {name}\n{process.output()[-1500:]}" for name, process in self.processes.items())


@pytest.fixture
def cluster(tmp_path: Path, kafka: str, redis_url: str) -> Iterator[Cluster]:
    running = Cluster(tmp_path / "redline.yaml", tmp_path, kafka, redis_url)
    yield running
    running.kill_all()


def test_the_demo_scenario(tmp_path: Path, cluster: Cluster) -> None:
    articles = load_seed_articles(SEEDS / "articles")
    with serve(articles) as site, Receiver() as receiver:
        feeds = "".join(
            f"- {{id: {feed.id}, url: '{feed.url}', outlet: {feed.outlet}, since: '2000-01-01T00:00:00Z'}}\n"
            for feed in site.feeds
        )
        (tmp_path / "feeds.yaml").write_text(f"feeds:\n{feeds}")
        (tmp_path / "routes.yaml").write_text(
            "route: {receiver: desk, group_interval: 1s}\nreceivers:\n- name: desk\n"
            f"  channels: [{{type: webhook, url: '{receiver.url}/alerts', allow_private: true}}]\n"
        )
        (tmp_path / "redline.yaml").write_text("feeds: feeds.yaml\nroutes: routes.yaml\nfetch: {allow_private: true}\n")
        cluster.start_all()
        expected = expected_alerts(articles, EXPECTED)
        wait_until(lambda: receiver.log.alert_ids() >= expected, 60, cluster.explain)
        cluster.stop_all()
    assert receiver.log.alert_ids() == expected


def test_nothing_is_lost_when_workers_are_killed_and_the_broker_restarts(
    tmp_path: Path, cluster: Cluster, kafka_server: KafkaServer
) -> None:
    chance = random.Random(seed := random.randrange(1_000_000))
    print(f"seed {seed}")
    with FeedSite(feeds=20, items=100) as site, Receiver() as receiver:
        write_config(tmp_path, site, receiver)
        cluster.start_all()
        for number, victim in enumerate(("matcher", "alerter", "tracker", "fetcher", "alerter")):
            site.visible = 20 * (number + 1)
            time.sleep(chance.uniform(0.5, 4))
            cluster.processes[victim].kill()
            if victim == "alerter":
                receiver.killed()
            if number == 2:
                kafka_server.restart()
            cluster.start(victim)
        expected = site.expected_alerts()
        wait_until(
            lambda: receiver.log.alert_ids() >= expected,
            180,
            lambda: f"{cluster.explain()}\n{len(expected - receiver.log.alert_ids())} alerts are missing",
        )
        cluster.stop_all()
    assert receiver.log.alert_ids() == expected
    assert_repeats_only_after_an_unknown_outcome(receiver)


def test_two_matchers_share_the_work_and_one_takes_over(tmp_path: Path, cluster: Cluster, kafka: str) -> None:
    with FeedSite(feeds=10, items=40) as site, Receiver() as receiver:
        write_config(tmp_path, site, receiver)
        cluster.start_all()
        site.visible = 10
        cluster.start("matcher", "matcher-2").wait_ready(90)
        wait_until(lambda: _shares(kafka) == [4, 4], 60, cluster.explain)
        site.visible = 25
        time.sleep(1)
        cluster.processes.pop("matcher").kill()
        site.visible = 40
        expected = site.expected_alerts()
        wait_until(lambda: receiver.log.alert_ids() >= expected, 120, cluster.explain)
        assert _shares(kafka) == [8]
        cluster.stop_all()
    assert receiver.log.alert_ids() == expected
    assert receiver.repeats() == []


def _shares(bootstrap: str) -> list[int]:
    """Return how many partitions of the articles each matcher has, the fewest first."""

    async def ask() -> list[int]:
        admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
        await admin.start()
        try:
            (response,) = await admin.describe_consumer_groups(["redline-matcher"])
        finally:
            await admin.close()
        ((_, _, _, _, _, members, *_),) = response.groups
        return sorted(_partitions(assignment) for *_, assignment in members)

    return asyncio.run(ask())


def _partitions(assignment: Any) -> int:
    if isinstance(assignment, bytes):
        assignment = ConsumerProtocolMemberAssignment.decode(assignment)
    return sum(len(partitions) for _, partitions in assignment.assignment)
