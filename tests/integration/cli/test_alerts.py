"""`redline alerts list` and `show`: every article can be followed to its deliveries, or to the reason for none."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from redis.asyncio import Redis

from schemas.base import content_id
from services.alerter.alert_store import ValkeyAlerts
from services.cli import output
from tests.integration.cli.conftest import InStore, Run
from tests.integration.cli.told_alerts import (
    ALERTS,
    BACK_LISTED,
    DELIVERED,
    MAIL,
    OLD,
    QUEUED,
    SILENCED,
    SLACK,
    STORY,
    UNDECIDED,
    WAITING,
    alert,
    key_of,
    remember,
)


@pytest.fixture
def after(run: Run, in_store: InStore, monkeypatch: pytest.MonkeyPatch) -> Run:
    """A state with which a tracker and an alerter have worked, looked at in a wide window."""
    monkeypatch.setattr(output.out, "width", 250)
    in_store(remember)
    return run


def rows(run: Run, *options: str) -> list[dict[str, Any]]:
    ran = run("alerts", "list", "--json", *options)
    assert ran.code == 0, ran.err
    return [json.loads(line) for line in ran.out.splitlines()]


def ids(listed: Iterable[dict[str, Any]]) -> list[str]:
    return [row["id"] for row in listed]


def test_the_list_is_of_the_last_day_and_newest_first(after: Run) -> None:
    expected = [DELIVERED, SILENCED, WAITING, QUEUED, UNDECIDED]
    assert ids(rows(after)) == [one.id for one in expected]
    assert ids(rows(after, "--since", "7d")) == [one.id for one in (*expected, OLD)]
    assert ids(rows(after, "--since", "330m")) == [DELIVERED.id, SILENCED.id]
    since = (SILENCED.decided_at).isoformat().removesuffix("+00:00")
    assert ids(rows(after, "--since", since)) == [DELIVERED.id, SILENCED.id]


def test_each_alert_says_where_it_stands(after: Run) -> None:
    standing = {row["id"]: row["statuses"] for row in rows(after)}
    assert standing == {
        DELIVERED.id: ["dead", "sent"],
        SILENCED.id: ["suppressed"],
        WAITING.id: ["digest"],
        QUEUED.id: ["pending"],
        UNDECIDED.id: [],
    }


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (("--status", "suppressed"), [SILENCED]),
        (("--status", "dead", "--status", "digest"), [DELIVERED, WAITING]),
        (("--topic", "seoul-moscow"), [QUEUED]),
        (("--severity", "critical"), [DELIVERED]),
        (("--kind", "shift"), []),
        (("--receiver", "desk", "--status", "pending"), [QUEUED]),
        (("--receiver", "night"), []),
        (("--limit", "2"), [DELIVERED, SILENCED]),
    ],
)
def test_the_list_can_be_narrowed(after: Run, options: tuple[str, ...], expected: list[Any]) -> None:
    assert ids(rows(after, *options)) == [one.id for one in expected]


def test_people_get_two_lines_for_each_and_no_markup_of_others(after: Run) -> None:
    lines = after("alerts", "list").out.splitlines()
    assert (len(lines), lines[-1]) == (2 * 5 + 1, "5 alerts")
    assert lines[0].split()[:1] == [DELIVERED.id[:12]]
    for words in ("critical", "mention", "rok-arms", "sent, dead"):
        assert words in lines[0]
    for words in ("Title delivered", "Example [b]Wire[/b]"):
        assert words in lines[1], "whatever the width of the terminal"
    assert lines[-3].endswith("not decided yet")
    assert "there are more" in after("alerts", "list", "--limit", "1").out


def test_more_alerts_than_are_read_at_once_are_listed(run: Run, in_store: InStore) -> None:
    async def keep(valkey: Redis) -> None:
        for number in range(450):
            await ValkeyAlerts(valkey).keep(alert(str(number), number / 100))

    in_store(keep)
    assert ids(rows(run, "--limit", "1000")) == [content_id(str(number)) for number in range(450)]


def test_the_way_of_an_alert_leads_from_the_article_to_each_delivery(after: Run) -> None:
    shown = after("alerts", "show", DELIVERED.id)
    assert shown.code == 0, shown.err
    lines = [line.strip("│├└─ ") for line in shown.out.splitlines()]
    assert lines[0].startswith(f"article {content_id('article delivered')}  Example [b]Wire[/b]")
    order = ("matched", "alert", "routed", "queued", "sent after 1 attempt", "ref 1732698001.000200", "queued", "dead")
    found = iter(lines)
    for words in order:
        assert any(words in line for line in found), f"{words} comes in its place"
    assert any("dead after 1 attempt: SMTP 550 no such user" in line for line in lines)
    assert any(f"story {STORY}" in line for line in lines)
    assert key_of(DELIVERED, SLACK)[:12] in shown.out


@pytest.mark.parametrize("length", [6, 12, 32])
def test_the_beginning_of_an_id_is_enough(after: Run, length: int) -> None:
    assert "known since Tuesday" in after("alerts", "show", SILENCED.id[:length].upper()).out


def test_why_an_alert_was_not_sent_is_said(after: Run) -> None:
    assert "silenced  desk  by ann until noon: known since Tuesday" in after("alerts", "show", SILENCED.id).out
    assert "over budget  desk  30 messages were sent today" in after("alerts", "show", WAITING.id).out
    assert "the alerter has not decided yet" in after("alerts", "show", UNDECIDED.id).out


def test_an_article_leads_to_its_alerts(after: Run) -> None:
    assert SILENCED.article is not None
    shown = after("alerts", "show", SILENCED.article.id).out
    assert shown.startswith(f"article {SILENCED.article.id}")
    assert f"alert {SILENCED.id}" in shown
    assert "known since Tuesday" in shown


def test_an_article_that_raised_no_alert_says_why(after: Run) -> None:
    shown = after("alerts", "show", BACK_LISTED[:8])
    assert (shown.code, "not alerted  rok-arms  back_list" in shown.out) == (0, True)


def test_a_delivery_leads_to_what_it_tells(after: Run) -> None:
    shown = after("alerts", "show", key_of(DELIVERED, MAIL)[:10])
    assert "dead after 1 attempt: SMTP 550 no such user" in shown.out
    assert f"alert {DELIVERED.id}" in shown.out


def test_programs_get_the_whole_way(after: Run) -> None:
    way = json.loads(after("alerts", "show", DELIVERED.id, "--json").out)
    assert way["alert"]["id"] == DELIVERED.id
    assert [step["stage"] for step in way["article_steps"]] == ["matched", "raised"]
    assert [step["stage"] for step in way["steps"]] == ["routed", "queued", "queued"]
    assert {(one["channel"], one["state"], one["attempts"], one.get("external_ref")) for one in way["deliveries"]} == {
        ("slack", "sent", 1, "1732698001.000200"),
        ("email", "dead", 1, None),
    }
    assert json.loads(after("alerts", "show", BACK_LISTED, "--json").out)["article_steps"][1]["reason"] == "back_list"
    assert json.loads(after("alerts", "show", key_of(QUEUED, SLACK), "--json").out)["delivery"]["state"] == "pending"


def test_an_id_that_is_not_there_is_refused(after: Run) -> None:
    for given, reason in ((content_id("x"), "has the id"), ("0123456", "begins with '0123456'")):
        ran = after("alerts", "show", given)
        assert (ran.code, reason in ran.err) == (2, True)
    assert "give at least 6 characters" in after("alerts", "show", "01234").err


def test_a_beginning_that_several_share_names_them(run: Run, in_store: InStore) -> None:
    twins = [alert("twin", number, id=f"abcdef{number}".ljust(32, "0")) for number in range(2)]

    async def keep(valkey: Redis) -> None:
        for twin in twins:
            await ValkeyAlerts(valkey).keep(twin)

    in_store(keep)
    ran = run("alerts", "show", "abcdef")
    assert ran.code == 2
    assert all(f"alert {twin.id}" in ran.err for twin in twins)
    assert run("alerts", "show", "abcdef1").code == 0


def test_reading_makes_no_state(run: Run, tmp_path: Path) -> None:
    assert (run("alerts", "list").out, run("alerts", "list", "--json").out) == ("0 alerts\n", "")
    ran = run("alerts", "show", ALERTS[0].id)
    assert (ran.code, "nothing has run here yet" in ran.err) == (2, True)
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize("since", ["soon", "-3h", "0h", "2024-13-01"])
def test_a_time_that_is_none_is_refused(run: Run, since: str) -> None:
    ran = run("alerts", "list", f"--since={since}")
    assert (ran.code, "--since" in ran.err) == (2, True)
