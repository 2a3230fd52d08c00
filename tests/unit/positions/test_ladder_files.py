"""Ladders in topic files: read with the topic, every fault with its file, line and key; a third one needs no code."""

import re
from pathlib import Path

import pytest

from schemas.claim import Claim
from services.domain.positions.claims import claims_of
from services.domain.positions.tracker import positions_of
from services.provisioning.catalogues import load_gazetteer, load_ladders, load_topics, load_watched
from services.provisioning.faults import ConfigurationError
from services.provisioning.rule_files import PlacedRule, read_rules
from tests.unit.positions.worlds import DAY, START, article, statement

ROOT = Path(__file__).resolve().parents[3]
ACTORS = ROOT / "seeds" / "actors"
TOPIC = """\
id: desk
title: Desk
rules:
  - {id: a, query: cobalt}
ladder:
  actors: [south_korea]
  recipients: [ukraine]
  rungs:
    - {id: low, title: Low}
    - {id: high, title: High}
  side_channels:
    - {id: beside, title: Beside}
  mapping:
    - {rung: low, events: [REJECT]}
    - {rung: high, events: [AGREE]}
    - {rung: beside, events: [AID]}
  policy: {window: 5d, weights: {unnamed: 0.4}}
"""


def faults(folder: Path, text: str) -> list[str]:
    (folder / "desk.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(ConfigurationError) as caught:
        load_watched(folder, ACTORS)
    return [str(fault).replace(f"{folder}/", "") for fault in caught.value.faults]


def test_a_ladder_is_read_with_its_topic(tmp_path: Path) -> None:
    (tmp_path / "desk.yaml").write_text(TOPIC, encoding="utf-8")
    watched = load_watched(tmp_path, ACTORS)
    ladder = watched.ladders["desk"]
    assert [rung.title for rung in ladder.rungs] == ["Low", "High"]
    assert (ladder.policy.window, ladder.policy.weights.unnamed, ladder.policy.weights.self_) == (5 * DAY, 0.4, 1.0)
    assert [topic.id for topic in watched.topics] == ["desk"]
    (rule,) = read_rules(tmp_path / "desk.yaml")
    assert isinstance(rule, PlacedRule)


def test_a_topic_without_a_ladder_has_none(tmp_path: Path) -> None:
    (tmp_path / "desk.yaml").write_text(TOPIC.split("ladder:", maxsplit=1)[0], encoding="utf-8")
    assert load_watched(tmp_path, ACTORS).ladders == {}


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ("events: [REJECT]", "events: [REFUSE]", "desk.yaml:14: ladder.mapping[0].events[0]: Input should be 'AGREE'"),
        (
            "events: [AGREE]",
            "event: [AGREE]",
            "desk.yaml:15: ladder.mapping[1].event: unknown key",
        ),
        (
            "rung: beside",
            "rung: besides",
            "desk.yaml:16: ladder.mapping[2].rung: no rung and no side channel",
        ),
        ("id: high,", "id: low,", "desk.yaml:10: ladder.rungs[1].id: the id 'low' is used twice"),
        ("rung: high", "rung: low", "desk.yaml:10: ladder.rungs[1].id: no rule under mapping leads to 'high'"),
        (
            "[south_korea]",
            "[south_corea]",
            "desk.yaml:6: ladder.actors[0]: no actor has the id 'south_corea'",
        ),
        ("window: 5d", "window: soon", "desk.yaml:17: ladder.policy.window: Input should be"),
        ("window: 5d", "origins: 0", "desk.yaml:17: ladder.policy.origins: Input should be greater than or equal to 1"),
        ("unnamed: 0.4", "unnamed: 2", "desk.yaml:17: ladder.policy.weights.unnamed: Input should be less than"),
        ("rungs:", "steps:", "desk.yaml:8: ladder.steps: unknown key"),
    ],
)
def test_a_fault_has_its_file_line_and_key(tmp_path: Path, old: str, new: str, fault: str) -> None:
    assert old in TOPIC
    found = faults(tmp_path, TOPIC.replace(old, new, 1))
    assert any(line.startswith(fault) for line in found), found


def test_a_ladder_that_is_no_mapping_is_a_fault(tmp_path: Path) -> None:
    (found,) = faults(tmp_path, TOPIC.split("ladder:", maxsplit=1)[0] + "ladder: [1]\n")
    assert found == "desk.yaml:5: ladder: expected keys and values, found a list"


def test_the_third_ladder_of_the_documentation_works_as_it_stands(tmp_path: Path) -> None:
    block = re.search(r"```yaml\n(.*?)```", (ROOT / "docs" / "ladders.md").read_text(encoding="utf-8"), re.DOTALL)
    assert block is not None
    (tmp_path / "finland-border.yaml").write_text(block[1], encoding="utf-8")
    gazetteer = load_gazetteer(ACTORS)
    assert [topic.id for topic in load_topics(tmp_path, gazetteer)] == ["finland-border"]
    ladder = load_ladders(tmp_path, gazetteer)["finland-border"]

    def coded(number: int, day: float, **changed: object) -> tuple[Claim, ...]:
        said = statement(**{"actor": "finland", "recipient": "russia", "event_at": START + day * DAY, **changed})  # type: ignore[arg-type]
        told = article(id=f"{number:032x}", first_seen_at=START + 90 * DAY, published_at=None)
        return claims_of(
            said, told, watch_topic="finland-border", ladder=ladder, origin_id=f"{number:032x}", now=START + 90 * DAY
        )

    claims = [claim for n in range(4) for claim in coded(n, n / 10, event="COERCE", mode="ban", object="migration")]
    claims += [
        claim for n in range(4, 8) for claim in coded(n, 30 + n / 10, event="REJECT", mode="yield", modality="denied")
    ]
    claims += coded(9, 31, actor="russia", recipient="finland", event="THREATEN", object="ties")
    positions = positions_of(ladder, "finland-border", claims)
    (shift,) = positions["finland"].shifts
    assert (shift.from_rung, shift.to_rung, shift.direction) == ("closed", "weighing", "up")
    assert [stance.stance for stance in positions["russia"].stances] == ["threat"]


def test_the_documentation_names_every_key_and_default() -> None:
    from schemas.ladder import Condition, Ladder, ShiftPolicy

    text = (ROOT / "docs" / "ladders.md").read_text(encoding="utf-8")
    missing = [key for key in (*Ladder.model_fields, *Condition.model_fields) if f"`{key}" not in text]
    missing += [key for key in ShiftPolicy.model_fields if f"`{key}" not in text and f".{key}`" not in text]
    assert [key for key in missing if key != "least_confidence"] == []
