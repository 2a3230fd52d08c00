"""What the precision bench counts."""

import gzip
import json
from pathlib import Path

import pytest

from bench import precision
from bench.precision import Score
from schemas.watch import Actor, ActorKind, Severity, WatchRule
from services.domain.rules.engine import RuleEngine
from services.domain.text.gazetteer import Gazetteer

ARMS = "arms-supply-ukraine"


@pytest.fixture
def engine() -> RuleEngine:
    gazetteer = Gazetteer.from_actors([Actor(id="x", kind=ActorKind.TERM_SET, name="X", aliases={"en": ("shell",)})])
    built = RuleEngine(gazetteer)
    built.add(WatchRule(id="shells", watch_topic=ARMS, query="@x", severity=Severity.INFO))
    return built


def test_scores_add_up() -> None:
    total = Score(right=3, wrong=1, missed=1) + Score(right=0, wrong=0, missed=2)
    assert (total.precision, total.recall, total.f1) == (0.75, 0.5, 0.6)


def test_nothing_found_and_nothing_to_find_is_no_division_by_zero() -> None:
    nothing = Score(0, 0, 0)
    assert (nothing.precision, nothing.recall, nothing.f1) == (0.0, 0.0, 0.0)


def test_statements_are_counted_by_topic_and_the_wrong_ones_listed(
    engine: RuleEngine, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    statements = [
        {"topic": "A", "text": "Shells were sent.", "kind": "plain"},
        {"topic": "A", "text": "Rounds were sent.", "kind": "other word"},
        {"topic": "none", "text": "Shells on the beach.", "kind": "sea"},
        {"topic": "none", "text": "Nothing."},
    ]
    path = tmp_path / "statements.jsonl.gz"
    path.write_bytes(gzip.compress("\n".join(json.dumps(line) for line in statements).encode()))
    precision.score_statements(engine, path, [ARMS])
    shown = capsys.readouterr().out
    assert f"{ARMS:26}  0.500  0.500  0.500       1     1      1" in shown
    assert "missed: other word\n  - Rounds were sent." in shown
    assert "wrong: sea\n  - Shells on the beach.  shells" in shown


def test_hits_on_items_are_counted_and_shown_with_what_was_found(
    engine: RuleEngine, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "items.jsonl"
    path.write_text(json.dumps({"title": "Sea", "text": "Shells."}) + "\n" + json.dumps({"title": "", "text": "Sand."}))
    precision.list_hits(engine, path, [ARMS])
    shown = capsys.readouterr().out
    assert f"2 items; {ARMS} hits 1" in shown
    assert "  - shells: Sea\n      Shells" in shown
