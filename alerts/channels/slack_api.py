"""Slack's Web API: one call and what became of it."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeAlias
from urllib.parse import urlencode

from pydantic import SecretStr

from alerts.channels.base import Refused, RetryAfter, Sent, Unknown
from alerts.channels.http import Answer, Poster, result_of

JSON = {"Content-Type": "application/json; charset=utf-8", "User-Agent": "Redline"}
# Slack's reading methods take forms only.
_FORM = {"Content-Type": "application/x-www-form-urlencoded", "User-Agent": "Redline"}
# Slack answers 200 with ok=false. These pass; and of the second kind it says that some of the work may have been done.
# All others are for somebody to correct (channel_not_found, invalid_auth).
PASSING_ERRORS = frozenset({"ratelimited", "rate_limited", "service_unavailable", "team_added_to_org"})
UNCERTAIN_ERRORS = frozenset({"internal_error", "fatal_error", "request_timeout"})


@dataclass(frozen=True)
class RefusedByApi(Refused):
    """Slack said no; `code` is its word for why."""

    code: str


Reply: TypeAlias = dict[str, Any] | RetryAfter | Refused | Unknown


class SlackApi:
    """Calls methods as a bot."""

    def __init__(self, token: SecretStr, *, api_url: str, poster: Poster, now: Callable[[], datetime]) -> None:
        self._token = token
        self._api_url = api_url.rstrip("/") + "/"
        self._poster = poster
        self._now = now

    async def tell(self, method: str, payload: Mapping[str, Any]) -> Reply:
        """Call a method that writes; return Slack's answer where it says ok."""
        return await self._call(method, dump(payload), JSON)

    async def ask(self, method: str, query: Mapping[str, str]) -> Reply:
        """Call a method that reads; return Slack's answer where it says ok."""
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


def dump(payload: Mapping[str, Any]) -> bytes:
    """Return JSON as Slack takes it."""
    return json.dumps(payload, ensure_ascii=False).encode()


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
    return RefusedByApi(f"{method}: {error}{needed}", error)
