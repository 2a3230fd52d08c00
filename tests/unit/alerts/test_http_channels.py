"""What the webhook and Slack channels make of every answer, and of none."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from alerts.channels.base import Refused, RetryAfter, SendResult, Sent, Unknown
from alerts.channels.http import Poster, parse_retry_after
from alerts.channels.slack import SlackWebhookChannel
from alerts.channels.webhook import WebhookChannel, sign
from schemas.codec import decode, encode
from schemas.notification import Notification, NotificationKind
from tests.unit.alerts.examples import an_alert, excerpt, told
from tests.unit.alerts.messages import ENDLESS

NOW = datetime(2024, 11, 27, 9, 0, tzinfo=UTC)
KEY = "0123456789abcdef0123456789abcdef"
Handler = Callable[[httpx.Request], httpx.Response]


def poster(handler: Handler) -> Poster:
    return Poster(httpx.MockTransport(handler))


def webhook(handler: Handler, **options: Any) -> WebhookChannel:
    return WebhookChannel(SecretStr("https://example.org/hook"), poster=poster(handler), now=lambda: NOW, **options)


def answering(status: int, **options: Any) -> Handler:
    return lambda request: httpx.Response(status, **options)


def failing(error: Exception) -> Handler:
    def handler(request: httpx.Request) -> httpx.Response:
        raise error

    return handler


RETRIED = {408, 425, 429, *range(500, 600)}


@pytest.mark.parametrize("status", [*range(200, 209), 226, *range(300, 309), *range(400, 452), *range(500, 512), 599])
async def test_every_http_status_has_its_meaning(status: int) -> None:
    got = await webhook(answering(status)).send(told(), KEY)
    expected = Sent if status < 300 else RetryAfter if status in RETRIED else Refused
    assert isinstance(got, expected)


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (httpx.ConnectError("refused"), RetryAfter),
        (httpx.ConnectError("Name or service not known"), RetryAfter),
        (httpx.ConnectTimeout("slow"), RetryAfter),
        (httpx.PoolTimeout("busy"), RetryAfter),
        (httpx.ReadTimeout("slow"), Unknown),
        (httpx.WriteTimeout("slow"), Unknown),
        (httpx.ReadError("reset"), Unknown),
        (httpx.WriteError("reset"), Unknown),
        (httpx.RemoteProtocolError("disconnected"), Unknown),
        (httpx.LocalProtocolError("illegal"), Refused),
        (httpx.UnsupportedProtocol("x://"), Refused),
    ],
)
async def test_every_failure_says_whether_the_message_may_have_arrived(
    error: Exception, expected: type[SendResult]
) -> None:
    assert isinstance(await webhook(failing(error)).send(told(), KEY), expected)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("120", 120.0),
        (" 0 ", 0.0),
        ("Wed, 27 Nov 2024 09:01:30 GMT", 90.0),
        ("Wed, 27 Nov 2024 08:00:00 GMT", 0.0),
        ("soon", None),
        ("-5", None),
        ("", None),
        ("١٢", None),
        ("9" * 400, 999_999_999_999.0),
        (None, None),
    ],
)
def test_retry_after_is_read_as_seconds_or_date(value: str | None, seconds: float | None) -> None:
    assert parse_retry_after(value, NOW) == seconds


async def test_retry_after_and_reason_are_passed_on() -> None:
    got = await webhook(answering(429, headers={"retry-after": "7"}, text="slow\ndown\x1b[0m")).send(told(), KEY)
    assert got == RetryAfter("HTTP 429: slow down[0m", 7.0)


async def test_webhook_carries_alert_key_signature_and_headers() -> None:
    seen: list[httpx.Request] = []

    def handler(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(204)

    channel = webhook(handler, signing_key=SecretStr("s3cret"), headers={"X-Team": "night", "User-Agent": "own"})
    assert await channel.send(told(), KEY) == Sent()
    (request,) = seen
    assert request.content == encode(told())
    assert request.headers["idempotency-key"] == KEY
    assert request.headers["content-type"] == "application/json"
    assert request.headers["x-redline-signature"] == sign(request.content, "s3cret", NOW)
    assert request.headers["x-redline-kind"] == "new"
    assert (request.headers["x-team"], request.headers["user-agent"]) == ("night", "own")


async def test_webhook_passes_on_what_an_article_says_as_it_stands() -> None:
    seen: list[httpx.Request] = []

    def handler(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(204)

    hostile = told(an_alert(title=ENDLESS, excerpts=(excerpt(ENDLESS, "*bold*"),)), kind=NotificationKind.UPDATE)
    assert await webhook(handler, signing_key=SecretStr("s3cret")).send(hostile, KEY) == Sent()
    (request,) = seen
    assert decode(Notification, request.content) == hostile
    assert b"\r" not in request.content  # whatever a text says is escaped
    assert b"\x00" not in request.content
    assert request.headers["x-redline-kind"] == "update"
    assert request.headers["x-redline-signature"] == sign(request.content, "s3cret", NOW)


async def test_webhook_without_key_is_not_signed() -> None:
    def handler(request: httpx.Request) -> httpx.Response:
        return httpx.Response(500 if "x-redline-signature" in request.headers else 200)

    assert await webhook(handler).send(told(), KEY) == Sent()


async def test_no_reason_or_log_tells_a_secret_url(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")
    url = SecretStr("https://hooks.example.org/services/T0/B0/verysecret")
    for handler in (answering(404, text="no_service"), failing(httpx.ConnectError("refused")), answering(200)):
        result = await SlackWebhookChannel(url, poster=poster(handler), now=lambda: NOW).send(told(), KEY)
        assert "verysecret" not in repr(result)
    assert "verysecret" not in caplog.text
