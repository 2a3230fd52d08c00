"""The fast reader says what feedparser says, or leaves the document to it."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.domain.feeds.loose_xml import read_loose_xml
from services.domain.feeds.received import ParsedFeed
from services.domain.feeds.strict_xml import read_strict_xml
from tests.unit.feeds.stated import ARCHIVE, files
from tests.unit.feeds.test_parser import ATOM, BASE, RDF, RSS_2

NAMESPACES = (
    "xmlns:dc='http://purl.org/dc/elements/1.1/' xmlns:content='http://purl.org/rss/1.0/modules/content/'"
    " xmlns:atom='http://www.w3.org/2005/Atom' xmlns:x='http://unknown.example/'"
)


def rss(inside: str) -> str:
    return f"<rss version='2.0' {NAMESPACES}><channel><title>F</title>{inside}</channel></rss>"


def atom(inside: str) -> str:
    return f"<feed xmlns='http://www.w3.org/2005/Atom' xml:lang='uk_UA'><title>F</title>{inside}</feed>"


def without_warnings(feed: ParsedFeed) -> ParsedFeed:
    return replace(feed, warnings=())


def test_the_usual_documents_are_read_fast() -> None:
    for document in (RSS_2.decode(), rss("<item><title>x</title></item>"), atom("<entry><title>x</title></entry>")):
        assert read_strict_xml(document, BASE) is not None


@pytest.mark.parametrize(
    "document",
    [
        "<!DOCTYPE rss []>" + rss(""),
        rss("<item><title>x</title>"),
        rss("<title>again</title>"),
        rss("<item><title>x</title>&nbsp;</item>"),
        rss("<item><description><p>markup</p></description></item>"),
        rss("<item><body>x</body></item>"),
        rss("<item><x:wrap><title>inner</title></x:wrap></item>"),
        rss("<item><link>https://e.org/1</link><link>https://e.org/2</link></item>"),
        rss("<item xml:lang='en'/>"),
        rss("").replace("purl.org/dc/elements/1.1/", "elsewhere.example/dc"),
        atom("<entry><content type='xhtml'><div>x</div></content></entry>"),
        atom("<entry xml:base='https://e.org/'><link href='a'/></entry>"),
        ATOM.decode(),
        RDF.decode(),
        "<channel/>",
    ],
)
def test_the_unusual_is_left_to_feedparser(document: str) -> None:
    assert read_strict_xml(document, BASE) is None


texts = st.sampled_from([
    "", " ", "Plain", "AT&amp;T &amp;amp; Co", "&lt;b&gt;bold&lt;/b&gt;", "<![CDATA[<p>One</p><p>Two &mdash; x</p>]]>",
    "3 &lt; 4", "ÐšÐ¸ÑÐ²", "Seoul\x96Kyiv", "https://e.org/1?a=1&amp;b=2", "/path", "../x", "4711",
    "tag:e.org,2024:1", "a@e.org (Ann)",
    "Ann &lt;a@e.org&gt;", "Wed, 27 Nov 2024 18:00:00 KST", "2024-11-27T09:00:00Z", "two\n\nparagraphs", "<!-- c -->x",
])  # fmt: skip
rss_elements = st.sampled_from([
    "title", "description", "link", "guid", "pubDate", "author", "dc:creator", "dc:date", "category", "content:encoded",
    "dc:subject", "comments", "x:title", "enclosure", "source", "updated", "summary", "language",
])  # fmt: skip
atom_elements = st.sampled_from(["title", "summary", "content", "id", "published", "updated", "category", "rights"])
attributes = st.sampled_from(
    ["", "", "", " type='html'", " type='text'", " isPermaLink='false'", " term='t'", " xml:lang='ko'"]
)
links = st.sampled_from([
    "<link href='/a'/>", "<link rel='alternate' type='text/html' href='b'/>", "<link rel='self' href='c'/>",
    "<link rel='alternate' type='application/pdf' href='d'/>", "<atom:link rel='hub' href='/hub'/>", "<link/>",
    "<author><name>Ann</name></author>", "<author><name>Bo</name><email>b@e.org</email></author>", "<author/>",
])  # fmt: skip


def inside(elements: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    one = st.builds(lambda name, given, text: f"<{name}{given}>{text}</{name}>", elements, attributes, texts)
    return st.lists(one | links, max_size=6).map("".join)


@settings(max_examples=100)
@given(inside(rss_elements), st.lists(inside(rss_elements), max_size=3), st.none() | st.just(BASE))
def test_rss_is_read_alike(head: str, items: list[str], base_url: str | None) -> None:
    assert_alike(rss(head + "".join(f"<item>{item}</item>" for item in items)), base_url)


@settings(max_examples=100)
@given(inside(atom_elements), st.lists(inside(atom_elements), max_size=3))
def test_atom_is_read_alike(head: str, entries: list[str]) -> None:
    body = (head + "".join(f"<entry>{entry}</entry>" for entry in entries)).replace("atom:link", "link")
    assert_alike(atom(body), BASE)


def assert_alike(document: str, base_url: str | None) -> None:
    fast = read_strict_xml(document, base_url)
    if fast is not None:
        assert without_warnings(fast) == without_warnings(read_loose_xml(document, base_url))


@pytest.mark.slow
@pytest.mark.skipif(not ARCHIVE.exists(), reason="the test suites of other readers are not part of the project")
def test_the_documents_of_other_readers_are_read_alike() -> None:
    read = differences = 0
    for name, body in files().items():
        if name.endswith((".xml", ".rss", ".atom")):
            document = body.decode("utf-8", "replace")
            fast = read_strict_xml(document, BASE)
            if fast is not None:
                read += 1
                slow = read_loose_xml(document, BASE)
                differences += [entry.title for entry in fast.entries] != [entry.title for entry in slow.entries]
    assert read > 700
    assert differences <= 1  # a picture's title is not the item's
