"""`redline positions`: from articles, from what a running Redline knows, and in words."""

import json
import random
from pathlib import Path
from typing import Any

import pytest
from redis.asyncio import Redis

from schemas.claim import Attribution, Claim
from schemas.shift import Position, Shift
from services.cli import output
from services.tracker.position_records import Change
from services.tracker.position_store import ValkeyPositionStore
from tests.integration.cli.conftest import InStore, Ran, Run
from tests.integration.cli.spoken import CLOSED, OPENED, REFUSAL, REQUEST, packed
from tests.integration.cli.test_claims_filter import third_ladder
from tests.unit.positions.worlds import claim, said

ARMS = "arms-supply-ukraine"


@pytest.fixture
def border(run: Run, tmp_path: Path) -> tuple[str, ...]:
    """The arguments that watch the third ladder of the docs."""
    (tmp_path / "finland.yaml").write_text(third_ladder())
    return ("--topics", "finland.yaml")


def lines(ran: Ran) -> list[dict[str, Any]]:
    return [json.loads(one) for one in ran.out.splitlines()]


def test_a_position_for_each_actor_and_after_it_its_shifts(run: Run, border: tuple[str, ...]) -> None:
    ran = run("positions", *border, stdin=packed([*CLOSED, *OPENED]))
    assert (ran.code, ran.err) == (0, "")
    position, shift = lines(ran)
    assert (position["type"], position["watch_topic"], position["actor"]) == ("position", "finland-border", "finland")
    assert position["declared"]["rung"] == position["reported"]["rung"] == "open"
    assert [step["rung"] for step in position["declared"]["steps"]] == [0, 2]
    assert (shift["type"], shift["track"], shift["from_rung"], shift["to_rung"]) == (
        "shift",
        "declared",
        "closed",
        "open",
    )
    assert shift["origins"] >= 3
    assert {one["article_id"] for one in shift["evidence"]} <= {one["id"] for one in OPENED}


def test_lines_are_the_contracts_but_for_their_type(run: Run, border: tuple[str, ...]) -> None:
    given = [{**one, "id": f"{number:032x}"} for number, one in enumerate([*CLOSED, *OPENED])]
    position, shift = lines(run("positions", *border, stdin=packed(given)))
    assert (position.pop("type"), shift.pop("type")) == ("position", "shift")
    assert Position.model_validate_json(json.dumps(position)).shifts == ()
    assert Shift.model_validate_json(json.dumps(shift)).to_rung == "open"


def test_order_and_repeats_change_nothing(run: Run, border: tuple[str, ...]) -> None:
    copies = [{**OPENED[0], "id": name, "outlet": name} for name in ("wire", "gazette", "post")]
    given = [*CLOSED, *OPENED, *copies]
    expected = run("positions", *border, stdin=packed(given)).out
    for seed in range(3):
        shuffled = [*given, *given]
        random.Random(seed).shuffle(shuffled)
        assert run("positions", *border, stdin=packed(shuffled)).out == expected


def test_others_have_stances_and_no_position(run: Run) -> None:
    found = [one for one in lines(run("positions", stdin=packed([REFUSAL, REQUEST]))) if one["watch_topic"] == ARMS]
    assert [(one["actor"], one["declared"].get("rung")) for one in found] == [
        ("south_korea", "refuse"),
        ("ukraine", None),
    ]
    assert [stance["stance"] for stance in found[1]["stances"]] == ["request"]


def test_a_bad_line_is_told_and_the_rest_is_read(run: Run, border: tuple[str, ...]) -> None:
    ran = run("positions", *border, stdin=b"{}\n" + packed(CLOSED))
    assert ran.code == 2
    assert "standard input:1" in ran.err
    assert lines(ran)[0]["declared"]["rung"] == "closed"


def test_explained_it_says_what_decided_and_with_which_sentences(run: Run, border: tuple[str, ...]) -> None:
    said = run("positions", "--explain", *border, stdin=packed([*CLOSED, *OPENED])).out
    assert "finland-border  Finland (finland): " in said
    assert "declared: Opens crossings, since 2025-03-2" in said
    assert "reported: the same" in said
    assert "Keeps the border shut → Opens crossings  confirmed" in said
    assert "of them the actor's own word in the evidence shown, score" in said
    assert f"“{OPENED[0]['title']}”" in said


def test_explained_it_says_what_a_shift_still_lacks(run: Run, border: tuple[str, ...]) -> None:
    said = run("positions", "--explain", *border, stdin=packed([*CLOSED, OPENED[0]])).out
    assert "declared: Keeps the border shut, since 2025-03-01" in said
    assert "Opens crossings  " in said
    assert "missing: 1 of 3 origins within 5 days; score" in said
    assert "shift " not in said


def test_explained_it_says_why_claims_were_left_out(run: Run) -> None:
    background = {
        **REFUSAL,
        "title": "",
        "text": "So far Seoul has given Ukraine only non-lethal aid such as gas masks.",
    }
    said = run("positions", "--explain", stdin=packed([background])).out
    assert "left out  1 claim: told by the article itself, as background or judgement" in said
    assert "“So far Seoul has given Ukraine only" in said


def test_long_and_hostile_sentences_are_cut_and_steer_no_terminal(run: Run, border: tuple[str, ...]) -> None:
    text = (
        "Finland refuses to reopen its border crossings with Russia"
        + ", as it said [bold]before[/bold]" * 30
        + "\x1b[31m"
    )
    said = run(
        "positions", "--explain", *border, stdin=packed([{**CLOSED[0], "title": f"{text}, the prime minister said."}])
    ).out
    assert "\x1b" not in said
    assert "[bold]before[/bold]" in said
    assert max(map(len, said.splitlines())) < 400


# What a running Redline knows


def on_arms(claims: list[Claim]) -> tuple[Claim, ...]:
    return tuple(one.model_copy(update={"watch_topic": ARMS}) for one in claims)


async def remember(valkey: Redis) -> None:
    """Leave behind what a tracker has heard: a refusal, a review, a report of deliveries, and a request."""
    heard = on_arms([*said(0, "refuse"), *said(20, "consider"), claim(40, "deliver", Attribution.UNNAMED)])
    asked = on_arms([claim(10, "request", actor="ukraine")])
    await ValkeyPositionStore(valkey).commit(ARMS, Change(claims=(*heard, *asked)), expected=0)


def test_on_a_terminal_it_shows_what_a_running_redline_knows(
    run: Run, in_store: InStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    in_store(remember)
    monkeypatch.setattr(output.out, "width", 200)
    shown = run("positions", at_terminal=True)
    assert shown.code == 0, shown.err
    assert "arms-supply-ukraine  South Korea (south_korea)" in shown.out
    assert "declared  Does not rule weapons out, since 2024-03-21" in shown.out
    assert "reported  Supplies weapons, since 2024-04-10" in shown.out
    assert "2024-04-10  reported  Does not rule weapons out → Supplies weapons  unconfirmed, 1 origin" in shown.out
    assert "stance    Asks for weapons: 2024-03-11, 1 origin" in shown.out
    assert "2 actors of whom something is known" in shown.out


def test_stored_positions_are_the_same_in_json_and_in_words(run: Run, in_store: InStore) -> None:
    in_store(remember)
    found = lines(run("positions", "--stored", "--json"))
    assert [(one["type"], one["actor"]) for one in found] == [
        ("position", "south_korea"),
        ("shift", "south_korea"),
        ("shift", "south_korea"),
        ("position", "ukraine"),
    ]
    assert "missing: nothing on record from the actor's own officials" in run("positions", "--stored", "--explain").out


def test_where_nothing_has_run_there_is_nothing_to_show_and_nothing_is_made(run: Run, tmp_path: Path) -> None:
    ran = run("positions", "--stored")
    assert ran.code == 2
    assert "nothing has run here yet" in ran.err
    assert not (tmp_path / "data").exists()


def test_a_store_that_is_not_there_is_named(run: Run, monkeypatch: pytest.MonkeyPatch, unused_tcp_port: int) -> None:
    monkeypatch.setenv("REDLINE_REDIS_URL", f"redis://127.0.0.1:{unused_tcp_port}")
    ran = run("positions", "--stored")
    assert ran.code == 1
    assert "127.0.0.1" in ran.err
