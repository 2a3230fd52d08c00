"""Positions depend on the set of claims only; what is told of them, on nothing that arrives within the grace window."""

from collections.abc import Sequence
from datetime import datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.claim import Attribution, Claim, Modality
from schemas.shift import Correction, Position, PositionState, Shift
from services.domain.positions.folding import Folded
from services.domain.positions.shifts import position_of
from services.domain.positions.tracker import PositionTracker, positions_of
from tests.unit.positions.worlds import ACTOR, DAY, RUNGS, START, TOPIC, claim, ladder, said

LADDER = ladder(lone_reports=True)

WORDS = (Attribution.SELF, Attribution.SELF, Attribution.UNNAMED, Attribution.ANALYST, Attribution.NARRATOR)

hours = st.integers(0, 24 * 30)
claims_drawn = st.lists(
    st.builds(
        lambda at, rung, word, modality, origin, number: claim(
            at / 24, rung, word, modality=modality, origin=origin, article=f"a{number}"
        ),
        hours,
        st.sampled_from((*RUNGS, "indirect")),
        st.sampled_from(WORDS),
        st.sampled_from(Modality),
        st.sampled_from("abcdef"),
        st.integers(0, 10_000),
    ),
    max_size=40,
    unique_by=lambda drawn: drawn.id,
)


def tracker(claims: Sequence[Claim] = ()) -> PositionTracker:
    held = PositionTracker(LADDER, TOPIC, ACTOR)
    held.add(claims)
    return held


def from_nothing(claims: Sequence[Claim], until: datetime | None = None) -> Position:
    """Return the position as a plain fold over the sorted claims gives it."""
    folded = Folded.begin(LADDER)
    for each in sorted({each.id: each for each in claims}.values(), key=lambda each: (each.event_at, each.id)):
        if until is None or each.event_at <= until:
            folded.hear(each)
    return position_of(folded, TOPIC, ACTOR)


@settings(max_examples=25, deadline=None)
@given(claims_drawn, st.randoms(use_true_random=False), st.lists(hours, max_size=6))
def test_any_order_and_any_repeats_give_the_same_positions(
    claims: list[Claim], random: object, asked: list[int]
) -> None:
    shuffled = [*claims, *claims[::2]]
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    held = tracker()
    for number, each in enumerate(shuffled):
        held.add([each])
        if number < len(asked):  # whoever asks in between changes nothing
            until = START + timedelta(hours=asked[number])
            assert held.position(until) == from_nothing(shuffled[: number + 1], until)
            held.announce(until)
    assert held.position() == from_nothing(claims)
    assert positions_of(LADDER, TOPIC, shuffled).get(ACTOR, held.position()) == held.position()


@settings(max_examples=25, deadline=None)
@given(claims_drawn, st.randoms(use_true_random=False))
def test_claims_that_come_within_the_grace_window_are_told_alike(claims: list[Claim], random: object) -> None:
    def told(order: list[Claim]) -> list[tuple[int, str]]:
        held = tracker()
        news = []
        for day in range(32):
            now = START + day * DAY
            held.add(each for each in order if each.event_at <= now)
            news += [(day, item.id) for item in held.announce(now + LADDER.policy.grace)]
        return news

    shuffled = list(claims)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert told(shuffled) == told(claims)


@settings(max_examples=25, deadline=None)
@given(claims_drawn, st.integers(0, 40))
def test_a_withdrawn_claim_was_never_made(claims: list[Claim], count: int) -> None:
    held = tracker(claims)
    held.position()
    gone = [each.id for each in claims[:count]]
    assert held.withdraw([*gone, "0" * 32]) == tuple(gone)
    assert held.position() == from_nothing(claims[count:])


@settings(max_examples=25, deadline=None)
@given(claims_drawn, st.integers(0, 40))
def test_a_restored_tracker_goes_on_as_if_it_had_never_stopped(claims: list[Claim], count: int) -> None:
    now = START + 15 * DAY
    held = tracker(claims[:count])
    held.announce(now)
    restored = PositionTracker.restore(LADDER, PositionState.model_validate_json(held.state().model_dump_json()))
    for each in (held, restored):
        each.add(claims[count:])
    assert restored.announce(now + 20 * DAY) == held.announce(now + 20 * DAY)
    assert restored.position() == held.position()
    assert restored.state() == held.state()


@settings(max_examples=25, deadline=None)
@given(claims_drawn)
def test_every_shift_follows_from_the_one_before_and_rests_on_verbatim_claims(claims: list[Claim]) -> None:
    held = {each.id: each for each in claims}
    position = from_nothing(claims)
    assert len({shift.id for shift in position.shifts}) == len(position.shifts)
    for shift in position.shifts:
        assert shift.from_rung != shift.to_rung
        assert shift.first_evidence_at <= shift.decided_at
        assert all(held[each.id].evidence == each.evidence and each.eligible for each in shift.evidence)
    for stand in (position.declared, position.reported):
        assert [step.at for step in stand.steps] == sorted(step.at for step in stand.steps)
        assert stand.rung == (RUNGS[stand.steps[-1].rung] if stand.steps else None)


def test_a_very_late_claim_is_as_if_it_had_come_in_time() -> None:
    many = [claim(n / 4, RUNGS[n // 60 % 3], article=str(n)) for n in range(300)]
    late = [*said(20, "deliver"), claim(0.1, "deliver")]
    held = tracker(many)
    held.position()
    for each in late:
        held.add([each])
        held.position()
    for moment in (10, 30, 60):
        until = START + moment * DAY
        assert held.position(until) == from_nothing([*many, *late], until)
    assert held.position() == from_nothing([*many, *late])


def test_what_is_told_is_told_once() -> None:
    held = tracker([*said(0, "refuse"), *said(20, "consider")])
    now = START + 21 * DAY
    (shift,) = held.announce(now)
    assert isinstance(shift, Shift)
    assert (shift.from_rung, shift.to_rung, shift.origins) == ("refuse", "consider", 3)
    held.add(said(20, "consider"))
    assert held.announce(now + DAY) == ()


def test_nothing_is_told_before_the_grace_window_has_passed() -> None:
    held = tracker([*said(0, "refuse"), *said(20, "consider")])
    assert held.announce(START + 20 * DAY + timedelta(minutes=30)) == ()
    assert len(held.announce(START + 20 * DAY + timedelta(minutes=90))) == 1


def test_what_became_known_long_after_is_history() -> None:
    held = tracker([*said(0, "refuse"), *said(20, "consider")])
    assert held.announce(START + 60 * DAY) == ()
    assert len(held.position().shifts) == 1


def test_a_late_claim_that_changes_where_a_shift_came_from_corrects_it() -> None:
    held = tracker([*said(0, "refuse"), *said(20, "consider")])
    now = START + 21 * DAY
    (shift,) = held.announce(now)
    held.add(said(10, "deliver"))
    news = held.announce(now + timedelta(hours=1))
    corrections = [item for item in news if isinstance(item, Correction)]
    assert [(item.kind, item.corrects) for item in corrections] == [("changed", shift.id)]
    assert "from deliver, not from refuse" in corrections[0].reason


def test_a_late_claim_that_undoes_a_shift_withdraws_it() -> None:
    now = START + 21 * DAY
    first, second, third = said(20, "consider")
    held = tracker([*said(0, "refuse"), first, second])
    (shift,) = held.announce(now)
    # Said between the two: as much for the old position as for the new one.
    held.add(claim(20.0005, "refuse", article=str(n)) for n in range(6))
    (correction,) = held.announce(now + timedelta(hours=1))
    assert isinstance(correction, Correction)
    assert (correction.kind, correction.corrects, correction.shift) == ("withdrawn", shift.id, None)
    assert third.id not in {each.id for each in held.claims()}


def test_an_article_that_takes_its_claims_back_withdraws_the_shift() -> None:
    claims = said(20, "consider", 2)
    held = tracker([*said(0, "refuse"), *claims])
    (shift,) = held.announce(START + 21 * DAY)
    held.withdraw([claims[0].id])
    (correction,) = held.announce(START + 22 * DAY)
    assert isinstance(correction, Correction)
    assert correction.corrects == shift.id


def test_a_shift_that_was_decided_minutes_earlier_is_no_news() -> None:
    held = tracker([*said(0, "refuse"), *said(20, "consider")])
    (shift,) = held.announce(START + 21 * DAY)
    held.add([claim(19.99, "consider")])
    assert held.announce(START + 22 * DAY) == ()
    assert held.position().shifts[0].id != shift.id
    # Later corrections name the shift by the id it was told under.
    held.withdraw([each.id for each in held.claims() if each.rung == "consider"])
    (correction,) = held.announce(START + 23 * DAY)
    assert isinstance(correction, Correction)
    assert correction.corrects == shift.id


def test_a_claim_about_another_actor_is_refused() -> None:
    with pytest.raises(ValueError, match="desk/russia"):
        tracker([claim(0, "refuse", actor="russia")])
