"""Whom "the government" means on a ladder."""

import pytest

from schemas.claim import Cue, CueKind
from schemas.match import EvidenceField
from services.domain.positions.understood import understood
from tests.unit.positions.worlds import ladder, statement

OFFICE = Cue(kind=CueKind.ACTOR, field=EvidenceField.TEXT, start=0, end=5, text="Seoul", says="a government")


def test_the_only_actor_of_the_ladder_is_meant_with_a_little_less_confidence() -> None:
    said = statement(actor=None, unsaid_actor=True, cues=(OFFICE,), confidence=0.8)

    found = understood(said, ladder())

    assert found.actor == "south_korea"
    assert found.confidence == pytest.approx(0.72)
    assert [cue.says for cue in found.cues] == ["south_korea, understood"]


def test_an_actor_that_is_named_or_not_known_stays_as_it_is() -> None:
    for said in (statement(actor="poland"), statement(actor=None)):
        assert understood(said, ladder()) == said


def test_to_whom_it_is_done_does_not_do_it() -> None:
    said = statement(actor=None, unsaid_actor=True, recipient="south_korea")

    assert understood(said, ladder()).actor is None


@pytest.mark.parametrize(
    ("recipient", "others", "actor"),
    [("russia", (), "south_korea"), (None, ("russia",), "south_korea"), (None, (), None)],
)
def test_of_two_actors_who_is_named_is_not_meant(
    recipient: str | None, others: tuple[str, ...], actor: str | None
) -> None:
    both = ladder().model_copy(update={"actors": ("south_korea", "russia")})

    said = statement(actor=None, unsaid_actor=True, recipient=recipient, others=others)

    assert understood(said, both).actor == actor
