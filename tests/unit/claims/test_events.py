"""Phrases by which governments tell of their positions, in the plain style of agencies."""

import pytest

from schemas.claim import Modality, PloverEvent
from services.domain.claims.cues import cue_book
from services.domain.claims.decide import CombinedEvent, combined_event
from services.domain.claims.events import RuleEvent, rule_events
from services.domain.claims.reading import read
from tests.unit.claims.gazetteer import code_one

E, M = PloverEvent, Modality


def first(text: str, actor: str = "Norway", recipient: str = "Moldova") -> RuleEvent:
    return rule_events(read(text, cue_book("en"), actor, recipient))[0]


@pytest.mark.parametrize(
    ("text", "event", "modality"),
    [
        # weighed, or left open
        ("Norway is considering sending missiles to Moldova.", E.AGREE, M.SPECULATIVE),
        ("Norway is reviewing its ban on arms exports to Moldova, the foreign ministry said.", E.AGREE, M.ASSERTED),
        ("Norway may change its policy on arms supplies to Moldova, Store said.", E.AGREE, M.SPECULATIVE),
        ("Norway could adjust its position on arms for Moldova if Russia attacks, Store said.", E.AGREE, M.CONDITIONAL),
        (
            "Norway will act step by step on weapons for Moldova, depending on Russia, Store said.",
            E.AGREE,
            M.CONDITIONAL,
        ),
        ("Norway has not ruled out missiles for Moldova.", E.AGREE, None),
        ("Norway's policy on arms for Moldova is under review, the ministry said.", E.AGREE, None),
        # meant
        ("Norway to send missiles to Moldova", E.AGREE, M.ASSERTED),
        ("Oslo said a decision to send missiles to Moldova had been taken.", E.AGREE, M.ASSERTED),
        # refused
        ("Norway adheres to a policy of not supplying lethal weapons to Moldova.", E.REJECT, M.ASSERTED),
        ("Norway's position of not sending weapons to Moldova is unchanged, Store said.", E.REJECT, M.ASSERTED),
        ("Norway declined Moldova's request for missiles.", E.REJECT, M.ASSERTED),
        ("Norway has no intention of arming Moldova, Store said.", E.REJECT, M.ASSERTED),
        ("Norway will not send missiles to Moldova unless Russia attacks, Store said.", E.REJECT, M.CONDITIONAL),
        # done, and denied
        ("Norway has confined itself to helmets and medical supplies for Moldova.", E.AID, M.ASSERTED),
        ("Norway denied that it had sent missiles to Moldova.", E.AID, M.DENIED),
        ("Norway rejected reports that its missiles had been sent to Moldova.", E.AID, M.DENIED),
        ("Norway denied that it had agreed to send missiles to Moldova.", E.AGREE, M.DENIED),
        # hostile
        ("Norway called in the Russian ambassador over the drone.", E.SANCTION, M.ASSERTED),
        ("Russia said missiles for Moldova would destroy its relations with Norway.", E.THREATEN, None),
        ("Sending missiles to Moldova would cross a red line, Russia told Norway.", E.THREATEN, None),
        ("Norway would be making a mistake if it armed Moldova, the Kremlin warned.", E.THREATEN, None),
        ("Russia regrets Norway's unfriendly decision, the Kremlin said.", E.ACCUSE, M.ASSERTED),
        # words about words
        ("Norway declined to comment on missiles for Moldova.", E.NONE, None),
        ("Reporters asked whether Norway would arm Moldova and got no answer.", E.NONE, None),
    ],
)
def test_positions_in_plain_words(text: str, event: PloverEvent, modality: Modality | None) -> None:
    found = code_one(text)

    assert found.plover.event is event
    assert modality is None or found.modality is modality


def test_a_denial_leaves_the_event_to_what_is_denied() -> None:
    assert first("Norway denied that it had supplied missiles to Moldova.").event == "AID"
    assert first("Norway denied Moldova's request.").event != "AID"


def test_an_infinitive_is_meant_and_not_done() -> None:
    assert first("Norway supplied missiles to Moldova.").event == "AID"
    assert first("Norway to supply missiles to Moldova").event == "AGREE"
    assert first("Norway began to supply missiles to Moldova.").event == "AID"


def test_a_rule_not_to_is_a_refusal_but_not_weighing_is_none() -> None:
    assert first("Norway kept to its policy of not arming Moldova.").event == "REJECT"
    assert first("Norway is not weighing missiles for Moldova.").event != "REJECT"


def test_what_is_spoken_of_is_not_what_is_told() -> None:
    assert first("Supplying missiles would destroy trust, Norway said.", recipient="").event == "THREATEN"


def test_who_is_described_in_passing_does_nothing() -> None:
    assert first("Norway, backed by its partners, accused Moldova.").event == "ACCUSE"


def _combined(text: str, words: dict[str, float]) -> CombinedEvent:
    chances = {"AGREE": 0.3, "REJECT": 0.4, "AID": 0.3}
    return combined_event(chances, rule_events(read(text, cue_book("en"), "Norway", "Moldova")), words)


def test_cues_and_words_are_told_apart() -> None:
    found = _combined("Norway refused missiles to Moldova.", {"AGREE": 0.8, "REJECT": 0.1, "AID": 0.1})

    assert (found.event, found.is_ruled, found.is_read) == ("REJECT", True, False)
    assert found.probability == 0.4


def test_a_refusal_that_is_denied_is_known_as_such() -> None:
    even = dict.fromkeys(("AGREE", "REJECT", "AID"), 1 / 3)

    assert _combined("Norway did not refuse missiles to Moldova.", even).is_double_negation
    assert _combined("Norway did not rule out missiles for Moldova.", even).is_double_negation
    assert not _combined("Norway agreed to send missiles to Moldova.", even).is_double_negation


def test_the_readings_of_a_sentence_hold_its_event_and_are_ordered() -> None:
    found = code_one("Norway refused to supply missiles to Moldova.")

    assert found.plover in [one.plover for one in found.readings]
    assert list(found.readings) == sorted(found.readings, key=lambda one: -one.chance)


def test_words_that_see_a_refusal_count_for_its_opposite_where_it_is_denied() -> None:
    found = code_one("Norway did not rule out arming Moldova.")

    by_words = {one.plover.event: one.by_words for one in found.readings}
    assert by_words.get(PloverEvent.REJECT, 0.0) == 0.0
    assert by_words[PloverEvent.AGREE] > 0.3
