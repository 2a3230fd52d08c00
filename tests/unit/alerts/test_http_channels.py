"""What the webhook and Slack channels make of every answer, and of none."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs

import httpx
import pytest
from pydantic import SecretStr

from alerts.channels.base import Attempt, Refused, RetryAfter, SendResult, Sent, Unknown
from alerts.channels.http import Poster, parse_retry_after
from alerts.channels.slack import SlackBotChannel, SlackWebhookChannel
from alerts.channels.webhook import WebhookChannel, sign
from schemas.codec import encode
from tests.unit.alerts.examples import an_alert, told

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
    assert (request.headers["x-team"], request.headers["user-agent"]) == ("night", "own")


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


async def test_slack_webhook_posts_blocks_and_metadata() -> None:
    bodies: list[dict[str, Any]] = []

    def handler(request: httpx.Request) -> httpx.Response:
        bodies.append(json.loads(request.content))
        return httpx.Response(200, text="ok")

    channel = SlackWebhookChannel(SecretStr("https://hooks.example.org/x"), poster=poster(handler))
    assert await channel.send(told(), KEY) == Sent()
    assert bodies[0]["metadata"]["event_payload"] == {"alert_id": an_alert().id, "idempotency_key": KEY}
    assert bodies[0]["blocks"]


class Workspace:
    """A Slack workspace with one channel, over a transport."""

    def __init__(self) -> None:
        self.messages: list[dict[str, Any]] = []
        self.calls: list[str] = []
        self.answers: dict[str, httpx.Response] = {}
        self.lose_next_answer = False

    def __call__(self, request: httpx.Request) -> httpx.Response:
        assert request.headers["authorization"] == "Bearer xoxb-1"
        method = request.url.path.removeprefix("/api/")
        self.calls.append(method)
        if method in self.answers:
            return self.answers[method]
        reply: dict[str, Any] = {"ok": True}
        if method == "chat.postMessage":
            body = json.loads(request.content)
            self.messages.append({"ts": f"{len(self.messages) + 1}.0", "metadata": body["metadata"]})
            reply |= {"channel": "C1", "ts": self.messages[-1]["ts"]}
            if self.lose_next_answer:
                self.lose_next_answer = False
                raise httpx.ReadTimeout("no answer")
        elif method == "conversations.list":
            reply["channels"] = [{"id": "C0", "name": "general"}, {"id": "C1", "name": "redline"}]
        else:
            query = parse_qs(request.content.decode())
            assert query["channel"] == ["C1"]
            assert query["include_all_metadata"] == ["true"]
            # Two pages, newest first.
            page = 1 if "cursor" in query else 0
            reply["messages"] = [{"ts": "9.9", "text": "hello"}] if page == 0 else self.messages[::-1]
            reply["response_metadata"] = {"next_cursor": "" if page else "more"}
        return httpx.Response(200, json=reply)


@pytest.fixture
def workspace() -> Workspace:
    return Workspace()


@pytest.fixture
def bot(workspace: Workspace) -> SlackBotChannel:
    return SlackBotChannel(SecretStr("xoxb-1"), "#redline", poster=poster(workspace), now=lambda: NOW)


async def test_bot_posts_and_keeps_the_ts(bot: SlackBotChannel, workspace: Workspace) -> None:
    assert await bot.send(told(), KEY) == Sent("1.0")
    assert workspace.calls == ["chat.postMessage"]


async def test_bot_finds_what_arrived_and_does_not_post_again(bot: SlackBotChannel, workspace: Workspace) -> None:
    workspace.lose_next_answer = True
    assert isinstance(await bot.send(told(), KEY), Unknown)
    result = await bot.send(told(), KEY, Attempt(2, doubtful=True))
    assert result == Sent("1.0", "found in the channel's history")
    assert len(workspace.messages) == 1


async def test_bot_posts_again_what_is_not_there(bot: SlackBotChannel, workspace: Workspace) -> None:
    await bot.send(told(), "f" * 32)
    assert await bot.send(told(), KEY, Attempt(2, doubtful=True)) == Sent("2.0")


@pytest.mark.parametrize("method", ["conversations.list", "conversations.history"])
@pytest.mark.parametrize(
    ("answer", "expected", "posts"),
    [
        (httpx.Response(429, headers={"retry-after": "30"}), RetryAfter, 0),
        (httpx.Response(503), Unknown, 0),
        (httpx.Response(200, json={"ok": False, "error": "ratelimited"}), RetryAfter, 0),
        (httpx.Response(200, json={"ok": False, "error": "missing_scope", "needed": "channels:history"}), Sent, 1),
    ],
)
async def test_bot_that_cannot_look_now_waits_and_one_that_never_can_repeats(
    bot: SlackBotChannel,
    workspace: Workspace,
    method: str,
    answer: httpx.Response,
    expected: type[SendResult],
    posts: int,
) -> None:
    workspace.answers[method] = answer
    assert isinstance(await bot.send(told(), KEY, Attempt(2, doubtful=True)), expected)
    assert len(workspace.messages) == posts


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (httpx.Response(200, json={"ok": False, "error": "channel_not_found"}), Refused),
        (httpx.Response(200, json={"ok": False, "error": "invalid_auth"}), Refused),
        (httpx.Response(200, json={"ok": False, "error": "msg_blocks_too_long"}), Refused),
        (httpx.Response(200, json={"ok": False, "error": "ratelimited"}), RetryAfter),
        (httpx.Response(200, json={"ok": False, "error": "fatal_error"}), Unknown),
        (httpx.Response(200, json={"ok": False}), Refused),
        (httpx.Response(200, json=[]), Unknown),
        (httpx.Response(200, text="<html>"), Unknown),
        (httpx.Response(502, text="<html>"), Unknown),
        (httpx.Response(429, headers={"retry-after": "3"}), RetryAfter),
        (httpx.Response(404), Refused),
    ],
)
async def test_bot_reads_the_answer_of_a_post(
    bot: SlackBotChannel, workspace: Workspace, answer: httpx.Response, expected: type[SendResult]
) -> None:
    workspace.answers["chat.postMessage"] = answer
    assert isinstance(await bot.send(told(), KEY), expected)


async def test_unknown_channel_name_is_not_looked_for_for_ever(workspace: Workspace) -> None:
    bot = SlackBotChannel(SecretStr("xoxb-1"), "#elsewhere", poster=poster(workspace))
    assert isinstance(await bot.send(told(), KEY, Attempt(2, doubtful=True)), Sent)
