"""What a coded statement becomes on a ladder, and why it may not move a position."""

from datetime import timedelta

import pytest

from schemas.base import content_id
from schemas.claim import Attribution, Claim, Modality, Plover, PloverEvent, ReadAs, claim_id
from schemas.codec import decode, encode
from schemas.ladder import Condition, Ladder, MappingRule, Rung
from services.domain.positions.claims import claims_of, one_each
from services.domain.positions.ladder import place_of
from tests.unit.positions.worlds import DAY, START, TOPIC, article, ladder, statement

ORIGIN = content_id("origin", "one")


def readings(**chances: tuple[float, float]) -> tuple[ReadAs, ...]:
    """Return what a sentence may tell of, by the rung that it comes to."""
    return tuple(
        ReadAs(plover=Plover(event=PloverEvent.REJECT, mode=rung), chance=chance, by_words=by_words)
        for rung, (chance, by_words) in chances.items()
    )


def claims(**changed: object) -> tuple[Claim, ...]:
    given = article(**{key: changed.pop(key) for key in ("published_at", "first_seen_at") if key in changed})
    coded = statement(**{"mode": "refuse", **changed})  # type: ignore[arg-type]
    return claims_of(coded, given, watch_topic=TOPIC, ladder=ladder(), origin_id=ORIGIN, now=START + DAY)


def test_a_statement_on_the_ladder_is_one_claim_with_its_evidence() -> None:
    (found,) = claims(speaker="the minister")
    assert (found.rung, found.actor, found.speaker, found.eligible) == ("refuse", "south_korea", "the minister", True)
    assert found.evidence.text == "Seoul will send no weapons."
    assert found.id == claim_id(found.article_id, TOPIC, "south_korea", "refuse", found.evidence)
    assert (found.origin_id, found.seen_at) == (ORIGIN, START + DAY)


def test_claims_survive_the_codec() -> None:
    (found,) = claims()
    assert decode(Claim, encode(found)) == found
    assert b'"object":"lethal_arms"' in encode(found)


def test_a_statement_about_something_else_is_none() -> None:
    assert claims(mode="other") == ()
    assert claims(actor=None) == ()


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"attribution": Attribution.NARRATOR}, "by the article itself"),
        ({"readings": readings(refuse=(0.3, 0.5), nothing=(0.7, 0.5))}, "confidence 0.30, under 0.40"),
        ({"readings": readings(refuse=(0.8, 0.2), consider=(0.2, 0.3))}, "the words by themselves rather say consider"),
        ({"confidence": 0.1}, "confidence 0.10, under 0.40"),
    ],
)
def test_what_may_not_move_a_position_says_why(changed: dict[str, object], why: str) -> None:
    (found,) = claims(**changed)
    assert not found.eligible
    assert why in found.why_not


def test_events_that_come_to_the_same_count_together() -> None:
    twice = (*readings(refuse=(0.3, 0.3)), *readings(refuse=(0.4, 0.2), nothing=(0.3, 0.5)))
    (found,) = claims(readings=twice)
    assert found.eligible
    assert found.confidence == 0.7


def test_what_is_told_of_tomorrow_has_not_moved_anything_yet() -> None:
    (found,) = claims(event_at=START + 9 * DAY)
    assert found.event_at == START
    (found,) = claims(published_at=START + 400 * DAY, first_seen_at=START, event_at=START + 400 * DAY)
    assert found.event_at == START
    (found,) = claims(event_at=START - 20 * DAY)
    assert found.event_at == START - 20 * DAY


def test_of_a_sentence_that_was_coded_twice_the_surer_claim_is_kept() -> None:
    (doubtful,), (sure,) = claims(confidence=0.5), claims(confidence=0.8)
    assert one_each((doubtful, sure, doubtful)) == (sure,)


def test_the_first_rule_that_fits_decides_and_may_weigh_it_otherwise() -> None:
    rules = (
        MappingRule(rung="b", words=("not rule* out",), weigh_as=Modality.ASSERTED),
        MappingRule(rung="a", without_words=("maybe",)),
    )
    held = Ladder(actors=("south_korea",), rungs=(Rung(id="a", title="A"), Rung(id="b", title="B")), mapping=rules)

    def place(text: str) -> tuple[str, str] | None:
        found = place_of(statement(text, modality="denied"), held)
        return (found.id, found.weighed_as) if found else None

    assert place("It has NOT  ruled out arms.") == ("b", "asserted")
    assert place("It has ruled arms out.") == ("a", "denied")
    assert place("It is not rulers out there.") == ("b", "asserted")
    assert place("Whatnot rule out.") == ("a", "denied")
    assert place("Maybe.") is None


def test_a_condition_without_keys_fits_everything() -> None:
    assert Condition() == Condition(events=())
    (found,) = claims(recipient=None)
    assert found.recipient is None


def test_lateness_does_not_change_a_claims_id() -> None:
    (early,), (late,) = claims(), claims(first_seen_at=START + timedelta(days=3))
    assert early.id == late.id
