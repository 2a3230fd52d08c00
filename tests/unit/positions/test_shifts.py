"""When a position moves, on which track, and how far that can be relied on."""

from collections.abc import Iterable
from itertools import chain
from typing import Any

import pytest

from schemas.claim import Attribution, Claim, Modality
from schemas.shift import Correction, Position, Shift
from services.domain.positions.shifts import change_of
from services.domain.positions.tracker import PositionTracker, positions_of
from tests.unit.positions.worlds import ACTOR, DAY, START, TOPIC, claim, ladder, said

NARRATOR, UNNAMED, ANALYST = Attribution.NARRATOR, Attribution.UNNAMED, Attribution.ANALYST


def position(*claims: Iterable[Claim], **policy: Any) -> Position:
    return positions_of(ladder(**policy), TOPIC, chain.from_iterable(claims))[ACTOR]


def told(held: Position) -> list[str]:
    return [
        f"{shift.track} {shift.from_rung} to {shift.to_rung} {shift.status}" + (" back" if shift.reverts else "")
        for shift in held.shifts
    ]


STOOD = said(0, "refuse")


def test_the_first_that_is_known_of_an_actor_is_no_shift() -> None:
    held = position([claim(0, "refuse")])
    assert (held.declared.rung, held.reported.rung, told(held)) == ("refuse", "refuse", [])


def test_two_origins_and_the_actors_own_word_move_the_declared_position() -> None:
    held = position(STOOD, said(20, "consider", 2))
    assert told(held) == ["declared refuse to consider confirmed"]
    assert (held.declared.rung, held.reported.rung) == ("consider", "consider")
    assert held.shifts[0].since == STOOD[0].event_at
    assert held.shifts[0].speakers == ("the minister",)


@pytest.mark.parametrize(
    ("claims", "why"),
    [
        (said(20, "consider", 1), "one origin"),
        (
            [claim(20 + n / 100, "consider", origin="wire", article=str(n)) for n in range(40)],
            "forty copies",
        ),
        ([claim(20, "consider"), claim(28, "consider")], "eight days apart"),
        (said(20, "consider", 9, NARRATOR), "old boilerplate, or an outlet's opinion"),
        (said(20, "consider", 30, ANALYST), "experts, however many"),
        ([claim(20 + n / 9, "consider", modality=Modality.DENIED) for n in range(5)], "denied"),
        ([claim(20 + n / 9, "consider", eligible=False) for n in range(5)], "the coder is not sure"),
        ([claim(20, "consider"), *said(20.1, "refuse", 3), claim(20.2, "consider")], "said as often as the opposite"),
        ([claim(20, "consider"), claim(20.1, "consider", UNNAMED, modality=Modality.SPECULATIVE)], "too little weight"),
        (
            [claim(20, "consider"), claim(20.1, "consider", UNNAMED), claim(20.2, "consider", ANALYST)],
            "an opinion tips no scale",
        ),
        (
            [claim(20 + n / 9, "consider", UNNAMED, origin=f"o{n % 2}", article=str(n)) for n in range(8)],
            "an origin that repeats itself",
        ),
    ],
)
def test_the_position_stays(claims: list[Claim], why: str) -> None:
    held = position(STOOD, claims)
    assert (held.declared.rung, held.reported.rung, told(held)) == ("refuse", "refuse", []), why


def test_without_the_actors_own_word_only_the_reported_position_moves() -> None:
    held = position(STOOD, said(20, "consider", 5, UNNAMED))
    assert told(held) == ["reported refuse to consider confirmed"]
    assert (held.declared.rung, held.reported.rung) == ("refuse", "consider")


def test_what_was_said_long_ago_does_not_outweigh_what_is_said_today() -> None:
    years = [claim(day, "refuse") for day in range(60)]
    assert told(position(years, said(60, "consider"))) == ["declared refuse to consider confirmed"]


def test_one_statement_on_record_is_enough_where_the_topic_says_so() -> None:
    once = [claim(20, "consider")]
    assert told(position(STOOD, once, on_record=True)) == ["declared refuse to consider confirmed"]
    assert told(position(STOOD, once)) == []
    assert told(position(STOOD, [claim(20, "consider", speaker=None)], on_record=True)) == []
    assert told(position(STOOD, [claim(20, "consider", confidence=0.5)], on_record=True)) == []
    assert told(position(STOOD, [claim(19, "refuse"), *once], on_record=True)) == []


def test_a_lone_report_is_unconfirmed_until_others_say_the_same() -> None:
    leak = [claim(20, "consider", UNNAMED)]
    held = position(STOOD, leak, lone_reports=True)
    assert told(held) == ["reported refuse to consider unconfirmed"]
    assert held.declared.rung == "refuse"
    assert told(position(STOOD, leak)) == []
    more = said(21, "consider", 4, UNNAMED)
    assert told(position(STOOD, leak, more, lone_reports=True)) == ["reported refuse to consider confirmed"]
    declared = position(STOOD, leak, said(21, "consider", 2), lone_reports=True)
    assert told(declared) == ["reported refuse to consider confirmed", "declared refuse to consider confirmed"]


def test_officials_who_say_otherwise_contest_a_report() -> None:
    leak = said(20, "consider", 5, UNNAMED)
    assert told(position(STOOD, leak, [claim(20.5, "consider", modality=Modality.DENIED)])) == [
        "reported refuse to consider contested"
    ]
    assert told(position(STOOD, leak[:1], [claim(20.5, "refuse")], lone_reports=True)) == [
        "reported refuse to consider contested"
    ]


def test_a_position_that_is_taken_back_within_days_was_retracted() -> None:
    held = position(STOOD, said(20, "consider"), said(22, "refuse", 8))
    assert told(held) == ["declared refuse to consider retracted", "declared consider to refuse confirmed back"]
    held = position(STOOD, said(20, "consider"), said(40, "refuse"))
    assert told(held) == ["declared refuse to consider confirmed", "declared consider to refuse confirmed"]


def test_a_retraction_is_told_as_a_correction_of_the_shift() -> None:
    tracker = PositionTracker(ladder(), TOPIC, ACTOR)
    tracker.add([*STOOD, *said(20, "consider")])
    (shift,) = tracker.announce(START + 21 * DAY)
    tracker.add(said(22, "refuse", 8))
    (news,) = tracker.announce(START + 23 * DAY)
    assert isinstance(news, Correction)
    assert (news.kind, news.corrects) == ("retracted", shift.id)
    assert news.shift is not None
    assert news.shift.to_rung == "refuse"


def test_a_shift_that_was_over_before_anybody_was_told_is_not_told() -> None:
    tracker = PositionTracker(ladder(), TOPIC, ACTOR)
    tracker.add([*STOOD, *said(20, "consider"), *said(22, "refuse", 8)])
    assert tracker.announce(START + 23 * DAY) == ()


def test_a_report_and_the_declaration_that_confirms_it_are_one_piece_of_news() -> None:
    tracker = PositionTracker(ladder(lone_reports=True), TOPIC, ACTOR)
    tracker.add([*STOOD, claim(20, "consider", UNNAMED)])
    (report,) = tracker.announce(START + 20.5 * DAY)
    tracker.add(said(21, "consider", 2))
    (shift,) = tracker.announce(START + 22 * DAY)
    assert isinstance(report, Shift)
    assert isinstance(shift, Shift)
    assert (report.track, report.status, shift.track) == ("reported", "unconfirmed", "declared")


def test_a_side_channel_is_reported_and_contested_while_the_ladder_stands() -> None:
    held = position(STOOD, said(20, "indirect", 5, UNNAMED), [claim(21, "indirect", modality=Modality.DENIED)])
    assert told(held) == ["reported denied to indirect contested"]
    assert held.shifts[0].side_channel == "indirect"
    (channel,) = held.side_channels
    assert (channel.declared, channel.reported, channel.contested) == ("denied", "indirect", True)
    assert held.declared.rung == held.reported.rung == "refuse"


def test_a_side_channel_that_is_declared_can_be_denied_again() -> None:
    denied = [claim(30 + n / 9, "indirect", modality=Modality.DENIED) for n in range(3)]
    held = position(said(10, "indirect"), denied)
    assert [(shift.track, shift.from_rung, shift.to_rung) for shift in held.shifts] == [
        ("declared", "denied", "indirect"),
        ("declared", "indirect", "denied"),
    ]


def test_the_weightiest_word_of_an_origin_counts_not_its_latest() -> None:
    first = [claim(20, "consider", origin="a", modality=Modality.SPECULATIVE), claim(20.1, "consider", origin="a")]
    held = position(STOOD, first, [claim(20.2, "consider", origin="b", modality=Modality.CONDITIONAL)])
    assert held.shifts[0].score == pytest.approx(1.8, abs=0.05)
    twice = [claim(20.3, "consider", origin="a", article="again", modality=Modality.SPECULATIVE)]
    assert position(STOOD, first, twice, first[:0]).shifts == ()


def test_the_standing_policy_is_what_articles_say_it_is() -> None:
    held = position([claim(0, "consider")], said(5, "refuse", 4, NARRATOR))
    assert held.standing is not None
    assert (held.standing.rung, held.declared.rung) == ("refuse", "consider")


def test_stances_of_others_are_kept_and_shift_nobody() -> None:
    asked = [claim(1, "request", actor="ukraine", article="a"), claim(3, "request", actor="ukraine", article="b")]
    held = positions_of(ladder(), TOPIC, asked)["ukraine"]
    (stance,) = held.stances
    assert (stance.stance, stance.origins, stance.first_at, stance.last_at) == (
        "request", 2, START + DAY, START + 3 * DAY,
    )  # fmt: skip
    assert stance.speakers == ("the minister",)
    assert (held.shifts, held.declared.rung) == ((), None)


def test_an_alert_shows_the_way_to_the_new_position() -> None:
    held = position(STOOD, said(20, "consider"), said(40, "deliver"))
    change = change_of(held.shifts[-1], held, ladder(), "South Korea")
    assert (change.from_rung, change.to_rung, change.rungs) == (1, 2, ("Refuse", "Consider", "Deliver"))
    assert [step.rung for step in change.steps] == [0, 1, 2]
    assert change.since == held.shifts[0].decided_at


def test_a_denial_that_asserts_another_rung_weighs_as_the_ladder_says() -> None:
    denials = [claim(20 + n / 9, "consider", modality=Modality.DENIED, weighed_as=Modality.ASSERTED) for n in range(2)]
    assert told(position(STOOD, denials)) == ["declared refuse to consider confirmed"]
