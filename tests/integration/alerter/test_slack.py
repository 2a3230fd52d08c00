"""A bot in a workspace, over real HTTP: threads, totals brought up to date, and nothing posted twice."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from pydantic import SecretStr

from alerts.channels.base import Attempt, Refused, RetryAfter, SendResult, Sent, Unknown
from alerts.channels.slack import SlackBotChannel, SlackWebhookChannel
from schemas.alert import Alert
from schemas.base import content_id
from schemas.notification import Notification, NotificationKind
from schemas.watch import Severity
from tests.integration.alerter.slack_server import (
    CHANNEL_ID,
    HUNG_UP,
    LOST_ANSWER,
    NOT_JSON,
    RATE_LIMITED,
    TOKEN,
    Fault,
    SlackServer,
    slack,
)
from tests.unit.alerts.examples import an_alert, told

POSTED = ["conversations.history", "chat.update", "chat.postMessage"]


@pytest.fixture
async def workspace() -> AsyncIterator[SlackServer]:
    async with slack() as server:
        yield server


@pytest.fixture
async def bot(workspace: SlackServer) -> AsyncIterator[SlackBotChannel]:
    channel = a_bot(workspace)
    yield channel
    await channel.aclose()


def a_bot(workspace: SlackServer, channel: str = "#redline") -> SlackBotChannel:
    return SlackBotChannel(SecretStr(TOKEN), channel, api_url=workspace.api_url)


def key(name: str) -> str:
    return content_id("key", name)


def update(revision: int = 2, *alerts: Alert, **changes: Any) -> Notification:
    facts: dict[str, Any] = {
        "kind": NotificationKind.UPDATE,
        "id": content_id("update", str(revision)),
        "revision": revision,
        "articles": revision + 3,
        "outlets": revision + 1,
    }
    return told(*alerts, **{**facts, **changes})


def ref_of(result: SendResult) -> str:
    assert isinstance(result, Sent)
    assert result.external_ref is not None
    return result.external_ref


def story_line(workspace: SlackServer, ref: str) -> tuple[str, str]:
    (block,) = [one for one in workspace.message(ref).body["blocks"] if one["block_id"].startswith("redline_story.")]
    return block["block_id"], block["elements"][0]["text"]


async def first(bot: SlackBotChannel) -> str:
    return ref_of(await bot.send(told(), key("first")))


async def test_an_update_goes_into_the_thread_and_brings_the_first_message_up_to_date(
    bot: SlackBotChannel, workspace: SlackServer
) -> None:
    ref = await first(bot)
    assert ref.startswith(f"{CHANNEL_ID}:")
    before = workspace.message(ref).body
    assert story_line(workspace, ref) == ("redline_story.1", "So far: 1 outlet, 1 article")
    sent = await bot.send(update(), key("second"), Attempt(thread_ref=ref))
    assert sent == Sent(workspace.messages[1].ref)
    assert [message.ref for message in workspace.thread(ref)] == [ref_of(sent)]
    assert workspace.messages[1].broadcast is False
    at = "27 Nov 2024 09:00 UTC"
    assert story_line(workspace, ref) == (
        "redline_story.2", f"So far: 3 outlets, 5 articles · last update {at}"
    )  # fmt: skip
    after = workspace.message(ref).body
    assert [one for one in after["blocks"] if one not in before["blocks"]] == [
        one for one in after["blocks"] if one["block_id"] == "redline_story.2"
    ]
    assert {**after, "blocks": None} == {**before, "blocks": None}
    assert workspace.methods == ["chat.postMessage", *POSTED]


async def test_editing_is_idempotent_and_never_goes_back(bot: SlackBotChannel, workspace: SlackServer) -> None:
    ref = await first(bot)
    await bot.send(update(3), key("third"), Attempt(thread_ref=ref))
    shown = story_line(workspace, ref)
    await bot.send(update(2), key("second, late"), Attempt(thread_ref=ref))
    await bot.send(update(3), key("third, again"), Attempt(thread_ref=ref))
    assert story_line(workspace, ref) == shown
    assert workspace.message(ref).edits == 1


async def test_what_is_critical_is_shown_in_the_channel_too(bot: SlackBotChannel, workspace: SlackServer) -> None:
    ref = await first(bot)
    urgent = update(2, an_alert(severity=Severity.CRITICAL))
    await bot.send(urgent, key("second"), Attempt(thread_ref=ref))
    assert workspace.thread(ref)[0].broadcast is True


async def test_without_a_thread_an_update_stands_alone(bot: SlackBotChannel, workspace: SlackServer) -> None:
    await bot.send(update(), key("second"))
    assert workspace.messages[0].thread_ts is None
    assert workspace.methods == ["chat.postMessage"]


async def test_a_ref_of_before_threads_names_the_message_by_its_ts_alone(
    bot: SlackBotChannel, workspace: SlackServer
) -> None:
    ref = await first(bot)
    assert isinstance(await bot.send(update(), key("second"), Attempt(thread_ref=ref.split(":")[1])), Sent)
    assert len(workspace.thread(ref)) == 1
    assert workspace.message(ref).edits == 1


async def test_after_a_restart_the_channel_s_name_is_looked_up_once(
    bot: SlackBotChannel, workspace: SlackServer
) -> None:
    workspace.page = 1
    ref = await first(bot)
    restarted = a_bot(workspace)
    for number in (2, 3):
        await restarted.send(update(number), key(str(number)), Attempt(thread_ref=ref))
    await restarted.aclose()
    assert workspace.methods == ["chat.postMessage", *["conversations.list"] * 2, *POSTED, *POSTED]
    assert len(workspace.thread(ref)) == 2


async def test_a_thread_in_the_channel_of_before_is_left_alone(workspace: SlackServer) -> None:
    old, new = a_bot(workspace, "#general"), a_bot(workspace)
    ref = ref_of(await old.send(told(), key("first")))
    sent = await new.send(update(), key("second"), Attempt(thread_ref=ref))
    assert sent == Sent(workspace.messages[1].ref, "its thread is in another channel: it stands alone")
    assert workspace.messages[1].channel == CHANNEL_ID
    assert workspace.message(ref).edits == 0
    await old.aclose()
    await new.aclose()


async def test_when_the_first_message_is_gone_an_update_stands_alone(
    bot: SlackBotChannel, workspace: SlackServer
) -> None:
    ref = await first(bot)
    workspace.messages.clear()
    sent = await bot.send(update(), key("second"), Attempt(thread_ref=ref))
    assert sent == Sent(workspace.messages[0].ref, "the first message of its thread is gone: it stands alone")
    later = await bot.send(update(3), key("third"), Attempt(number=3, thread_ref=ref))
    assert later == Sent(workspace.messages[1].ref, "its thread is gone: it stands alone")
    assert [message.thread_ts for message in workspace.messages] == [None, None]


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        (Fault(error="cant_update_message"), "chat.update: cant_update_message"),
        (Fault(error="fatal_error"), "chat.update: fatal_error"),
        (Fault(status=500), "chat.update: HTTP 500"),
        (NOT_JSON, "chat.update: the answer is not JSON"),
        (HUNG_UP, "no answer: "),
    ],
)
async def test_a_first_message_that_cannot_be_edited_fails_no_update(
    bot: SlackBotChannel, workspace: SlackServer, fault: Fault, reason: str
) -> None:
    ref = await first(bot)
    workspace.script["chat.update"] = [fault]
    sent = await bot.send(update(), key("second"), Attempt(thread_ref=ref))
    assert isinstance(sent, Sent)
    assert sent.note.startswith(f"the first message keeps its old totals: {reason}")
    assert len(workspace.thread(ref)) == 1


async def test_a_bot_that_may_not_read_the_channel_still_keeps_the_thread(
    bot: SlackBotChannel, workspace: SlackServer
) -> None:
    ref = await first(bot)
    workspace.script["conversations.history"] = [Fault(error="missing_scope")]
    sent = await bot.send(update(), key("second"), Attempt(thread_ref=ref))
    assert isinstance(sent, Sent)
    assert sent.note == "the first message keeps its old totals: conversations.history: missing_scope"
    assert len(workspace.thread(ref)) == 1


@pytest.mark.parametrize("method", POSTED)
async def test_a_rate_limit_on_any_call_holds_the_lane_and_posts_nothing(
    bot: SlackBotChannel, workspace: SlackServer, method: str
) -> None:
    ref = await first(bot)
    workspace.script[method] = [Fault(status=429, error="ratelimited", retry_after=17)]
    result = await bot.send(update(), key("second"), Attempt(thread_ref=ref))
    assert isinstance(result, RetryAfter)
    assert result.seconds == 17
    assert workspace.thread(ref) == []
    assert isinstance(await bot.send(update(), key("second"), Attempt(number=2, thread_ref=ref)), Sent)
    assert story_line(workspace, ref)[0] == "redline_story.2"


@pytest.mark.parametrize("fault", [RATE_LIMITED, HUNG_UP, Fault(status=503)])
async def test_an_update_does_not_wait_for_ever_for_its_first_message(
    bot: SlackBotChannel, workspace: SlackServer, fault: Fault
) -> None:
    ref = await first(bot)
    workspace.fault = lambda method, _: fault if method == "conversations.history" else None
    results = [await bot.send(update(), key("second"), Attempt(number, thread_ref=ref)) for number in (1, 2, 3)]
    assert [type(result) for result in results] == [RetryAfter, RetryAfter, Sent]
    assert len(workspace.thread(ref)) == 1


@pytest.mark.parametrize("broadcast", [False, True])
async def test_a_reply_whose_answer_was_lost_is_found_in_its_thread(
    bot: SlackBotChannel, workspace: SlackServer, broadcast: bool
) -> None:
    workspace.page = 2
    ref = await first(bot)
    for number in range(2, 6):
        await bot.send(update(number), key(str(number)), Attempt(thread_ref=ref))
    workspace.script["chat.postMessage"] = [LOST_ANSWER]
    lost = update(6, an_alert(severity=Severity.CRITICAL if broadcast else Severity.INFO))
    assert isinstance(await bot.send(lost, key("6"), Attempt(thread_ref=ref)), Unknown)
    again = await bot.send(lost, key("6"), Attempt(2, doubtful=True, thread_ref=ref))
    assert again == Sent(workspace.messages[-1].ref, "found in the channel's history")
    assert len(workspace.keys) == len(set(workspace.keys)) == 6


async def test_an_update_that_fell_out_of_its_thread_is_found_in_the_channel(
    bot: SlackBotChannel, workspace: SlackServer
) -> None:
    ref = await first(bot)
    workspace.messages.clear()
    workspace.script["chat.postMessage"] = [LOST_ANSWER]
    assert isinstance(await bot.send(update(), key("second"), Attempt(thread_ref=ref)), Unknown)
    again = await bot.send(update(), key("second"), Attempt(2, doubtful=True, thread_ref=ref))
    assert again == Sent(workspace.messages[0].ref, "found in the channel's history")
    assert workspace.keys == [key("second")]


async def test_what_never_arrived_is_posted_after_the_look_up(bot: SlackBotChannel, workspace: SlackServer) -> None:
    ref = await first(bot)
    workspace.script["chat.postMessage"] = [HUNG_UP]
    assert isinstance(await bot.send(update(), key("second"), Attempt(thread_ref=ref)), Unknown)
    again = await bot.send(update(), key("second"), Attempt(2, doubtful=True, thread_ref=ref))
    assert isinstance(again, Sent)
    assert again.note == ""
    assert workspace.keys == [key("first"), key("second")]


async def test_a_thread_that_cannot_be_read_now_leaves_the_outcome_open(
    bot: SlackBotChannel, workspace: SlackServer
) -> None:
    ref = await first(bot)
    workspace.script["conversations.replies"] = [Fault(status=500)]
    again = await bot.send(update(), key("second"), Attempt(2, doubtful=True, thread_ref=ref))
    assert isinstance(again, RetryAfter)
    assert len(workspace.messages) == 1


async def test_a_wrong_token_is_refused(workspace: SlackServer) -> None:
    channel = SlackBotChannel(SecretStr("xoxb-other"), "#redline", api_url=workspace.api_url)
    result = await channel.send(told(), key("first"))
    assert isinstance(result, Refused)
    assert result.reason == "chat.postMessage: invalid_auth"
    await channel.aclose()


async def test_a_webhook_keeps_no_thread_and_says_that_it_is_an_update(workspace: SlackServer) -> None:
    channel = SlackWebhookChannel(SecretStr(workspace.hook_url))
    assert await channel.send(update(), key("second"), Attempt(thread_ref="C0REDLINE:1.0")) == Sent()
    assert workspace.hooked[0]["text"].startswith("🟠 Update: ")
    assert "thread_ts" not in workspace.hooked[0]
    assert workspace.keys == [key("second")]
    await channel.aclose()
