"""`redline stories` as a user meets it."""

import gzip
import json
from pathlib import Path

from tests.integration.cli.conftest import Run

LINES = "\n".join(
    json.dumps(line)
    for line in (
        {"id": "a", "title": "Ferry Aurelia runs aground off Skagen with 312 passengers", "outlet": "Bay Herald"},
        {"id": "b", "title": "Ferry Aurelia runs aground off Skagen with 312 passengers, Reuters reports"},
        {"id": 3, "title": "Tulip growers in Lisse expect a late season", "date": "2024-11-27T10:00:00Z"},
    )
)


def test_a_line_for_each_article_in_their_order(run: Run) -> None:
    ran = run("stories", stdin=LINES.encode())
    assert (ran.code, ran.err) == (0, "")
    lines = [json.loads(line) for line in ran.out.splitlines()]
    assert [line["article_id"] for line in lines] == ["a", "b", "3"]
    assert all(set(line) == {"article_id", "story_id", "origin_id"} for line in lines)
    assert lines[0]["story_id"] == lines[1]["story_id"] != lines[2]["story_id"]
    assert [line["origin_id"] for line in lines] == ["a", "a", "3"]


def test_packed_files_give_the_same_lines(run: Run, tmp_path: Path) -> None:
    (tmp_path / "a.jsonl.gz").write_bytes(gzip.compress(LINES.encode()))
    assert run("stories", "a.jsonl.gz").out.splitlines()[0].startswith('{"article_id": "a"')


def test_a_bad_line_is_told_with_its_number_and_passed_over(run: Run) -> None:
    ran = run("stories", stdin=b'{"id": "a", "title": "x"}\nnot json\n{"id": "b"}\n')
    assert ran.code == 2
    assert [json.loads(line)["article_id"] for line in ran.out.splitlines()] == ["a"]
    assert "standard input:2" in ran.err
    assert "standard input:3" in ran.err
    assert "title" in ran.err


def test_a_file_that_is_not_there_is_named(run: Run) -> None:
    ran = run("stories", "nowhere.jsonl")
    assert ran.code == 2
    assert "nowhere.jsonl" in ran.err
