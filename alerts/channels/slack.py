"""Slack: by incoming webhook, or as a bot that can ask the channel's history whether a message arrived."""

import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, TypeAlias
from urllib.parse import urlencode

from pydantic import SecretStr

from alerts.blocks import render_slack
from alerts.channels.base import FIRST_ATTEMPT, Attempt, Refused, RetryAfter, SendResult, Sent, Unknown
from alerts.channels.http import Answer, Poster, result_of
from alerts.options import SLACK_API_URL
from schemas.notification import Notification

METADATA_TYPE = "redline_alert"
HISTORY_MESSAGES = 100
# Slack answers 200 with ok=false. These pass; and of the second kind it says that some of the work may have been done.
# All others are for somebody to correct (channel_not_found, invalid_auth).
PASSING_ERRORS = frozenset({"ratelimited", "rate_limited", "service_unavailable", "team_added_to_org"})
UNCERTAIN_ERRORS = frozenset({"internal_error", "fatal_error", "request_timeout"})
_JSON = {"Content-Type": "application/json; charset=utf-8", "User-Agent": "Redline"}
# Slack's reading methods take forms only.
_FORM = {"Content-Type": "application/x-www-form-urlencoded", "User-Agent": "Redline"}

Reply: TypeAlias = dict[str, Any] | RetryAfter | Refused | Unknown


def _utc_now() -> datetime:
    return datetime.now(UTC)


class SlackWebhookChannel:
    """Posts through an incoming webhook. Slack cannot recognise a repeat here, nor be asked about it."""

    def __init__(
        self,
        url: SecretStr,
        *,
        name: str = "slack",
        poster: Poster | None = None,
        now: Callable[[], datetime] = _utc_now,
    ) -> None:
        self.name = name
        self._url = url
        self._poster = poster or Poster()
        self._now = now

    async def send(
        self, notification: Notification, idempotency_key: str, attempt: Attempt = FIRST_ATTEMPT
    ) -> SendResult:
        """Post once."""
        body = _dump({**render_slack(notification).payload(), "metadata": _metadata(notification, idempotency_key)})
        answer = await self._poster.post(self._url.get_secret_value(), body, _JSON, self._now())
        return result_of(answer) if isinstance(answer, Answer) else answer

    async def aclose(self) -> None:
        """Close the connections."""
        await self._poster.aclose()


class SlackBotChannel:
    """Posts with chat.postMessage; after an unknown outcome it first looks for the message in the channel's history."""

    def __init__(
        self,
        token: SecretStr,
        channel: str,
        *,
        name: str = "slack",
        api_url: str = SLACK_API_URL,
        poster: Poster | None = None,
        now: Callable[[], datetime] = _utc_now,
    ) -> None:
        self.name = name
        self._token = token
        self._channel = channel
        self._channel_id: str | None = channel if channel[:1] in {"C", "G", "D"} and channel.isupper() else None
        self._api_url = api_url.rstrip("/") + "/"
        self._poster = poster or Poster()
        self._now = now

    async def send(
        self, notification: Notification, idempotency_key: str, attempt: Attempt = FIRST_ATTEMPT
    ) -> SendResult:
        """Post once; with a doubtful attempt, only if the channel does not hold the message yet."""
        if attempt.doubtful:
            found = await self._find(idempotency_key, notification)
            if found is not None:
                return found
        payload = {
            "channel": self._channel,
            **render_slack(notification).payload(),
            "metadata": _metadata(notification, idempotency_key),
        }
        answer = await self._call("chat.postMessage", _dump(payload), _JSON)
        if not isinstance(answer, dict):
            return answer
        if isinstance(channel_id := answer.get("channel"), str):
            self._channel_id = channel_id
        return Sent(str(answer.get("ts")) if answer.get("ts") else None)

    async def _find(self, idempotency_key: str, notification: Notification) -> SendResult | None:
        """Return that the message was sent, or that this cannot be found out now; None means: send it."""
        channel_id = self._channel_id or await self._look_up_channel()
        if not isinstance(channel_id, str):
            return _failed_look_up(channel_id)
        query = {
            "channel": channel_id,
            "include_all_metadata": "true",
            "limit": str(HISTORY_MESSAGES),
            "oldest": f"{notification.decided_at.timestamp() - 60:.6f}",
        }
        while True:
            answer = await self._ask("conversations.history", query)
            if not isinstance(answer, dict):
                return _failed_look_up(answer)
            for message in answer.get("messages") or []:
                if _key_of(message) == idempotency_key:
                    return Sent(str(message.get("ts")), "found in the channel's history")
            cursor = (answer.get("response_metadata") or {}).get("next_cursor")
            if not cursor:
                return None
            query["cursor"] = cursor

    async def _look_up_channel(self) -> str | RetryAfter | Refused | Unknown:
        """Return the id of the channel; history takes no names."""
        wanted = self._channel.removeprefix("#")
        query = {"limit": "1000", "exclude_archived": "true", "types": "public_channel,private_channel"}
        while True:
            answer = await self._ask("conversations.list", query)
            if not isinstance(answer, dict):
                return answer
            for channel in answer.get("channels") or []:
                if channel.get("name") == wanted:
                    self._channel_id = str(channel["id"])
                    return self._channel_id
            cursor = (answer.get("response_metadata") or {}).get("next_cursor")
            if not cursor:
                return Refused(f"no channel is called {wanted}")
            query["cursor"] = cursor

    async def _ask(self, method: str, query: Mapping[str, str]) -> Reply:
        return await self._call(method, urlencode(query).encode(), _FORM)

    async def _call(self, method: str, body: bytes, headers: Mapping[str, str]) -> Reply:
        authorised = {**headers, "Authorization": f"Bearer {self._token.get_secret_value()}"}
        answer = await self._poster.post(self._api_url + method, body, authorised, self._now())
        if not isinstance(answer, Answer):
            return answer
        if answer.status >= 500:
            return Unknown(f"{method}: HTTP {answer.status}")
        result = result_of(answer)
        return _body_of(method, answer) if isinstance(result, Sent) else result

    async def aclose(self) -> None:
        """Close the connections."""
        await self._poster.aclose()


def _body_of(method: str, answer: Answer) -> Reply:
    try:
        body = json.loads(answer.body)
    except ValueError:
        return Unknown(f"{method}: the answer is not JSON")
    if not isinstance(body, dict):
        return Unknown(f"{method}: the answer is not an object")
    if body.get("ok") is True:
        return body
    error = str(body.get("error", "no reason given"))[:200]
    if error in PASSING_ERRORS:
        return RetryAfter(f"{method}: {error}", answer.retry_after)
    if error in UNCERTAIN_ERRORS:
        return Unknown(f"{method}: {error}")
    needed = f" (needs {body['needed']})" if body.get("needed") else ""
    return Refused(f"{method}: {error}{needed}")


def _failed_look_up(result: RetryAfter | Refused | Unknown) -> SendResult | None:
    """Say what a failed look-up means. A bot that may not read the channel never can: then a duplicate beats a miss."""
    match result:
        case RetryAfter():
            return result
        case Unknown(reason):
            return Unknown(f"may have arrived, and cannot be looked up now: {reason}")
        case Refused():
            return None


def _metadata(notification: Notification, idempotency_key: str) -> dict[str, Any]:
    payload = {"alert_id": notification.lead_id, "idempotency_key": idempotency_key}
    return {"event_type": METADATA_TYPE, "event_payload": payload}


def _key_of(message: Mapping[str, Any]) -> str | None:
    metadata = message.get("metadata") or {}
    key = (metadata.get("event_payload") or {}).get("idempotency_key")
    return key if isinstance(key, str) and metadata.get("event_type") == METADATA_TYPE else None


def _dump(payload: Mapping[str, Any]) -> bytes:
    return json.dumps(payload, ensure_ascii=False).encode()
