"""What a message says as text and as HTML: the same, whole, and harmless whatever it tells of."""

import re

import pytest
from hypothesis import given, settings
from jinja2 import ChoiceLoader, DictLoader, Environment

from alerts import render
from alerts.card import clean, one_line, render_card, safe_url, shorten, thread_subject
from alerts.channels.assemble import MAIL_DIGEST_ITEMS
from alerts.letter import WHOLE_ALERTS
from alerts.render import frame, render_html, render_subject, render_text
from schemas.alert import AlertKind
from schemas.base import content_id
from schemas.notification import DigestReason, Notification, NotificationKind
from schemas.watch import Severity
from tests.unit.alerts.examples import DECIDED_AT, NASTY, an_alert, article, excerpt, told
from tests.unit.alerts.letters import LINKS, MOST_BYTES, assert_harmless, outline, outlined
from tests.unit.alerts.messages import a_digest, a_shift, an_item, hostile_notifications, text_that_has_no_end

UNSAFE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


def test_text_shows_what_a_reader_needs() -> None:
    text = render_text(told())
    assert text.splitlines() == [
        "WARNING - Mention - South Korea: arms to Ukraine",
        "",
        "Seoul to review arms for Ukraine",
        "Example Wire · 27 Nov 2024 09:00 UTC",
        "",
        "> The office said it would *flexibly review* sending arms to *Ukraine*.",
        "",
        "https://example.org/news/1?a=1&b=2",
        "",
        "Matched by arms-review on “flexibly review”, “Ukraine”",
        "desk: east-asia",
        f"Alert {an_alert().id}",
        "",
        "-- ",
        "Sent by Redline to the receiver desk.",
    ]


def test_html_marks_the_evidence_and_links_the_article() -> None:
    page = outline(an_alert())
    assert page.marked == ["flexibly review", "Ukraine"]
    assert page.links == ["https://example.org/news/1?a=1&b=2"]


def test_alert_without_article_renders() -> None:
    alert = an_alert(article=None, excerpts=(), rule_ids=(), labels={})
    assert "Seoul to review" in render_text(told(alert))
    assert outline(alert).links == []
    assert render_card(alert).when == alert.decided_at


def test_article_title_is_shown_unless_it_is_the_alerts() -> None:
    shift = an_alert(title="South Korea: from none to considers", article=article(title="Headline"))
    assert "Headline" in render_text(told(shift))
    assert render_card(an_alert()).article_title is None


def test_marks_out_of_bounds_or_order_never_lose_text() -> None:
    text = "abcdef"
    odd = excerpt(text).model_copy(update={"marks": ((4, 99), (0, 2), (1, 3), (5, 5), (7, 9))})
    (quote,) = render_card(an_alert(excerpts=(odd,))).quotes
    assert "".join(segment.text for segment in quote.segments) == text
    assert [segment.text for segment in quote.segments if segment.marked] == ["ab", "c", "ef"]


def test_subject_names_severity_and_topic() -> None:
    assert render_subject(told()) == ("[WARNING] South Korea: arms to Ukraine: Seoul to review arms for Ukraine")


def test_safe_url_takes_only_what_a_reader_may_click() -> None:
    assert safe_url("https://example.org/a?b=c") == "https://example.org/a?b=c"
    assert safe_url("https://пример.example/путь") is not None
    for url in ("javascript:alert(1)", "data:text/html,x", "//example.org", "https://", "https://a b", "http://[", ""):
        assert safe_url(url) is None


def test_clean_keeps_scripts_that_need_joiners_and_marks() -> None:
    for text in ("می‌خواهم", "👩‍👩‍👧", "\u200fעברית\u200f", "무기 지원", "Україна"):
        assert clean(text) == text


def test_clean_makes_half_a_surrogate_pair_encodable() -> None:
    assert clean("a\ud800b") == "a\ufffdb"


def test_shorten_keeps_to_the_limit() -> None:
    assert shorten("abcdef", 6) == "abcdef"
    assert shorten("abcdef", 4) == "abc…"
    assert shorten("abcdef", 1) == "…"


def test_a_shift_shows_who_moved_the_way_there_and_how_far_its_story_has_come() -> None:
    shift = told(a_shift(), time_zone="Asia/Seoul")
    lines = render_text(shift, LINKS).splitlines()
    assert lines[3:6] == [
        "Example Wire · 27 Nov 2024 18:00 KST",
        "Story: 4 articles from 3 outlets · new: 40 tanks, 27 November",
        "",
    ]
    assert lines[6:9] == [
        "South Korea, declared position: from “considers” to “refuses”",
        "“considers” since 21 Nov 2024",
        "3 independent origins · confidence 82% · said by Kim Example",
    ]
    assert lines[10].startswith("supplies        |")
    assert lines[-4:] == [
        "See the positions over time: https://redline.example/topics/1.e.f",
        "Silence this story for 24 hours: https://redline.example/silence/1.c.d",
        "Sent by Redline to the receiver desk.",
        "Unsubscribe this address: https://redline.example/unsubscribe/1.a.b",
    ]


@pytest.mark.parametrize(
    "said", ["from “considers” to “refuses”", "40 tanks", "non-lethal only", "27 Nov 2024 18:00 KST"]
)
def test_html_says_what_the_text_says(said: str) -> None:
    shift = told(a_shift(), time_zone="Asia/Seoul")
    assert said in render_html(shift, LINKS)
    assert said in render_text(shift, LINKS)


def test_both_parts_hold_every_word_and_link_of_the_other() -> None:
    message = told(a_shift(), *[an_alert(id=content_id(str(n)), title=f"Other {n}") for n in range(9)], time_zone="UTC")
    for notification in (message, a_digest(*map(an_item, range(20)))):
        html, text = outlined(render_html(notification, LINKS)), render_text(notification, LINKS)
        assert {link for link in html.links if not link.startswith("#")} == set(re.findall(r"https://\S+", text))
        words = set(re.findall(r"[A-Za-z]{3,}", text)) - {
            *("https", "example", "org", "news", "redline", "silence", "topics")
        }
        assert words <= set(re.findall(r"[A-Za-z]{3,}", render_html(notification, LINKS)))


def test_an_update_says_which_it_is_and_how_far_the_story_has_come() -> None:
    update = told(kind=NotificationKind.UPDATE, revision=3, articles=5, outlets=4)
    assert render_text(update).startswith("Update 2: 1 new alert, 5 articles from 4 outlets so far\n\nWARNING")
    reminder = told(kind=NotificationKind.REMINDER, revision=2)
    assert render_text(reminder).startswith("Reminder: told before, and still going on; ")
    trial = told(kind=NotificationKind.TEST)
    assert render_text(trial).startswith("Test: nothing happened. Alerts for the receiver desk arrive here.")
    assert render_subject(trial) == "[TEST] Alerts for desk arrive here"


def test_of_many_alerts_the_most_urgent_are_whole_the_others_a_line_and_all_are_counted() -> None:
    alerts = [an_alert(id=content_id(str(n)), title=f"Title {n}", severity=Severity.INFO) for n in range(60)]
    alerts[50] = alerts[50].model_copy(update={"severity": Severity.CRITICAL})
    text = render_text(told(*alerts))
    assert text.startswith("60 alerts at once\n\nCRITICAL - ")
    assert text.count("flexibly review") == 2 * WHOLE_ALERTS  # the excerpt, and why it matched
    assert "and 15 more, which `redline alerts list` shows" in text
    for number in (50, 0, 3, 4, 43):
        assert f"Title {number}\n" in text


def test_the_subject_stays_the_same_within_a_thread() -> None:
    opening = thread_subject(an_alert())
    assert render_subject(told()) == opening
    later = an_alert(title="Minister denies", severity=Severity.CRITICAL)
    for kind in (NotificationKind.UPDATE, NotificationKind.REMINDER):
        assert render_subject(told(later, kind=kind, thread_subject=opening)) == f"Re: {opening}"
    endless = thread_subject(an_alert(title="x" * 500))
    assert render_subject(told(kind=NotificationKind.UPDATE, thread_subject=endless)) == f"Re: {endless}"


def test_a_digest_goes_by_topic_in_the_order_of_urgency() -> None:
    items = [
        an_item(1, severity=Severity.CRITICAL, articles=12, outlets=7),
        an_item(2, watch_topic="feeds", watch_topic_title="Feeds", kind=AlertKind.FEED_HEALTH, url=None, outlet=None),
        an_item(3, reason=DigestReason.OVER_BUDGET),
    ]
    digest = a_digest(*items, total=5, part=2, parts=2)
    assert render_subject(digest) == "[CRITICAL] Digest of 27 Nov 2024: 5 items (part 2 of 2)"
    assert render_text(digest).splitlines()[:19] == [
        "Digest of 27 Nov 2024: 5 items (part 2 of 2)",
        "26 Nov 2024 09:00 to 27 Nov 2024 09:00 UTC",
        "1 item here because the budget of the day was spent",
        "",
        "South Korea: arms to Ukraine",
        "----------------------------",
        "",
        "1. Headline 1",
        "   CRITICAL - Mention - Example Wire · 09:00 · 12 articles from 7 outlets",
        "   https://example.org/news/1",
        "",
        "2. Headline 3",
        "   WARNING - Mention - Example Wire · 09:00 · over the budget",
        "   https://example.org/news/3",
        "",
        "Feeds",
        "-----",
        "",
        "3. Headline 2",
    ]


def test_a_long_digest_begins_with_its_contents() -> None:
    items = [an_item(n, watch_topic=f"t{n % 2}", watch_topic_title=f"Topic {n % 2}") for n in range(100)]
    page = outlined(render_html(a_digest(*items)))
    assert [link for link in page.links if link.startswith("#")] == ["#section-1", "#section-51"]
    assert page.ids == ["section-1", "section-51"]
    assert "Contents\n  Topic 0 (50)\n  Topic 1 (50)\n" in render_text(a_digest(*items))
    assert "Contents" not in render_text(a_digest(*items[:4]))


def test_a_digest_of_as_many_items_as_a_mail_takes_is_not_cut_off() -> None:
    title = "한국 정부, 우크라이나에 대한 무기 지원 방침을 다시 검토한다고 밝혀 " * 3
    items = [an_item(n, title=title, url=f"https://example.org/{'a' * 150}/{n}") for n in range(MAIL_DIGEST_ITEMS)]
    assert len(render_html(a_digest(*items)).encode()) < MOST_BYTES


def test_an_unknown_zone_is_read_as_utc_and_one_without_letters_by_its_offset() -> None:
    for zone, said in (("Nowhere/Land", "09:00 UTC"), ("America", "09:00 UTC"), ("Asia/Tashkent", "14:00 UTC+05")):
        assert f"27 Nov 2024 {said}" in render_text(told(time_zone=zone))
    early = article(published_at=DECIDED_AT.replace(year=1, month=1, day=1, hour=0))
    assert "00:00 UTC" in render_text(told(an_alert(article=early), time_zone="America/New_York"))


def test_the_colours_of_accents_are_readable_on_white_and_on_black() -> None:
    pages = (render_html(told(an_alert(severity=one)), LINKS).split("<body")[1] for one in Severity)
    found = {colour for page in pages for colour in re.findall(r"(?<![-\w])color:(#[0-9a-f]{6})", page)}
    assert len(found) == 5
    for colour in found - {"#1d1d1b"}:  # the text itself, which stands on a background of its own
        luminance = _luminance(colour)
        assert 1.05 / (luminance + 0.05) >= 4.5
        assert (luminance + 0.05) / 0.05 >= 4.5


def _luminance(colour: str) -> float:
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return sum(share * part for share, part in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


PLANTED = (
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    '<a href="javascript:alert(1)">x</a>',
    '<a href="/logout">x</a><a href="//evil.example">x</a>',
    '<p style="background:url(https://evil.example/seen);position:fixed;background-color:red">x</p>',
    "<style>*{display:none}</style><iframe src=https://evil.example></iframe><svg onload=alert(1)>",
    '</td></tr></table></body></html><form action="https://evil.example"><input name=password>',
    "<!--[if mso]><script>alert(1)</script><![endif]--><base href=https://evil.example><meta http-equiv=refresh>",
)


@pytest.mark.parametrize("text", PLANTED)
@pytest.mark.parametrize("template", ["letter.html.j2", "digest.html.j2"])
def test_what_a_template_lets_through_is_caught(text: str, template: str, monkeypatch: pytest.MonkeyPatch) -> None:
    ours = render._templates()
    assert ours.loader
    source = ours.loader.get_source(ours, template)[0]
    careless = source.replace("{{ card.title }}", "{{ card.title | safe }}").replace(
        "{{ section.title }}</h2>", "{{ section.title | safe }}</h2>"
    )
    assert careless != source
    broken: Environment = ours.overlay(loader=ChoiceLoader([DictLoader({template: careless}), ours.loader]))
    monkeypatch.setattr(render, "_templates", lambda: broken)
    notification = a_digest(an_item(watch_topic_title=text)) if "digest" in template else told(an_alert(title=text))
    html = render_html(notification)
    assert_harmless(html)
    for word in ("alert(1)", "evil.example", "position:fixed", "javascript"):
        assert word not in html
    assert html.count("</body>") == 1


def test_the_frame_stays_as_it_is() -> None:
    head, _, tail = frame("<p>x</p>").partition("<p>x</p>")
    assert head.startswith("<!doctype html>\n<html>\n<head>")
    assert tail.endswith("</body>\n</html>\n")
    assert "http" not in head + tail


@given(hostile_notifications())
@settings(max_examples=25, deadline=None)
def test_hostile_message_stays_harmless_text(notification: Notification) -> None:
    text, page = render_text(notification, LINKS), render_html(notification, LINKS)
    subject = render_subject(notification)
    for rendered in (text, page, subject):
        assert not UNSAFE.search(rendered)
        rendered.encode()
    assert "\n" not in subject
    assert "\r" not in subject
    assert len(subject) <= 180
    assert_harmless(page)


def test_texts_that_have_no_end_are_cut_to_what_a_mail_holds() -> None:
    notification = text_that_has_no_end()
    html = render_html(notification, LINKS)
    assert_harmless(html)
    assert len(html.encode()) < MOST_BYTES
    assert len(render_text(notification, LINKS).encode()) < MOST_BYTES
    assert len(render_subject(notification)) <= 180


def test_the_evidence_is_shown_however_far_into_an_excerpt_it_stands() -> None:
    text = "word " * 2_000 + "the minister refuses" + " word" * 2_000
    page = outline(an_alert(excerpts=(excerpt(text, "the minister refuses"),)))
    assert page.marked == ["the minister refuses"]


def test_one_line_of_everything_nasty_is_one_line() -> None:
    for text in NASTY:
        assert len(one_line(text).splitlines()) <= 1
