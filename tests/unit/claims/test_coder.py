"""What the coder makes of plain sentences."""

from datetime import UTC, datetime

import pytest

from schemas.claim import Attribution, CueKind, Modality, PloverEvent
from schemas.match import Evidence, EvidenceField
from tests.unit.claims.gazetteer import WRITTEN_AT, article, code, code_one, coder


@pytest.mark.parametrize(
    ("text", "event", "actor", "recipient"),
    [
        ("Norway refused to supply missiles to Moldova.", PloverEvent.REJECT, "norway", "moldova"),
        ("Oslo will send tanks to Moldova, the defence ministry said.", PloverEvent.AGREE, "norway", "moldova"),
        ("Moscow threatened Norway with retaliation over the missiles.", PloverEvent.THREATEN, "russia", "norway"),
        ("Moldova asked Norway for air defence systems.", PloverEvent.REQUEST, "moldova", "norway"),
        ("The Kremlin accused Oslo of fuelling the war.", PloverEvent.ACCUSE, "russia", "norway"),
        ("Russia expelled two Norwegian diplomats.", PloverEvent.SANCTION, "russia", "norway"),
        ("Norwegian and Moldovan ministers met in Chisinau.", PloverEvent.CONSULT, "norway", "moldova"),
    ],
)
def test_who_does_what_to_whom(text: str, event: PloverEvent, actor: str, recipient: str) -> None:
    found = code_one(text)

    assert (found.plover.event, found.actor, found.recipient) == (event, actor, recipient)


def test_the_doer_of_a_passive_stands_after_by() -> None:
    assert code_one("Two Norwegian diplomats were expelled by Russia.").actor == "russia"


def test_people_stand_for_their_state() -> None:
    found = code_one("Store refused to send missiles to Moldova.")

    assert (found.actor, found.named_actor) == ("norway", "jonas_store")


def test_a_circumstance_is_not_the_news() -> None:
    found = code_one("If Russia attacks the port, Norway will send missiles to Moldova, Store said.")

    assert (found.actor, found.plover.event, found.modality) == ("norway", PloverEvent.AGREE, Modality.CONDITIONAL)


@pytest.mark.parametrize(
    ("text", "modality"),
    [
        ("Norway has sent missiles to Moldova.", Modality.ASSERTED),
        ("Norway denied that it had sent missiles to Moldova.", Modality.DENIED),
        ("Norway has not sold missiles to Moldova, Store said.", Modality.DENIED),
        ("Norway will send missiles to Moldova only if Russia attacks, Store said.", Modality.CONDITIONAL),
        ("Norway may send missiles to Moldova.", Modality.SPECULATIVE),
        ("Norway refused to send missiles to Moldova.", Modality.ASSERTED),
    ],
)
def test_how_real_it_is_meant_to_be(text: str, modality: Modality) -> None:
    assert code_one(text).modality is modality


@pytest.mark.parametrize(
    ("text", "attribution"),
    [
        ("Norway will not send missiles to Moldova, the Norwegian foreign ministry said.", Attribution.SELF),
        ("Norway will not send missiles to Moldova, a source familiar with the talks said.", Attribution.UNNAMED),
        ("Norway will not send missiles to Moldova, analysts believe.", Attribution.ANALYST),
        ("Norway will hardly send missiles to Moldova, Ola Berg said.", Attribution.ANALYST),
        ("Opposition lawmakers in Oslo condemned the plan to arm Moldova.", Attribution.OPPONENT),
        ("So far Norway has kept to its principle of not arming Moldova.", Attribution.NARRATOR),
    ],
)
def test_on_whose_word_it_rests(text: str, attribution: Attribution) -> None:
    assert code_one(text).attribution is attribution


def test_the_speaker_of_a_quotation_is_carried_over_its_sentences() -> None:
    found = code(
        'Prime Minister Jonas Store spoke to reporters in Oslo. "We will not send missiles to Moldova. '
        'We refuse to arm a country at war. We have told Washington so." Rain is expected.'
    )

    assert [one.attribution for one in found[1:4]] == [Attribution.SELF] * 3
    assert [one.actor for one in found[1:4]] == ["norway"] * 3


def test_the_speaker_named_at_the_end_of_a_quotation_spoke_all_of_it() -> None:
    found = code('"We refuse to arm Moldova. We will not send missiles there," Jonas Store said.')

    assert {one.actor for one in found} == {"norway"}
    assert {one.speaker for one in found} == {"Jonas Store"}


def test_a_pronoun_is_who_acted_before() -> None:
    found = code("Norway has received a letter from Moldova. It refused to send missiles.")

    assert (found[1].actor, found[1].plover.event) == ("norway", PloverEvent.REJECT)


def test_only_touched_sentences_are_coded_with_the_context_of_the_others() -> None:
    whole = article("Norway has received a letter from Moldova. It refused to send missiles. The weather was fine.")
    at = whole.text.index("missiles")
    touched = Evidence(field=EvidenceField.TEXT, start=at, end=at + 8, text="missiles")

    (found,) = coder().code(whole, [touched])

    assert found.evidence.text == "It refused to send missiles."
    assert found == coder().code(whole)[1]


def test_an_event_is_of_its_day_and_not_of_the_day_it_was_written() -> None:
    assert code_one("On 24 November Russia threatened Norway.").event_at == datetime(2024, 11, 24, tzinfo=UTC)
    assert code_one("Russia threatened Norway.").event_at == WRITTEN_AT
    assert code_one("Norway will meet Moldova on 3 December.").event_at == WRITTEN_AT
    assert code_one("Russia threatened Norway last month.").event_at == datetime(2024, 10, 29, tzinfo=UTC)


def test_cues_say_where_it_stands() -> None:
    found = code_one("Norway refused to supply missiles to Moldova.")

    assert {(cue.kind, cue.text) for cue in found.cues} >= {
        (CueKind.ACTOR, "Norway"),
        (CueKind.RECIPIENT, "Moldova"),
        (CueKind.EVENT, "refused"),
    }


def test_what_it_is_about() -> None:
    assert code_one("Norway refused to supply missiles to Moldova.").plover.object_ == "lethal_arms"
    assert code_one("Norway will send helmets and non-lethal aid to Moldova.").plover.object_ == "nonlethal_aid"


def test_a_sentence_that_tells_of_no_act_is_coded_as_none() -> None:
    assert code_one("The mountains around the fjord are older than the sea.").plover.event is PloverEvent.NONE


@pytest.mark.parametrize(
    ("text", "lang", "event"),
    [
        ("Норвегия отказалась поставлять оружие Молдавии, заявил представитель МИД.", "ru", PloverEvent.REJECT),
        ("Россия пригрозила Норвегии ответными мерами.", "ru", PloverEvent.THREATEN),
        ("Норвегія відмовилася передавати зброю Молдові, повідомив речник.", "uk", PloverEvent.REJECT),
        ("Молдова попросила зброю в Норвегії.", "uk", PloverEvent.REQUEST),
        ("노르웨이는 몰도바에 무기를 지원해 달라는 요청을 거부했다고 밝혔다.", "ko", PloverEvent.REJECT),
        ("러시아는 노르웨이에 보복을 경고했다.", "ko", PloverEvent.THREATEN),
    ],
)
def test_other_languages_have_their_own_cues(text: str, lang: str, event: PloverEvent) -> None:
    found = code_one(text, lang=lang)

    assert found.plover.event is event
    assert found.lang == lang
