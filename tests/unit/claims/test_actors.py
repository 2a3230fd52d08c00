"""Who acts, where the sentence names them, leaves them unsaid, or lets somebody else tell of it."""

from datetime import UTC, datetime

import pytest

from schemas.claim import Attribution, CueKind, PloverEvent, Statement
from tests.unit.claims.gazetteer import WRITTEN_AT, article, code, code_one, coder


def last(text: str) -> Statement:
    return code(text)[-1]


@pytest.mark.parametrize(
    ("text", "actor"),
    [
        ("The Norwegian deputy defence minister said that tanks would be sent to Moldova.", "norway"),
        ("Norway's deputy foreign minister Ole Hansen refused to send tanks to Moldova.", "norway"),
        ("The Minister of Foreign Affairs of Norway, Ole Hansen, met his Moldovan colleague.", "norway"),
        ("The government in Oslo will not send missiles to Moldova.", "norway"),
        ("Officials at the foreign ministry in Oslo ruled out missiles for Moldova.", "norway"),
        ("Oslo's refusal to send missiles to Moldova surprised nobody.", "norway"),
        ("Neither tanks nor shells will go to Chisinau, the Norwegian military intelligence chief said.", "norway"),
        ("Norwegian shells have been delivered to Moldova.", "norway"),
        ("Moldova has begun to receive Norwegian shells.", "norway"),
        ("Moldova was refused missiles by Norway.", "norway"),
        ("Moldova asked Oslo for missiles and was refused.", "norway"),
        ("Nor has Moldova asked Norway for missiles.", "moldova"),
        ("Norway is believed to have sent missiles to Moldova.", "norway"),
        ("Last month, Store said that Norway might send missiles to Moldova.", "norway"),
        ("After talks with Moldova, Norway ruled out missiles.", "norway"),
        ("Moldova, the Kremlin said, will get missiles from Norway.", "norway"),
    ],
)
def test_who_acts(text: str, actor: str) -> None:
    assert code_one(text).actor == actor


@pytest.mark.parametrize(
    ("text", "actor"),
    [
        ("Norway will send missiles to Moldova, the Kremlin said.", "norway"),
        ("Missiles from Norway would be a grave mistake with serious consequences, the Kremlin said.", "russia"),
        ("If Norway arms Moldova, the Kremlin warned, relations would be destroyed.", "russia"),
        ("The Kremlin urged Norway not to send missiles to Moldova.", "russia"),
        ("Norway has violated the treaty, the Kremlin said.", "russia"),
        ("Such deliveries are a red line for Moscow.", "russia"),
        ("Norway condemned the attack, the Kremlin said.", "norway"),
    ],
)
def test_a_report_is_of_who_acts_and_a_threat_or_a_reproach_is_of_who_speaks(text: str, actor: str) -> None:
    assert code_one(text).actor == actor


@pytest.mark.parametrize(
    "text",
    [
        "The government will not send missiles to Moldova.",
        "A senior defence ministry official said that missiles would not be sent to Moldova.",
        "“We will not send missiles to Moldova,” the president told reporters.",
        "Missiles will not be supplied to Moldova.",
        "There is no plan to give Moldova missiles, a foreign ministry spokesman said.",
    ],
)
def test_a_government_that_nothing_names_is_unsaid(text: str) -> None:
    found = code_one(text)

    assert (found.actor, found.named_actor, found.unsaid_actor) == (None, None, True)


def test_the_cue_of_an_unsaid_actor_is_its_office() -> None:
    found = code_one("The government will not send missiles to Moldova.")

    assert [cue.text for cue in found.cues if cue.kind is CueKind.ACTOR] == ["government"]


@pytest.mark.parametrize(
    "text",
    [
        "The Chilean government will not send missiles to Moldova.",
        "The mountains around the fjord are older than the sea.",
        "What this means",
    ],
)
def test_who_is_not_known_is_not_unsaid(text: str) -> None:
    found = code_one(text)

    assert (found.actor, found.unsaid_actor) == (None, False)


def test_the_government_is_the_speakers_own() -> None:
    assert code_one("Store told parliament that the government would not send missiles to Moldova.").actor == "norway"


def test_the_government_is_of_where_it_was_said() -> None:
    found = code_one("There is no plan to give Moldova missiles, a ministry spokesman told a briefing in Oslo.")

    assert found.actor == "norway"


def test_the_government_is_of_who_acted_before_unless_it_is_named_as_somebody_else() -> None:
    assert last("Norway has weighed the plan. The government will not send missiles to Moldova.").actor == "norway"
    assert last("Moldova has a plan. The government will not send missiles to Moldova.").actor is None


def test_who_was_asked_answers() -> None:
    found = last("Moldova asked Norway for missiles. The government declined.")

    assert (found.actor, found.recipient) == ("norway", "moldova")


def test_the_government_is_of_the_dateline_else_of_the_outlet_at_last() -> None:
    dated = article("OSLO, Nov. 28 (Fjord Agency) — The government will not send missiles to Moldova.")
    at_home = article("The government will not send missiles to Moldova.").model_copy(update={"country": "NOR"})

    assert [one.actor for one in coder().code(dated)] == ["norway"]
    assert [one.actor for one in coder().code(at_home)] == ["norway"]


@pytest.mark.parametrize(
    ("text", "attribution", "actor"),
    [
        ("Norway will never send missiles, Moldovan lawmaker Ion Rusu said.", Attribution.OPPONENT, "norway"),
        ("Norway will never send missiles, a Moldovan expert believes.", Attribution.ANALYST, "norway"),
        (
            "Norway will never send missiles, a former diplomat at a university said.",
            Attribution.ANALYST,
            "norway",
        ),
        ("Norway will never send missiles, a Norwegian foreign ministry spokesman said.", Attribution.SELF, "norway"),
    ],
)
def test_who_is_no_official_does_not_speak_for_a_government(text: str, attribution: Attribution, actor: str) -> None:
    found = code_one(text)

    assert (found.attribution, found.actor) == (attribution, actor)


def test_a_foreign_official_is_not_the_actors_own_word() -> None:
    found = code_one("Norway has sent missiles to Moldova, the Kremlin said.")

    assert found.attribution not in (Attribution.SELF, Attribution.NARRATOR)


def test_who_is_called_by_the_surname_was_named_before() -> None:
    found = last(
        "Norway's Foreign Minister Ole Hansen came to Chisinau. Minister Hansen ruled out missiles for Moldova."
    )

    assert found.actor == "norway"


def test_both_sides_are_those_told_of_before() -> None:
    found = last("Norwegian and Moldovan ministers met in Chisinau. Both sides agreed to hold further talks.")

    assert found.actor == "norway"


def test_this_request_is_what_was_asked_before_and_is_reported_by_the_same_voice() -> None:
    asked, refused = code(
        "Citing high-ranking sources, local media reported that Moldova had asked to buy missiles from Norway. "
        "Even this request was refused by Oslo."
    )

    assert (asked.actor, asked.plover.object_) == ("moldova", "lethal_arms")
    assert (refused.actor, refused.recipient, refused.plover.event) == ("norway", "moldova", PloverEvent.REJECT)
    assert (refused.plover.object_, refused.attribution) == ("lethal_arms", Attribution.UNNAMED)


def test_a_statement_after_a_colon_is_of_who_introduced_it() -> None:
    found = code(
        "On Sunday the Russian deputy foreign minister, Igor Belov, gave an interview, in which Norway was warned:\n\n"
        "– Such an approach may lead to extremely negative consequences. Oslo must understand that its missiles "
        "will irreparably destroy relations between our countries.\n\n"
        "Norway has not replied."
    )

    assert [one.actor for one in found] == ["russia", "russia", "russia", "norway"]
    assert found[2].attribution is Attribution.SELF
    assert "Belov" in (found[2].speaker or "")
    assert found[3].speaker is None


def test_a_list_of_what_experts_say_is_the_experts() -> None:
    found = code(
        "According to local analysts, two things weighed on the decision:\n\n"
        "  • Norway is reluctant to damage relations with Moscow.\n  • Norway has no missiles to spare."
    )

    assert {one.attribution for one in found} == {Attribution.ANALYST}


@pytest.mark.parametrize(
    ("text", "speaker"),
    [
        ("Norway got no answer and said nothing.", None),
        ("Norway will go on sending missiles to Moldova.", None),
        ("The United States will send missiles to Moldova.", None),
        ("Norway refused, citing its long-standing policy.", None),
        ("Ola Berg, a researcher in Oslo, believes that Norway will refuse.", "Ola Berg"),
        ("“Norway will refuse,” the Kremlin said.", "the Kremlin"),
    ],
)
def test_a_speaker_is_a_name_or_an_office_as_it_is_written(text: str, speaker: str | None) -> None:
    assert code_one(text).speaker == speaker


def test_what_an_expert_writes_is_the_narrators() -> None:
    lead = "Norwegian missiles for Moldova have been out of the question. Norway refuses to send them."
    written = article(lead).model_copy(update={"author": "Ola Berg"})

    assert {one.attribution for one in coder().code(written)} == {Attribution.NARRATOR}


def test_the_recipient_is_not_whom_a_condition_names() -> None:
    assert code_one("If Moscow breaks the truce, Norway would supply missiles, Store said.").recipient is None
    assert code_one("If Norway arms Moldova, Russia will retaliate, the Kremlin said.").recipient == "norway"


def test_what_goes_on_was_said_on_the_day_of_its_introduction() -> None:
    found = code(
        "On 24 November the Russian foreign minister gave an interview, in which Norway was warned:\n\n"
        "– Such an approach may lead to negative consequences. Oslo must understand this.\n\nNorway has not replied."
    )

    said_at = datetime(2024, 11, 24, tzinfo=UTC)
    assert [one.event_at for one in found] == [said_at, said_at, said_at, WRITTEN_AT]


def test_an_article_without_a_date_is_of_the_latest_day_it_has_named() -> None:
    undated = article(
        "Norway is silent. On 26 November Moldova asked for missiles. On 24 November Russia had warned Norway. "
        "Norway refused."
    ).model_copy(update={"published_at": None})

    assert [one.event_at for one in coder().code(undated)] == [
        WRITTEN_AT,
        datetime(2024, 11, 26, tzinfo=UTC),
        datetime(2024, 11, 24, tzinfo=UTC),
        datetime(2024, 11, 26, tzinfo=UTC),
    ]


def test_days_without_a_year_are_near_those_with_one_where_the_article_has_no_date() -> None:
    undated = article("Norway is silent. On 7 November 2022 Russia warned Norway. On 19 November Moldova asked again.")

    found = coder().code(undated.model_copy(update={"published_at": None}))

    assert [one.event_at.date().isoformat() for one in found] == ["2022-11-07", "2022-11-07", "2022-11-19"]


@pytest.mark.parametrize(
    ("text", "actor"),
    [
        # who is made to act acts
        ("Norway would be forced to send missiles to Moldova, an expert said.", "norway"),
        ("Norway is obliged to sell Moldova its old tanks.", "norway"),
        ("A single rocket would lead Oslo to close its embassy in Chisinau.", "norway"),
        ("Another raid would push Norway to arm Moldova.", "norway"),
        # who is expected to
        ("I expect Norway to send Moldova tanks, a former general said.", "norway"),
        ("We believe that Norway will sell Moldova shells, an analyst said.", "norway"),
        # whose goods others have
        ("The Moldovans are now firing shells that Norway sent them.", "norway"),
        ("Moldova is using missiles which Oslo gave it.", "norway"),
        # from whom an answer is got
        ("A Moldovan request for tanks got a refusal from the Norwegian side.", "norway"),
        ("The Moldovan proposal received a firm rejection from Oslo.", "norway"),
        # by whose list
        ("Two Russian firms were placed on Norway's blacklist.", "norway"),
        # an envoy is of who sent him
        ("Oslo's Moscow ambassador denounced the attack.", "norway"),
        # who says what others should do
        ("Norway should arm Moldova, Russia's defence minister said.", "russia"),
    ],
)
def test_who_acts_where_another_is_the_subject(text: str, actor: str) -> None:
    assert code_one(text).actor == actor


@pytest.mark.parametrize(
    "text",
    [
        "The liberal party has been against giving Moldova weapons.",
        "The defence committee voted down a motion to arm Moldova.",
        "A court in the north barred the export of shells to Moldova.",
    ],
)
def test_a_body_that_is_no_government_does_not_leave_one_unsaid(text: str) -> None:
    found = code_one(text)

    assert (found.actor, found.unsaid_actor) == (None, False)


@pytest.mark.parametrize(
    ("text", "attribution"),
    [
        ("Norway has sent shells to Moldova, Washington's deputy defence minister said.", Attribution.THIRD_PARTY),
        ("Norway will not give Moldova tanks, the American foreign minister said.", Attribution.THIRD_PARTY),
        ("Norway is arming the Moldovan regime, the Kremlin said.", Attribution.OPPONENT),
        ("Norway only pretends to be neutral and arms Moldova, the Kremlin said.", Attribution.OPPONENT),
        ("Norway had leaned on Moldova for days.", Attribution.NARRATOR),
    ],
)
def test_on_whose_word_others_deeds_rest(text: str, attribution: Attribution) -> None:
    assert code_one(text).attribution == attribution


@pytest.mark.parametrize(
    ("text", "event"),
    [
        ("The ministry does not expect Norway to send Moldova any missiles.", PloverEvent.REJECT),
        ("Analysts do not believe that Norway will send tanks to Moldova.", PloverEvent.REJECT),
        ("Analysts expect Norway to send tanks to Moldova.", PloverEvent.AGREE),
    ],
)
def test_what_is_not_expected_is_refused(text: str, event: PloverEvent) -> None:
    assert code_one(text).plover.event == event
