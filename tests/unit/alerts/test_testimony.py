"""The sentences that prove a shift, in every channel: verbatim, with whose word it is, and a link to it."""

import io
import json
from collections.abc import Callable
from typing import Any

import pytest

from alerts.alert_blocks import said_blocks
from alerts.blocks import render_slack
from alerts.card import MAX_SAID, render_card
from alerts.channels.console import print_card
from alerts.letter import EVIDENCE_CHARS, trimmed
from alerts.notes import render_note
from alerts.render import render_html, render_text
from schemas.alert import Alert, AlertKind
from schemas.claim import Attribution, Modality
from schemas.codec import encode
from tests.unit.alerts.examples import SENTENCE, a_testimony, an_alert, told

LEAK = "Seoul had told Kyiv no, two officials said."
OTHER = "https://post.example.org/2"


def a_proven_shift(**changes: Any) -> Alert:
    leaked = a_testimony(
        LEAK, speaker=None, attribution=Attribution.UNNAMED, modality=Modality.CONDITIONAL, outlet="Post", url=OTHER
    )
    return an_alert(
        **{"kind": AlertKind.SHIFT, "excerpts": (), "article": None, "testimony": (a_testimony(), leaked), **changes}
    )


def console(alert: Alert) -> str:
    page = io.StringIO()
    print_card(render_card(alert), page)
    return " ".join(page.getvalue().split())


FORMS: dict[str, Callable[[Alert], str]] = {
    "console": console,
    "text": lambda alert: " ".join(render_text(told(alert)).split()),
    "html": lambda alert: render_html(told(alert)),
    "slack": lambda alert: json.dumps(render_slack(told(alert)).payload(), ensure_ascii=False),
    "note": lambda alert: render_note(told(alert)),
    "webhook": lambda alert: encode(told(alert)).decode(),
}


@pytest.mark.parametrize("form", FORMS)
def test_every_channel_shows_each_sentence_verbatim(form: str) -> None:
    shown = FORMS[form](a_proven_shift())
    assert SENTENCE in shown
    assert LEAK in shown


@pytest.mark.parametrize("form", ["console", "text", "html", "slack", "note"])
def test_every_message_says_whose_word_it_is_how_it_is_meant_and_where_it_stands(form: str) -> None:
    shown = FORMS[form](a_proven_shift())
    for words in (
        "Kim Yong-hyun, on record",
        "Example Wire, 27 Nov 2024",
        "unnamed officials, conditional",
        "Post, 27",
    ):
        assert words in shown


@pytest.mark.parametrize("form", ["console", "text", "html", "slack"])
def test_each_sentence_has_its_link(form: str) -> None:
    assert OTHER in FORMS[form](a_proven_shift())


def test_a_link_that_nobody_should_follow_is_left_out() -> None:
    alert = a_proven_shift(testimony=(a_testimony(url="javascript:alert(1)"),))
    assert render_card(alert).testimony[0].url is None
    assert "javascript" not in render_html(told(alert))


def test_no_more_is_shown_than_a_reader_takes_in_and_a_mail_holds() -> None:
    many = an_alert(testimony=tuple(a_testimony(f"{number} " + "word " * 400) for number in range(20)))
    card = render_card(many)
    assert len(card.testimony) == MAX_SAID
    short = trimmed(card)
    assert sum(len(said.text) for said in short.testimony) <= EVIDENCE_CHARS
    assert all(said.text.endswith("…") for said in short.testimony)


def test_what_slack_has_no_room_for_is_counted() -> None:
    card = render_card(an_alert(testimony=tuple(a_testimony(f"{number} " + "word " * 400) for number in range(8))))
    *_, last = said_blocks(card, 2_000)
    assert last["elements"][0]["text"] == "6 more sentences"
    assert said_blocks(render_card(an_alert()), 2_000) == []
