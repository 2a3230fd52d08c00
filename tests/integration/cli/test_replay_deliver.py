"""`redline replay --deliver`: sent is said only of what was sent."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from services.plurals import counted
from services.settings import SEEDS
from tests.e2e.scenario import LoopbackServer, Quiet
from tests.integration.cli.conftest import Run

pytestmark = pytest.mark.slow


class Desk(LoopbackServer):
    """A receiver that gives these answers in turn, the last one for good."""

    def __init__(self, *statuses: int) -> None:
        self.received: list[str] = []
        self._statuses = list(statuses)
        desk = self

        class Handler(Quiet):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                status = desk._statuses.pop(0) if len(desk._statuses) > 1 else desk._statuses[0]
                if status == 200:
                    desk.received += [alert["id"] for alert in body["alerts"]]
                self.answer(status)

        super().__init__(Handler)


@pytest.fixture
def desk(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Desk]:
    with Desk(*request.param) as server:
        (tmp_path / "redline.yaml").write_text("routes: routes.yaml\n")
        (tmp_path / "routes.yaml").write_text(
            "route: {receiver: desk, group_interval: 1s}\nreceivers:\n- name: desk\n"
            f"  channels: [{{type: webhook, url: '{server.url}/alerts', allow_private: true}}]\n"
        )
        yield server


@pytest.mark.parametrize("desk", [(200,), (500, 503, 200)], indirect=True, ids=["at once", "after failures"])
def test_every_alert_is_sent_before_the_command_ends(run: Run, desk: Desk) -> None:
    ran = run("replay", str(SEEDS / "articles"), "--deliver", "--json")
    assert ran.code == 0, ran.err
    alerts = [json.loads(line)["id"] for line in ran.out.splitlines()]
    assert sorted(desk.received) == sorted(alerts)
    assert len(alerts) == 4


@pytest.mark.parametrize("desk", [(404,)], indirect=True)
def test_what_a_receiver_refuses_is_told(run: Run, desk: Desk) -> None:
    ran = run("replay", str(SEEDS / "articles"), "--deliver")
    assert ran.code == 1
    assert "4 deliveries did not succeed" in ran.err
    assert "HTTP 404" in ran.err


@pytest.mark.parametrize("desk", [(200,)], indirect=True)
def test_what_would_be_told_hours_later_is_counted(run: Run, desk: Desk, tmp_path: Path) -> None:
    routes = (tmp_path / "routes.yaml").read_text()
    (tmp_path / "routes.yaml").write_text(routes.replace("group_interval: 1s", "digest: true"))
    ran = run("replay", str(SEEDS / "articles"), "--deliver")
    assert ran.code == 0, ran.err
    assert desk.received == []
    # A line for each story: the seeds are one story under one topic, and two under the other.
    assert re.search("sent nothing\nnot sent, for it waits for its time: 3 lines for a digest", ran.err)


@pytest.mark.parametrize("desk", [(200,)], indirect=True)
def test_what_was_sent_and_what_waits_for_its_group_is_said(run: Run, desk: Desk, tmp_path: Path) -> None:
    routes = (tmp_path / "routes.yaml").read_text()
    (tmp_path / "routes.yaml").write_text(routes.replace("group_interval: 1s", "group_interval: 15m"))
    ran = run("replay", str(SEEDS / "articles"), "--deliver")
    assert ran.code == 0, ran.err
    sent = len(desk.received)
    assert sent == 3, "the second article goes on with one story of the first, and begins one"
    assert ran.err.splitlines() == [
        f"sent {sent} messages: desk/webhook {sent}",
        f"not sent, for it waits for its time: {counted(4 - sent, 'alert')} for the next message of a group",
    ]


@pytest.mark.parametrize("desk", [(200,)], indirect=True)
def test_a_longer_wait_is_announced(run: Run, desk: Desk, tmp_path: Path) -> None:
    routes = (tmp_path / "routes.yaml").read_text()
    (tmp_path / "routes.yaml").write_text(routes.replace("group_interval: 1s", "group_interval: 4s"))
    ran = run("replay", str(SEEDS / "articles"), "--deliver")
    assert ran.code == 0, ran.err
    assert ran.err.splitlines() == [
        "waiting for the next messages of groups, for 60 s at most ...",
        "sent 4 messages: desk/webhook 4",
    ]


def test_without_deliver_nothing_is_sent(run: Run) -> None:
    ran = run("replay", str(SEEDS / "articles"))
    assert "4 alerts; nothing was sent" in ran.out
