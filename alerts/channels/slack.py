"""Slack: by incoming webhook, or as a bot that keeps threads and can ask whether a message arrived."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from pydantic import SecretStr

from alerts.blocks import render_slack
from alerts.bundle_blocks import story_block, told_revision
from alerts.channels.base import FIRST_ATTEMPT, Attempt, RetryAfter, SendResult, Sent, Unknown
from alerts.channels.http import Answer, Poster, result_of
from alerts.channels.slack_api import JSON, RefusedByApi, Reply, SlackApi, dump
from alerts.channels.slack_history import MessageRef, SlackHistory, metadata
from alerts.options import SLACK_API_URL
from alerts.slack_buttons import PageLinks
from schemas.alert import AlertKind
from schemas.notification import Notification, NotificationKind
from schemas.watch import Severity

# The first message of a thread is looked at and edited before an update is posted, so that a rate limit on that holds
# the lane and loses nothing. After so many attempts the update goes out without.
EDITING_ATTEMPTS = 2
GONE_THREADS = frozenset({"thread_not_found", "message_not_found", "invalid_thread_ts", "cannot_reply_to_message"})
_LOUD_KINDS = frozenset({AlertKind.SHIFT, AlertKind.CORRECTION})


def _utc_now() -> datetime:
    return datetime.now(UTC)


class SlackWebhookChannel:
    """Posts through an incoming webhook. Slack keeps no threads here, recognises no repeat, and cannot be asked."""

    def __init__(
        self,
        url: SecretStr,
        *,
        name: str = "slack",
        links: PageLinks | None = None,
        interactive: bool = False,
        poster: Poster | None = None,
        now: Callable[[], datetime] = _utc_now,
    ) -> None:
        self.name = name
        self._url = url
        self._links = links
        self._interactive = interactive
        self._poster = poster or Poster()
        self._now = now

    async def send(
        self, notification: Notification, idempotency_key: str, attempt: Attempt = FIRST_ATTEMPT
    ) -> SendResult:
        """Post once; an update stands alone."""
        message = render_slack(notification, links=self._links, interactive=self._interactive)
        body = dump({**message.payload(), "metadata": metadata(notification, idempotency_key)})
        answer = await self._poster.post(self._url.get_secret_value(), body, JSON, self._now())
        return result_of(answer) if isinstance(answer, Answer) else answer

    async def aclose(self) -> None:
        """Close the connections."""
        await self._poster.aclose()


@dataclass(frozen=True)
class _Thread:
    """Where an update goes: under `first`, or alone where that is gone. `note` says what could not be done."""

    first: MessageRef | None = None
    note: str = ""


class SlackBotChannel:
    """Posts with chat.postMessage, updates into the thread of their first message, whose totals it edits.

    After an unknown outcome it first looks for the message in the channel and the thread.
    """

    def __init__(
        self,
        token: SecretStr,
        channel: str,
        *,
        name: str = "slack",
        api_url: str = SLACK_API_URL,
        links: PageLinks | None = None,
        interactive: bool = False,
        poster: Poster | None = None,
        now: Callable[[], datetime] = _utc_now,
    ) -> None:
        self.name = name
        self._channel = channel
        self._links = links
        self._interactive = interactive
        self._api = SlackApi(token, api_url=api_url, poster=poster or Poster(), now=now)
        self._history = SlackHistory(self._api, channel)

    async def send(
        self, notification: Notification, idempotency_key: str, attempt: Attempt = FIRST_ATTEMPT
    ) -> SendResult:
        """Post once; with a doubtful attempt, only if the channel does not hold the message yet."""
        first = MessageRef.read(attempt.thread_ref)
        if attempt.doubtful:
            found = await self._history.find(idempotency_key, notification.decided_at, first, attempt.repeats)
            if found is not None:
                return found
        thread = _Thread(first)
        if first is not None and attempt.number <= EDITING_ATTEMPTS:
            seen = await self._bring_up_to_date(first, notification)
            if isinstance(seen, RetryAfter):
                return seen
            thread = seen
        return await self._post(notification, idempotency_key, thread)

    async def _post(self, notification: Notification, idempotency_key: str, thread: _Thread) -> SendResult:
        message = render_slack(notification, links=self._links, interactive=self._interactive)
        payload = {
            "channel": self._channel,
            # Slack would make links of what looks like an address in the text.
            "parse": "none",
            **message.payload(),
            "metadata": metadata(notification, idempotency_key),
        }
        if thread.first is not None:
            payload["thread_ts"] = thread.first.ts
            payload["reply_broadcast"] = is_loud(notification)
        answer = await self._api.tell("chat.postMessage", payload)
        if thread.first is not None and isinstance(answer, RefusedByApi) and answer.code in GONE_THREADS:
            return await self._post(notification, idempotency_key, _Thread(note="its thread is gone: it stands alone"))
        if not isinstance(answer, dict):
            return answer
        self._history.learn(answer.get("channel"))
        ts, channel = answer.get("ts"), answer.get("channel")
        return Sent(str(MessageRef(str(ts), str(channel) if channel else None)) if ts else None, thread.note)

    async def _bring_up_to_date(self, first: MessageRef, notification: Notification) -> _Thread | RetryAfter:
        """Write the new totals into the thread's first message, and say whether to post under it.

        Nothing was posted yet, so what fails for now is as good as not tried.
        """
        channel_id = await self._history.channel_id()
        if isinstance(channel_id, RetryAfter | Unknown):
            return RetryAfter(channel_id.reason, _seconds(channel_id))
        if isinstance(channel_id, str):
            if first.channel not in {None, channel_id}:
                return _Thread(note="its thread is in another channel: it stands alone")
            first = MessageRef(first.ts, channel_id)
        message = await self._history.first_message(first)
        if message is None:
            return _Thread(note="the first message of its thread is gone: it stands alone")
        if isinstance(message, RetryAfter | Unknown):
            return RetryAfter(message.reason, _seconds(message))
        edited = await self._edit(first, message, notification) if isinstance(message, dict) else message
        if isinstance(edited, RetryAfter):
            return edited
        failed = "" if isinstance(edited, dict) else f"the first message keeps its old totals: {edited.reason}"
        return _Thread(first, failed)

    async def _edit(self, first: MessageRef, message: Mapping[str, Any], notification: Notification) -> Reply:
        """Change the line of the first message that tells how far the story has come, unless it tells more already."""
        blocks = [block for block in message.get("blocks") or [] if isinstance(block, dict)]
        told = [told_revision(block) for block in blocks]
        if all(revision is None or revision >= notification.revision for revision in told):
            return {}
        news = story_block(notification)
        changed = [block if revision is None else news for block, revision in zip(blocks, told, strict=True)]
        payload = {
            "channel": first.channel,
            "ts": first.ts,
            "text": message.get("text", ""),
            "blocks": changed,
            "metadata": message.get("metadata"),
        }
        return await self._api.tell("chat.update", payload)

    async def aclose(self) -> None:
        """Close the connections."""
        await self._api.aclose()


def is_loud(notification: Notification) -> bool:
    """Say whether a reply is shown in the channel, too: what is critical, what moves a position, and reminders."""
    return notification.kind is NotificationKind.REMINDER or any(
        alert.severity is Severity.CRITICAL or alert.kind in _LOUD_KINDS for alert in notification.alerts
    )


def _seconds(result: RetryAfter | Unknown) -> float | None:
    return result.seconds if isinstance(result, RetryAfter) else None
