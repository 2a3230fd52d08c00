"""What a Slack channel holds already: our messages, found by their metadata."""

from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self

from alerts.channels.base import BLIND_REPEATS, Refused, RetryAfter, SendResult, Sent, Unknown
from alerts.channels.slack_api import SlackApi
from schemas.notification import Notification

METADATA_TYPE = "redline_alert"
PAGE_MESSAGES = 100
PAGE_CHANNELS = 1_000
# Our clock and Slack's may differ.
CLOCK_MARGIN_SECONDS = 60


@dataclass(frozen=True)
class MessageRef:
    """Where a message is, as deliveries keep it: `C123:1732.0001`. Without a channel it is in the channel's own."""

    ts: str
    channel: str | None = None

    @classmethod
    def read(cls, ref: str | None) -> Self | None:
        """Return what an external ref names; also one of only a ts, as they were before threads."""
        channel, _, ts = (ref or "").rpartition(":")
        return cls(ts, channel or None) if ts else None

    def __str__(self) -> str:
        return f"{self.channel}:{self.ts}" if self.channel else self.ts


class SlackHistory:
    """Reads one channel, given by id or by #name."""

    def __init__(self, api: SlackApi, channel: str) -> None:
        self._api = api
        self._channel = channel
        self._channel_id: str | None = channel if channel[:1] in {"C", "G", "D"} and channel.isupper() else None

    def learn(self, channel_id: object) -> None:
        """Take note of the id under which Slack put a message into the channel."""
        if isinstance(channel_id, str):
            self._channel_id = channel_id

    async def channel_id(self) -> str | RetryAfter | Refused | Unknown:
        """Return the id of the channel; Slack's reading methods take no names."""
        if self._channel_id:
            return self._channel_id
        wanted = self._channel.removeprefix("#")
        query = {
            "limit": str(PAGE_CHANNELS),
            "exclude_archived": "true",
            "types": "public_channel,private_channel",
        }
        async with aclosing(self._pages("conversations.list", query)) as pages:
            async for answer in pages:
                if not isinstance(answer, dict):
                    return answer
                for channel in answer.get("channels") or []:
                    if channel.get("name") == wanted:
                        self._channel_id = str(channel["id"])
                        return self._channel_id
        return Refused(f"no channel is called {wanted}")

    async def first_message(self, ref: MessageRef) -> dict[str, Any] | RetryAfter | Refused | Unknown | None:
        """Return the message that began a thread; None where it is gone or not ours."""
        query = {"channel": ref.channel or "", "latest": ref.ts, "oldest": ref.ts, "inclusive": "true", "limit": "1"}
        answer = await self._api.ask("conversations.history", {**query, "include_all_metadata": "true"})
        if not isinstance(answer, dict):
            return answer
        messages = [one for one in answer.get("messages") or [] if one.get("ts") == ref.ts and _payload_of(one)]
        return messages[0] if messages else None

    async def find(
        self, idempotency_key: str, since: datetime, thread: MessageRef | None, repeats: int = 0
    ) -> SendResult | None:
        """Return that the message was sent, or that this cannot be found out now; None means: send it.

        A bot that may not look repeats blindly, and so no oftener than those who cannot look at all; `repeats` counts.
        """
        found = await self._looked_up(idempotency_key, since, thread)
        if not isinstance(found, Refused):
            return found
        if repeats > BLIND_REPEATS:
            return Unknown(f"may have arrived, and may not be looked up: {found.reason}", final=True)
        return None

    async def _looked_up(self, idempotency_key: str, since: datetime, thread: MessageRef | None) -> SendResult | None:
        channel_id = await self.channel_id()
        if not isinstance(channel_id, str):
            return _failed_look_up(channel_id)
        places = {"conversations.history": {"channel": channel_id}}
        if thread is not None:
            # It may stand outside its thread, too: if that was gone when it was sent.
            replies = {"channel": thread.channel or channel_id, "ts": thread.ts}
            places = {"conversations.replies": replies, **places}
        oldest = f"{since.timestamp() - CLOCK_MARGIN_SECONDS:.6f}"
        found: SendResult | None = None
        for method, place in places.items():
            query = {**place, "include_all_metadata": "true", "limit": str(PAGE_MESSAGES), "oldest": oldest}
            found = await self._find_in(method, query, idempotency_key)
            if found is not None and not isinstance(found, Refused):
                return found
        return found  # a thread may be gone; what counts is whether the channel may be read

    async def _find_in(self, method: str, query: Mapping[str, str], idempotency_key: str) -> SendResult | None:
        async with aclosing(self._pages(method, query)) as pages:
            async for answer in pages:
                if not isinstance(answer, dict):
                    return _failed_look_up(answer)
                for message in answer.get("messages") or []:
                    if _payload_of(message).get("idempotency_key") == idempotency_key:
                        ref = MessageRef(str(message.get("ts")), query["channel"])
                        return Sent(str(ref), "found in the channel's history")
        return None

    async def _pages(
        self, method: str, query: Mapping[str, str]
    ) -> AsyncGenerator[dict[str, Any] | RetryAfter | Refused | Unknown, None]:
        asked = dict(query)
        while True:
            answer = await self._api.ask(method, asked)
            yield answer
            if not isinstance(answer, dict):
                return
            cursor = (answer.get("response_metadata") or {}).get("next_cursor")
            if not cursor:
                return
            asked["cursor"] = cursor


def metadata(notification: Notification, idempotency_key: str) -> dict[str, Any]:
    """Return what makes a message of ours known again; readers do not see it."""
    payload = {
        "alert_id": notification.lead_id,
        "notification_id": notification.id,
        "thread": notification.thread,
        "idempotency_key": idempotency_key,
    }
    return {"event_type": METADATA_TYPE, "event_payload": payload}


def _payload_of(message: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return what we wrote into a message's metadata; nothing if it is not ours."""
    said = message.get("metadata") or {}
    payload = said.get("event_payload") or {}
    return payload if said.get("event_type") == METADATA_TYPE and isinstance(payload, dict) else {}


def _failed_look_up(result: RetryAfter | Refused | Unknown) -> SendResult:
    """Say what a failed look-up means. A bot that is refused may not read the channel, and never will."""
    match result:
        case RetryAfter() | Refused():
            return result
        case Unknown(reason):
            # Asking is not posting: a look-up that failed leaves the doubt as it was.
            return RetryAfter(f"may have arrived, and cannot be looked up now: {reason}")
