"""The two source documents of the first topics, replayed: where Seoul stood in November 2024, and what moved."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.integration.cli.conftest import Run

DOCUMENTS = Path(__file__).parents[4] / "shared" / "seeds"
TOPIC = "arms-supply-ukraine"

pytestmark = pytest.mark.skipif(not DOCUMENTS.is_dir(), reason="the source documents are not beside this checkout")


def lines(run: Run, *arguments: str) -> list[dict[str, Any]]:
    ran = run(*arguments)
    assert ran.code == 0, ran.err
    return [json.loads(line) for line in ran.out.splitlines()]


def test_the_refusal_is_a_shift_on_the_reported_track_with_its_sentence(run: Run) -> None:
    shifts = [alert for alert in lines(run, "replay", str(DOCUMENTS), "--json") if alert["kind"] == "shift"]
    (shift,) = shifts
    change = shift["position"]
    assert (shift["watch_topic"], change["actor"], change["track"]) == (TOPIC, "south_korea", "reported")
    assert change["rungs"][change["from_rung"]] == "Does not rule weapons out"
    assert change["rungs"][change["to_rung"]] == "Refuses to supply weapons"
    first = shift["testimony"][0]
    assert (first["attribution"], first["said_at"][:10]) == ("unnamed", "2024-11-27")
    texts = [path.read_text(encoding="utf-8") for path in DOCUMENTS.glob("*.txt")]
    assert all(any(said["text"] == text[said["start"] : said["end"]] for text in texts) for said in shift["testimony"])


def test_where_everybody_stood(run: Run) -> None:
    held = lines(run, "positions", str(DOCUMENTS))
    stood = {(line["watch_topic"], line["actor"]): line for line in held if line["type"] == "position"}
    seoul = stood[TOPIC, "south_korea"]
    assert seoul["declared"]["rung"] == "consider", "the refusal is no official's word"
    assert seoul["reported"]["rung"] == "refuse"
    assert seoul["standing"]["rung"] == "nonlethal"
    assert [stance["stance"] for stance in stood[TOPIC, "ukraine"]["stances"]] == ["request"]
    (threat,) = stood[TOPIC, "russia"]["stances"]
    assert (threat["stance"], threat["first_at"][:10]) == ("threat", "2024-11-24")


def test_who_said_what_on_which_day(run: Run) -> None:
    said = [claim for claim in lines(run, "claims", str(DOCUMENTS)) if claim["eligible"]]
    days = {(claim["actor"], claim["rung"], claim["event_at"][:10], claim["attribution"]) for claim in said}
    assert {
        ("south_korea", "consider", "2024-11-07", "self"),
        ("south_korea", "refuse", "2024-11-27", "unnamed"),
        ("russia", "threat", "2024-11-24", "self"),
    } <= days
    speakers = {claim["speaker"] for claim in said if claim["actor"] == "russia" and claim["event_at"] < "2024-11-25"}
    assert all("Deputy Minister of Foreign Affairs" in speaker for speaker in speakers)
    assert not [claim for claim in said if claim["attribution"] == "narrator"], "what the outlet thinks moves nothing"
