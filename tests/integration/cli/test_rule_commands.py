"""What users do with rules beyond adding them: change, explain, lint."""

import json
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.e2e.scenario import wait_until
from tests.integration.cli.added_rules import NAME, provisioned, stored
from tests.integration.cli.conftest import Run
from tests.warm_start import REDLINE, WarmProcess


def set_editor(monkeypatch: pytest.MonkeyPatch, folder: Path, script: str) -> None:
    """Let $EDITOR be a shell script that changes the file $1."""
    editor = folder / "editor"
    editor.write_text(f"#!/bin/sh\n{script}\n")
    editor.chmod(editor.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("VISUAL", str(editor))


# Adding and editing


def test_adding_a_rule_warns_of_what_is_probably_not_meant(run: Run) -> None:
    ran = run("rules", "add", "Kyiv cobalt", "--topic", "arms-supply-ukraine", "--must-match", "Kyiv buys cobalt")
    assert ran.code == 0
    assert "warning: Kyiv is one of the names of @ukraine, at column 1 [actor-by-name]" in ran.err
    assert "[no-must-not-match]" in ran.err


def test_an_edit_changes_what_its_options_say_and_keeps_who_and_when(cobalt: Run) -> None:
    before = stored(cobalt)[NAME]
    ran = cobalt(
        "rules", "edit", NAME, "--query", "cobalt OR nickel", "--severity", "critical", "--title", "Metals",
        "--label", "desk=", "--label", "team=a", "--must-match", "nickel mines", "--must-not-match", "iron",
        "--author", "bob",
    )  # fmt: skip
    assert ran.code == 0, ran.err
    after = stored(cobalt)[NAME]
    assert (after["query"], after["severity"], after["title"], after["labels"]) == (
        "cobalt OR nickel", "critical", "Metals", {"team": "a"},
    )  # fmt: skip
    assert (after["must_match"], after["must_not_match"]) == (["cobalt mines", "nickel mines"], ["iron"])
    assert (after["author"], after["created_at"], after["updated_by"]) == ("ann", before["created_at"], "bob")
    shown = cobalt("rules", "show", NAME).out
    assert "UTC by ann" in shown
    assert "UTC by bob" in shown


def test_an_edit_that_says_what_is_there_changes_nothing(cobalt: Run) -> None:
    ran = cobalt("rules", "edit", NAME, "--query", "cobalt")
    assert (ran.code, "nothing was changed" in ran.out) == (0, True)
    assert "updated_at" not in stored(cobalt)[NAME]


@pytest.mark.parametrize(
    ("arguments", "fault"),
    [
        (["--query", "cobalt AND"], "query: "),
        (["--query", "nickel"], 'must_match 1 "cobalt mines" does not match'),
        (["--label", "desk"], "--label desk: expected NAME=VALUE"),
        (["--query", ""], "query: String should have at least 1 character"),
    ],
)
def test_an_edit_that_cannot_be_meant_is_refused(cobalt: Run, arguments: list[str], fault: str) -> None:
    ran = cobalt("rules", "edit", NAME, *arguments)
    assert (ran.code, fault in ran.err) == (2, True), ran.err
    assert stored(cobalt)[NAME]["query"] == "cobalt"


@pytest.mark.parametrize("command", [["edit", "--title", "x"], ["edit"], ["enable"], ["disable"], ["remove"]])
def test_a_rule_in_a_file_is_changed_in_the_file_which_is_named(run: Run, command: list[str]) -> None:
    rule = provisioned(run)
    ran = run("rules", command[0], f"{rule['watch_topic']}/{rule['id']}", *command[1:])
    assert ran.code == 2
    assert f"{rule['watch_topic']}.yaml:" in ran.err
    line = int(ran.err.strip().rsplit(":", 1)[1])
    path = Path(ran.err.strip().rsplit(" ", 1)[1].rsplit(":", 1)[0])
    assert f"id: {rule['id']}" in path.read_text().splitlines()[line - 1]


def test_a_rule_is_disabled_and_enabled(cobalt: Run) -> None:
    assert cobalt("rules", "disable", "cobalt").code == 0
    assert stored(cobalt)[NAME]["enabled"] is False
    assert "disabled" in cobalt("rules", "list", "--topic", "my-desk").out
    assert cobalt("rules", "enable", "cobalt", "--author", "bob").code == 0
    assert (stored(cobalt)[NAME]["enabled"], stored(cobalt)[NAME]["updated_by"]) == (True, "bob")


def test_a_rule_is_edited_in_the_editor(cobalt: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    set_editor(monkeypatch, tmp_path, "sed -i 's/^query: .*/query: cobalt OR nickel/; s/^title: .*/title: Metals/' $1")
    ran = cobalt("rules", "edit", "cobalt")
    assert ran.code == 0, ran.err
    rule = stored(cobalt)[NAME]
    assert (rule["query"], rule["title"], rule["labels"], rule["author"]) == (
        "cobalt OR nickel", "Metals", {"desk": "metals"}, "ann",
    )  # fmt: skip


def test_an_edit_left_as_it_is_changes_nothing(cobalt: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    set_editor(monkeypatch, tmp_path, "true")
    ran = cobalt("rules", "edit", "cobalt")
    assert (ran.code, "was left as it is" in ran.out) == (0, True)


def test_what_is_wrong_is_shown_in_the_editor_and_can_be_mended(
    cobalt: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    wrong = "s/^query: .*/query: cobalt AND (/; s/^title: .*/titel: x/"
    right = "s/^query: .*/query: cobalt ore/; s/^titel: .*//; s/cobalt mines/ore of cobalt; cobalt ore/"
    mend = f"cp $1 {tmp_path}/shown; sed -i '{right}' $1"
    set_editor(monkeypatch, tmp_path, f"if grep -q ERROR $1; then {mend}; else sed -i '{wrong}' $1; fi")
    ran = cobalt("rules", "edit", "cobalt")
    assert ran.code == 0, ran.err
    assert stored(cobalt)[NAME]["query"] == "cobalt ore"
    shown = (tmp_path / "shown").read_text().splitlines()
    (told,) = (line for line in shown if line.startswith("# ERROR"))
    assert "titel: unknown key (did you mean 'title'?)" in told
    line = int(told.split(":")[2])
    assert shown[line - 1].startswith("titel:")


def test_an_edit_that_stays_wrong_is_given_up_and_kept_in_a_file(
    cobalt: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    set_editor(monkeypatch, tmp_path, "sed -i 's/^query: .*/query: nickel/' $1")
    ran = cobalt("rules", "edit", "cobalt")
    assert ran.code == 2
    assert 'must_match 1 "cobalt mines" does not match' in ran.err
    kept = Path(ran.err.strip().rsplit(" ", 1)[1])
    assert "query: nickel" in kept.read_text()
    assert stored(cobalt)[NAME]["query"] == "cobalt"


def test_an_editor_that_fails_is_told(cobalt: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    set_editor(monkeypatch, tmp_path, "exit 3")
    ran = cobalt("rules", "edit", "cobalt")
    assert (ran.code, "the editor failed" in ran.err) == (2, True)


def test_of_two_editors_the_second_is_refused(cobalt: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    opened, changed = tmp_path / "opened", tmp_path / "changed"
    waiting = f"touch {opened}; until [ -e {changed} ]; do sleep 0.05; done"
    set_editor(monkeypatch, tmp_path, f"{waiting}; sed -i 's/^title: .*/title: Mine/' $1")

    def edit() -> int:
        """Edit the rule from another process, once the editor has opened it; then let the editor go on."""
        try:
            wait_until(opened.exists, 30)
            with (tmp_path / "other.txt").open("w") as said:
                other = WarmProcess(REDLINE, ["rules", "edit", NAME, "--title", "Other"], stdout=said.fileno())
                return other.wait(30)
        finally:
            changed.touch()

    with ThreadPoolExecutor(1) as beside:
        editing = beside.submit(edit)
        ran = cobalt("rules", "edit", "cobalt")
    assert editing.result() == 0
    assert ran.code == 2
    assert "was changed or removed by somebody else meanwhile" in ran.err
    assert stored(cobalt)[NAME]["title"] == "Other"


# Explaining


def test_a_hit_is_explained_by_clause_with_the_words_in_context(run: Run) -> None:
    ran = run(
        "rules", "explain", "--query", "title:cobalt AND (mine OR ore) -nickel",
        "--text", "Cobalt\nThe price of its ores rose.",
    )  # fmt: skip
    assert ran.code == 0, ran.err
    assert ran.out.splitlines() == [
        "✓ the query matches text 1",
        "└─ ✓ all of 3; 3 of 3 hold",
        "   ├─ ✓ title:cobalt",
        "   │  └─ title 0  *Cobalt*",
        "   ├─ ✓ any; 1 of 2 hold",
        "   │  ├─ ✓ ore",
        "   │  │  └─ text 17  The price of its *ores* rose.",
        "   │  └─ … and 1 more that does not hold",
        "   └─ ✓ NOT nickel",
    ]


def test_a_miss_is_explained_by_what_it_lacks_and_what_comes_closest(run: Run) -> None:
    ran = run(
        "rules", "explain", "--query", "cobalt NEAR/3 mine AND =ORE -nickel AND title:iron",
        "--text", "Prices\nCobalt rose, and so did the shares of every mine; ore and nickel and iron fell.",
    )  # fmt: skip
    assert ran.code == 1, ran.err
    assert ran.out.splitlines() == [
        "✗ the query does not match text 1",
        "└─ ✗ all of 4; 0 of 4 hold",
        "   ├─ ✗ cobalt NEAR/3 mine",
        "   │  ├─ both sides are there, 9 words apart at closest:",
        "   │  └─ text 0  *Cobalt* rose, and so did the shares of every *mine*; ore and nickel and iron fell.",
        "   ├─ ✗ =ORE",
        "   │  ├─ only in another case or form:",
        "   │  └─ text 50  …and so did the shares of every mine; *ore* and nickel and iron fell.",
        "   ├─ ✗ NOT nickel: it is there",
        "   │  └─ text 58  …did the shares of every mine; ore and *nickel* and iron fell.",
        "   └─ ✗ title:iron",
        "      ├─ not there, but in the other field:",
        "      └─ text 69  …of every mine; ore and nickel and *iron* fell.",
        "to match, it lacks: cobalt NEAR/3 mine; =ORE; NOT nickel; title:iron",
    ]


def test_every_article_of_files_and_stdin_is_explained(cobalt: Run, tmp_path: Path) -> None:
    (tmp_path / "one.txt").write_text("Cobalt\n")
    (tmp_path / "many.json").write_text('[{"id": "a", "title": "nickel"}, {"id": "b", "title": "cobalt"}]')
    ran = cobalt(
        "rules", "explain", "cobalt", "--on", "one.txt", "--on", "many.json", "--on", "-", "--json",
        stdin=b'{"id": "c", "text": "iron"}\n',
    )  # fmt: skip
    lines = [json.loads(line) for line in ran.out.splitlines()]
    assert ran.code == 0
    assert [(line["article_id"], line["rule"], line["matches"], line["lacks"]) for line in lines] == [
        ("one.txt", NAME, True, []),
        ("a", NAME, False, ["cobalt"]),
        ("b", NAME, True, []),
        ("c", NAME, False, ["cobalt"]),
    ]
    assert lines[2]["explanation"]["evidence"] == [{"field": "title", "start": 0, "end": 6, "text": "cobalt"}]
    assert lines[3]["explanation"]["nearest_miss"] == {"closeness": "nothing", "places": []}


def test_a_rule_in_a_file_is_explained_on_the_seed_articles(run: Run) -> None:
    seeds = Path(__file__).resolve().parents[3] / "seeds" / "articles"
    rule = provisioned(run)
    ran = run("rules", "explain", f"{rule['watch_topic']}/{rule['id']}", "--on", str(seeds))
    assert ran.code in {0, 1}
    assert ran.out.count("match") >= 2


def test_a_disabled_rule_is_explained_but_told(cobalt: Run) -> None:
    cobalt("rules", "disable", NAME)
    ran = cobalt("rules", "explain", NAME, "--text", "cobalt")
    assert (ran.code, "is disabled" in ran.err) == (0, True)


@pytest.mark.parametrize(
    ("arguments", "fault"),
    [
        (["--query", "cobalt"], "--on ARTICLE or --text TEXT"),
        (["--text", "x"], "either a RULE or --query"),
        (["a", "--query", "cobalt", "--text", "x"], "either a RULE or --query"),
        (["--query", "NOT cobalt", "--text", "x"], "query: "),
        (["--query", "@nobody", "--text", "x"], "query: no actor has the id 'nobody'"),
        (["nowhere", "--text", "x"], "no rule 'nowhere'"),
        (["--query", "cobalt", "--on", "nowhere.txt"], "nowhere.txt: cannot be read"),
        (["--query", "cobalt", "--text", " "], "--text: "),
    ],
)
def test_what_cannot_be_explained_is_told(run: Run, arguments: list[str], fault: str) -> None:
    ran = run("rules", "explain", *arguments)
    assert (ran.code, fault in ran.err) == (2, True), ran.err
    assert "Traceback" not in ran.err


# Lint


def test_lint_names_rule_and_code_and_is_strict_if_asked(cobalt: Run) -> None:
    ran = cobalt("rules", "lint", NAME)
    assert (ran.code, ran.out.splitlines()) == (
        0,
        [
            f"{NAME}: no must_not_match example says what the rule is to leave alone [no-must-not-match]",
            "1 rule, 1 warning",
        ],
    )
    assert cobalt("rules", "lint", NAME, "--strict").code == 1


def test_lint_of_a_query(run: Run) -> None:
    ran = run("rules", "lint", "--query", "cobalt -cobalt", "--json", "--strict")
    assert ran.code == 1
    assert json.loads(ran.out) == {
        "rule": None, "code": "never-matches", "message": "never true together with cobalt", "column": 8,
    }  # fmt: skip
    assert run("rules", "lint", "--query", "cobalt", "--strict").code == 0
    assert run("rules", "lint", "--query", "cobalt AND").code == 2
    assert run("rules", "lint", "a", "--query", "cobalt").code == 2


def test_lint_of_all_rules_finds_those_that_ask_the_same(cobalt: Run) -> None:
    cobalt("rules", "add", '"cobalt"', "--topic", "my-desk", "--id", "again")
    assert "asks the same as my-desk/" in cobalt("rules", "lint").out


def test_the_seed_rules_are_free_of_warnings(run: Run) -> None:
    ran = run("rules", "lint", "--strict")
    assert ran.code == 0, ran.out


@pytest.mark.parametrize(
    "command",
    ["add", "list", "show", "edit", "enable", "disable", "remove", "test", "explain", "lint", "import", "export"],
)
def test_the_help_of_every_command_has_an_example(run: Run, command: str) -> None:
    assert f"Example: redline rules {command} " in " ".join(run("rules", command, "--help").out.split()) + " "
