"""The WebSub cases of ../shared/data/http_cases.json, as they concern a subscriber. The functions carry their ids."""

import json
from pathlib import Path

import pytest
from redis.asyncio import Redis

from schemas.article import Arrival
from services.domain.feeds.websub import Status
from tests.integration.fetcher.server import FeedServer, Reply, rss
from tests.integration.fetcher.websub_world import until, world

CASES = Path(__file__).parents[4] / "shared" / "data" / "http_cases.json"


async def test_ws_hub_100_a_typical_subscription(server: FeedServer, valkey: Redis) -> None:
    async with world(server, valkey) as w:
        topic = w.publish("a|Old|Text")
        async with w.fetcher(w.feed()):
            subscription = await w.subscribed()
            (asked,) = w.hub.requests
            assert asked["hub.mode"] == "subscribe"
            assert asked["hub.topic"] == subscription.topic_url == topic
            assert asked["hub.callback"].startswith(f"{w.callback_base}/websub/")
            assert len(asked["hub.secret"]) >= 40
            assert asked["hub.lease_seconds"] == "864000"
            assert await w.hub.distribute(rss("b|New|Text", "a|Old|Text")) == [202]
            await until(lambda: len(w.articles()) == 2)
    assert w.titles() == ["Old", "New"]
    assert [article.arrival for article in w.articles()] == [Arrival.BACK_LIST, Arrival.NEW]
    assert len(server.requests) == 1, "what is pushed need not be asked for"


async def test_ws_hub_102_additional_parameters_are_ignored(server: FeedServer, valkey: Redis) -> None:
    async with world(server, valkey) as w:
        w.publish("a|Old|Text")
        w.hub.extra = {"hub.colour": "blue", "foo": "bar", "hub.verify_token": "x"}
        async with w.fetcher(w.feed()):
            await w.subscribed()
    assert w.hub.answers[0].text == "ch&llenge=1 2"


async def test_ws_hub_104_a_feed_that_is_no_longer_followed_is_unsubscribed(server: FeedServer, valkey: Redis) -> None:
    async with world(server, valkey) as w:
        topic = w.publish("a|Old|Text")
        async with w.fetcher(w.feed()) as loop:
            token = (await w.subscribed()).credentials.token
            loop.follow([])
            await w.until_status(None)
            await until(lambda: not w.hub.held)
        assert w.hub.requests[-1]["hub.mode"] == "unsubscribe"
        assert w.hub.requests[-1]["hub.topic"] == topic
        assert w.hub.requests[-1]["hub.callback"] == w.hub.requests[0]["hub.callback"]
        assert await w.store.by_token(token) is None
        assert await w.store.known() == set()


async def test_ws_hub_106_json_content(server: FeedServer, valkey: Redis) -> None:
    """JSON Feed, 1.1: kept byte for byte with its type, and read as what it is."""
    item = {"id": "b", "title": "New", "content_text": "Text", "url": "https://news.example.org/b"}
    document = {"version": "https://jsonfeed.org/version/1.1", "title": "A feed", "items": [item]}
    async with world(server, valkey) as w:
        w.publish("a|Old|Text")
        async with w.fetcher(w.feed()):
            await w.subscribed()
            assert await w.hub.distribute(json.dumps(document).encode(), "application/feed+json") == [202]
            await until(lambda: len(w.articles()) == 2)
    assert w.titles() == ["Old", "New"]


async def test_ws_sub_101_discovery_by_html_link_tags(server: FeedServer, valkey: Redis) -> None:
    """A page is no feed, but what the hub of its feed pushes is."""
    async with world(server, valkey) as w:
        feed_url = server.url("/feed.xml")
        page = f"<!doctype html><head><link rel=hub href='{w.hub.url}'><link rel='self' href='/feed.xml'></head>"
        server.pages["/one.xml"] = Reply(body=page.encode(), headers={"Content-Type": "text/html"})
        async with w.fetcher(w.feed()):
            subscription = await w.subscribed()
            assert subscription.topic_url == feed_url
            assert await w.hub.distribute(rss("a|Pushed|Text")) == [202]
            await until(lambda: w.titles() == ["Pushed"])


async def test_ws_sub_103_discovery_in_an_rss_feed(server: FeedServer, valkey: Redis) -> None:
    async with world(server, valkey) as w:
        links = f"<atom:link xmlns:atom='http://www.w3.org/2005/Atom' rel='hub' href='{w.hub.url}'/>"
        links += "<atom:link xmlns:atom='http://www.w3.org/2005/Atom' rel='self' href='http://127.0.0.1/the-feed'/>"
        server.pages["/one.xml"] = Reply(body=rss("a|Old|Text", channel=links))
        async with w.fetcher(w.feed()):
            assert (await w.subscribed()).topic_url == "http://127.0.0.1/the-feed"


async def test_ws_sub_200_a_feed_that_calls_itself_otherwise_is_subscribed_by_that_name(
    server: FeedServer, valkey: Redis
) -> None:
    async with world(server, valkey) as w:
        w.publish("a|Old|Text", topic="https://example.org/canonical.xml")
        async with w.fetcher(w.feed()):
            assert (await w.subscribed()).topic_url == "https://example.org/canonical.xml"


async def test_ws_sub_202_a_feed_that_has_moved_is_subscribed_where_it_is(server: FeedServer, valkey: Redis) -> None:
    async with world(server, valkey) as w:
        topic = w.publish("a|Old|Text", path="/new.xml")
        server.pages["/one.xml"] = Reply(
            301, headers={"Location": "/new.xml", "Link": '<http://127.0.0.1/>; rel="hub"'}
        )
        async with w.fetcher(w.feed()):
            assert (await w.subscribed()).topic_url == topic


@pytest.mark.parametrize("status", [307, 308])
async def test_ws_sub_204_a_hub_that_has_moved_is_followed(server: FeedServer, valkey: Redis, status: int) -> None:
    async with world(server, valkey) as w:
        w.publish("a|Old|Text")
        w.hub.script = [status]
        async with w.fetcher(w.feed()) as loop:
            await w.subscribed()
            assert w.hub.paths == ["/", "/moved"]
            assert w.hub.requests[0] == w.hub.requests[1]
            loop.follow([])
            await w.until_status(None)
    # Only what has moved for good is asked there first the next time.
    assert w.hub.paths[2] == ("/moved" if status == 308 else "/")


async def test_ws_sub_300_a_delivery_is_answered_at_once(server: FeedServer, valkey: Redis) -> None:
    async with world(server, valkey) as w:
        w.publish("a|Old|Text")
        async with w.fetcher(w.feed()):
            await w.subscribed()
        # No fetcher runs; the answer does not wait for one.
        assert await w.hub.distribute(rss("b|New|Text")) == [202]
        assert await w.store.waiting() == ("one",)


async def test_ws_sub_302_content_without_a_signature_is_ignored(server: FeedServer, valkey: Redis) -> None:
    async with world(server, valkey) as w:
        w.publish("a|Old|Text")
        async with w.fetcher(w.feed()):
            subscription = await w.subscribed()
            assert await w.hub.distribute(rss("b|New|Text"), signature="") == [202]
            assert await w.store.waiting() == ()
            assert await w.hub.distribute(rss("c|Newer|Text")) == [202]
            await until(lambda: len(w.articles()) == 2)
    assert subscription.status is Status.VERIFIED
    assert w.titles() == ["Old", "Newer"]


def test_every_case_of_websub_is_here() -> None:
    if not CASES.exists():
        pytest.skip("the shared cases are not beside this checkout")
    ids = [case["id"] for case in json.loads(CASES.read_text()) if case["id"].startswith("ws-")]
    tested = {name for name in globals() if name.startswith("test_ws_")}
    assert [
        case for case in ids if not any(name.startswith(f"test_{case.replace('-', '_')}_") for name in tested)
    ] == []
    assert len(ids) == 11
