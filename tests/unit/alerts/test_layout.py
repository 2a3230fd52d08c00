"""How mails are laid out: what is shown once, on which side lines begin, and what their links say."""

import re
from datetime import timedelta

from alerts.render import render_html, render_text
from schemas.match import EvidenceField
from schemas.story import Novelty
from tests.unit.alerts.examples import DECIDED_AT, SENTENCE, an_alert, article, excerpt, told
from tests.unit.alerts.letters import LINKS, outline, outlined
from tests.unit.alerts.messages import a_change, a_digest, a_shift, an_item


def test_a_headline_that_is_an_excerpt_too_is_shown_once_and_its_words_still_say_why() -> None:
    title = excerpt("Seoul to review arms for Ukraine", "review arms").model_copy(update={"field": EvidenceField.TITLE})
    both = told(an_alert(excerpts=(title, excerpt(SENTENCE, "Ukraine"))))
    assert render_text(both).count("Seoul to review arms for Ukraine") == 1
    assert outlined(render_html(both)).marked == ["Ukraine"]
    assert "Matched by arms-review on “review arms”, “Ukraine”" in render_text(both)
    assert outline(an_alert(excerpts=(title,))).marked == ["review arms"]
    other = title.model_copy(update={"text": "Seoul reviews its arms", "marks": ((0, 5),)})
    assert outline(an_alert(excerpts=(other, excerpt(SENTENCE, "Ukraine")))).marked == ["Seoul", "Ukraine"]


def test_parts_of_a_line_stay_in_their_order_whatever_their_direction() -> None:
    outlet = "وكالة المثال"
    arabic = an_alert(title="سيول: سنراجع", article=article(title="سيول: سنراجع", outlet=outlet))
    assert f"\u200e{outlet}\u200e · 27 Nov 2024 09:00 UTC" in render_text(told(arabic))
    html = render_html(told(arabic))
    assert '<h1 dir="rtl" class="text" style="margin:0 0 4px;font-size:20px;line-height:1.3;text-align:right">' in html
    assert '<blockquote dir="ltr"' in html
    moved = told(a_shift(position=a_change(actor_name="كوريا", rungs=("يرفض", "b", "c", "يدرس", "e"))))
    said = "\u200eكوريا\u200e, declared position: from “\u200eيدرس\u200e” to “\u200eيرفض\u200e”"
    assert said in render_text(moved)
    assert "\u200e" not in render_text(told(a_shift()))


def test_an_arabic_excerpt_has_its_bar_on_the_right() -> None:
    html = render_html(told(an_alert(excerpts=(excerpt("قال مسؤول", "مسؤول"),))))
    (quoted,) = re.findall("<blockquote[^>]*>", html)
    assert 'dir="rtl"' in quoted
    assert "border-right:3px" in quoted
    assert "border-left" not in quoted


def test_the_link_says_what_it_silences_and_a_first_report_is_one() -> None:
    assert "Silence these alerts for 24 hours: " in render_text(told(), LINKS)
    assert "Silence this story for 24 hours: " in render_text(told(a_shift()), LINKS)
    assert "Silence the story of the first alert for 24 hours" in render_html(told(a_shift(), an_alert()), LINKS)
    story = a_shift().story
    assert story
    first = story.model_copy(update={"novelty": Novelty.FIRST, "articles": 1, "outlets": 1, "new_facts": ()})
    assert "Story: first report\n" in render_text(told(a_shift(story=first)))


def test_a_long_word_breaks_and_a_table_keeps_to_its_width() -> None:
    sheet = render_html(told()).split("<body")[1]
    assert "overflow-wrap:anywhere;word-break:break-word" in sheet
    assert sheet.count("table-layout:fixed") == 2


def test_items_of_a_digest_say_no_more_of_their_time_than_its_head_does_not() -> None:
    summer = DECIDED_AT.replace(month=10, day=26)  # before the clocks go back
    items = (an_item(1), an_item(2, at=DECIDED_AT - timedelta(days=1)), an_item(3, at=summer))
    text = render_text(a_digest(*items, since=summer).model_copy(update={"time_zone": "Europe/Kyiv"}))
    assert "Example Wire · 11:00\n" in text
    assert "Example Wire · 26 Nov 2024 11:00\n" in text
    assert "Example Wire · 26 Oct 2024 12:00 EEST\n" in text
