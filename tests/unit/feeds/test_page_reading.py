"""Articles' pages: what they say, in every encoding, and what is no page at all."""

import json
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.domain.feeds.page import Page, PageParseError
from services.domain.feeds.page_reading import read_page
from tests.unit.feeds.pages import PARAGRAPHS, TITLE, body, page

RUSSIAN = (
    "Совет гавани решил во вторник закрыть старый зерновой причал для судов с осадкой больше девяти метров.",
    "Инженеры ещё весной предупреждали, что сваи со стороны моря сдвигаются, сообщила начальник порта Анна Брандт.",
    "«Мы не будем ждать, пока этот вопрос решит за нас зимний шторм», — сказала она журналистам после голосования.",
)
KOREAN = (
    "항만 위원회는 화요일 흘수 9미터가 넘는 선박에 대해 낡은 곡물 부두를 폐쇄하기로 의결했다고 밝혔다.",
    "기술자들은 바다 쪽 말뚝이 움직이고 있다고 봄부터 경고해 왔다고 항만 책임자가 기자들에게 말했다.",
    "보수 공사가 끝날 때까지 곡물 수송은 북쪽 부두로 옮겨지며, 위원회는 내년 가을에 끝날 것으로 보고 있다.",
)


def read(html: str, **how: str) -> Page:
    return read_page(html.encode(), **how)


def structured(**facts: object) -> str:
    return f'<script type="application/ld+json">{json.dumps({"@type": "NewsArticle"} | facts)}</script>'


def test_the_article_is_read_and_nothing_around_it() -> None:
    found = read(page(), url="https://bay.example.org/harbour/1")
    assert found.text == "\n".join(PARAGRAPHS)
    assert (found.title, found.lang) == (TITLE, "en")


def test_text_is_plain_composed_and_without_what_cannot_be_seen() -> None:
    odd = (
        "The cafe\u0301 by the pier\u200b stays o\u00adpen, its owner\u00a0said\n  on <b>Tuesday</b> &amp; on Wednesday"
        " too, for all who asked."
    )
    assert read(page(body(odd, *PARAGRAPHS))).text.startswith(
        "The café by the pier stays open, its owner said on Tuesday & on Wednesday too, for all who asked.\nThe harbour"
    )


def test_lists_and_tables_become_lines_without_marks() -> None:
    rows = "<ul><li>Northern basin: eight metres of draught at low tide</li></ul>"
    rows += "<table><tr><td>Votes for</td><td>7</td></tr></table>"
    lines = read(page(body() + rows + body("The council meets again in a month, when the farmers will be heard."))).text
    assert "\nNorthern basin: eight metres of draught at low tide\n" in lines
    assert "\nVotes for 7\n" in lines


def test_a_body_cut_into_equal_parts_is_read_whole() -> None:
    parts = [PARAGRAPHS, [f"{line} That is what the second part says." for line in PARAGRAPHS]]
    cut = "".join(f'<div class="row"><div class="article-body">{body(*part)}</div><hr></div>' for part in parts)
    html = page().replace(body(), "").replace("</main>", f"</main><div class='chunks'>{cut}</div>")
    assert read(html).text == "\n".join([*parts[0], *parts[1]])


def test_what_is_shown_only_over_a_name_is_not_in_the_sentence() -> None:
    hidden = 'The mayor, Jo Li<span class="tooltip-box">More about Jo Li</span>, did not vote at all on Tuesday.'
    assert "The mayor, Jo Li, did not vote at all on Tuesday." in read(page(body(hidden, *PARAGRAPHS))).text


def test_the_text_in_structured_data_is_read_where_the_page_shows_little() -> None:
    html = page(
        body("The page shows only this much until its scripts have run, which they do not."),
        head=structured(articleBody="\n\n".join(PARAGRAPHS)),
    )
    assert read(html).text == "\n".join(PARAGRAPHS)


def test_facts_from_structured_data_come_first() -> None:
    said = structured(
        headline="Grain pier closed &amp; barred",
        author=[{"name": "Mira Holt"}, {"name": "By Jan Reus"}],
        datePublished="2024-11-27T10:30:00+01:00",
        inLanguage="en-GB",
    )
    html = page(
        head=said + '<meta name="author" content="Somebody Else"><link rel="canonical" href="/harbour/1?utm_source=x">'
    )
    found = read(html, url="https://bay.example.org/amp/1")
    assert found.title == "Grain pier closed & barred"
    assert found.author == "Mira Holt, Jan Reus"
    assert found.published_at == datetime(2024, 11, 27, 9, 30, tzinfo=UTC)
    assert found.canonical_url == "https://bay.example.org/harbour/1"


@pytest.mark.parametrize(
    ("head", "published_at"),
    [
        (
            '<meta property="article:published_time" content="2024-11-27T09:30:00Z">',
            datetime(2024, 11, 27, 9, 30, tzinfo=UTC),
        ),
        ('<meta itemprop="datePublished" content="2024-11-27">', datetime(2024, 11, 27, tzinfo=UTC)),
        ('<meta name="pubdate" content="Wed, 27 Nov 2024 09:30:00 +0900">', datetime(2024, 11, 27, 0, 30, tzinfo=UTC)),
        ('<meta name="date" content="0001-01-01T00:00:00Z">', None),
        ('<meta name="date" content="soon">', None),
        (structured(datePublished=20241127), None),
        ("", None),
    ],
)
def test_times_as_pages_state_them(head: str, published_at: datetime | None) -> None:
    assert read(page(head=head)).published_at == published_at


def test_a_time_element_counts_if_it_is_the_only_one() -> None:
    one, other = ('<time datetime="2024-11-27T09:30:00Z">', '<time datetime="2024-11-28T09:30:00Z">')
    assert read(page(one + body())).published_at == datetime(2024, 11, 27, 9, 30, tzinfo=UTC)
    assert read(page(one + body() + other)).published_at is None


def test_a_byline_with_more_than_a_name_is_none() -> None:
    assert read(page('<a rel="author">By Mira Holt</a>' + body())).author == "Mira Holt"
    assert read(page('<span itemprop="author">November 27, 2024 Print</span>' + body())).author is None
    assert read(page(head='<meta name="author" content="https://bay.example.org/holt">')).author is None


@pytest.mark.parametrize("structure", ["[1, 2", '{"@type": ["Thing", {"@type": 5}]}', "[" * 100_000, '"x"', ""])
def test_broken_structured_data_is_no_matter(structure: str) -> None:
    html = page(head=f'<script type="application/ld+json">{structure}</script>')
    assert read(html).text == "\n".join(PARAGRAPHS)


@pytest.mark.parametrize(
    ("paragraphs", "encoding", "head"),
    [
        (RUSSIAN, "windows-1251", '<meta charset="windows-1251">'),
        (RUSSIAN, "windows-1251", f'<style>{"x" * 3000}</style><meta content="text/html; charset=windows-1251">'),
        (RUSSIAN[:2], "koi8-r", '<meta charset="koi8-r">'),
        (RUSSIAN, "utf-8", '<meta charset="windows-1251">'),
        (RUSSIAN, "windows-1251", ""),
        (KOREAN, "euc-kr", '<meta charset="euc-kr">'),
        (KOREAN, "cp949", '<meta charset="ks_c_5601-1987">'),
        (KOREAN, "utf-8", ""),
        (KOREAN, "utf-16", ""),
    ],
)  # fmt: skip
def test_encodings(paragraphs: tuple[str, ...], encoding: str, head: str) -> None:
    html = page(body(*paragraphs), head=head, title=paragraphs[0][:30], lang="x")
    assert read_page(html.encode(encoding)).text == "\n".join(paragraphs)


def test_an_encoding_that_only_the_server_states() -> None:
    html = page(body(*RUSSIAN), title=RUSSIAN[0][:30])
    assert read_page(html.encode("cp1251"), content_type="text/html; charset=windows-1251").text == "\n".join(RUSSIAN)


@pytest.mark.parametrize(
    ("body", "content_type", "reason"),
    [
        (b"", None, "is empty"),
        (b" \n", "text/html", "is empty"),
        (b"%PDF-1.7 ...", "text/html", "is a PDF"),
        (b"\x89PNG\r\n\x1a\n", None, "is an image"),
        (b"<?xml version='1.0'?><rss version='2.0'/>", None, "is <rss>"),
        (b"<feed xmlns='http://www.w3.org/2005/Atom'/>", None, "is <feed>"),
        (b'{"a": "<b>"}', "application/json", "no HTML page, but application/json"),
        (b"just words", None, "no HTML page"),
        (b"<html><body></body></html>", None, "no text"),
        (b"<html>", None, "no text"),
    ],
)
def test_what_is_no_page_is_refused_with_the_reason(body: bytes, content_type: str | None, reason: str) -> None:
    with pytest.raises(PageParseError, match=reason):
        read_page(body, content_type=content_type)


def test_the_text_is_cut_at_a_whole_word() -> None:
    found = read_page(f"<html><body><article>{body('word ' * 40_000)}</article></body></html>".encode())
    assert len(found.text) <= 100_000
    assert found.text.endswith("word")


@settings(max_examples=25, deadline=None)
@given(st.binary(max_size=300), st.sampled_from([None, "text/html", "text/html; charset=nonsense"]))
def test_any_bytes_in_a_page_are_read_or_refused(noise: bytes, content_type: str | None) -> None:
    html = page().encode()
    for document in (noise, b"<html><body><p>" + noise, html[:400] + noise + html[400:]):
        try:
            found = read_page(document, content_type=content_type, url="https://bay.example.org/1")
        except PageParseError:
            continue
        assert found.text == found.text.strip()
        assert "\x00" not in found.text + found.title
