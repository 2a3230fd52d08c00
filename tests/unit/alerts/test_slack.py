"""What Slack's channels make of every answer; threads are tried in tests/integration/alerter/test_slack.py."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs

import httpx
import pytest
from pydantic import SecretStr

from alerts.channels.base import Attempt, Refused, RetryAfter, SendResult, Sent, Unknown
from alerts.channels.http import Poster
from alerts.channels.slack import SlackBotChannel, SlackWebhookChannel, is_loud
from alerts.channels.slack_history import MessageRef
from schemas.alert import AlertKind
from schemas.notification import NotificationKind
from schemas.watch import Severity
from tests.unit.alerts.examples import an_alert, told

NOW = datetime(2024, 11, 27, 9, 0, tzinfo=UTC)
KEY = "0123456789abcdef0123456789abcdef"


def poster(handler: Callable[[httpx.Request], httpx.Response]) -> Poster:
    return Poster(httpx.MockTransport(handler))


async def test_slack_webhook_posts_blocks_and_metadata() -> None:
    bodies: list[dict[str, Any]] = []

    def handler(request: httpx.Request) -> httpx.Response:
        bodies.append(json.loads(request.content))
        return httpx.Response(200, text="ok")

    channel = SlackWebhookChannel(SecretStr("https://hooks.example.org/x"), poster=poster(handler))
    assert await channel.send(told(), KEY) == Sent()
    assert bodies[0]["metadata"]["event_payload"] == {
        "alert_id": an_alert().id,
        "notification_id": told().id,
        "thread": told().thread,
        "idempotency_key": KEY,
    }
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
    assert await bot.send(told(), KEY) == Sent("C1:1.0")
    assert workspace.calls == ["chat.postMessage"]


async def test_bot_finds_what_arrived_and_does_not_post_again(bot: SlackBotChannel, workspace: Workspace) -> None:
    workspace.lose_next_answer = True
    assert isinstance(await bot.send(told(), KEY), Unknown)
    result = await bot.send(told(), KEY, Attempt(2, doubtful=True))
    assert result == Sent("C1:1.0", "found in the channel's history")
    assert len(workspace.messages) == 1


async def test_bot_posts_again_what_is_not_there(bot: SlackBotChannel, workspace: Workspace) -> None:
    await bot.send(told(), "f" * 32)
    assert await bot.send(told(), KEY, Attempt(2, doubtful=True)) == Sent("C1:2.0")


@pytest.mark.parametrize("method", ["conversations.list", "conversations.history"])
@pytest.mark.parametrize(
    ("answer", "expected", "posts"),
    [
        (httpx.Response(429, headers={"retry-after": "30"}), RetryAfter, 0),
        (httpx.Response(503), RetryAfter, 0),
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


async def test_bot_that_may_not_look_repeats_no_oftener_than_those_who_cannot(
    bot: SlackBotChannel, workspace: Workspace
) -> None:
    workspace.answers["conversations.history"] = httpx.Response(200, json={"ok": False, "error": "missing_scope"})
    results = [await bot.send(told(), KEY, Attempt(2, doubtful=True, repeats=repeats)) for repeats in range(4)]
    assert [isinstance(result, Sent) for result in results] == [True, True, True, False]
    assert isinstance(results[3], Unknown)
    assert results[3].final
    assert len(workspace.messages) == 3


async def test_unknown_channel_name_is_not_looked_for_for_ever(workspace: Workspace) -> None:
    bot = SlackBotChannel(SecretStr("xoxb-1"), "#elsewhere", poster=poster(workspace))
    assert isinstance(await bot.send(told(), KEY, Attempt(2, doubtful=True)), Sent)


@pytest.mark.parametrize(
    ("ref", "read"),
    [
        ("C123:1732.0001", MessageRef("1732.0001", "C123")),
        ("1732.0001", MessageRef("1732.0001")),
        ("", None),
        (None, None),
        ("C123:", None),
    ],
)
def test_an_external_ref_names_channel_and_message(ref: str | None, read: MessageRef | None) -> None:
    assert MessageRef.read(ref) == read
    if read is not None:
        assert str(read) == ref


@pytest.mark.parametrize(
    ("kind", "severity", "notification", "loud"),
    [
        (AlertKind.MENTION, Severity.WARNING, NotificationKind.UPDATE, False),
        (AlertKind.MENTION, Severity.CRITICAL, NotificationKind.UPDATE, True),
        (AlertKind.SHIFT, Severity.INFO, NotificationKind.UPDATE, True),
        (AlertKind.CORRECTION, Severity.INFO, NotificationKind.UPDATE, True),
        (AlertKind.SURGE, Severity.INFO, NotificationKind.UPDATE, False),
        (AlertKind.MENTION, Severity.INFO, NotificationKind.REMINDER, True),
    ],
)
def test_what_is_urgent_is_shown_outside_its_thread_too(
    kind: AlertKind, severity: Severity, notification: NotificationKind, loud: bool
) -> None:
    assert is_loud(told(an_alert(kind=kind, severity=severity), kind=notification)) is loud


async def test_an_update_by_webhook_says_that_it_is_one() -> None:
    bodies: list[dict[str, Any]] = []

    def handler(request: httpx.Request) -> httpx.Response:
        bodies.append(json.loads(request.content))
        return httpx.Response(200, text="ok")

    channel = SlackWebhookChannel(SecretStr("https://hooks.example.org/x"), poster=poster(handler))
    update = told(kind=NotificationKind.UPDATE, revision=2)
    assert await channel.send(update, KEY, Attempt(thread_ref="C1:1.0")) == Sent()
    assert bodies[0]["text"].startswith("🟠 Update: *Seoul")
    assert "thread_ts" not in bodies[0]


async def test_a_bot_asks_slack_to_make_no_links_of_words() -> None:
    bodies: list[dict[str, Any]] = []

    def handler(request: httpx.Request) -> httpx.Response:
        bodies.append(json.loads(request.content))
        return httpx.Response(200, json={"ok": True, "ts": "1.0"})

    channel = SlackBotChannel(SecretStr("xoxb-1"), "C9", poster=poster(handler))
    assert await channel.send(told(), KEY) == Sent("1.0")
    assert bodies[0]["parse"] == "none"
