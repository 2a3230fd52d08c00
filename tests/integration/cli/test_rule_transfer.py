"""Rules moved out of Redline and into it: what is exported can be imported, all of it or nothing."""

import json
from pathlib import Path
from typing import Any

from tests.integration.cli.added_rules import NAME, provisioned, stored
from tests.integration.cli.conftest import Run


def lines(*rules: dict[str, Any]) -> str:
    return "".join(json.dumps({"watch_topic": "my-desk", **rule}) + "\n" for rule in rules)


def test_what_is_exported_can_be_imported(cobalt: Run, tmp_path: Path) -> None:
    cobalt("rules", "add", "nickel AND\niron", "--topic", "my-desk", "--id", "nickel", "--severity", "warning")
    held = stored(cobalt)
    for name, arguments in (("rules.jsonl", []), ("my-desk.yaml", ["--topic", "my-desk", "--format", "yaml"])):
        (tmp_path / name).write_text(cobalt("rules", "export", *arguments).out)
        for rule in held:
            assert cobalt("rules", "remove", rule).code == 0
        assert stored(cobalt) == {}
        ran = cobalt("rules", "import", name)
        assert (ran.code, ran.out) == (0, "2 added, 0 replaced, 0 unchanged, 0 faults\n"), ran.err
        assert stored(cobalt) == held
    ran = cobalt("rules", "import", "rules.jsonl")
    assert (ran.code, ran.out) == (0, "0 added, 0 replaced, 2 unchanged, 0 faults\n"), ran.err


def test_an_exported_topic_file_can_be_provisioned(cobalt: Run, tmp_path: Path) -> None:
    topics = tmp_path / "topics"
    topics.mkdir()
    (topics / "my-desk.yaml").write_text(cobalt("rules", "export", "--topic", "my-desk", "--format", "yaml").out)
    ran = cobalt("match", "--topics", str(topics), stdin=b'{"id": "a", "title": "cobalt"}\n')
    assert json.loads(ran.out)["rule_id"] == "cobalt"


def test_a_provisioned_topic_is_exported_as_its_file_says(run: Run) -> None:
    topic = provisioned(run)["watch_topic"]
    ran = run("rules", "export", "--all", "--topic", topic, "--format", "yaml")
    assert ran.code == 0, ran.err
    assert f"id: {topic}" in ran.out
    assert run("rules", "export", "--topic", topic).out == ""
    assert "a topic file holds one topic" in run("rules", "export", "--all", "--format", "yaml").err
    assert run("rules", "export", "--topic", "nowhere").code == 2


def test_nothing_is_imported_if_one_rule_is_wrong_and_every_fault_is_told(run: Run, tmp_path: Path) -> None:
    rule = provisioned(run)
    (tmp_path / "a.jsonl").write_text(
        lines({"id": "a", "query": "cobalt"}, {"id": "b", "query": "cobalt AND"}, {"id": "a", "query": "x1"})
        + "{broken\n"
        + json.dumps({"id": rule["id"], "watch_topic": rule["watch_topic"], "query": "cobalt"})
    )
    (tmp_path / "b.yaml").write_text("id: t\ntitle: T\nrules:\n  - {id: x, query: nickel, must_match: [iron]}\n")
    ran = run("rules", "import", "a.jsonl", "b.yaml", "nowhere.jsonl")
    assert ran.code == 2
    assert ran.out == ""
    faults = [line.removeprefix("error: ") for line in ran.err.splitlines() if line.startswith("error: ")]
    assert faults[0].startswith("a.jsonl:2: my-desk/b: query: ")
    assert faults[1] == "a.jsonl:3: my-desk/a: stands in a.jsonl:1 already"
    assert faults[2].startswith("a.jsonl:4: cannot be read: ")
    assert faults[3].startswith(f"a.jsonl:5: {rule['watch_topic']}/{rule['id']}: a provisioned rule has this id: ")
    assert faults[4].startswith('b.yaml:4: t/x: must_match 1 "iron" does not match')
    assert faults[5].startswith("nowhere.jsonl: cannot be read: ")
    assert faults[6] == "6 faults; nothing was imported"
    assert stored(run) == {}


def test_with_keep_going_the_rest_is_imported(cobalt: Run) -> None:
    given = lines({"id": "a", "query": "iron"}, {"id": "b", "query": "("}, {"id": "cobalt", "query": "nickel"})
    ran = cobalt("rules", "import", "-", "--keep-going", stdin=given.encode())
    assert (ran.code, ran.out) == (2, "1 added, 0 replaced, 0 unchanged, 2 faults\n")
    assert "standard input:2: my-desk/b: query: " in ran.err
    assert "standard input:3: my-desk/cobalt: there is a rule of this id already; --replace" in ran.err
    assert {name: rule["query"] for name, rule in stored(cobalt).items()} == {NAME: "cobalt", "my-desk/a": "iron"}


def test_a_rule_of_the_same_id_is_replaced_only_if_asked(cobalt: Run) -> None:
    given = lines({"id": "cobalt", "query": "nickel"}).encode()
    refused = cobalt("rules", "import", "-", stdin=given)
    assert (refused.code, "there is a rule of this id already" in refused.err) == (2, True)
    assert stored(cobalt)[NAME]["query"] == "cobalt"
    ran = cobalt("rules", "import", "-", "--replace", "--author", "bob", stdin=given)
    assert (ran.code, ran.out) == (0, "0 added, 1 replaced, 0 unchanged, 0 faults\n")
    rule = stored(cobalt)[NAME]
    assert (rule["query"], rule["author"], rule["updated_by"]) == ("nickel", "ann", "bob")


def test_many_rules_are_imported_in_batches(run: Run) -> None:
    given = lines(*({"id": f"r{number}", "query": f"w{number} metal"} for number in range(2500)))
    ran = run("rules", "import", "-", stdin=given.encode())
    assert (ran.code, ran.out) == (0, "2500 added, 0 replaced, 0 unchanged, 0 faults\n"), ran.err
    assert len(stored(run)) == 2500
