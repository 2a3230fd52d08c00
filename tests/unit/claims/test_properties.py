"""What holds of every text: spans are verbatim, the same text is coded alike, and nothing hostile takes long."""

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.claim import Modality, PloverEvent
from schemas.match import EvidenceField
from services.domain.claims.cues import LANGUAGES, cue_book
from services.domain.claims.words import words_of
from tests.unit.claims.gazetteer import article, code_one, coder

_PIECES = st.sampled_from(
    [
        *("Norway", "refused", "to send", "missiles", "to Moldova", ",", ". ", "the ministry said", "“", "”", '"'),
        *("if", "not", "Moscow", "warned", "\n\n", "on 31 November", "—", "Oslo’s", "may", "Россия", "заявила"),
        *("한국은", "\x00", "🚀", "é"),
    ]
)
_TEXTS = st.one_of(st.lists(_PIECES, max_size=30).map(" ".join), st.text(max_size=200))


@settings(max_examples=60, deadline=None)
@given(title=_TEXTS, text=_TEXTS)
def test_spans_are_verbatim_and_coding_is_deterministic(title: str, text: str) -> None:
    whole = article(text.encode("utf-8", "ignore").decode(), title=title.encode("utf-8", "ignore").decode())
    fields = {EvidenceField.TITLE: whole.title, EvidenceField.TEXT: whole.text}

    found = coder().code(whole)

    for one in found:
        assert fields[one.evidence.field][one.evidence.start : one.evidence.end] == one.evidence.text
        for cue in one.cues:
            assert fields[cue.field][cue.start : cue.end] == cue.text
            assert one.evidence.start <= cue.start < cue.end <= one.evidence.end
    assert coder().code(whole) == found


@pytest.mark.parametrize(
    "text",
    [
        "Norway said " * 8_500,
        "a" * 100_000,
        "\x00" * 100_000,
        "“" * 100_000,
        "Norway refused. " * 2_000,
        "if " * 33_000,
    ],
    ids=["no end", "one word", "nuls", "quotes", "many sentences", "clauses"],
)
def test_hostile_text_takes_no_longer_than_its_length(text: str) -> None:
    started = time.process_time()

    coder().code(article(text))

    assert time.process_time() - started < 10


@pytest.mark.parametrize(
    ("plain", "negated"),
    [
        ("Norway will send missiles to Moldova.", "Norway will not send missiles to Moldova."),
        ("Oslo would supply tanks to Moldova.", "Oslo would not supply tanks to Moldova."),
        ("Norway can deliver shells to Moldova.", "Norway cannot deliver shells to Moldova."),
        ("Norway will allow American flights.", "Norway won’t allow American flights."),
    ],
)
def test_a_negated_will_refuses(plain: str, negated: str) -> None:
    assert code_one(plain).plover.event is not PloverEvent.REJECT
    assert code_one(negated).plover.event is PloverEvent.REJECT


def test_a_negated_deed_is_denied() -> None:
    assert code_one("Norway has delivered missiles to Moldova.").modality is Modality.ASSERTED
    assert code_one("Norway has not delivered missiles to Moldova.").modality is Modality.DENIED


def test_not_ruling_out_is_no_refusal() -> None:
    assert code_one("Norway ruled out sending missiles to Moldova.").plover.event is PloverEvent.REJECT
    assert code_one("Norway does not rule out sending missiles to Moldova.").plover.event is not PloverEvent.REJECT


@pytest.mark.parametrize("lang", LANGUAGES)
def test_every_language_has_cues_of_every_family(lang: str) -> None:
    book = cue_book(lang)

    assert {"event", "modality", "attribution", "object", "negators", "says", "according"} <= book.families


def test_a_longer_cue_wins_over_a_shorter_one_that_begins_with_it() -> None:
    words = words_of("They turned the request down flat.")

    found = [cue for cue in cue_book("en").find(words) if cue.sense.family == "event"]

    assert all(cue.sense.label == "REQUEST" for cue in found if cue.at == 3)
