"""What the alerter itself decides can be read on the command line, down to the last reason."""

import json

import pytest
from redis.asyncio import Redis

from schemas.alert import Alert
from services.cli import output
from tests.integration.alerter.timeline import DAY, Timeline, at, mention, shift
from tests.integration.cli.conftest import InStore, Run

ROUTES = """
route:
  receiver: desk
  routes:
    - {match: {outlet: Outlet of rumour}, receiver: reader, digest: true}
receivers: [{name: desk, budget: {per_day: 2}}, reader]
"""
TOLD, SILENCED = mention("told", "story"), mention("silenced")
MOVED, INHIBITED = shift("moved", "crisis"), mention("inhibited", "crisis")
OVER, RUMOUR = mention("over"), mention("rumour")


@pytest.fixture
def decided(run: Run, in_store: InStore, monkeypatch: pytest.MonkeyPatch) -> Run:
    """A state with which an alerter has worked for twenty minutes."""
    monkeypatch.setattr(output.out, "width", 250)

    async def play(valkey: Redis) -> None:
        t = Timeline(valkey, "redline", ROUTES)
        t.silence(0, DAY, outlet=("Outlet of silenced",))
        for second, alert in enumerate((TOLD, SILENCED, MOVED, INHIBITED, OVER, RUMOUR), start=1):
            t.push(second, alert)
        t.expect(at(1), "desk", [TOLD])
        t.expect(at(3), "desk", [MOVED])
        await t.play(until=1200)

    in_store(play)
    return run


def test_the_list_tells_how_each_ended(decided: Run) -> None:
    ran = decided("alerts", "list", "--since", "2024-11-27", "--json")
    found = {row["title"]: row["statuses"] for row in map(json.loads, ran.out.splitlines())}
    assert found == {
        "told": ["sent"],
        "moved": ["sent"],
        "silenced": ["suppressed"],
        "inhibited": ["suppressed"],
        "over": ["digest"],
        "rumour": ["digest"],
    }
    suppressed = decided("alerts", "list", "--since", "2024-11-27", "--status", "suppressed").out
    assert "2 alerts" in suppressed


@pytest.mark.parametrize(
    ("alert", "words"),
    [
        (TOLD, ("routed  desk  taken by root", "queued  desk/console", "sent after 1 attempt", "ref ref of ")),
        (SILENCED, ("silenced  desk  ", "ana")),
        (INHIBITED, ("inhibited  desk  ", "moved")),
        (OVER, ("over budget  desk  ", "2024-11-28 08:00")),
        (RUMOUR, ("routed  reader  taken by root / 1", "in digest  reader  ", "2024-11-28 08:00")),
    ],
    ids=lambda one: getattr(one, "title", None),
)
def test_the_way_of_each_says_why(decided: Run, alert: Alert, words: tuple[str, ...]) -> None:
    ran = decided("alerts", "show", alert.id[:8])
    assert ran.code == 0, ran.err
    missing = [word for word in words if word not in ran.out]
    assert not missing, ran.out
