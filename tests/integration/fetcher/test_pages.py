"""Full texts from real servers: robots.txt, refusals, limits, and a whole poll."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest
from redis.asyncio import Redis

from schemas.article import Arrival, Article
from schemas.base import content_id
from schemas.feed import Feed
from schemas.streams import ARTICLES
from services.domain.feeds.page import Page
from services.domain.feeds.page_reading import read_page
from services.fetcher.client import FeedClient
from services.fetcher.handler import FeedPoller
from services.fetcher.history import PollOutcome
from services.fetcher.pages import ACCEPT, ArticlePages, Extractor, PageBudget
from services.fetcher.parse_pool import PagePool, ParsePool
from services.fetcher.policy import FetchPolicy
from services.fetcher.robots import Robots
from services.fetcher.store import ValkeyFeedStore
from tests.fakes import RecordingPublisher
from tests.integration.fetcher.server import FeedServer, Reply, Request, serve
from tests.unit.feeds.pages import PARAGRAPHS, TITLE, body, page

FULL = "\n".join(PARAGRAPHS)
HTML: dict[str, str | bytes] = {"Content-Type": "text/html; charset=utf-8"}
POLICY = FetchPolicy(allow_private=True, timeout_seconds=2.0, user_agent="Redline/test", max_body_bytes=200_000)


class SystemClock:
    def now(self) -> datetime:
        return datetime.now(UTC)


class ReadsHere:
    """Reads pages in this process: starting another for every test takes seconds."""

    async def read(self, body: bytes, *, content_type: str | None, url: str | None) -> Page:
        return read_page(body, content_type=content_type, url=url)

    async def aclose(self) -> None:
        pass


def pages_of(policy: FetchPolicy = POLICY, extractor: Extractor | None = None) -> ArticlePages:
    clock = SystemClock()
    client = FeedClient(policy, clock, accept=ACCEPT)
    return ArticlePages(
        client=client,
        robots=Robots(client, clock),
        extractor=extractor or ReadsHere(),
        clock=clock,
        budget=PageBudget(delay=timedelta(0)),
    )


@pytest.fixture
async def pages() -> AsyncIterator[ArticlePages]:
    running = pages_of()
    yield running
    await running.aclose()


def feed_at(server: FeedServer) -> Feed:
    return Feed(
        id="bay", url=server.url("/feed.xml"), outlet="Bay Courier", full_text=True, interval=timedelta(seconds=1)
    )


def article(url: str) -> Article:
    return Article(
        id=content_id("article", url),
        revision=1,
        revision_id=content_id("revision", url),
        feed_id="bay",
        outlet="Bay Courier",
        title=TITLE,
        text=PARAGRAPHS[0],
        url=url,
        first_seen_at=datetime.now(UTC),
    )


async def text_at(pages: ArticlePages, server: FeedServer, path: str = "/1") -> str:
    (after,) = await pages.complete(feed_at(server), [article(server.url(path))])
    return after.text


async def test_a_page_is_asked_for_as_ourselves_and_without_conditions(server: FeedServer, pages: ArticlePages) -> None:
    server.pages["/1"] = Reply(body=page().encode(), headers=HTML).gzipped()
    assert await text_at(pages, server) == FULL
    assert [request.path for request in server.requests] == ["/robots.txt", "/1"]
    asked = server.requests[1].headers
    assert asked["user-agent"].startswith(b"Redline/")
    assert asked["accept"].startswith(b"text/html")
    assert not {"cookie", "referer", "if-none-match", "if-modified-since"} & asked.keys()


@pytest.mark.parametrize(
    ("robots", "is_allowed"),
    [
        (Reply(404), True),
        (Reply(401), True),
        (Reply(body=b"User-agent: *\nDisallow: /"), False),
        (Reply(body=b"User-agent: *\nDisallow: /\n\nUser-agent: redline\nAllow: /"), True),
        (Reply(500), False),
        (Reply(429), False),
        (Reply(301, headers={"Location": "/elsewhere.txt"}), False),
        (Reply(302, headers={"Location": "/robots.txt"}), True),
        (Reply(body=b"User-agent: *\n", trickle=0.5), False),
        (Reply(body=b"User-agent: *\nDisallow: /\n" + b"#" * 150_000), False),
        (Reply(body=b"<html>" + b"x" * 300_000), False),
    ],
    ids=["404", "401", "no", "yes", "500", "429", "moved", "loop", "slow", "long", "too large"],
)
async def test_robots_txt(server: FeedServer, pages: ArticlePages, robots: Reply, is_allowed: bool) -> None:
    server.pages["/robots.txt"] = robots
    server.pages["/elsewhere.txt"] = Reply(body=b"User-agent: *\nDisallow: /1")
    server.pages["/1"] = Reply(body=page().encode(), headers=HTML)
    assert (await text_at(pages, server) == FULL) == is_allowed
    assert len(server.asked("/1")) == is_allowed


@pytest.mark.parametrize(
    "reply",
    [
        Reply(404),
        Reply(500),
        Reply(body=page().encode(), headers=HTML, delay=5),
        Reply(body=page().encode() + b" " * 300_000, headers=HTML),
        Reply(body=b"%PDF-1.7", headers={"Content-Type": "application/pdf"}),
        Reply(body=page(body("Subscribe to go on.")).encode(), headers=HTML),
        Reply(302, headers={"Location": "http://[::1]:9/"}),
        Reply(200),
    ],
    ids=["404", "500", "slow", "large", "pdf", "wall", "nobody", "empty"],
)
async def test_whatever_a_server_does_the_summary_stays(server: FeedServer, pages: ArticlePages, reply: Reply) -> None:
    server.pages["/1"] = reply
    assert await text_at(pages, server) == PARAGRAPHS[0]


async def test_a_private_address_is_not_asked_for(server: FeedServer) -> None:
    pages = pages_of(FetchPolicy(timeout_seconds=2.0))
    server.pages["/1"] = Reply(body=page().encode(), headers=HTML)
    assert await text_at(pages, server) == PARAGRAPHS[0]
    assert server.requests == []
    await pages.aclose()


async def test_a_redirect_is_followed_only_where_its_site_allows(server: FeedServer, pages: ArticlePages) -> None:
    async with serve() as other:
        other.pages["/robots.txt"] = Reply(body=b"User-agent: *\nDisallow: /private")
        other.pages["/open"] = other.pages["/private"] = Reply(body=page().encode(), headers=HTML)
        server.pages["/1"] = Reply(302, headers={"Location": other.url("/private")})
        server.pages["/2"] = Reply(302, headers={"Location": other.url("/open")})
        assert await text_at(pages, server, "/1") == PARAGRAPHS[0]
        assert await text_at(pages, server, "/2") == FULL
        assert [request.path for request in other.requests] == ["/robots.txt", "/open"]


def feed_of(server: FeedServer, *numbers: int) -> bytes:
    items = "".join(
        f"<item><guid>{number}</guid><title>{TITLE}, {number}</title><description>{PARAGRAPHS[0]}</description>"
        f"<link>{server.url(f'/{number}')}</link></item>"
        for number in numbers
    )
    return f"<rss version='2.0'><channel><title>Bay</title>{items}</channel></rss>".encode()


async def test_a_whole_poll_reads_the_pages_of_what_is_new(server: FeedServer, valkey: Redis) -> None:
    """The back list keeps its summaries; ids are those of the feed's content, whatever the page says this time."""
    feed, publisher, clock = feed_at(server), RecordingPublisher(), SystemClock()
    client, pool, store = FeedClient(POLICY, clock), ParsePool(), ValkeyFeedStore(valkey)
    pages = pages_of(extractor=PagePool(seconds=20))
    poller = FeedPoller(
        client=client,
        reader=pool,
        store=store,
        publisher=publisher,
        clock=clock,
        policy=POLICY.schedule,
        pages=pages,
    )

    def article_page(request: Request) -> Reply:
        return Reply(404) if request.path == "/3" else Reply(body=page().encode(), headers=HTML)

    for number in range(1, 5):
        server.pages[f"/{number}"] = article_page
    for numbers in ((1,), (1, 2, 3), (1, 2, 3)):
        server.pages["/feed.xml"] = Reply(body=feed_of(server, *numbers))
        now = clock.now() + timedelta(hours=1)
        await store.reconcile([feed], now)
        await store.hasten(feed.id, now)
        (claim,) = (await store.claim_due(now, 1)).claims
        report = await poller.poll(feed, claim)
        assert report.outcome in {PollOutcome.READ, PollOutcome.UNCHANGED}
    by_number: dict[str, Article] = {item.title[-1]: item for item in publisher.on(ARTICLES)}
    assert len(publisher.sent) == len(by_number) == 3
    assert by_number["1"].arrival is Arrival.BACK_LIST
    assert [by_number[number].text for number in "123"] == [PARAGRAPHS[0], FULL, PARAGRAPHS[0]]
    assert [request.path for request in server.requests if request.path != "/feed.xml"] == ["/robots.txt", "/3", "/2"]
    for opened in (pages, pool, client):
        await opened.aclose()
