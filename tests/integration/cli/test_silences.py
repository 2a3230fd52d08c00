"""`redline silences`: who silenced what, why and until when; and what that means, before and after."""

import json
from datetime import UTC, datetime, timedelta
from getpass import getuser
from pathlib import Path
from typing import Any

import pytest

from alerts.silences import Silence, silenced_by
from services.alerter.silence_store import ValkeySilences
from services.cli import output
from tests.integration.cli.conftest import InStore, Ran, Run
from tests.integration.cli.told_alerts import DELIVERED, QUEUED, STORY, alert, remember

HOUR = timedelta(hours=1)


@pytest.fixture
def after(run: Run, in_store: InStore, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.setattr(output.out, "width", 200)
    in_store(remember)
    return run


def kept(in_store: InStore) -> list[Silence]:
    return list(in_store(lambda valkey: ValkeySilences(valkey).all()))


def add(run: Run, *options: str) -> Ran:
    return run("silences", "add", "--comment", "known", *options)


def listed(run: Run, *options: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in run("silences", "list", "--json", *options).out.splitlines()]


def test_a_silence_is_kept_with_all_that_was_said(after: Run, in_store: InStore) -> None:
    before = datetime.now(UTC)
    ran = add(after, "--topic", "rok-arms", "--kind", "mention", "--outlet", "A", "--outlet", "B", "--label", "desk=x",
              "--for", "24h", "--author", "ann")  # fmt: skip
    assert ran.code == 0, ran.err
    (silence,) = kept(in_store)
    assert (silence.author, silence.comment) == ("ann", "known")
    assert silence.match.model_dump(mode="json", exclude_defaults=True) == {
        "watch_topic": ["rok-arms"], "kind": ["mention"], "outlet": ["A", "B"], "labels": {"desk": ["x"]},
    }  # fmt: skip
    assert silence.ends_at - silence.starts_at == 24 * HOUR
    assert before <= silence.starts_at <= datetime.now(UTC)
    assert silence.id[:12] in ran.out
    assert "watch_topic: rok-arms, kind: mention, outlet: A or B, labels.desk: x" in ran.out


@pytest.mark.parametrize(
    ("options", "silenced"),
    [
        (("--topic", "seoul-moscow"), False),
        (("--story", STORY), True),
        (("--severity", "critical"), True),
        (("--severity", "info", "--severity", "critical", "--topic", "rok-arms"), True),
        (("--label", "desk=east-asia"), True),
        (("--label", "desk=west"), False),
        (("--topic", "rok-arms", "--kind", "shift"), False),
    ],
)
def test_it_silences_what_meets_all_of_its_conditions(
    after: Run, in_store: InStore, options: tuple[str, ...], silenced: bool
) -> None:
    assert add(after, *options, "--for", "1h").code == 0
    assert bool(silenced_by(DELIVERED, kept(in_store), datetime.now(UTC))) is silenced


def test_the_author_is_who_is_logged_in(after: Run, in_store: InStore) -> None:
    add(after, "--topic", "x", "--for", "1h")
    assert kept(in_store)[0].author == getuser()


def test_an_end_can_be_a_time(after: Run, in_store: InStore) -> None:
    ends_at = (datetime.now(UTC) + 5 * HOUR).replace(microsecond=0)
    assert add(after, "--topic", "x", "--until", ends_at.strftime("%Y-%m-%dT%H:%M:%S")).code == 0
    assert kept(in_store)[0].ends_at == ends_at


def test_before_it_is_made_its_effect_can_be_seen(after: Run, in_store: InStore) -> None:
    ran = after("silences", "add", "--topic", "rok-arms", "--severity", "critical", "--for", "1h", "--preview")
    assert (ran.code, kept(in_store)) == (0, [])
    assert DELIVERED.title in ran.out
    assert "1 of the 5 alerts of the last 24 h; nothing was changed" in ran.out
    shown = after("silences", "add", "--topic", "seoul-moscow", "--for", "1h", "--preview", "--json")
    assert [json.loads(line)["id"] for line in shown.out.splitlines()] == [QUEUED.id]


def test_what_it_would_have_silenced_is_counted_when_it_is_made(after: Run) -> None:
    assert (
        "0 of the 5 alerts of the last 24 h meet its conditions" in add(after, "--topic", "rok-amrs", "--for", "1h").out
    )
    assert "4 of the 5 alerts" in add(after, "--topic", "rok-arms", "--for", "1h").out


def test_the_list_is_of_what_is_in_force(after: Run, in_store: InStore) -> None:
    add(after, "--topic", "rok-arms", "--for", "3h", "--author", "ann", "--comment", "see [b]mail[/b]")
    add(after, "--topic", "other", "--for", "1h")
    first, second = kept(in_store)
    assert after("silences", "expire", second.id[:6]).code == 0
    assert [(row["id"], row["state"]) for row in listed(after)] == [(first.id, "active")]
    assert [row["state"] for row in listed(after, "--all")] == ["active", "ended"]
    shown = after("silences", "list").out
    for words in (first.id[:12], "active", "(2 h)", "watch_topic: rok-arms", "ann", "see [b]mail[/b]", "1 silence\n"):
        assert words in shown
    assert second.id[:12] not in shown


def test_one_is_shown_whole(after: Run, in_store: InStore) -> None:
    add(after, "--topic", "rok-arms", "--severity", "critical", "--for", "3h", "--author", "ann")
    (silence,) = kept(in_store)
    shown = after("silences", "show", silence.id[:8])
    assert shown.code == 0, shown.err
    for words in (f"silence {silence.id}, active", "made by  ann", "why      known", DELIVERED.title, "1 of the 5"):
        assert words in shown.out
    assert json.loads(after("silences", "show", silence.id, "--json").out)["id"] == silence.id


def test_a_silence_is_ended_once(after: Run, in_store: InStore) -> None:
    add(after, "--topic", "rok-arms", "--for", "3h")
    (silence,) = kept(in_store)
    assert "ended silence" in after("silences", "expire", silence.id).out
    again = after("silences", "expire", silence.id)
    assert (again.code, "has ended before" in again.out) == (0, True)
    assert silenced_by(alert("x", 0), kept(in_store), datetime.now(UTC)) is None


def test_an_id_that_is_not_there_ends_nothing(after: Run, in_store: InStore) -> None:
    add(after, "--topic", "rok-arms", "--for", "3h")
    (silence,) = kept(in_store)
    ran = after("silences", "expire", silence.id, "nosuch")
    assert (ran.code, "no silence begins with 'nosuch'" in ran.err) == (2, True)
    assert kept(in_store) == [silence]
    assert after("silences", "show", "").code == 2


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (("--for", "1h"), "at least one of --topic"),
        (("--topic", "x"), "either --for 24h or --until"),
        (("--topic", "x", "--for", "1h", "--until", "2999-01-01"), "either --for 24h or --until"),
        (("--topic", "x", "--for", "1 fortnight"), "--for 1 fortnight"),
        (("--topic", "x", "--for", "0h"), "--for 0h"),
        (("--topic", "x", "--for", "999999999999d"), "--for 999999999999d"),
        (("--topic", "x", "--until", "2020-01-01"), "--until 2020-01-01 is past"),
        (("--topic", "x", "--until", "tomorrow"), "--until tomorrow"),
        (("--topic", "x", "--until", "0001-01-01T00:00+14:00"), "--until"),
        (("--label", "desk", "--for", "1h"), "--label desk: expected NAME=VALUE"),
        (("--story", STORY[:8], "--for", "1h"), "give the whole id"),
        (("--topic", "x", "--for", "1h", "--comment", " "), "--comment"),
        (("--topic", "x", "--for", "1h", "--author", "a" * 101), "author"),
        (("--kind", "mentions", "--for", "1h"), "--kind"),
    ],
)
def test_what_is_not_clear_is_refused(run: Run, tmp_path: Path, options: tuple[str, ...], reason: str) -> None:
    ran = add(run, *options)
    assert (ran.code, reason in ran.err) == (2, True), ran.err
    assert not (tmp_path / "data").exists()


def test_reading_makes_no_state(run: Run, tmp_path: Path) -> None:
    assert run("silences", "list").out == "0 silences\n"
    assert run("silences", "expire", "abcdef").code == 2
    assert run("silences", "add", "--topic", "x", "--for", "1h", "--preview").code == 0
    assert not (tmp_path / "data").exists()


@pytest.mark.slow
def test_the_embedded_store_keeps_silences(run: Run) -> None:
    assert add(run, "--topic", "rok-arms", "--for", "1h").code == 0
    assert [row["state"] for row in listed(run)] == ["active"]
