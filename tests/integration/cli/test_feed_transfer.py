"""`redline feeds import` and `export`."""

import json
from pathlib import Path

import pytest

from tests.integration.cli.conftest import Run

OPML = """<?xml version="1.0"?>
<opml version="1.0"><head><title>News</title></head><body>
<outline text="World">
<outline text="Tom & Ann" type="rss" xmlUrl="https://one.example.org/?a=1&b=2"/>
<outline text="Two" type="rss" xmlUrl="https://two.example.org/rss"/>
<outline text="Two again" type="rss" xmlUrl="https://two.example.org/rss"/>
<outline text="Mail" type="rss" xmlUrl="mailto:a@example.org"/>
<outline text="Site" type="rss" htmlUrl="https://site.example.org/"/>
</outline></body></opml>
"""


def rows(run: Run, *arguments: str, stdin: bytes = b"") -> list[dict[str, object]]:
    return [json.loads(line) for line in run("feeds", *arguments, "--json", stdin=stdin).out.splitlines()]


@pytest.fixture
def no_seeds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "feeds.yaml").write_text("feeds: []\n")
    monkeypatch.setenv("REDLINE_FEEDS", str(tmp_path / "feeds.yaml"))


def test_what_can_be_read_is_imported_and_the_rest_told(run: Run, tmp_path: Path) -> None:
    (tmp_path / "news.opml").write_text(OPML)
    ran = run("feeds", "import", "news.opml")
    assert ran.code == 2
    assert "2 added, 0 there already, 1 listed again, 2 not usable" in ran.out
    assert "news.opml:7: Mail: 'mailto:a@example.org' is a mailto: address" in ran.err
    assert "news.opml:8: Site: no xmlUrl" in ran.err
    assert "redline feeds add https://site.example.org/" in ran.err
    assert "not well-formed" in ran.err
    feeds = {row["id"]: row for row in rows(run, "list") if row["added"]}
    assert feeds["tom-ann"]["url"] == "https://one.example.org/?a=1&b=2"
    assert set(feeds) == {"tom-ann", "two"}
    again = run("feeds", "import", "news.opml")
    assert "0 added, 3 there already, 0 listed again, 2 not usable" in again.out


def test_json_says_what_became_of_each_line(run: Run, tmp_path: Path) -> None:
    (tmp_path / "news.opml").write_text(OPML)
    found = rows(run, "import", "news.opml", "--dry-run")
    assert [(row["line"], row["result"]) for row in found] == [
        (4, "added"), (5, "added"), (6, "repeated"), (7, "unusable"), (8, "unusable"),
    ]  # fmt: skip
    assert found[0] == {
        "file": "news.opml", "line": 4, "result": "added", "url": "https://one.example.org/?a=1&b=2", "id": "tom-ann",
    }  # fmt: skip
    assert not any(row["added"] for row in rows(run, "list"))


def test_lists_of_every_kind_at_once(run: Run, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text('# mine\n\nhttps://a.example.org/rss\nb.example.org/rss "~B News" tag\nnonsense\n')
    (tmp_path / "c.yaml").write_text(
        "feeds:\n- {id: c, url: 'https://c.example.org/', outlet: C, interval: 15m}\n- {id: d, url: 'no', outlet: D}\n"
    )
    stdin = b'<opml><body><outline text="E" xmlUrl="https://e.example.org/"/></body></opml>'
    ran = run("feeds", "import", "a.txt", "c.yaml", "missing.opml", "-", stdin=stdin)
    assert ran.code == 2
    assert "4 added, 0 there already, 0 listed again, 3 not usable" in ran.out
    for words in (
        "a.txt:5: 'nonsense' is no whole address",
        "c.yaml:3: feeds[1].url: ",
        "missing.opml: cannot be read",
    ):
        assert words in ran.err
    feeds = {row["id"]: row for row in rows(run, "list") if row["added"]}
    assert feeds["b-news"]["url"] == "https://b.example.org/rss"
    assert feeds["c"]["interval"] == "PT15M"
    assert len(feeds) == 4


@pytest.mark.parametrize("name", ["all.opml", "all.yaml"])
def test_an_export_imported_elsewhere_gives_the_same_feeds(
    run: Run, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, no_seeds: None
) -> None:
    run(
        "feeds",
        "add",
        "https://a.example.org/rss",
        "--no-check",
        "--full-text",
        "--since",
        "2024-11-01",
        "--lang",
        "ko",
    )
    run("feeds", "add", "https://b.example.org/?x=1&y=<2>", "--no-check", "--outlet", 'B "quoted" & Co', "--no-websub")
    exported = run("feeds", "export", name)
    assert (exported.code, exported.out) == (0, "")
    before = rows(run, "list")
    monkeypatch.setenv("REDLINE_DATA_DIR", str(tmp_path / "elsewhere"))
    imported = run("feeds", "import", name)
    assert (imported.code, imported.err) == (0, "")
    assert rows(run, "list") == before
    assert len(before) == 2


def test_an_export_of_what_is_provisioned_is_there_already(run: Run) -> None:
    exported = run("feeds", "export").out.encode()
    ran = run("feeds", "import", "-", stdin=exported)
    assert ran.code == 0, ran.err
    assert ran.out.splitlines()[-1].startswith("0 added, ")
    assert "<outline" not in run("feeds", "export", "--added").out


def test_an_export_to_opml_keeps_keys_to_itself(run: Run, no_seeds: None) -> None:
    run("feeds", "add", "https://a.example.org/rss", "--no-check", "--header", "X-Key=abc", "--id", "a")
    as_opml = run("feeds", "export", "--format", "opml")
    assert "abc" not in as_opml.out
    assert "only --format yaml keeps: a" in as_opml.err
    assert "X-Key: abc" in run("feeds", "export", "--format", "yaml").out


def test_a_file_that_cannot_be_written(run: Run) -> None:
    ran = run("feeds", "export", "nowhere/all.opml")
    assert ran.code == 2
    assert "nowhere/all.opml cannot be written" in ran.err


def test_thousands_are_one_change(run: Run, tmp_path: Path) -> None:
    lines = "\n".join(f"https://e.org/{number}/rss" for number in range(3000))
    (tmp_path / "many.txt").write_text(lines)
    ran = run("feeds", "import", "many.txt")
    assert ran.code == 0, ran.err
    assert "3,000 added" in ran.out
    assert sum(bool(row["added"]) for row in rows(run, "list")) == 3000
