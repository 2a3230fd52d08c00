"""Lists of feeds as people have them: every feed that can be recovered, and a reason for the rest."""

import time
from datetime import UTC, datetime, timedelta
from xml.etree import ElementTree
from xml.sax.saxutils import quoteattr

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.base import SecretRef
from schemas.feed import Feed
from services.domain.feeds.import_plan import ImportPlan, Verdict
from services.domain.feeds.opml import OpmlError, OutlineFault, read_opml, write_opml
from services.domain.feeds.outlines import find_outlines
from services.provisioning.feed_lists import feeds_yaml, parse_feed_list

NOW = datetime(2024, 11, 27, 9, 0, tzinfo=UTC)
GOOD = '<outline text="After" type="rss" xmlUrl="https://after.example.org/rss"/>'


def opml(*outlines: str) -> bytes:
    body = "\n".join(outlines)
    head = '<?xml version="1.0"?>\n<opml version="2.0"><head><title>My list</title></head><body>'
    return f"{head}\n{body}\n</body></opml>".encode()


def test_a_list_with_folders() -> None:
    reading = read_opml(
        opml(
            '<outline text="World">',
            '  <outline text="Asia"><outline text="One" title="The One" type="rss" xmlUrl="https://one.example.org/rss"',
            '    htmlUrl="https://one.example.org/" language="en-GB"/></outline>',
            '  <outline text="Two" xmlUrl="https://two.example.org/rss"></outline>',
            "</outline>",
            '<outline text="Three" xmlUrl="https://three.example.org/rss"/>',
        )
    )
    assert reading.title == "My list"
    assert [(feed.line, feed.title, feed.folders) for feed in reading.feeds] == [
        (4, "The One", ("World", "Asia")),
        (6, "Two", ("World",)),
        (8, "Three", ()),
    ]
    assert (reading.feeds[0].site, reading.feeds[0].lang) == ("https://one.example.org/", "en")
    assert (reading.faults, reading.damaged_lines, reading.warnings) == ((), (), ())


@pytest.mark.parametrize(
    ("outline", "url", "title"),
    [
        ('<outline text="Tom & Ann" xmlUrl="https://e.org/?a=1&b=2"/>', "https://e.org/?a=1&b=2", "Tom & Ann"),
        ('<outline text="a" xmlUrl="https://e.org/?x=1&copy=2&lt=3"/>', "https://e.org/?x=1&copy=2&lt=3", "a"),
        ('<outline text="a" xmlUrl="https://e.org/?x=1&amp;amp;y=2"/>', "https://e.org/?x=1&y=2", "a"),
        ('<outline text="A "b"" title="A "b"" xmlUrl="https://e.org/f"/>', "https://e.org/f", 'A "b"'),
        ('<outline text="1 < 2 > 0" xmlUrl="https://e.org/f"/>', "https://e.org/f", "1 < 2 > 0"),
        (
            '<outline text="a" description="<p>see <a href="https://x.org" rel="nofollow">this</a></p>"'
            ' xmlUrl="https://e.org/f" type="rss"/>',
            "https://e.org/f",
            "a",
        ),
        ('<outline title="a" description="<a b="c" title="d">" xmlUrl="https://e.org/f"/>', "https://e.org/f", "a"),
        ("<outline text='it's' xmlUrl='https://e.org/f'/>", "https://e.org/f", "it's"),
        ("<OUTLINE TEXT='a' XMLURL='https://e.org/f'/>", "https://e.org/f", "a"),
        ('<outline text="a" xmlurl="https://e.org/f" />', "https://e.org/f", "a"),
        ('<outline text="a" type="rss" url="https://e.org/f"/>', "https://e.org/f", "a"),
        ('<outline text="a" xmlUrl=https://e.org/f type=rss>', "https://e.org/f", "a"),
        ('<outline text=a xmlUrl=https://e.org/f>', "https://e.org/f", "a"),
        ('<outline text="a"xmlUrl="https://e.org/f"type="rss"/>', "https://e.org/f", "a"),
        ('<outline text="a xmlUrl="https://e.org/f" type="rss"/>', "https://e.org/f", None),
        ('<outline text="a" xmlUrl="https://e.org/f type="rss"/>', "https://e.org/f", "a"),
        ('<outline text="a" xmlUrl=“https://e.org/f” type="rss"/>', "https://e.org/f", "a"),
        ('<outline text="a" xmlUrl="feed://e.org/f"/>', "http://e.org/f", "a"),
        ('<outline text="a" xmlUrl="feed:https://e.org/f"/>', "https://e.org/f", "a"),
        ('<outline text="a" xmlUrl="e.org/f"/>', "https://e.org/f", "a"),
        ('<outline text="a" xmlUrl="//e.org/f"/>', "https://e.org/f", "a"),
        ('<outline text="a" xmlUrl="/f.xml" htmlUrl="http://e.org/news/"/>', "http://e.org/f.xml", "a"),
        ('<outline text="a" xmlUrl=" https://e.org/\n   f "/>', "https://e.org/f", "a"),
        ('<outline text="a&nbsp;b &eacute;&#233;" xmlUrl="https://e.org/f"/>', "https://e.org/f", "a b éé"),
        ('<outline text="" xmlUrl="https://e.org/f"/>', "https://e.org/f", ""),
        ('<o:outline text="a" xmlUrl="https://e.org/f"/>', "https://e.org/f", "a"),
        ('<outline text="a\x00\x0b" xmlUrl="https://e.org/f"/>', "https://e.org/f", "a"),
    ],
)  # fmt: skip
def test_a_damaged_outline_gives_its_feed_and_harms_no_other(outline: str, url: str, title: str | None) -> None:
    reading = read_opml(opml(outline, GOOD))
    assert [feed.url for feed in reading.feeds] == [url, "https://after.example.org/rss"]
    if title is not None:
        assert reading.feeds[0].title == title
    assert reading.faults == ()


@pytest.mark.parametrize(
    ("outline", "fault", "words"),
    [
        ('<outline text="Sue" type="rss"/>', OutlineFault.NO_ADDRESS, "Sue: no xmlUrl"),
        ('<outline text="Sue" htmlUrl="https://e.org/"/>', OutlineFault.NO_ADDRESS, "redline feeds add https://e.org/"),
        ('<outline text="Sue" xmlUrl=""/>', OutlineFault.NO_ADDRESS, "no xmlUrl"),
        ('<outline text="Sue" xmlUrl="mailto:a@e.org"/>', OutlineFault.BAD_ADDRESS, "mailto: address"),
        ('<outline text="Sue" xmlUrl="webcal://e.org/c.ics"/>', OutlineFault.BAD_ADDRESS, "webcal: address"),
        ('<outline text="Sue" xmlUrl="/feed.xml"/>', OutlineFault.BAD_ADDRESS, "no whole address"),
        ('<outline text="Sue" xmlUrl="https://"/>', OutlineFault.BAD_ADDRESS, "names no host"),
        (f'<outline text="Sue" xmlUrl="https://e.org/{"x" * 2048}"/>', OutlineFault.BAD_ADDRESS, "longer than"),
        ('<outline text="Sue" type="link" url="https://e.org/"/>', OutlineFault.NOT_A_FEED, "a page, not a feed"),
        ('<outline text="Sue" type="include" url="https://e.org/o.opml"/>', OutlineFault.NOT_A_FEED, "another list"),
        (
            '<outline text="Sue" xmlUrl="https://e.org/f" redline:id="sue" redline:enabled="perhaps"/>',
            OutlineFault.BAD_SETTINGS,
            "redline:enabled",
        ),
    ],
)
def test_what_is_no_feed_is_told_with_line_and_reason(outline: str, fault: OutlineFault, words: str) -> None:
    reading = read_opml(opml(GOOD, outline))
    assert len(reading.feeds) == 1
    (found,) = reading.faults
    assert (found.line, found.fault) == (4, fault)
    assert words in found.message
    assert found.message.startswith("Sue: ")


def test_damaged_lines_are_told() -> None:
    reading = read_opml(opml(GOOD, '<outline text="A & B" xmlUrl="https://e.org/f"/>', GOOD))
    assert reading.damaged_lines == (4,)


def test_a_list_that_ends_in_the_middle() -> None:
    whole = opml(GOOD, '<outline text="Last" xmlUrl="https://last.example.org/feed.xml" type="rss"/>')
    end = whole.index(b"feed.xml")
    cut = read_opml(whole[:end])
    assert [feed.url for feed in cut.feeds] == ["https://after.example.org/rss"]  # half an address is none
    assert [fault.fault for fault in cut.faults] == [OutlineFault.CUT_OFF]
    assert any("no end" in warning for warning in cut.warnings)
    assert len(read_opml(whole[: end + len(b'feed.xml" ty')]).feeds) == 2


def test_outlines_in_comments_are_not_meant() -> None:
    hidden = '<!-- <outline text="Off" xmlUrl="https://off.example.org/"/> -->'
    assert [feed.title for feed in read_opml(opml(hidden, GOOD)).feeds] == ["After"]
    # A comment that does not end is no comment.
    assert [feed.title for feed in read_opml(opml("<!-- note", GOOD)).feeds] == ["After"]


def test_a_list_shown_on_a_web_page() -> None:
    escaped = opml('<outline text="A &amp; B" xmlUrl="https://e.org/?a=1&amp;b=2"/>').decode()
    for char, reference in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"), ('"', "&quot;")):
        escaped = escaped.replace(char, reference)
    reading = read_opml(f"<!DOCTYPE html><html><body><pre>{escaped}</pre></body></html>".encode())
    assert [(feed.url, feed.title) for feed in reading.feeds] == [("https://e.org/?a=1&b=2", "A & B")]
    inside = b"<html><body><div>" + opml(GOOD) + b"</div></body></html>"
    assert len(read_opml(inside).feeds) == 1


@pytest.mark.parametrize(
    "body",
    [
        opml('<outline text="Київ" xmlUrl="https://e.org/f"/>'),
        b"\xef\xbb\xbf" + opml('<outline text="Київ" xmlUrl="https://e.org/f"/>'),
        "\ufeff".encode("utf-16-le")
        + opml('<outline text="Київ" xmlUrl="https://e.org/f"/>').decode().encode("utf-16-le"),
        opml('<outline text="Київ" xmlUrl="https://e.org/f"/>').replace(b'"1.0"', b'"1.0" encoding="utf-16"'),
        opml('<outline text="Київ" xmlUrl="https://e.org/f"/>')
        .decode()
        .replace('"1.0"', '"1.0" encoding="windows-1251"')
        .encode("cp1251"),
    ],
    ids=["utf-8", "mark", "utf-16", "declared wrongly", "windows-1251"],
)
def test_encodings(body: bytes) -> None:
    assert [feed.title for feed in read_opml(body).feeds] == ["Київ"]


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"", "empty"),
        (b"<rss version='2.0'><channel/></rss>", "a feed, not a list"),
        (b"<html><body>Not here</body></html>", "web page"),
        (b"<urlset><url/></urlset>", "sitemap"),
        (b"<notes><note/></notes>", "no <outline>"),
    ],
)
def test_what_is_no_list_is_told(body: bytes, words: str) -> None:
    with pytest.raises(OpmlError, match=words):
        read_opml(body)


def test_a_list_without_feeds_is_a_list() -> None:
    assert read_opml(b"<opml version='1.0'><body/></opml>").feeds == ()


def test_folders_of_a_list_whose_ends_are_lost() -> None:
    reading = read_opml(opml('<outline text="World">', '<outline text="a" xmlUrl="https://e.org/1">', GOOD))
    assert [feed.folders for feed in reading.feeds] == [("World",), ("World",)]


@pytest.mark.parametrize(
    "piece",
    ["<outline ", "<!-- ", '<outline a="', "<outline a=b ", '<outline "="" ', "<outline " + " " * 50, "a" * 50 + '="'],
)
def test_no_list_takes_long(piece: str) -> None:
    body = (piece * (100_000 // len(piece))).encode()
    started = time.process_time()
    list(find_outlines(body.decode()))
    assert time.process_time() - started < 2


text = st.text("aZ0 &<>\"'=;/:#!-é한\u2028\t\n", max_size=16)
attributes = st.dictionaries(st.sampled_from(["text", "title", "xmlUrl", "htmlUrl", "type", "x:y"]), text)
trees = st.recursive(
    st.tuples(attributes, st.just(())),
    lambda children: st.tuples(attributes, st.lists(children, max_size=3).map(tuple)),
    max_leaves=8,
)


def element(tree: tuple[dict[str, str], tuple[object, ...]]) -> str:
    own, children = tree
    written = "".join(f" {name}={quoteattr(value)}" for name, value in own.items())
    inside = "".join(element(child) for child in children)  # type: ignore[arg-type]
    return f"<outline{written}>{inside}</outline>" if inside else f"<outline{written}/>"


@given(st.lists(trees, max_size=4))
@settings(max_examples=30)
def test_a_well_formed_list_is_read_as_an_xml_parser_reads_it(
    given_trees: list[tuple[dict[str, str], tuple[object, ...]]],
) -> None:
    document = f'<opml xmlns:x="urn:x"><body>{"".join(map(element, given_trees))}</body></opml>'

    def expected(node: ElementTree.Element, depth: int) -> list[tuple[int, dict[str, str]]]:
        found = []
        for child in node:
            names = {name.replace("{urn:x}", "x:").lower(): value for name, value in child.attrib.items()}
            found += [(depth, names), *expected(child, depth + 1)]
        return found

    found = [(outline.depth, dict(outline.attributes)) for outline in find_outlines(document)]
    assert found == expected(ElementTree.fromstring(document)[0], 0)


@given(st.binary(max_size=400), st.integers(0, 1000))
@settings(max_examples=50)
def test_whatever_is_given_it_never_breaks(noise: bytes, position: int) -> None:
    whole = opml(GOOD, '<outline text="A "b" & <c>" xmlUrl="https://e.org/f"></outline>')
    for body in (noise, whole[: position % len(whole)] + noise + whole[position % len(whole) :]):
        parse_feed_list(body, "list")


slugs = st.from_regex(r"[a-z0-9][a-z0-9_.-]{0,20}", fullmatch=True)
feeds = st.builds(
    Feed,
    id=slugs,
    url=st.builds(
        lambda host, path: f"https://{host}.example.org/{path}",
        slugs,
        st.from_regex(r"[a-z0-9/?&=%;é+.-]{0,20}", fullmatch=True),
    ),
    outlet=text.filter(bool),
    title=text,
    country=st.none() | st.just("UKR"),
    lang=st.none() | st.just("uk"),
    interval=st.none() | st.just(timedelta(minutes=15)),
    since=st.none() | st.just(NOW),
    enabled=st.booleans(),
    full_text=st.booleans(),
    websub=st.booleans(),
)


@given(st.lists(feeds, max_size=6, unique_by=(lambda feed: feed.id, lambda feed: feed.url.partition("#")[0])))
@settings(max_examples=30)
def test_importing_an_export_gives_the_same_feeds(held: list[Feed]) -> None:
    for exported in (write_opml(held, NOW), feeds_yaml(held)):
        plan = ImportPlan(())
        verdicts = [plan.judge(listed) for listed in parse_feed_list(exported.encode(), "export").feeds]
        assert [verdict.feed for verdict in verdicts if verdict.verdict is Verdict.ADDED] == held


def test_an_address_that_was_ours_is_not_read_as_what_might_be_meant() -> None:
    feed = Feed(id="a", url="https://e.org/?q=a&amp;b=%20 ".strip(), outlet="A")
    (read,) = read_opml(write_opml([feed], NOW).encode()).feeds
    assert read.url == feed.url


def test_an_export_is_opml_that_other_programs_read() -> None:
    feed = Feed(
        id="tass-en", url="https://e.org/?a=1&b=2", outlet="TASS & Co", lang="en", headers={"X-Key": "abc"},
        basic_auth=SecretRef(secret="TASS"),
    )  # fmt: skip
    root = ElementTree.fromstring(write_opml([feed], NOW))
    (outline,) = root.findall("body/outline")
    assert (root.tag, root.get("version")) == ("opml", "2.0")
    assert (outline.get("type"), outline.get("text"), outline.get("xmlUrl")) == ("rss", "TASS & Co", feed.url)
    assert (outline.get("language"), outline.get("{urn:redline:feeds}id")) == ("en", "tass-en")
    assert root.findtext("head/dateCreated") == "Wed, 27 Nov 2024 09:00:00 GMT"
    # Keys and the names of secrets are not handed around.
    assert not {"abc", 'TASS"'} & set(ElementTree.tostring(root).decode().split("'"))
    assert "basic_auth" not in ElementTree.tostring(root).decode()
    assert "X-Key" not in ElementTree.tostring(root).decode()
