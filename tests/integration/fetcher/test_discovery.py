"""Finding the feeds of sites on loopback: few requests, one at a time, each candidate read."""

import socket
from collections.abc import AsyncIterator

import pytest

from services.domain.feeds.discovery import Lead
from services.fetcher.client import FeedClient
from services.fetcher.discovery import MAX_REQUESTS, Discovery, discover
from services.fetcher.policy import FetchPolicy
from services.runtime.clock import SystemClock
from tests.integration.fetcher.server import FeedServer, Reply, rss

HTML: dict[str, str | bytes] = {"Content-Type": "text/html; charset=utf-8"}


@pytest.fixture
async def client() -> AsyncIterator[FeedClient]:
    client = FeedClient(FetchPolicy(allow_private=True, timeout_seconds=5), SystemClock())
    yield client
    await client.aclose()


def page(*links: str) -> Reply:
    return Reply(
        body=f"<html><head><title>A site</title></head><body>{''.join(links)}</body></html>".encode(), headers=HTML
    )


def advertised(path: str, title: str = "") -> str:
    return f'<link rel="alternate" type="application/rss+xml" title="{title}" href="{path}">'


def feed(name: str) -> Reply:
    return Reply(body=rss(f"{name}|{name} title|text"))


def paths(found: Discovery, server: FeedServer) -> list[str]:
    return [each.url.removeprefix(server.url("")) for each in found.feeds]


async def test_an_address_that_is_a_feed(server: FeedServer, client: FeedClient) -> None:
    server.pages["/feed.xml"] = feed("a")
    found = await discover(client, server.url("/feed.xml"))
    assert paths(found, server) == ["/feed.xml"]
    assert (found.feeds[0].lead, found.feeds[0].entries, found.feeds[0].title) == (Lead.GIVEN, 1, "A feed")
    assert len(server.requests) == 1


async def test_a_page_that_advertises_its_feeds(server: FeedServer, client: FeedClient) -> None:
    server.pages |= {
        "/": page(advertised("/comments/feed", "Comments"), advertised("/world"), advertised("/home")),
        "/world": feed("w"), "/home": feed("h"), "/comments/feed": feed("c"),
    }  # fmt: skip
    found = await discover(client, server.url("/"))
    assert paths(found, server) == ["/world", "/home", "/comments/feed"]
    assert [each.url for each in found.choices] == [server.url("/world"), server.url("/home")]
    assert found.is_answered
    assert not server.asked("/feed")  # nothing is guessed where the site says what it has


async def test_the_same_items_are_one_choice(server: FeedServer, client: FeedClient) -> None:
    server.pages |= {"/": page(advertised("/rss"), advertised("/rss2")), "/rss": feed("a"), "/rss2": feed("a")}
    found = await discover(client, server.url("/"))
    assert [(each.url, each.same_as) for each in found.feeds] == [
        (server.url("/rss"), None),
        (server.url("/rss2"), server.url("/rss")),
    ]
    assert len(found.choices) == 1


async def test_comments_are_chosen_only_where_there_is_nothing_else(server: FeedServer, client: FeedClient) -> None:
    server.pages |= {"/": page(advertised("/comments/feed")), "/comments/feed": feed("c")}
    found = await discover(client, server.url("/"))
    assert [each.is_comments for each in found.choices] == [True]
    assert server.asked("/feed")  # and a feed of articles was looked for


async def test_a_page_that_links_to_a_page_of_feeds(server: FeedServer, client: FeedClient) -> None:
    server.pages |= {
        "/": page('<a href="/rss-feeds">RSS</a>'),
        "/rss-feeds": page('<a href="/f/world.xml">World</a><a href="/f/home.xml">Home</a>'),
        "/f/world.xml": feed("w"), "/f/home.xml": feed("h"),
    }  # fmt: skip
    found = await discover(client, server.url("/"))
    assert paths(found, server) == ["/f/world.xml", "/f/home.xml"]


async def test_few_pages_are_searched_for_links(server: FeedServer, client: FeedClient) -> None:
    server.pages["/"] = page(*(f'<a href="/rss{number}">RSS</a>' for number in range(4)))
    server.pages |= {f"/rss{number}": page(f'<a href="/f/{number}.rss">News</a>') for number in range(4)}
    await discover(client, server.url("/"))
    assert [request.path for request in server.requests][:7] == [
        "/", "/rss0", "/f/0.rss", "/rss1", "/f/1.rss", "/rss2", "/rss3",
    ]  # fmt: skip


async def test_a_feed_where_sites_often_have_one(server: FeedServer, client: FeedClient) -> None:
    server.pages |= {"/": page(), "/atom.xml": feed("a")}
    found = await discover(client, server.url("/"))
    assert paths(found, server) == ["/atom.xml"]
    assert found.feeds[0].lead is Lead.CUSTOM


async def test_a_part_of_a_site_has_its_own_or_its_sites_feed(server: FeedServer, client: FeedClient) -> None:
    server.pages |= {"/": page(advertised("/all")), "/all": feed("a"), "/asia": page()}
    assert paths(await discover(client, server.url("/asia")), server) == ["/all"]
    server.pages |= {"/asia": page(advertised("/asia.rss")), "/asia.rss": feed("b")}
    assert paths(await discover(client, server.url("/asia")), server) == ["/asia.rss"]


async def test_a_sitemap_index_of_robots_txt_is_followed(server: FeedServer, client: FeedClient) -> None:
    listed = "".join(f"<sitemap><loc>{server.url(path)}</loc></sitemap>" for path in ("/pages.xml", "/news.xml"))
    index = f"<sitemapindex>{listed}</sitemapindex>"
    server.pages |= {
        "/": page(), "/robots.txt": Reply(body=b"Sitemap: /sitemap.xml"), "/sitemap.xml": Reply(body=index.encode()),
        "/news.xml": feed("n"),
    }  # fmt: skip
    found = await discover(client, server.url("/"))
    assert paths(found, server) == ["/news.xml"]
    assert found.feeds[0].lead is Lead.SITEMAP
    assert not server.asked("/pages.xml")


async def test_requests_are_few_and_one_at_a_time(server: FeedServer, client: FeedClient) -> None:
    server.pages["/"] = page(*(advertised(f"/f{number}") for number in range(30)))
    server.pages |= {f"/f{number}": feed(str(number)) for number in range(30)}
    found = await discover(client, server.url("/"))
    assert len(server.requests) == MAX_REQUESTS
    assert server.most_at_once == 1
    assert len(found.feeds) == MAX_REQUESTS - 1
    assert len(found.unasked) == 30 - len(found.feeds)


async def test_nothing_found_says_what_was_tried(server: FeedServer, client: FeedClient) -> None:
    server.pages["/"] = page('<a href="/rss">RSS</a>')
    found = await discover(client, server.url("/"))
    assert found.feeds == ()
    assert len(server.requests) <= MAX_REQUESTS
    tried = {each.url.removeprefix(server.url("")): each.message for each in found.tried}
    assert "HTML page" in tried["/"]
    assert "404" in tried["/rss"]
    assert len(server.asked("/rss")) == 1  # though it is both linked and a custom


async def test_a_site_whose_every_address_answers_with_a_page(server: FeedServer, client: FeedClient) -> None:
    class Everything(dict):  # type: ignore[type-arg]
        def get(self, *_: object) -> Reply:
            return page('<a href="/rss">RSS</a>')

    server.pages = Everything()
    found = await discover(client, server.url("/"))
    assert found.feeds == ()
    assert len(server.requests) <= MAX_REQUESTS


async def test_a_host_that_wants_no_more_is_left_alone(server: FeedServer, client: FeedClient) -> None:
    server.pages |= {"/": page(advertised("/f1"), advertised("/f2")), "/f1": Reply(429)}
    found = await discover(client, server.url("/"))
    assert [request.path for request in server.requests] == ["/", "/f1"]
    assert "429" in found.tried[-1].message


async def test_an_address_that_is_gone_may_have_moved_within_its_site(server: FeedServer, client: FeedClient) -> None:
    server.pages |= {"/": page(advertised("/new")), "/new": feed("n")}
    found = await discover(client, server.url("/old.xml"))
    assert paths(found, server) == ["/new"]
    assert not found.is_answered


async def test_a_redirect_for_good_is_kept_and_another_not(server: FeedServer, client: FeedClient) -> None:
    server.pages |= {
        "/301": Reply(301, headers={"Location": "/feed"}), "/302": Reply(302, headers={"Location": "/feed"}),
        "/feed": feed("a"),
    }  # fmt: skip
    assert paths(await discover(client, server.url("/301")), server) == ["/feed"]
    assert paths(await discover(client, server.url("/302")), server) == ["/302"]


async def test_nobody_there(client: FeedClient) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        closed = listener.getsockname()[1]
    found = await discover(client, f"http://127.0.0.1:{closed}/")
    assert not found.is_reachable
    assert len(found.tried) == 1


async def test_private_addresses_are_refused(server: FeedServer) -> None:
    client = FeedClient(FetchPolicy(), SystemClock())
    found = await discover(client, server.url("/"))
    await client.aclose()
    assert server.requests == []
    assert "not on the public internet" in found.tried[0].message
