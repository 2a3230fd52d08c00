"""Why an actor stands where it stands, in words."""

from schemas.claim import Attribution, Claim
from schemas.position import Track
from services.domain.positions.explain import Explanation, explain, why
from services.domain.positions.judging import Missing
from services.domain.positions.tracker import PositionTracker
from tests.unit.positions.worlds import ACTOR, DAY, START, TOPIC, claim, ladder, said


def explained(claims: list[Claim], day: float) -> Explanation:
    held = PositionTracker(ladder(), TOPIC, ACTOR)
    held.add(claims)
    at = START + day * DAY
    return explain(held.folded(at), [each for each in held.claims() if each.event_at <= at], at)


STOOD = said(0, "refuse")


def missing(explanation: Explanation, rung: str, track: Track = Track.DECLARED) -> tuple[Missing, ...]:
    (found,) = [each for each in explanation.tracks if each.track is track and each.side_channel is None]
    return next(case.missing for case in found.rungs if case.rung == rung)


def test_every_rung_says_what_it_lacks() -> None:
    found = explained([*STOOD, claim(20, "consider", Attribution.UNNAMED)], 20.5)
    assert missing(found, "consider") == (Missing.OWN_WORD, Missing.ORIGINS, Missing.SCORE)
    assert missing(found, "consider", Track.REPORTED) == (Missing.ORIGINS, Missing.SCORE)
    assert missing(found, "refuse") == ()
    lines = "\n".join(found.lines())
    assert "nothing on record from the actor's own officials" in lines
    assert "1 of 2 origins within 7 days" in lines


def test_what_is_said_beside_it_is_named_with_its_weight() -> None:
    both = [claim(20, "consider"), *said(20.1, "refuse", 3), claim(20.2, "consider")]
    found = explained([*STOOD, *both], 20.3)
    assert missing(found, "consider") == (Missing.MARGIN,) or Missing.ORIGINS in missing(found, "consider")
    (declared,) = [each for each in found.tracks if each.track is Track.DECLARED and each.side_channel is None]
    consider = next(case for case in declared.rungs if case.rung == "consider")
    assert consider.own_words >= 1
    assert consider.reasons


def test_where_it_stands_nothing_is_missing() -> None:
    found = explained([*STOOD, *said(20, "consider")], 21)
    declared = found.tracks[0]
    assert (declared.rung, declared.track) == ("consider", Track.DECLARED)
    assert next(case for case in declared.rungs if case.is_position).rung == "consider"


def test_claims_that_may_not_move_it_are_counted_by_reason() -> None:
    found = explained([*STOOD, *said(3, "consider", 4, Attribution.NARRATOR)], 5)
    assert found.left_out == (("background", 4),)
    assert "4 claims left out: background" in found.lines()


def test_before_anything_is_said_no_position_is_known() -> None:
    assert explained([], 0).lines()[0] == "declared: no position known"


def test_explaining_changes_nothing() -> None:
    held = PositionTracker(ladder(), TOPIC, ACTOR)
    held.add([*STOOD, *said(20, "consider")])
    before = held.position()
    explain(held.folded(), held.claims(), START + 400 * DAY)
    held.add([claim(21, "consider")])
    held.withdraw([claim(21, "consider").id])
    assert held.position() == before


def test_a_shift_says_what_decided_it() -> None:
    held = PositionTracker(ladder(), TOPIC, ACTOR)
    held.add([*STOOD, *said(20, "consider")])
    (shift,) = held.position().shifts
    assert why(shift, ladder()).startswith("Consider: 3 origins, 2 of them the actor's own word in the evidence shown")
