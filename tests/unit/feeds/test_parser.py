"""Feed documents of every kind, and what is not one."""

import pickle
from contextlib import suppress
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.domain.feeds.hints import UpdateHints
from services.domain.feeds.parser import Entry, FeedParseError, ParsedFeed, parse_feed

BASE = "https://news.example.org/feeds/all.xml"

RSS_2 = b"""<?xml version="1.0" encoding="utf-8"?>
<rss version="2.0" xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:content="http://purl.org/rss/1.0/modules/content/"
     xmlns:sy="http://purl.org/rss/1.0/modules/syndication/">
 <channel>
  <title>Example Times &amp; Mail</title><link>/</link><description>All the &lt;b&gt;news&lt;/b&gt;</description>
  <language>en-gb</language><ttl>30</ttl>
  <sy:updatePeriod>daily</sy:updatePeriod><sy:updateFrequency>4</sy:updateFrequency>
  <skipHours><hour>0</hour><hour>24</hour><hour>5</hour><hour>77</hour></skipHours>
  <skipDays><day>Saturday</day><day>Sunday</day><day>Someday</day></skipDays>
  <item>
   <guid>item-7</guid><link>../2024/aid.html?a=1&amp;b=2</link>
   <title>Seoul &amp;amp; Kyiv: &lt;i&gt;no&lt;/i&gt; arms, 3 &lt; 4</title>
   <description>&lt;p&gt;Short&lt;/p&gt;</description>
   <content:encoded><![CDATA[<p>Long &mdash; text</p>]]></content:encoded>
   <dc:creator>A. Reporter</dc:creator><category>Defence</category><category>Defence</category>
   <pubDate>Wed, 27 Nov 2024 18:00:00 +0900</pubDate>
  </item>
  <item><title>No date, no guid</title><link>https://other.example/x</link></item>
 </channel>
</rss>"""

ATOM = """<feed xmlns="http://www.w3.org/2005/Atom" xml:lang="ko" xml:base="https://atom.example/base/">
 <title type="text">한겨레 &lt;예&gt;</title><link href="/home"/><link rel="self" href="feed"/>
 <entry>
  <id>tag:atom.example,2024:1</id><title type="text">Rate &lt;b&gt; stays at 3 &lt; 4</title>
  <link rel="alternate" href="1.html"/><author><name>김기자</name></author>
  <published>2024-11-27T18:00:00+09:00</published><updated>2024-11-27T10:30:00Z</updated>
  <summary type="text">5 &lt; 6

Second &amp; last</summary>
  <content type="xhtml"><div xmlns="http://www.w3.org/1999/xhtml"><p>본문 <b>굵게</b></p></div></content>
 </entry>
 <entry><id>tag:atom.example,2024:2</id><title type="html">A &amp;amp; B</title>
  <updated>2024-11-26T00:00:00Z</updated></entry>
</feed>""".encode()

RDF = b"""<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns="http://purl.org/rss/1.0/"
 xmlns:dc="http://purl.org/dc/elements/1.1/">
 <channel rdf:about="https://rdf.example/"><title>RDF</title><link>https://rdf.example/</link></channel>
 <item rdf:about="https://rdf.example/1"><title>One</title><link>https://rdf.example/1</link><dc:date>2024-11-27T09:00:00Z</dc:date></item>
</rdf:RDF>"""

RSS_091 = b"""<?xml version="1.0"?>
<!DOCTYPE rss PUBLIC "-//Netscape Communications//DTD RSS 0.91//EN" "http://my.netscape.com/publish/formats/rss-0.91.dtd">
<rss version="0.91"><channel><title>Old</title><item><title>One</title><link>http://old.example/1</link></item></channel></rss>"""


def parse(body: bytes, content_type: str | None = None) -> ParsedFeed:
    return parse_feed(body, content_type=content_type, base_url=BASE)


def item(inside: str) -> Entry:
    return parse(f"<rss version='2.0'><channel><item>{inside}</item></channel></rss>".encode()).entries[0]


def fault(body: bytes) -> str:
    with pytest.raises(FeedParseError) as error:
        parse(body)
    return str(error.value)


def test_rss_2() -> None:
    feed = parse(RSS_2, "application/rss+xml")
    assert (feed.title, feed.link, feed.description) == (
        "Example Times & Mail",
        "https://news.example.org/",
        "All the news",
    )
    assert (feed.feed_type, feed.language, feed.warnings) == ("rss20", "en-gb", ())
    first, second = feed.entries
    assert (first.id, first.link) == ("item-7", "https://news.example.org/2024/aid.html?a=1&b=2")
    assert first.title == "Seoul & Kyiv: no arms, 3 < 4"
    assert (first.author, first.categories) == ("A. Reporter", ("Defence",))
    assert first.published_at == datetime(2024, 11, 27, 9, tzinfo=UTC)
    assert "Short" in first.summary
    assert "Long" in first.content
    assert (second.id, second.published_at, second.updated_at) == (None, None, None)


def test_what_a_feed_says_of_its_schedule() -> None:
    expected = UpdateHints(
        ttl=timedelta(minutes=30),
        update_period=timedelta(hours=6),
        skip_hours=frozenset({0, 5}),
        skip_days=frozenset({5, 6}),
    )
    assert parse(RSS_2).hints == expected


def test_atom_says_what_is_markup() -> None:
    feed = parse(ATOM)
    assert (feed.title, feed.link, feed.feed_type, feed.language) == (
        "한겨레 <예>",
        "https://atom.example/home",
        "atom10",
        "ko",
    )
    first, second = feed.entries
    assert (first.id, first.link, first.author) == (
        "tag:atom.example,2024:1",
        "https://atom.example/base/1.html",
        "김기자",
    )
    assert first.title == "Rate <b> stays at 3 < 4"
    assert first.summary == "5 &lt; 6<p>Second &amp; last"
    assert "본문" in first.content
    assert first.published_at == datetime(2024, 11, 27, 9, tzinfo=UTC)
    assert first.updated_at == datetime(2024, 11, 27, 10, 30, tzinfo=UTC)
    assert (second.title, second.published_at, second.updated_at) == ("A & B", None, datetime(2024, 11, 26, tzinfo=UTC))


def test_rdf_and_rss_091() -> None:
    (one,) = parse(RDF).entries
    assert (one.id, one.updated_at) == ("https://rdf.example/1", datetime(2024, 11, 27, 9, tzinfo=UTC))
    old = parse(RSS_091)
    assert (old.title, old.entries[0].link) == ("Old", "http://old.example/1")


def test_an_item_without_a_link_has_none() -> None:
    assert item("<title>x</title>").link is None
    assert item("<title>x</title><link> </link>").link is None
    assert item("<title>x</title><guid>https://a.example/1</guid>").link == "https://a.example/1"
    assert item("<title>x</title><guid>/1</guid>").link == "https://news.example.org/1"


def test_a_guid_stays_as_it_is_wherever_the_feed_moves() -> None:
    body = b"<rss version='2.0'><channel><item><guid>4711</guid><title>x</title></item></channel></rss>"
    ids = {parse_feed(body, base_url=base).entries[0].id for base in (None, BASE, "https://moved.example/rss")}
    assert ids == {"4711"}


@pytest.mark.parametrize(
    ("encoding", "text"),
    [
        ("euc-kr", "우크라이나에 무기를 지원하지 않는다"),
        ("koi8-r", "Россия заявила о готовности к переговорам"),
        ("windows-1251", "Україна отримає допомогу від Сеула"),
        ("utf-16", "정부는 기존 입장을 유지한다"),
        ("utf-8-sig", "Уряд не змінив позиції"),
        ("shift_jis", "政府は方針を変えない"),
        ("gb2312", "政府立场没有改变"),
        ("iso-8859-1", "Le gouvernement n'a pas changé de position"),
    ],
)
@pytest.mark.parametrize("told_by", ["declaration", "header"])
def test_text_in_every_encoding(encoding: str, text: str, told_by: str) -> None:
    name = encoding.removesuffix("-sig")
    declaration = f'<?xml version="1.0" encoding="{name}"?>' if told_by == "declaration" else ""
    document = f"{declaration}<rss version='2.0'><channel><item><title>{text}</title></item></channel></rss>"
    content_type = f"text/xml; charset={name}" if told_by == "header" else "text/xml"
    assert parse(document.encode(encoding), content_type).entries[0].title == text


def test_a_servers_default_charset_does_not_garble_the_document() -> None:
    document = (
        '<?xml version="1.0" encoding="windows-1251"?><rss version="2.0"><channel><title>Київ</title></channel></rss>'
    )
    assert parse(document.encode("windows-1251"), "text/xml; charset=ISO-8859-1").title == "Київ"
    document = document.replace("windows-1251", "utf-8")
    assert parse(document.encode(), "text/xml; charset=ISO-8859-1").title == "Київ"


def test_one_bad_byte_does_not_garble_the_rest() -> None:
    body = (
        "<rss version='2.0'><channel><title>정부 입장</title><item><title>유지?</title></item></channel></rss>".encode()
    )
    feed = parse(body.replace(b"?", b"\xff"))
    assert (feed.title, feed.entries[0].title) == ("정부 입장", "유지\ufffd")
    assert feed.warnings


@pytest.mark.parametrize(
    ("date", "expected"),
    [
        ("Wed, 27 Nov 2024 18:00:00 KST", datetime(2024, 11, 27, 9, tzinfo=UTC)),
        ("2024-11-27 18:00:00 KST", datetime(2024, 11, 27, 9, tzinfo=UTC)),
        ("Wed, 27 Nov 2024 12:00:00 MSK", datetime(2024, 11, 27, 9, tzinfo=UTC)),
        ("Wed, 27 Nov 2024 11:00:00 EET", datetime(2024, 11, 27, 9, tzinfo=UTC)),
        ("Wed, 27 Nov 2024 04:00:00 EST", datetime(2024, 11, 27, 9, tzinfo=UTC)),
        ("2024-11-27T09:00:00.123Z", datetime(2024, 11, 27, 9, tzinfo=UTC)),
        ("yesterday", None),
        ("Wed, 99 Nov 2024 18:00:00 +0900", None),
        ("", None),
    ],
)
def test_dates(date: str, expected: datetime | None) -> None:
    assert item(f"<pubDate>{date}</pubDate><title>x</title>").published_at == expected


@pytest.mark.parametrize(
    ("markup", "title"),
    [
        ("AT&amp;T", "AT&T"),
        ("AT&amp;amp;T &amp;#8211; &amp;lt;ok&amp;gt;", "AT&T – <ok>"),
        ("<![CDATA[One <b>bold</b> word]]>", "One bold word"),
        ("One&lt;br&gt;two", "One two"),
        ("1 &lt; 2 and 4 &gt; 3", "1 < 2 and 4 > 3"),
        ("  spread\n over   lines ", "spread over lines"),
        ("x&nbsp;y", "x y"),
    ],
)
def test_titles_are_plain_text_on_one_line(markup: str, title: str) -> None:
    assert item(f"<title>{markup}</title>").title == title


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "the document is empty"),
        (b" \n ", "the document is empty"),
        (b"<!doctype html><html><head></head></html>", "this is an HTML page, not a feed"),
        (
            b'<HTML><head><link rel="alternate" type="application/rss+xml" href="/rss?a=1&amp;b=2"></head></HTML>',
            "this is an HTML page, not a feed; it says its feed is at https://news.example.org/rss?a=1&b=2",
        ),
        (b'{"version": "https://jsonfeed.org/version/1.1"}', "this is JSON, not RSS or Atom"),
        (b"\x00\x01\x02garbage\xff", "this is neither XML nor a feed"),
        (b"hello", "this is neither XML nor a feed"),
        (b"<?xml version='1.0'?><note>x</note>", "this is XML, but neither RSS nor Atom: its first element is <note>"),
        (b"<urlset xmlns='x'></urlset>", "this is a sitemap, not a feed"),
    ],
)
def test_what_is_no_feed_is_named(body: bytes, reason: str) -> None:
    assert fault(body) == reason


def test_a_truncated_feed_gives_what_is_there() -> None:
    feed = parse(RSS_2[: RSS_2.index(b"No date")])
    assert feed.entries[0].title == "Seoul & Kyiv: no arms, 3 < 4"
    assert feed.warnings[0].startswith("not well-formed")


def test_noise_before_the_declaration_and_control_characters_do_no_harm() -> None:
    feed = parse(b"\n<!-- cached -->\n" + RSS_2.replace(b"no&lt;", b"no\x08\x00&#8;&#xD800;&#99999999999;&lt;"))
    assert len(feed.entries) == 2


def test_entities_are_not_expanded() -> None:
    bomb = "".join(f'<!ENTITY e{n} "{f"&e{n - 1};" * 10}">\n' for n in range(1, 12))
    head = f'<?xml version="1.0"?>\n<!DOCTYPE rss [\n<!ENTITY e0 "ha">\n{bomb}]>\n'
    body = head + '<rss version="2.0"><channel><title>&e11;</title></channel></rss>'
    assert len(parse(body.encode()).title) < 1000


def test_external_entities_are_not_read() -> None:
    head = b'<!DOCTYPE rss [<!ENTITY x SYSTEM "file:///etc/passwd">]>'
    body = head + b'<rss version="2.0"><channel><title>a&x;b</title></channel></rss>'
    assert "root" not in parse(body).title


def test_50_mb_of_nothing_are_refused_quickly() -> None:
    assert fault(b"x" * 50_000_000) == "this is neither XML nor a feed"


def test_a_parsed_feed_travels_between_processes() -> None:
    feed = parse(RSS_2)
    assert pickle.loads(pickle.dumps(feed)) == feed


fragments = st.lists(
    st.sampled_from([RSS_2, ATOM, RDF, RSS_091]).flatmap(
        lambda body: st.tuples(st.integers(0, len(body)), st.integers(0, len(body))).map(
            lambda ends: body[min(ends) : max(ends)]
        )
    )
    | st.binary(max_size=20),
    max_size=3,
)


@settings(max_examples=60)
@given(fragments, st.none() | st.sampled_from(["text/xml", "text/html; charset=koi8-r", "x; charset=\x00"]))
def test_any_bytes_give_a_feed_or_a_reason(parts: list[bytes], content_type: str | None) -> None:
    with suppress(FeedParseError):
        feed = parse(b"".join(parts), content_type)
        assert all(isinstance(entry, Entry) for entry in feed.entries)
