"""`redline demo` and `redline up` as a user meets them."""

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.e2e.scenario import (
    FeedSite,
    LoopbackServer,
    Quiet,
    Receiver,
    Redline,
    clean_environ,
    wait_until,
    write_config,
)
from tests.warm_start import REDLINE, WarmProcess

pytestmark = pytest.mark.slow


def redline(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    """Run one command to its end."""
    with (cwd / "stdout").open("w+") as out, (cwd / "stderr").open("w+") as err:
        process = WarmProcess(
            REDLINE, arguments, stdout=out.fileno(), stderr=err.fileno(), environ=clean_environ(), folder=cwd
        )
        code = process.wait(90)
        out.seek(0)
        err.seek(0)
        return subprocess.CompletedProcess(arguments, code, out.read(), err.read())


def test_the_demo_shows_every_expected_alert_and_says_what_to_do_next(tmp_path: Path) -> None:
    # A configuration of the user's must not matter to the demo.
    environ = clean_environ({"REDLINE_BROKER_URL": "kafka://127.0.0.1:1"})
    command = [sys.executable, "-m", "services.cli.main", "demo"]
    ran = subprocess.run(command, cwd=tmp_path, env=environ, capture_output=True, text=True, check=False, timeout=90)
    assert (ran.returncode, ran.stderr) == (0, "")
    assert ran.stdout.count("━━ WARNING") + ran.stdout.count("━━ INFO") + ran.stdout.count("━━ CRITICAL") == 4
    assert "4 alerts from 2 articles" in ran.stdout
    assert "redline rules add" in ran.stdout
    assert list(tmp_path.iterdir()) == []


def test_the_demo_prints_json_for_programs(tmp_path: Path) -> None:
    ran = redline("demo", "--json", cwd=tmp_path)
    assert (ran.returncode, ran.stderr) == (0, "")
    alerts = [json.loads(line) for line in ran.stdout.splitlines()]
    assert len(alerts) == 4
    assert all(alert["evidence"] and alert["article"]["url"] for alert in alerts)


def test_a_rule_added_while_redline_runs_counts_within_two_seconds(tmp_path: Path) -> None:
    with FeedSite(feeds=1, items=4) as site, Receiver() as receiver:
        config = write_config(tmp_path, site, receiver)
        with Redline("up", "--config", str(config), log=tmp_path / "log.txt") as process:
            process.wait_ready()
            command = ("rules", "add", "regatta", "--topic", "cobalt", "--config", str(config))
            added = redline(*command, cwd=tmp_path)
            assert added.returncode == 0, added.stderr
            time.sleep(2)
            site.visible = 2  # one item about cobalt, one about a regatta
            wait_until(lambda: len(receiver.log.alert_ids()) == 2, 20, process.output)
            assert process.stop() == 0, process.output()


def test_files_are_followed_while_redline_runs_and_a_broken_one_changes_nothing(tmp_path: Path) -> None:
    with FeedSite(feeds=2, items=2) as site, Receiver() as receiver:
        config = write_config(tmp_path, site, receiver)
        feeds, topic = tmp_path / "feeds.yaml", tmp_path / "topics" / "cobalt.yaml"
        first, second = feeds.read_text().splitlines()[1:]
        feeds.write_text(f"feeds:\n{first}\n")
        with Redline("up", "--config", str(config), log=tmp_path / "log.txt") as process:
            process.wait_ready()
            topic.write_text("rules: [\n")
            wait_until(lambda: "files_not_reloaded" in process.output(), 5, process.output)
            site.visible = 1  # about cobalt: the rules that were valid still count
            wait_until(lambda: len(receiver.log.alert_ids()) == 1, 20, process.output)
            feeds.write_text(f"feeds:\n{first}\n{second}\n")
            wait_until(lambda: receiver.log.alert_ids() == site.expected_alerts(), 20, process.output)
            topic.write_text("id: cobalt\ntitle: Cobalt\nrules:\n- {id: boats, query: regatta}\n")
            # the feeds by the fetcher, the topics by the matcher and the tracker
            wait_until(lambda: process.output().count("files_reloaded") == 3, 5, process.output)
            site.visible = 2  # about regattas
            wait_until(lambda: len(receiver.log.alert_ids()) == 4, 20, process.output)
            assert process.stop() == 0, process.output()


def test_a_second_redline_on_the_same_folder_is_told_who_has_it(tmp_path: Path) -> None:
    with FeedSite(feeds=1, items=0) as site, Receiver() as receiver:
        config = write_config(tmp_path, site, receiver)
        with Redline("up", "--config", str(config), log=tmp_path / "log.txt") as first:
            first.wait_ready()
            second = redline("up", "--config", str(config), cwd=tmp_path)
            assert second.returncode == 1
            assert f"is in use by process {first.process.pid}" in second.stderr
            assert "Traceback" not in second.stderr
            assert first.stop() == 0


def test_a_restart_polls_nothing_anew_and_repeats_no_alert(tmp_path: Path) -> None:
    with FeedSite(feeds=2, items=10) as site, Receiver() as receiver:
        config = write_config(tmp_path, site, receiver)
        site.visible = 10
        for _ in range(2):
            with Redline("up", "--config", str(config), log=tmp_path / "log.txt") as process:
                process.wait_ready()
                wait_until(lambda: receiver.log.alert_ids() >= site.expected_alerts(), 30, process.output)
                time.sleep(1.5)  # long enough for the feeds to be polled once more
                assert process.stop() == 0, process.output()
            (tmp_path / "log.txt").unlink()
    assert receiver.repeats() == []


def test_a_feed_that_is_no_feed_stops_no_other(tmp_path: Path) -> None:
    with FeedSite(feeds=1, items=2) as site, Receiver() as receiver:
        config = write_config(tmp_path, site, receiver)
        with (tmp_path / "feeds.yaml").open("a") as feeds:
            feeds.write(f"- {{id: page, url: '{receiver.url}/', outlet: A page}}\n")
        site.visible = 2
        with Redline("up", "--config", str(config), log=tmp_path / "log.txt") as process:
            wait_until(lambda: receiver.log.alert_ids() == site.expected_alerts(), 30, process.output)
            wait_until(lambda: '"feed_id": "page"' in process.output(), 10, process.output)
            assert process.stop() == 0
    failure = next(line for line in map(json.loads, json_lines(tmp_path / "log.txt")) if line.get("feed_id") == "page")
    assert failure["event"] == "feed_failed"


class GoneSite(LoopbackServer):
    """A feed that has items on the first request, and is gone from then on."""

    def __init__(self) -> None:
        self.asked = 0
        site = self

        class Handler(Quiet):
            def do_GET(self) -> None:
                site.asked += 1
                if site.asked == 1:
                    self.answer(200, b"<rss version='2.0'><channel><title>A feed</title></channel></rss>")
                else:
                    self.answer(410)

        super().__init__(Handler)


def test_a_feed_that_is_gone_is_told_once_to_those_who_look_after_feeds(tmp_path: Path) -> None:
    with FeedSite(feeds=1, items=1) as site, Receiver() as desk, Receiver() as keepers, GoneSite() as gone:
        config = write_config(tmp_path, site, desk)
        with (tmp_path / "feeds.yaml").open("a") as feeds:
            feeds.write(f"- {{id: gone, url: '{gone.url}/feed', outlet: Gone Times, interval: 1s}}\n")
        routes = tmp_path / "routes.yaml"
        routes.write_text(
            routes.read_text().replace(
                "{receiver: desk,", "{receiver: desk, routes: [{match: {kind: feed_health}, receiver: keepers}],"
            )
            + f"- name: keepers\n  channels:\n  - {{type: webhook, url: '{keepers.url}/', allow_private: true}}\n"
        )
        site.visible = 1
        for _ in range(2):
            with Redline("up", "--config", str(config), log=tmp_path / "log.txt") as process:
                process.wait_ready()
                wait_until(lambda: len(keepers.log.requests) == 1, 30, process.output)
                wait_until(lambda: desk.log.alert_ids() == site.expected_alerts(), 30, process.output)
                time.sleep(1.5)  # long enough for the feed to be asked again, if it were
                assert process.stop() == 0, process.output()
            (tmp_path / "log.txt").unlink()
    (row,) = (row for row in map(json.loads, shown_feeds(config, tmp_path)) if row["id"] == "gone")
    assert (row["health"], row["state"]) == ("gone", "gone")
    assert (gone.asked, len(keepers.log.requests)) == (2, 1)


def shown_feeds(config: Path, folder: Path) -> list[str]:
    return redline("feeds", "list", "--json", "--config", str(config), cwd=folder).stdout.splitlines()


def json_lines(path: Path) -> list[str]:
    return [line for line in path.read_text().splitlines() if line.startswith("{")]
