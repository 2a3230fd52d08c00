"""Rules in files: every fault with its place, and what is written reads back as it was."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.watch import Severity, WatchRule, WatchTopic
from services.domain.text.gazetteer import Gazetteer
from services.provisioning.catalogues import load_topics
from services.provisioning.faults import ConfigurationError
from services.provisioning.rule_files import (
    BadRule,
    PlacedRule,
    edited_rule,
    place_of_rule,
    read_rule_lines,
    read_rules,
    rule_yaml,
    topic_yaml,
)
from services.provisioning.yaml_file import parse_yaml

TOPIC = """\
id: desk
title: Desk
rules:
  - id: a
    query: cobalt
  - id: b
    query: nickel
    severity: loud
  - id: c
    qery: iron
"""


def file(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def said(path: Path) -> list[str]:
    """Return each rule's id with its line, or each fault without the folder."""
    return [
        f"{item.rule.id}:{item.line}"
        if isinstance(item, PlacedRule)
        else str(item.fault).replace(f"{path.parent}/", "")
        for item in read_rules(path)
    ]


def test_each_rule_of_a_topic_file_is_read_by_itself(tmp_path: Path) -> None:
    first, *faults = said(file(tmp_path, "desk.yaml", TOPIC))
    assert first == "a:4"
    assert faults[0].startswith("desk.yaml:8: rules[1].severity: Input should be 'info', 'warning' or 'critical'")
    assert faults[1].startswith("desk.yaml:9: rules[2].query: this key is required")
    assert faults[2] == "desk.yaml:10: rules[2].qery: unknown key (did you mean 'query'?)"


def test_each_line_is_read_by_itself(tmp_path: Path) -> None:
    lines = '{"id": "a", "watch_topic": "t", "query": "cobalt"}\n\n{"id": "b"}\n{broken\n'
    first, *faults = said(file(tmp_path, "rules.jsonl", lines))
    assert first == "a:1"
    assert faults[0] == "rules.jsonl:3: watch_topic: this key is required"
    assert faults[1] == "rules.jsonl:3: query: this key is required"
    assert faults[2].startswith("rules.jsonl:4: cannot be read: ")


@pytest.mark.parametrize(
    ("name", "text", "fault"),
    [
        ("rules.csv", "", "rules.csv: is of no kind that rules are read from (.yaml .yml .jsonl)"),
        ("desk.yaml", "id: desk\ntitle: Desk\n", "desk.yaml:1: rules: expected a list of rules"),
        ("desk.yaml", "id: desk\nrules: []\n", "desk.yaml:1: title: this key is required"),
        ("desk.yaml", "id: [\n", "desk.yaml:2: "),
        ("desk.yaml", "id: desk\ntitle: D\nrules: [cobalt]\n", "desk.yaml:3: rules[0]: expected keys and values"),
    ],
)
def test_a_file_that_holds_no_rules_says_why(tmp_path: Path, name: str, text: str, fault: str) -> None:
    (found,) = said(file(tmp_path, name, text))
    assert found.startswith(fault)


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    (found,) = said(tmp_path / "nowhere.jsonl")
    assert found == "nowhere.jsonl: cannot be read: No such file or directory"


def test_a_provisioned_rule_is_found_by_file_and_line(tmp_path: Path) -> None:
    file(tmp_path, "a.yaml", "id: other\ntitle: Other\n")
    path = file(
        tmp_path, "desk.yaml", "id: desk\ntitle: Desk\nrules:\n  - id: a\n    query: b\n  - {id: c, query: d}\n"
    )
    assert place_of_rule(tmp_path, "desk", "c") == f"{path}:6"
    assert place_of_rule(tmp_path, "desk", "z") is None


slugs = st.from_regex(r"[a-z0-9][a-z0-9_.-]{0,8}", fullmatch=True)
words = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=30)
moments = st.none() | st.just(datetime(2024, 11, 27, 9, 30, 1, 5, tzinfo=UTC))
rules = st.builds(
    WatchRule,
    id=slugs,
    watch_topic=st.just("desk"),
    query=st.sampled_from(["cobalt", "nickel AND\n  iron", '"no" OR yes', "1e3", "руда OR 코발트"]),
    title=words,
    severity=st.sampled_from(Severity),
    labels=st.dictionaries(words, words, max_size=2),
    enabled=st.booleans(),
    must_match=st.lists(words, max_size=2).map(tuple),
    author=st.none() | words,
    created_at=moments,
    updated_at=moments,
)


@settings(max_examples=60, deadline=None)
@given(st.lists(rules, max_size=3, unique_by=lambda rule: rule.id), words)
def test_a_topic_that_is_written_reads_back(
    tmp_path_factory: pytest.TempPathFactory, held: list[WatchRule], title: str
) -> None:
    path = tmp_path_factory.mktemp("topics") / "desk.yaml"
    topic = WatchTopic(id="desk", title=title, description="of\nmany lines\n", rules=tuple(held))
    path.write_text(topic_yaml(topic), encoding="utf-8")
    assert [item.rule for item in read_rules(path) if isinstance(item, PlacedRule)] == held
    if all(len(rule.query) > 3 for rule in held):
        assert load_topics(path, Gazetteer.from_actors([])) == (topic,)


@settings(max_examples=40, deadline=None)
@given(rules)
def test_a_rule_left_as_it_is_in_an_editor_is_the_same(held: WatchRule) -> None:
    assert edited_rule(parse_yaml(rule_yaml(held), Path("rule")), held) == held
    (line,) = read_rule_lines([held.model_dump_json(exclude_none=True).encode()], "lines")
    assert not isinstance(line, BadRule)
    assert line.rule == held


def test_an_edit_cannot_make_another_rule_of_a_rule() -> None:
    held = WatchRule(id="a", watch_topic="t", query="cobalt")
    with pytest.raises(ConfigurationError) as refused:
        edited_rule(parse_yaml("id: b\nquery: cobalt\nupdated_by: me\n", Path("t/a")), held)
    assert [str(fault) for fault in refused.value.faults] == [
        "t/a:1: id: cannot be changed here",
        "t/a:3: updated_by: cannot be changed here",
    ]
