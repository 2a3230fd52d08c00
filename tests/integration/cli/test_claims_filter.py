"""`redline claims` as a user meets it."""

import gzip
import json
import re
from pathlib import Path
from typing import Any

from schemas.claim import Claim
from tests.integration.cli.conftest import Ran, Run
from tests.integration.cli.spoken import CLOSED, FLOWERS, OPENED, REFUSAL, REQUEST, line, packed

DOCS = Path(__file__).resolve().parents[3] / "docs"


def third_ladder() -> str:
    """The topic file of docs/ladders.md."""
    found = re.search(r"```yaml\n(id: finland-border\n.*?)```", (DOCS / "ladders.md").read_text(), re.DOTALL)
    assert found
    return found[1]


def lines(ran: Ran) -> list[dict[str, Any]]:
    return [json.loads(one) for one in ran.out.splitlines()]


def test_a_claim_for_each_thing_said_on_a_ladder_in_the_order_of_the_articles(run: Run) -> None:
    ran = run("claims", stdin=packed([REFUSAL, FLOWERS, REQUEST]))
    assert (ran.code, ran.err) == (0, "")
    on_arms = [one for one in lines(ran) if one["watch_topic"] == "arms-supply-ukraine"]
    assert [(one["article_id"], one["actor"], one["rung"]) for one in on_arms] == [
        ("refusal", "south_korea", "refuse"),
        ("request", "ukraine", "request"),
    ]
    refusal = on_arms[0]
    assert (refusal["modality"], refusal["attribution"], refusal["eligible"]) == ("asserted", "self", True)
    assert refusal["evidence"] == {"field": "title", "start": 0, "end": len(REFUSAL["title"]), "text": REFUSAL["title"]}
    assert refusal["event_at"] == refusal["published_at"] == "2024-03-01T09:00:00Z"
    assert set(refusal) >= {"plover", "speaker", "origin_id", "confidence", "cues", "coder_version"}


def test_a_line_is_a_claim_but_for_the_ids_that_files_give_articles(run: Run) -> None:
    ours = "0123456789abcdef0123456789abcdef"
    (first, *_) = lines(run("claims", stdin=packed([{**REFUSAL, "id": ours}])))
    assert Claim.model_validate_json(json.dumps(first)).article_id == ours


def test_copies_of_one_report_have_its_origin(run: Run) -> None:
    copies = [{**REFUSAL, "id": name, "outlet": name} for name in ("wire", "gazette", "post")]
    found = lines(run("claims", stdin=packed(copies)))
    assert {one["article_id"] for one in found} == {"wire", "gazette", "post"}
    assert {one["origin_id"] for one in found} == {"wire"}


def test_the_same_articles_give_the_same_lines(run: Run) -> None:
    given = packed([REFUSAL, REQUEST])
    assert run("claims", stdin=given).out == run("claims", stdin=given).out


def test_what_no_rule_matches_is_coded_only_when_asked_for(run: Run, tmp_path: Path) -> None:
    (tmp_path / "finland.yaml").write_text(third_ladder().replace("Finland OR Finnish OR Helsinki", "Estonia"))
    asked = ("claims", "--topics", "finland.yaml")
    assert run(*asked, stdin=packed(CLOSED)).out == ""
    assert {one["rung"] for one in lines(run(*asked, "--unmatched", stdin=packed(CLOSED)))} == {"closed"}


def test_a_third_ladder_needs_no_code(run: Run, tmp_path: Path) -> None:
    (tmp_path / "finland.yaml").write_text(third_ladder())
    found = lines(run("claims", "--topics", "finland.yaml", stdin=packed([*CLOSED, *OPENED, REFUSAL])))
    assert {one["watch_topic"] for one in found} == {"finland-border"}
    rungs = {one["article_id"]: one["rung"] for one in found if one["eligible"] and one["actor"] == "finland"}
    assert {name.partition("-")[0]: rung for name, rung in rungs.items()} == {"closed": "closed", "open": "open"}


def test_a_topic_without_a_ladder_claims_nothing(run: Run, tmp_path: Path) -> None:
    (tmp_path / "bare.yaml").write_text("id: bare\ntitle: Bare\nrules:\n  - {id: arms, query: weapons}\n")
    ran = run("claims", "--topics", "bare.yaml", stdin=packed([REFUSAL]))
    assert (ran.code, ran.out, ran.err) == (0, "", "")


def test_a_bad_line_is_told_with_its_number_and_passed_over(run: Run) -> None:
    ran = run("claims", stdin=packed([REFUSAL]) + b'not json\n{"id": "b"}\n' + packed([REQUEST]))
    assert ran.code == 2
    assert {one["article_id"] for one in lines(ran)} >= {"refusal", "request"}
    assert "standard input:2" in ran.err
    assert "standard input:3" in ran.err


def test_a_faulty_ladder_is_told_with_its_place(run: Run, tmp_path: Path) -> None:
    (tmp_path / "finland.yaml").write_text(third_ladder().replace("actors: [finland]", "actors: [finnland]"))
    ran = run("claims", "--topics", "finland.yaml", stdin=packed(CLOSED))
    assert ran.code == 2
    assert "finland.yaml" in ran.err
    assert "finland" in ran.err


def test_packed_files_are_read_too(run: Run, tmp_path: Path) -> None:
    (tmp_path / "a.jsonl.gz").write_bytes(gzip.compress(packed([REFUSAL, line("x", "A word", "2024-01-01")])))
    assert lines(run("claims", "a.jsonl.gz"))[0]["article_id"] == "refusal"
