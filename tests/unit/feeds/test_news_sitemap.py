"""News sitemaps, and sitemaps that hold no news."""

from datetime import UTC, datetime

import pytest

from services.domain.feeds.normalize import read_feed
from services.domain.feeds.parser import FeedParseError, SitemapIndexError, parse_feed

NEWS = """<?xml version="1.0" encoding="UTF-8"?>
<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9" xmlns:news="http://www.google.com/schemas/sitemap-news/0.9"
        xmlns:image="http://www.google.com/schemas/sitemap-image/1.1">
 <url><loc>https://e.org/1?utm_source=sitemap</loc><lastmod>2024-11-27T10:00:00Z</lastmod>
  <news:news><news:publication><news:name>Example Times</news:name><news:language>uk</news:language></news:publication>
   <news:publication_date>2024-11-27T11:00:00+02:00</news:publication_date>
   <news:title>Сеул &amp;amp; Київ: 3 &lt; 4</news:title><news:keywords>Зброя, Україна,</news:keywords></news:news>
  <image:image><image:loc>https://e.org/1.jpg</image:loc><image:title>Танк</image:title></image:image></url>
 <url><loc>https://e.org/about</loc></url>
</urlset>"""
INDEX = """<sitemapindex xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">
 <sitemap><loc>/old.xml</loc><lastmod>2024-01-01</lastmod></sitemap>
 <sitemap><loc> /undated.xml </loc></sitemap>
 <sitemap><loc>/new.xml</loc><lastmod>2024-11-27T09:00:00Z</lastmod></sitemap>
 <sitemap><loc>/new.xml</loc></sitemap>
</sitemapindex>"""


def test_the_articles_of_a_news_sitemap() -> None:
    feed = parse_feed(NEWS.encode())
    assert (feed.feed_type, feed.title, feed.language, feed.warnings) == ("news_sitemap", "Example Times", "uk", ())
    (entry,) = feed.entries
    assert entry.title == "Сеул & Київ: 3 < 4"
    assert entry.published_at == datetime(2024, 11, 27, 9, tzinfo=UTC)
    assert entry.updated_at == datetime(2024, 11, 27, 10, tzinfo=UTC)
    assert (entry.lang, entry.categories) == ("uk", ("Зброя", "Україна"))


def test_an_article_is_known_by_its_address() -> None:
    (draft,) = read_feed(NEWS.encode()).drafts
    assert (draft.guid, draft.url, draft.text, draft.lang) == (None, "https://e.org/1", "", "uk")


@pytest.mark.parametrize(
    "document",
    [
        NEWS.replace("sitemap-news/0.9", "sitemap-news/0.9/"),
        NEWS.replace(' xmlns:news="http://www.google.com/schemas/sitemap-news/0.9"', ""),
        NEWS.replace("http://www.google.com/schemas/sitemap-news/0.9", "https://elsewhere.example/news"),
        NEWS[: NEWS.index("<image:image>")],
        NEWS.replace("<lastmod>", "<lastmod>&nbsp;"),
    ],
    ids=["another address", "no address", "a wrong address", "cut", "an unknown entity"],
)
def test_damage_that_leaves_the_article(document: str) -> None:
    (entry,) = parse_feed(document.encode()).entries
    assert (entry.title, entry.link) == ("Сеул & Київ: 3 < 4", "https://e.org/1?utm_source=sitemap")


def test_a_damaged_sitemap_says_so() -> None:
    (warning,) = parse_feed(NEWS[: NEWS.index("<image:image>")].encode()).warnings
    assert warning.startswith("not well-formed: ")


def test_no_news_today_is_a_feed_without_entries() -> None:
    empty = NEWS[: NEWS.index("<url>")] + "</urlset>"
    assert parse_feed(empty.encode()).entries == ()


def test_a_sitemap_without_news_is_no_feed() -> None:
    plain = "<urlset xmlns='http://www.sitemaps.org/schemas/sitemap/0.9'><url><loc>https://e.org/</loc></url></urlset>"
    with pytest.raises(FeedParseError, match="this is a sitemap, not a feed: none of its 1 addresses has <news:news>"):
        parse_feed(plain.encode())


def test_an_index_names_its_sitemaps_the_newest_first() -> None:
    with pytest.raises(SitemapIndexError, match="it lists 3 sitemaps, such as https://e") as error:
        parse_feed(INDEX.encode(), base_url="https://e.org/sitemap.xml")
    assert error.value.addresses == ("https://e.org/new.xml", "https://e.org/old.xml", "https://e.org/undated.xml")
