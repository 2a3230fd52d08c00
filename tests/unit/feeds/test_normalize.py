"""Entries to drafts and articles: plain text, canonical addresses, identity."""

import pickle
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.base import content_id
from schemas.feed import Feed
from services.domain.feeds.articles import to_article
from services.domain.feeds.limits import MAX_TEXT_CHARS
from services.domain.feeds.material import revision_id
from services.domain.feeds.normalize import read_feed, to_draft
from services.domain.feeds.parser import Entry
from services.domain.feeds.plain_text import plain_text
from services.domain.feeds.urls import canonical_url

NOW = datetime(2024, 11, 27, 9, tzinfo=UTC)
FEED = Feed(id="one", url="https://example.org/feed", outlet="Example Times", lang="uk", country="UKR")


@pytest.mark.parametrize(
    ("markup", "text"),
    [
        ("<p>One</p><p>Two</p>", "One\nTwo"),
        ("<div><div>One<br><br/>Two</div></div>\n\n<ul><li>a<li>b</ul>", "One\nTwo\na\nb"),
        ("a &amp; b &lt;c&gt; &mdash; &#8220;d&#8221;", "a & b <c> — “d”"),
        ("<b>Se</b>oul <a href='x'>says</a>  no", "Seoul says no"),
        ("line\nbreaks are <i>spaces</i>", "line breaks are spaces"),
        ("no markup\nat all\n\nbut two paragraphs", "no markup at all\nbut two paragraphs"),
        ("<p>kept</p><script>var x = '<p>dropped</p>'</script><style>p {}</style>", "kept"),
        ("<svg><text>dropped</text></svg><noscript>dropped</noscript><p>kept", "kept"),
        ("<svg><svg>a</svg>b</svg>c", "c"),
        ("a<object><p>never closed, so read", "a\nnever closed, so read"),
        ("a<!-- <p>b --><iframe src='x'/>c", "ac"),
        ("<![CDATA[<p>a</p>]]>", "a"),
        ("&lt;p&gt;escaped &lt;b&gt;twice&lt;/b&gt;&lt;/p&gt;", "escaped twice"),
        ("the &lt;blink&gt; tag", "the <blink> tag"),
        ("<a title='a > b' href=\"x\">c</a>", "c"),
        ("3 < 4 and 5 > 4", "3 < 4 and 5 > 4"),
        ("<table><tr><td>a</td><td>b</td></tr></table>", "a b"),
        ("soft\u00adhyphen zero\u200bwidth no\u00a0break", "softhyphen zerowidth no break"),
        ("<!-- comment -->text", "text"),
        ("\u1112\u1161\u11ab", "한"),
        ("", ""),
    ],
)
def test_plain_text(markup: str, text: str) -> None:
    assert plain_text(markup) == text


@given(st.text() | st.text(alphabet="<>/&;#pbrscript ='\"\n!-[]", max_size=60))
def test_plain_text_of_anything_is_clean(markup: str) -> None:
    text = plain_text(markup)
    assert text == text.strip()
    assert "\n\n" not in text
    assert "  " not in text
    text.encode()


@pytest.mark.parametrize(
    ("address", "canonical"),
    [
        ("HTTPS://News.Example.ORG:443/A?utm_source=rss&b=2&a=1&fbclid=x#top", "https://news.example.org/A?b=2&a=1"),
        ("http://example.org:80", "http://example.org/"),
        ("http://example.org:8080/x?", "http://example.org:8080/x"),
        ("https://user:secret@example.org/x", "https://example.org/x"),
        (
            "https://example.org/x?q=a%20b&q=c+d&empty=&UTM_Medium=y&gclid=1",
            "https://example.org/x?q=a%20b&q=c+d&empty=",
        ),
        ("https://example.org/x?utmost=1&ref=2", "https://example.org/x?utmost=1&ref=2"),
        ("https://example.org/#!/news/12", "https://example.org/#!/news/12"),
        ("https://example.org/a b", "https://example.org/a%20b"),
        ("https://example.org./x", "https://example.org/x"),
        ("http://[2001:DB8::1]:80/x", "http://[2001:db8::1]/x"),
        ("https://www.google.com/url?rct=j&sa=t&url=https://example.org/x%3Fa%3D1&ct=ga", "https://example.org/x?a=1"),
        ("https://пример.укр/новини", "https://пример.укр/новини"),
        ("mailto:desk@example.org", None),
        ("/relative", None),
        ("https://", None),
        ("http://[bad", None),
        ("http://example.org:port/", None),
        (None, None),
    ],
)
def test_canonical_url(address: str | None, canonical: str | None) -> None:
    assert canonical_url(address) == canonical


@given(
    st.text() | st.from_regex(r"https?://[a-zA-Z.]{1,9}(:\d{1,4})?/\S{0,9}(\?[a-z_=&]{0,20})?(#\w*)?", fullmatch=True)
)
def test_canonical_twice_is_canonical_once(address: str) -> None:
    once = canonical_url(address)
    assert canonical_url(once) == once


def test_full_text_is_led_by_the_summary_only_where_it_says_more() -> None:
    def text_of(summary: str, content: str) -> str:
        draft = to_draft(Entry(id="a", summary=summary, content=content))
        return draft.text if draft else ""

    assert text_of("<p>The minister said no.</p>", "") == "The minister said no."
    assert text_of("", "<p>Whole.</p>") == "Whole."
    assert (
        text_of("The minister  said […]", "<p>The minister said no.</p><p>More.</p>") == "The minister said no.\nMore."
    )
    assert text_of("A lead of its own.", "<p>Whole.</p>") == "A lead of its own.\nWhole."


def test_an_entry_that_says_nothing_is_no_article() -> None:
    assert to_draft(Entry(id="a", summary="<p> </p>", link="javascript:void(0)")) is None
    assert to_article(Entry(), FEED, NOW) is None


def test_an_enormous_text_is_cut_at_a_word_and_says_so() -> None:
    draft = to_draft(Entry(id="a", title="t", content="слово " * 50_000))
    assert draft is not None
    assert draft.is_cut
    assert MAX_TEXT_CHARS - 6 <= len(draft.text) <= MAX_TEXT_CHARS
    assert draft.text.endswith("слово")


def test_identity_is_guid_then_address_then_content() -> None:
    def id_of(**facts: str) -> str:
        article = to_article(Entry(title="T", **facts), FEED, NOW)  # type: ignore[arg-type]
        assert article is not None
        return article.id

    assert id_of(id="g", link="https://a.example/1") == content_id("article", "one", "g")
    assert id_of(link="https://a.example/1?utm_source=x") == content_id("article", "https://a.example/1")
    assert id_of(summary="x") == id_of(summary="<p>x</p>") != id_of(summary="y")


def test_the_article_of_an_entry() -> None:
    entry = Entry("g", "https://a.example/1", "T", "<p>S</p>", "", "A. R.", NOW + timedelta(hours=1), NOW)
    article = to_article(entry, FEED, NOW)
    assert article is not None
    assert (article.title, article.text, article.author, article.url) == ("T", "S", "A. R.", "https://a.example/1")
    assert (article.lang, article.country, article.outlet, article.feed_id) == ("uk", "UKR", "Example Times", "one")
    assert article.published_at == article.first_seen_at == NOW


def test_the_language_is_what_is_stated_unless_the_letters_say_otherwise() -> None:
    def lang_of(title: str, stated: str | None, of_feed: str | None = None) -> str | None:
        draft = to_draft(Entry(id="a", title=title, lang=stated), of_feed)
        return draft.lang if draft else None

    assert lang_of("Seoul says no", "en-US") == lang_of("Seoul says no", None, "EN_gb") == "en"
    assert lang_of("Сеул відмовив Києву", "uk-UA", "en") == "uk"
    assert lang_of("Сеул відмовив Києву", "en-US") is None
    assert lang_of("Seoul says no", "ko") is None
    assert lang_of("Seoul says no", None) is None


def test_a_date_that_software_writes_for_none_is_none() -> None:
    for never in (datetime(1, 1, 1, tzinfo=UTC), datetime(1970, 1, 1, tzinfo=UTC)):
        draft = to_draft(Entry(id="a", title="T", published_at=never, updated_at=NOW))
        assert draft is not None
        assert draft.published_at == NOW


def test_what_a_draft_says_is_identified_where_it_is_read_and_travels_with_it() -> None:
    item = "<item><title>Talks end</title><description>They left.</description></item>"
    (draft,) = read_feed(f"<rss><channel>{item}</channel></rss>".encode()).drafts
    assert draft.revision_id == revision_id("Talks end", "They left.")
    moved = pickle.loads(pickle.dumps(draft))
    assert (moved, moved.revision_id) == (draft, draft.revision_id)
