"""Hubs and selves in Link headers and HTML."""

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from services.domain.feeds.links import MAX_HUBS, Links, links_in_html, parse_link_header

BASE = "https://news.example/feed.xml"
HUB = ("https://hub.example/",)


@pytest.mark.parametrize(
    ("value", "links"),
    [
        ('<https://hub.example/>; rel="hub", <https://news.example/>; rel="self"', Links(HUB, "https://news.example/")),
        ("<https://hub.example/>;rel=hub,</other.xml> ; rel = self", Links(HUB, "https://news.example/other.xml")),
        ('<https://hub.example/>; REL="preload HUB\tx"', Links(HUB)),
        ('<?page=1>; rel="self"', Links((), f"{BASE}?page=1")),
        # A comma or a bracket in a quoted value ends nothing.
        ('<https://hub.example/>; title="a, <https://x.example>; rel=self \\" b"; rel=hub', Links(HUB)),
        # Of a parameter given twice the first counts.
        ("<https://hub.example/>; rel=hub; rel=self", Links(HUB)),
        ("<https://hub.example/>; rel=next; rel=hub", Links()),
        # A link from another document says nothing of this one.
        ('<https://hub.example/>; rel=hub; anchor="/other.xml"', Links()),
        ('<https://hub.example/>; rel=hub; anchor=""', Links(HUB)),
        # What is damaged is passed over, what follows is not.
        ("nonsense, <https://hub.example/>; rel=hub", Links(HUB)),
        ("<https://x.example/> junk, <https://hub.example/>; rel=hub", Links(HUB)),
        ("<https://hub.example/>; rel", Links()),
        ("<>; rel=hub, <ftp://hub.example/>; rel=hub, <http://[x/>; rel=hub, <javascript:x>; rel=hub", Links()),
        ("<https://hub.example/a b>; rel=hub, <https://hub.example/\x07>; rel=hub", Links()),
        ("<https://hub.example/" + "a" * 3000 + ">; rel=hub", Links()),
        ("", Links()),
    ],
)
def test_a_link_header(value: str, links: Links) -> None:
    assert parse_link_header(value, BASE) == links


def test_the_first_self_counts_and_no_more_hubs_than_a_publisher_needs() -> None:
    hubs = [f"https://hub{number}.example/" for number in range(10)]
    value = ", ".join([*(f"<{hub}>; rel=hub" for hub in [hubs[0], *hubs]), "<a>; rel=self", "<b>; rel=self"])
    assert parse_link_header(value, BASE) == Links(tuple(hubs[:MAX_HUBS]), "https://news.example/a")


@given(st.lists(st.sampled_from(["<", ">", ";", ",", '"', "\\", "=", "rel", "hub", "anchor", " ", "a", "\t", "é"])))
@settings(max_examples=200)
def test_no_header_is_too_strange(pieces: list[str]) -> None:
    links = parse_link_header("".join(pieces), BASE)
    assert all(hub.startswith("https://news.example/") for hub in links.hubs)


_URLS = st.from_regex(r"https://[a-z]{1,8}\.example/[a-z0-9,;=?&%-]{0,20}", fullmatch=True)


@given(st.lists(_URLS, max_size=MAX_HUBS, unique=True), _URLS, st.text('ab,;<>\\"', max_size=8))
@settings(max_examples=100)
@example(["https://hub.example/a,b;c="], "https://x.example/../y;?", '",;')
def test_what_is_written_by_the_rules_is_read(hubs: list[str], self_url: str, title: str) -> None:
    quoted = title.replace("\\", "\\\\").replace('"', '\\"')
    links = [f'<{hub}>; title="{quoted}"; rel="hub"' for hub in hubs] + [f"<{self_url}>;rel=self"]
    assert parse_link_header(", ".join(links), BASE) == Links(tuple(hubs), self_url)


@pytest.mark.parametrize(
    ("page", "links"),
    [
        (
            "<head><link rel=hub href=https://hub.example/><link href='/a?b&amp;c' rel='self'>",
            Links(HUB, BASE[:20] + "/a?b&c"),
        ),
        ('<HTML><LINK REL="Hub other" HREF="https://hub.example/" /></HTML>', Links(HUB)),
        ("<!-- <link rel=hub href=https://no.example/> --><link rel=hub href=https://hub.example/>", Links(HUB)),
        ("<head></head><body><link rel=hub href=https://no.example/>", Links()),
        ("<p>&lt;link rel=hub href=https://no.example/&gt;", Links()),
        ("<link data-rel=hub href=https://no.example/>", Links()),
        ("<!-- never closed <link rel=hub href=https://no.example/>", Links()),
    ],
)
def test_links_of_a_page(page: str, links: Links) -> None:
    assert links_in_html(page, BASE) == links


@pytest.mark.parametrize("piece", ["<link ", "<!--", "<link a=", "a-", "<body", "<link " + "a " * 2000 + ">"])
def test_a_hostile_page_takes_no_time(piece: str) -> None:
    assert links_in_html(piece * 30_000, BASE) == Links()


def test_what_a_header_does_not_say_the_document_may() -> None:
    assert Links(HUB).or_else(Links(("https://other.example/",), "https://x.example/")) == Links(
        HUB, "https://x.example/"
    )
