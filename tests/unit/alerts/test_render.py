import re
from email import message_from_bytes
from email.policy import default
from html.parser import HTMLParser

from hypothesis import given, settings

from alerts.card import clean, one_line, render_card, safe_url, shorten
from alerts.channels.email import compose
from alerts.render import render_html, render_subject, render_text
from schemas.alert import Alert
from tests.unit.alerts.examples import NASTY, an_alert, article, excerpt, hostile_alerts, told

UNSAFE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


class Outline(HTMLParser):
    """Collects tags, links and the text of a page."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: set[str] = set()
        self.links: list[str] = []
        self.marked: list[str] = []
        self._in_mark = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.links += [value or "" for name, value in attrs if name in {"href", "src"}]
        assert not [name for name, _ in attrs if name.startswith("on")]
        self._in_mark = tag == "mark"

    def handle_endtag(self, tag: str) -> None:
        self._in_mark = False

    def handle_data(self, data: str) -> None:
        if self._in_mark:
            self.marked.append(data)


def outline(alert: Alert) -> Outline:
    page = Outline()
    page.feed(render_html(told(alert)))
    return page


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
        "-- ",
        "Matched by: arms-review",
        "desk: east-asia",
        f"Alert {an_alert().id}",
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


@given(hostile_alerts())
@settings(max_examples=25, deadline=None)
def test_hostile_alert_stays_harmless_text(alert: Alert) -> None:
    text, page, subject = render_text(told(alert)), render_html(told(alert)), render_subject(told(alert))
    for rendered in (text, page, subject):
        assert not UNSAFE.search(rendered)
        rendered.encode()
    assert "\n" not in subject
    assert "\r" not in subject
    assert len(subject) <= 180
    shape = outline(alert)
    assert shape.tags <= {
        *("html", "head", "meta", "title", "body", "div", "p", "strong", "span", "h1", "blockquote", "mark", "a", "br")
    }
    assert all(link.startswith(("https://", "http://")) for link in shape.links)


@given(hostile_alerts())
@settings(max_examples=25, deadline=None)
def test_hostile_mail_parses_back_with_only_its_own_headers(alert: Alert) -> None:
    key = "0123456789abcdef0123456789abcdef"
    raw = compose(told(alert), "Redline <redline@example.org>", ("desk@example.org",), key).as_bytes()
    assert raw == compose(told(alert), "Redline <redline@example.org>", ("desk@example.org",), key).as_bytes()
    parsed = message_from_bytes(raw, policy=default)
    assert not parsed.defects
    assert sorted(name.lower() for name in parsed) == sorted(
        [
            *("from", "to", "subject", "date", "message-id", "references", "auto-submitted", "precedence"),
            *("x-auto-response-suppress", "list-id", "x-redline-alert-id", "x-redline-severity"),
            *("mime-version", "content-type"),
        ]
    )
    assert one_line(parsed["subject"]) == render_subject(told(alert))
    assert parsed["to"] == "desk@example.org"
    plain, html = parsed.iter_parts()
    assert plain.get_content().replace("\r\n", "\n") == render_text(told(alert))
    assert html.get_content().replace("\r\n", "\n") == render_html(told(alert))


def test_one_line_of_everything_nasty_is_one_line() -> None:
    for text in NASTY:
        assert len(one_line(text).splitlines()) <= 1
