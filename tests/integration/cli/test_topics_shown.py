"""`redline topics list` and `show`: ladders, and where actors stand on them."""

import json
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from services.cli import output
from tests.integration.cli.conftest import InStore, Run
from tests.integration.cli.spoken import CLOSED, OPENED, REFUSAL, packed
from tests.integration.cli.test_claims_filter import third_ladder
from tests.integration.cli.test_positions_filter import ARMS, remember


@pytest.fixture
def border(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """A folder with the third ladder of the docs and articles about it, looked at in a wide window."""
    monkeypatch.setattr(output.out, "width", 100)
    (tmp_path / "finland.yaml").write_text(third_ladder())
    (tmp_path / "a.jsonl").write_bytes(packed([*CLOSED, *OPENED]))
    return run


BORDER = ("topics", "show", "finland-border", "--topics", "finland.yaml")


def test_the_list_says_which_topics_have_a_ladder(run: Run) -> None:
    said = run("topics", "list").out
    assert [word in said for word in (ARMS, "5 rungs", "9 rungs")] == [True] * 3
    rows = [json.loads(one) for one in run("topics", "list", "--json").out.splitlines()]
    assert {row["id"]: len(row["ladder"]["rungs"]) for row in rows} == {ARMS: 5, "seoul-moscow-relations": 9}


def test_without_a_store_it_shows_the_ladder_and_says_why_nobody_stands_on_it(run: Run, tmp_path: Path) -> None:
    ran = run("topics", "show", ARMS)
    assert (ran.code, ran.err) == (0, "")
    ladder = ran.out.partition("ladder")[2]
    assert ladder.index("Supplies weapons") < ladder.index("Refuses to supply weapons")
    assert "indirect   Supplies by way of others  beside the ladder" in ladder
    assert "threat     Threatens consequences  russia" in ladder
    assert "moves by 2 origins within 7 d" in ladder
    assert "nothing has run here yet" in ladder
    assert not (tmp_path / "data").exists()


def test_a_store_that_cannot_be_reached_is_told_and_the_ladder_is_shown(
    run: Run, monkeypatch: pytest.MonkeyPatch, unused_tcp_port: int
) -> None:
    monkeypatch.setenv("REDLINE_REDIS_URL", f"redis://127.0.0.1:{unused_tcp_port}")
    ran = run("topics", "show", ARMS)
    assert ran.code == 0
    assert "Refuses to supply weapons" in ran.out
    assert "where actors stand cannot be read" in ran.out


def test_it_draws_the_way_of_each_actor_by_the_articles_given(border: Run) -> None:
    ran = border(*BORDER, "--from", "a.jsonl")
    assert (ran.code, ran.err) == (0, "")
    chart = ran.out.partition("Finland: Finland's border with Russia")[2].splitlines()
    assert any(row.strip().startswith("Opens crossings │") and "●" in row for row in chart)
    assert any("Keeps the border shut │●━━" in row and row.endswith("┛") for row in chart)
    assert "▲" in "".join(chart)
    assert "  declared  Opens crossings, since 2025-03-2" in ran.out


def test_it_draws_what_a_running_redline_knows(border: Run, in_store: InStore) -> None:
    in_store(remember)
    said = border("topics", "show", ARMS).out
    assert "South Korea: Arms supplies to Ukraine" in said
    assert "╌" in said
    assert "2024-04-10  reported  Does not rule weapons out → Supplies weapons  unconfirmed" in said
    assert "stance    Asks for weapons" in said


def test_a_bad_line_in_the_articles_is_told(border: Run, tmp_path: Path) -> None:
    (tmp_path / "b.jsonl").write_bytes(b"{}\n")
    ran = border(*BORDER, "--from", "a.jsonl", "--from", "b.jsonl")
    assert ran.code == 2
    assert "b.jsonl:1" in ran.err
    assert "Opens crossings, since" in ran.out


def test_the_picture_is_written_to_a_file(border: Run, tmp_path: Path) -> None:
    assert border(*BORDER, "--from", "a.jsonl", "--svg", "f.svg").code == 0
    root = ET.fromstring((tmp_path / "f.svg").read_text())
    assert root.findtext("{http://www.w3.org/2000/svg}title") == "Finland: Finland's border with Russia"


def test_a_picture_that_cannot_be_is_no_file(border: Run, tmp_path: Path) -> None:
    (tmp_path / "b.jsonl").write_bytes(packed([REFUSAL]))
    nothing = border(*BORDER, "--from", "b.jsonl", "--svg", "f.svg")
    assert (nothing.code, "these articles claim nothing" in nothing.err) == (2, True)
    nowhere = border(*BORDER, "--from", "a.jsonl", "--svg", "none/f.svg")
    assert (nowhere.code, "cannot be written" in nowhere.err) == (2, True)
    assert not (tmp_path / "f.svg").exists()


def test_one_actor_can_be_chosen_and_a_misspelt_one_is_told_the_nearest(border: Run) -> None:
    assert "Opens crossings, since" in border(*BORDER, "--from", "a.jsonl", "--actor", "finland").out
    wrong = border(*BORDER, "--from", "a.jsonl", "--actor", "finnland")
    assert wrong.code == 2
    assert "finland" in wrong.err


def test_the_chart_can_begin_later_where_the_actor_stood_then(border: Run) -> None:
    chart = border(*BORDER, "--from", "a.jsonl", "--since", "5d").out.partition("Finland: Finland's border")[2]
    assert "2025-03-16" in chart
    assert "2025-03-01" not in chart.partition("declared")[0]
    assert "Keeps the border shut │━━" in chart
    assert "2025-03-10" in border(*BORDER, "--from", "a.jsonl", "--since", "2025-03-10").out
    assert border(*BORDER, "--from", "a.jsonl", "--since", "soon").code == 2


def test_a_topic_without_a_ladder_has_no_picture(run: Run, tmp_path: Path) -> None:
    (tmp_path / "bare.yaml").write_text("id: bare\ntitle: Bare\nrules:\n  - {id: arms, query: weapons}\n")
    ran = run("topics", "show", "bare", "--topics", "bare.yaml", "--svg", "f.svg")
    assert (ran.code, "has no ladder" in ran.err) == (2, True)
    assert run("topics", "show", "bare", "--topics", "bare.yaml").code == 0
