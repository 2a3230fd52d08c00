"""The Apprise channel: the real package, towards a server on loopback."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from pydantic import SecretStr

from alerts.channels import apprise
from alerts.channels.apprise import AppriseChannel
from alerts.channels.base import Refused, RetryAfter, SendResult, Sent
from alerts.notes import render_note
from schemas.notification import Notification
from tests.integration.alerter.http_server import HookServer, serving
from tests.unit.alerts.examples import an_alert, told
from tests.unit.alerts.messages import a_digest, a_shift, an_item, hostile_notifications

KEY = "0123456789abcdef0123456789abcdef"
# One of its modules imports one that Python 3.13 has no more; it says so while it is still there.
pytestmark = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")
UNAVAILABLE = b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n"


def channel(hook: HookServer, *, allow_private: bool = True) -> AppriseChannel:
    return AppriseChannel(SecretStr(f"json://127.0.0.1:{hook.port}/hook"), allow_private=allow_private)


async def test_title_text_and_urgency_arrive() -> None:
    async with serving() as hook:
        assert await channel(hook).send(told(a_shift(), time_zone="Asia/Seoul"), KEY) == Sent()
    body: dict[str, Any] = json.loads(hook.requests[0].body)
    assert body["title"] == "[CRITICAL] South Korea: arms to Ukraine: Seoul to review arms for Ukraine"
    assert body["type"] == "failure"
    assert body["message"].splitlines() == [
        "CRITICAL - Position shift - South Korea: arms to Ukraine",
        "Seoul to review arms for Ukraine",
        "Example Wire · 27 Nov 2024 18:00 KST",
        "Story: 4 articles from 3 outlets · new: 40 tanks, 27 November",
        "South Korea, declared position: from “considers” to “refuses”",
        "“considers” since 21 Nov 2024",
        "3 independent origins · confidence 82% · said by Kim Example",
        "“The office said it would *flexibly review* sending arms to *Ukraine*.”",
        "https://example.org/news/1?a=1&b=2",
    ]


async def test_a_service_that_fails_is_tried_again() -> None:
    async with serving(lambda number: UNAVAILABLE) as hook:
        result = await channel(hook).send(told(), KEY)
    assert isinstance(result, RetryAfter)


async def test_nobody_listening_is_tried_again(unused_tcp_port: int) -> None:
    service = AppriseChannel(SecretStr(f"json://127.0.0.1:{unused_tcp_port}/"), allow_private=True)
    assert isinstance(await service.send(told(), KEY), RetryAfter)


async def refusal(url: str) -> SendResult:
    return await AppriseChannel(SecretStr(url)).send(told(), KEY)


async def test_what_apprise_does_not_know_is_refused_without_telling_it() -> None:
    for url in ("nonsense://user:secret@example.org", "https://", "not a url"):
        assert await refusal(url) == Refused("the secret is not a URL of a service that Apprise knows")


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "10.0.0.1", "[::1]"])
async def test_a_private_host_is_refused_unless_allowed(host: str) -> None:
    result = await refusal(f"json://{host}:9/")
    assert isinstance(result, Refused)
    assert "is not on the public internet; set allow_private: true on this channel" in result.reason


async def test_a_token_that_stands_where_hosts_stand_is_never_looked_up(monkeypatch: pytest.MonkeyPatch) -> None:
    looked_up: list[str] = []

    def look_up(host: str, *_: Any, **__: Any) -> list[Any]:
        looked_up.append(host)
        raise OSError("no network")

    service = AppriseChannel(SecretStr("tgram://123456789:abcdefg_hijklmnop/12315544/"))
    monkeypatch.setattr("socket.getaddrinfo", look_up)
    assert apprise._private_host(service._service) is None
    assert looked_up == []


async def test_redirects_are_not_followed_to_where_no_check_was_made() -> None:
    async with serving() as inner:
        moved = f"HTTP/1.1 307 Moved\r\nLocation: {inner.url}\r\nContent-Length: 0\r\n\r\n".encode()
        async with serving(lambda number: moved) as outer:
            service = AppriseChannel(SecretStr(f"json://127.0.0.1:{outer.port}/"))
            service._allow_private = False
            assert service._service is not None
            service._allow_private = True  # the check of the host aside
            assert isinstance(await service.send(told(), KEY), RetryAfter)
    assert inner.requests == []


def test_a_digest_is_a_list_and_many_alerts_are_counted() -> None:
    digest = a_digest(an_item(1), an_item(2, watch_topic="t", watch_topic_title="Other"))
    assert render_note(digest).splitlines()[2:5] == [
        "South Korea: arms to Ukraine",
        "1. WARNING Headline 1 (Example Wire · 09:00)",
        "https://example.org/news/1",
    ]
    assert render_note(told(*[an_alert()] * 60)).endswith("and 20 more, which `redline alerts list` shows")


def test_nobody_is_called_by_what_an_article_says() -> None:
    text = render_note(told(an_alert(title="@everyone <!channel> <@U1> @here look")))
    for call in ("@everyone", "<!", "<@", "@here"):
        assert call not in text


@given(hostile_notifications())
@settings(max_examples=15, deadline=None)
def test_hostile_notes_are_short_and_clean(notification: Notification) -> None:
    text = render_note(notification)
    assert not {"\x00", "\x1b", "\r", "\u202e"} & set(text)
    assert len(text) < 60_000
    text.encode()
