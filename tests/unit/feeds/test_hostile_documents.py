"""Documents made to hurt: refused, or read within bounds; never any other fault than FeedParseError."""

import time
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.domain.feeds.feedparser_bounds import MAX_ATTRIBUTES, MAX_TAGS
from services.domain.feeds.normalize import read_feed
from services.domain.feeds.parser import FeedParseError, parse_feed
from services.domain.feeds.plain_text import plain_text
from tests.unit.feeds.test_parser import ATOM, BASE, RDF, RSS_091, RSS_2
from tests.volume import volume

CHARS = volume(15_000_000, 50_000_000)  # a body that is fetched has no more than the first

HEAD, END = "<rss version='2.0'><channel><title>t</title>", "</channel></rss>"
ITEM = "<item><title>x</title><link>https://e.org/1</link></item>"
# Not well-formed, so that feedparser reads it, and reads it twice.
DAMAGED = f"{HEAD}&nbsp;"


def seconds(document: str) -> float:
    started = time.process_time()
    with suppress(FeedParseError):
        read_feed(document.encode(), base_url=BASE)
    return time.process_time() - started


def test_entities_are_not_expanded() -> None:
    bomb = "".join(f'<!ENTITY e{n} "{f"&e{n - 1};" * 10}">\n' for n in range(1, 12))
    head = f'<?xml version="1.0"?>\n<!DOCTYPE rss [\n<!ENTITY e0 "ha">\n{bomb}]>\n'
    body = head + '<rss version="2.0"><channel><title>&e11;</title></channel></rss>'
    assert len(parse_feed(body.encode()).title) < 1000


NEWS = "<urlset xmlns:n='http://www.google.com/schemas/sitemap-news/0.9'><url><n:news>{}</n:news></url></urlset>"


@pytest.mark.parametrize(
    "document",
    [
        "<rss version='2.0'><channel><title>a&x;b</title></channel></rss>",
        NEWS.format("<n:title>a&x;b</n:title>"),
    ],
)
def test_external_entities_are_not_read(document: str) -> None:
    head = '<!DOCTYPE x [<!ENTITY x SYSTEM "file:///etc/passwd">]>'
    feed = parse_feed(f"{head}{document}".encode())
    assert "root" not in feed.title + "".join(entry.title for entry in feed.entries)


@pytest.mark.parametrize(
    "document",
    [
        HEAD + "<a>" * 100_000 + "</a>" * 100_000 + END,
        HEAD + "<item><description>" + "&lt;b&gt;" * 100_000 + "</description></item>" + END,
        "<urlset>" + "<url>" * 100_000,
        '{"version": "https://jsonfeed.org/version/1.1", "items": ' + "[" * 100_000,
        '{"version": "https://jsonfeed.org/version/1.1", "items": [' + "1" * 100_000 + "]}",
        DAMAGED + "<item " + " ".join(f"a{number}='x'" for number in range(20_000)) + ">" + END,
        DAMAGED + "<item><author>" + "a.a-" * 100_000 + "@b</author></item>" + END,
        DAMAGED + "<item><pubDate>" + "1:" * 100_000 + "</pubDate></item>" + END,
        DAMAGED + ITEM * 40_000 + END,
        HEAD + "<![CDATA[" * 100_000,
        HEAD + "<!--" * 100_000,
        "<html>" + "<link " * 20_000,
        "\0" * 1_000_000 + HEAD + ITEM + END,
        "<" * 1_000_000,
    ],
    ids=lambda document: f"{document[40:70]}",
)
def test_what_grows_without_end_takes_little_time(document: str) -> None:
    assert seconds(document) < 3


@pytest.mark.slow
@pytest.mark.parametrize(
    "document",
    [
        HEAD + "<a>" * (MAX_TAGS // 4),
        DAMAGED + "".join(f"<category>{number}</category>" for number in range(MAX_TAGS // 20)) + END,
        HEAD + "<item><title>" + "x" * CHARS + "</title></item>" + END,
        HEAD + "<item><description>" + "word " * (CHARS // 5) + "</description></item>" + END,
    ],
    ids=["deep and open", "categories", "title", "text"],
)
def test_large_documents_end_in_time(document: str) -> None:
    assert seconds(document) < volume(5, 15)


def test_50_mb_of_nothing_are_refused_quickly() -> None:
    with pytest.raises(FeedParseError, match="this is neither XML nor a feed"):
        parse_feed(b"x" * 50_000_000)


def test_the_refusal_says_what_was_too_much() -> None:
    with pytest.raises(FeedParseError, match="too large to read all the same"):
        parse_feed((DAMAGED + ITEM * MAX_TAGS).encode())
    with pytest.raises(FeedParseError, match=f"an element of over {MAX_ATTRIBUTES} attributes"):
        parse_feed((DAMAGED + "<a " + "b='' " * (MAX_ATTRIBUTES + 1) + "/>" + END).encode())


def test_so_many_items_are_read_if_they_are_well_formed() -> None:
    assert len(parse_feed((HEAD + ITEM * 12_000 + END).encode()).entries) == 12_000


@pytest.mark.parametrize(
    "part", ["<!--", "<a", '<a ="', "<a ='", "<object>", "<script>", "<style></style>", "&lt;/p&gt;", "<![CDATA[", "</"]
)
def test_markup_without_end_is_read_in_linear_time(part: str) -> None:
    started = time.process_time()
    plain_text(part * (300_000 // len(part)) + ">")
    assert time.process_time() - started < 2


DOCUMENTS = [RSS_2, ATOM, RDF, RSS_091]
TRAPS = [
    b"<![CDATA[", b"]]>", b"<!--", b"&#x0;", b"&#55296;", b"\x00", b"\xff\xfe", b"<item>", b"</channel>", b"<link>",
    b" xml:base='http://[' ", b"<link href='http://[bad'/>", b"<guid>http://[x</guid>", b"<author><name/></author>",
    b"<pubDate>99999-99-99T99:99:99+99:99</pubDate>", b"<updated>31 Feb 0000 25:61</updated>", b" type='base64' ",
    b"<content mode='base64'>!!</content>", b"<svg>", b"<source url='x'>", b"<category term=''/>", b"<textInput><name>",
    b"<georss:polygon>1 2 3</georss:polygon>", b"<psc:chapter start='xx'/>", b"<media:content url='http://[['/>",
    b"<newlocation>http://[</newlocation>", b"<gml:posList srsDimension='0'>1 2</gml:posList>",
    b"<skipHours><hour>\xc2\xb2",
]  # fmt: skip
mutilated = st.builds(
    lambda body, trap, start, end, other: body[:start] + trap + body[end : end + other],
    st.sampled_from(DOCUMENTS),
    st.sampled_from(TRAPS) | st.binary(max_size=20),
    st.integers(0, 1500),
    st.integers(0, 1500),
    st.integers(0, 2000),
)


@settings(max_examples=150)
@given(
    mutilated,
    st.none() | st.sampled_from(["text/xml", "text/html; charset=koi8-r", "x; charset=\x00"]),
    st.sampled_from([None, BASE, "http://[", "javascript:x", ""]),
)
def test_any_bytes_give_a_feed_or_a_reason(body: bytes, content_type: str | None, base_url: str | None) -> None:
    with suppress(FeedParseError):
        reading = read_feed(body, content_type=content_type, base_url=base_url)
        assert len(reading.drafts) <= len(reading.feed.entries)
