"""Channels that post do not reach into private networks, unless routes.yaml says so."""

import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from alerts.channels.assemble import open_channels
from alerts.channels.base import Refused, RetryAfter, SendResult, Sent
from alerts.channels.http import Connect, DestinationRefusedError, Poster
from alerts.channels.webhook import WebhookChannel
from alerts.routing import Routes
from services.fetcher.guard import Guard
from services.fetcher.transport import GuardedTransport
from services.outgoing import guarded_connect
from tests.integration.fetcher.network import Names, every_connect
from tests.integration.fetcher.server import FeedServer, Reply, serve
from tests.unit.alerts.examples import told


@pytest.fixture
async def desk() -> AsyncIterator[FeedServer]:
    async with serve() as server:
        server.pages["/hook"] = Reply(body=b"ok")
        yield server


async def send(channel: dict[str, Any], secrets: dict[str, str] | None = None) -> SendResult:
    tree = {"route": {"receiver": "desk"}, "receivers": [{"name": "desk", "channels": [channel]}]}
    routes = Routes.model_validate_json(json.dumps(tree))
    values = {name: SecretStr(value) for name, value in (secrets or {}).items()}
    (opened,) = open_channels(routes, values, connect=guarded_connect())
    try:
        return await opened.channel.send(told(), "key")
    finally:
        await opened.channel.aclose()


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::ffff:127.0.0.1]", "2130706433"])
async def test_a_private_webhook_is_refused_before_a_connection_is_opened(desk: FeedServer, host: str) -> None:
    with every_connect() as connects:
        result = await send({"type": "webhook", "url": desk.url("/hook", host)})
    assert isinstance(result, Refused)
    assert "is not on the public internet; set allow_private: true on this channel" in result.reason
    assert "/hook" not in result.reason
    assert connects == []


@pytest.mark.parametrize(
    "channel",
    [
        {"type": "slack", "webhook_url": {"secret": "URL"}},
        {"type": "slack", "bot_token": {"secret": "TOKEN"}, "channel": "#redline", "api_url": "http://10.0.0.1/api/"},
    ],
    ids=["slack webhook", "slack bot"],
)
async def test_slack_at_a_private_address_is_refused(channel: dict[str, Any]) -> None:
    with every_connect() as connects:
        result = await send(channel, {"URL": "http://192.168.0.9/services/secret", "TOKEN": "xoxb-1"})
    assert isinstance(result, Refused)
    assert "not on the public internet" in result.reason
    assert "secret" not in result.reason
    assert connects == []


async def test_allow_private_lets_it_through(desk: FeedServer) -> None:
    assert await send({"type": "webhook", "url": desk.url("/hook"), "allow_private": True}) == Sent()
    assert len(desk.asked("/hook")) == 1


async def test_a_name_that_turns_private_is_refused_and_one_that_is_unknown_is_tried_again() -> None:
    names = Names({"desk.example": [["10.0.0.1"]]})

    def connect() -> httpx.AsyncBaseTransport:
        return GuardedTransport(Guard(allow_private=False, resolver=names, refuse=DestinationRefusedError))

    for host, kind in (("desk.example", Refused), ("unknown.example", RetryAfter)):
        channel = WebhookChannel(SecretStr(f"https://{host}/hook"), poster=Poster(connect=connect))
        with every_connect() as connects:
            assert isinstance(await channel.send(told(), "key"), kind)
        assert connects == []
        await channel.aclose()


def test_every_channel_that_posts_gets_its_connections_from_outside() -> None:
    asked: list[bool] = []

    def counting(*, allow_private: bool) -> httpx.AsyncBaseTransport:
        asked.append(allow_private)
        return httpx.MockTransport(lambda _: httpx.Response(200))

    connect: Connect = counting
    channels = [
        {"type": "slack", "webhook_url": {"secret": "A"}, "allow_private": True},
        {"type": "slack", "name": "bot", "bot_token": {"secret": "A"}, "channel": "#x", "allow_private": True},
        {"type": "webhook", "url": {"secret": "A"}, "allow_private": True},
    ]
    tree = {"route": {"receiver": "desk"}, "receivers": [{"name": "desk", "channels": channels}]}
    open_channels(Routes.model_validate_json(json.dumps(tree)), {"A": SecretStr("https://x.example/")}, connect=connect)
    assert asked == [True] * (1 + 1 + 16)
