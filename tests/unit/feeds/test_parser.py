"""Feed documents of every kind, and what is not one."""

import gzip
import pickle
from datetime import UTC, datetime, timedelta

import pytest

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


def test_the_channels_documents_name_their_hubs_and_themselves() -> None:
    links = (
        "<{0}link rel='hub' href='https://hub.example/'/><{0}link rel='hub' href='/hub'/>"
        "<{0}link rel='self' href='/x'/>"
    )
    rss = (
        f"<rss version='2.0' xmlns:atom='http://www.w3.org/2005/Atom'><channel>{links.format('atom:')}</channel></rss>"
    )
    atom = f"<feed xmlns='http://www.w3.org/2005/Atom'>{links.format('')}</feed>"
    for document in (rss, atom, rss.replace("<channel>", "<channel>&nbsp;")):
        feed = parse(document.encode())
        assert feed.hubs == ("https://hub.example/", "https://news.example.org/hub")
        assert feed.self_url == "https://news.example.org/x"


def test_several_authors() -> None:
    rss = item(
        "<title>x</title><author>ann@example.org (Ann Lee)</author>"
        "<dc:creator xmlns:dc='http://purl.org/dc/elements/1.1/'>Bo &lt;bo@example.org&gt;</dc:creator>"
    )
    assert (rss.authors, rss.author) == (("Ann Lee", "Bo"), "Ann Lee, Bo")
    atom = parse(
        b"<feed xmlns='http://www.w3.org/2005/Atom'><entry><author><name>A</name><email>a@e.org</email></author>"
        b"<author><name>B</name></author><author><name>A</name></author></entry></feed>"
    ).entries[0]
    assert atom.authors == ("A", "B")


def test_where_the_article_is_though_the_link_leads_by_way_of_a_counter() -> None:
    entry = item(
        "<link>https://feeds.example/~r/1</link><x:origLink xmlns:x='http://rssnamespace.org/feedburner/ext/1.0'>"
        "https://e.org/1</x:origLink>"
    )
    assert (entry.link, entry.canonical_link) == ("https://feeds.example/~r/1", "https://e.org/1")


def test_without_an_address_links_are_relative_to_what_the_feed_says_is_its_own() -> None:
    head = "<atom:link xmlns:atom='http://www.w3.org/2005/Atom' rel='self' href='https://own.example/a/feed'/>"
    document = f"<rss version='2.0'><channel>{head}<link>/</link><item><link>../1</link></item></channel></rss>"
    feed = parse_feed(document.encode())
    assert (feed.link, feed.entries[0].link) == ("https://own.example/", "https://own.example/1")
    assert parse(document.encode()).entries[0].link == "https://news.example.org/1"


def test_a_picture_s_caption_is_no_part_of_the_article() -> None:
    media = (
        "<m:group xmlns:m='http://search.yahoo.com/mrss/'><m:title>P</m:title>"
        "<m:description>A tank</m:description></m:group>"
    )
    told = item(f"<title>x</title><description>Story</description>{media}")
    assert (told.summary, told.content) == ("Story", "")
    assert item(f"<title>x</title>{media}").summary == "A tank"


def test_an_item_without_a_link_has_none() -> None:
    assert item("<title>x</title>").link is None
    assert item("<title>x</title><guid>4711</guid>").link is None
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
        ("utf-32", "정부는 기존 입장을 유지한다"),
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


def test_latin_letters_without_a_word_of_their_encoding() -> None:
    body = "<rss version='2.0'><channel><title>Où est l'été ?</title></channel></rss>".encode("latin-1")
    assert parse(body).title == "Où est l'été ?"


def test_a_gzip_file_is_unpacked_as_far_as_it_goes() -> None:
    packed = gzip.compress(RSS_2)
    assert parse(packed) == parse(RSS_2)
    assert fault(b"\x1f\x8b\x08 broken") == "this is neither XML nor a feed"
    with pytest.raises(FeedParseError):
        parse(packed[:30])


def test_one_bad_byte_does_not_garble_the_rest() -> None:
    body = (
        "<rss version='2.0'><channel><title>정부 입장</title><item><title>유지?</title></item></channel></rss>".encode()
    )
    feed = parse(body.replace(b"?", b"\xff"))
    assert (feed.title, feed.entries[0].title) == ("정부 입장", "유지\ufffd")
    assert feed.warnings


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
        (b"\x00\x01\x02garbage\xff", "this is neither XML nor a feed"),
        (b"hello", "this is neither XML nor a feed"),
        (b"<?xml version='1.0'?><note>x</note>", "this is XML, but neither RSS nor Atom: its first element is <note>"),
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


def test_a_parsed_feed_travels_between_processes() -> None:
    feed = parse(RSS_2)
    assert pickle.loads(pickle.dumps(feed)) == feed
