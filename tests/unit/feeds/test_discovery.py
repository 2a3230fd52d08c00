"""Where a site may have its feeds."""

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.domain.feeds.discovery import (
    Lead,
    custom_candidates,
    is_comments_feed,
    news_first,
    page_candidates,
    sitemap_candidates,
)

PAGE = "https://e.org/world/"


def found(html: str, content_type: str | None = "text/html; charset=utf-8") -> list[tuple[str, Lead]]:
    return [(each.url, each.lead) for each in page_candidates(html.encode(), content_type, PAGE)]


def urls(html: str) -> list[str]:
    return [url for url, _ in found(html)]


@pytest.mark.parametrize(
    "kind",
    ["application/rss+xml", "application/atom+xml", "application/feed+json", "APPLICATION/RSS+XML; q=1", "text/xml"],
)
def test_feeds_that_a_page_advertises(kind: str) -> None:
    html = f'<html><head><link rel="alternate" type="{kind}" href="/feed" title=" All\n news "></head></html>'
    (candidate,) = page_candidates(html.encode(), None, PAGE)
    assert (candidate.url, candidate.lead, candidate.title) == ("https://e.org/feed", Lead.ADVERTISED, "All news")


@pytest.mark.parametrize(
    ("html", "expected"),
    [
        ("<link rel=ALTERNATE type=application/rss+xml href=f.xml>", "https://e.org/world/f.xml"),
        ('<link rel="home alternate" type="application/rss+xml" href="//cdn.e.org/f">', "https://cdn.e.org/f"),
        ('<link rel="feed" href="/f">', "https://e.org/f"),
        ('<base href="https://x.org/a/"><link rel=alternate type=application/rss+xml href="f">', "https://x.org/a/f"),
        ('<base href="/b/"><link rel=alternate type=application/rss+xml href="f">', "https://e.org/b/f"),
        ('<link rel=alternate type=application/rss+xml href="feed://e.org/f">', "http://e.org/f"),
        ('<link rel=alternate type=application/rss+xml href="feed:https://e.org/f">', "https://e.org/f"),
        ('<link rel=alternate type=application/rss+xml href=" /f?a=1&amp;b=2 ">', "https://e.org/f?a=1&b=2"),
        ('<body><div><link rel=alternate type=application/rss+xml href="/f#x"></div>', "https://e.org/f"),
        ('</p></html><b><link rel="alternate" type="application/rss+xml" href="/f">', "https://e.org/f"),
        ('<?xml version="1.0" encoding="utf-8"?><html xmlns="http://www.w3.org/1999/xhtml"><head>'
         '<link rel="alternate" type="application/rss+xml" href="/f" /></head></html>', "https://e.org/f"),
        ('<script>var x = "<link rel=alternate type=application/rss+xml href=/no>";</script>'
         '<link rel=alternate type=application/rss+xml href=/f>', "https://e.org/f"),
        ("\x00<link rel=alternate type=application/rss+xml href=/f>", "https://e.org/f"),
    ],
)  # fmt: skip
def test_damaged_and_odd_pages(html: str, expected: str) -> None:
    assert urls(html) == [expected]


@pytest.mark.parametrize(
    "html",
    [
        '<link rel="stylesheet" type="text/css" href="/rss.css">',
        '<link rel="alternate" hreflang="de" href="/de/">',
        '<link rel="alternate" type="application/json" href="/wp-json/wp/v2/posts/1">',
        '<link rel="alternate" type="text/xml" href="/oembed?format=xml">',
        '<link rel="alternate" type="application/rss+xml">',
        '<link rel="alternate" type="application/rss+xml" href="javascript:void(0)">',
        '<link rel="alternate" type="application/rss+xml" href="https://[::1/f">',
        '<a href="mailto:rss@e.org">RSS</a><a href="#feed">feed</a><a href="/rss.png">RSS</a>',
        '<a href="/about">About</a><a href="/feedback">Feedback</a><a href="/sitemap.xml">Sitemap</a>',
        "",
        "\x00",
        "{}",
    ],
)
def test_what_is_no_feed(html: str) -> None:
    assert found(html) == []


@pytest.mark.parametrize(
    "href",
    ["/rss", "/feed/", "/news/rss.xml", "/a.rss", "/atom.xml", "/index.rdf", "/world.xml", "/?feed=rss2",
     "/feeds/world", "/rss2/all", "/newsfeed", "/allrss"],
)  # fmt: skip
def test_links_that_look_like_feeds(href: str) -> None:
    assert found(f'<a href="{href}">x</a>') == [(f"https://e.org{href}", Lead.LINKED)]


def test_links_that_say_they_are_feeds() -> None:
    assert urls('<a href="/subscribe"><img alt="">RSS</a><area href="/s2" title="Our feeds">') == [
        "https://e.org/subscribe",
        "https://e.org/s2",
    ]


def test_the_likeliest_come_first() -> None:
    html = """
      <a href="https://reader.example.net/rss?x">Follow us (RSS)</a> <a href="/subscribe">RSS</a> <a href="/rss">x</a>
      <link rel=alternate type=application/rss+xml href="/comments/feed/" title="E &raquo; Comments Feed">
      <link rel=alternate type=application/rss+xml href="/feed/" title="E">
      <link rel=alternate type=application/atom+xml href="/atom/" title="E">
      <a href="/feed/">again</a>
    """
    assert found(html) == [
        ("https://e.org/feed/", Lead.ADVERTISED),
        ("https://e.org/atom/", Lead.ADVERTISED),
        ("https://e.org/comments/feed/", Lead.ADVERTISED),
        ("https://e.org/rss", Lead.LINKED),
        ("https://e.org/subscribe", Lead.LINKED),
        ("https://reader.example.net/rss?x", Lead.LINKED),
    ]


def test_the_page_itself_is_no_candidate() -> None:
    assert urls(f'<a href="{PAGE}">RSS</a><a href="#x">RSS</a>') == []


def test_titles_in_the_encoding_that_the_page_names() -> None:
    html = '<meta charset="windows-1251"><link rel=alternate type=application/rss+xml href=/f title="Новости">'
    (candidate,) = page_candidates(html.encode("cp1251"), "text/html", PAGE)
    assert candidate.title == "Новости"


@pytest.mark.parametrize(
    ("url", "title", "expected"),
    [
        ("https://e.org/comments/feed/", "", True),
        ("https://e.org/?feed=comments-rss2", "", True),
        ("https://e.org/feeds/1/comments/default", "", True),
        ("https://e.org/feed", "Comments for E", True),
        ("https://e.org/feed", "Комментарии к записи", True),
        ("https://e.org/commentisfree/rss", "Comment is free", False),
        ("https://e.org/feed", "Comment and analysis", False),
    ],
)
def test_feeds_of_comments(url: str, title: str, expected: bool) -> None:
    assert is_comments_feed(url, title) is expected


def test_sitemaps_of_robots_txt() -> None:
    robots = (
        "User-agent: *\nDisallow: /x\nSitemap: https://e.org/sitemap.xml\n  SITEMAP :/news-sitemap.xml # new\n"
        "Sitemap: ftp://e.org/s\nSitemap:\n# Sitemap: https://e.org/no.xml\nSitemap: https://e.org/sitemap.xml\n"
    )
    assert [each.url for each in sitemap_candidates(robots, "https://e.org/robots.txt")] == [
        "https://e.org/news-sitemap.xml",
        "https://e.org/sitemap.xml",
    ]
    assert sitemap_candidates("", "https://e.org/robots.txt") == ()


def test_sitemaps_of_news_come_first() -> None:
    addresses = ["https://e.org/pages.xml", "https://e.org/tags.xml", "https://e.org/google-news.xml"]
    assert [each.url for each in news_first(addresses)] == [addresses[2], addresses[0], addresses[1]]


def test_customs() -> None:
    root = [each.url for each in custom_candidates("https://e.org/")]
    assert root[:3] == ["https://e.org/feed", "https://e.org/rss", "https://e.org/rss.xml"]
    assert "https://e.org/feeds/posts/default" in root
    assert [each.url for each in custom_candidates("https://e.org/world/asia?x=1")][:2] == [
        "https://e.org/world/asia/feed",
        "https://e.org/world/asia/rss",
    ]
    assert custom_candidates("https://e.org/index.html") == custom_candidates("https://e.org/")


@given(st.binary(max_size=300) | st.text("<>/ab=\"' link rel=alternate type=application/rss+xml href=").map(str.encode))
@settings(max_examples=80)
def test_no_page_breaks_it(body: bytes) -> None:
    for candidate in page_candidates(body, None, PAGE):
        assert candidate.url.startswith(("http://", "https://"))


@pytest.mark.parametrize(
    "piece", ["<a href=/rss>", "<div>", "<link rel=alternate type=application/rss+xml href=/", "<!--"]
)
def test_no_page_takes_long(piece: str) -> None:
    body = (piece * (100_000 // len(piece))).encode()
    started = time.process_time()
    page_candidates(body, None, PAGE)
    assert time.process_time() - started < 2
