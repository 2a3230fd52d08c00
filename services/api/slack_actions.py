"""`/slack/actions`: Slack says here which button a reader pressed.

Slack waits three seconds for an answer, so what was asked is done at once and confirmed afterwards, to whoever pressed
it alone, at the address that came with it.
"""

import asyncio
import hmac
import json
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol
from urllib.parse import parse_qs

import structlog
from prometheus_client import Counter
from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError
from starlette.background import BackgroundTask
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from alerts.block_text import Block, escape, short_line
from alerts.channels.http import Answer, Poster
from alerts.matchers import Matchers
from alerts.silences import Silence, silence_id
from alerts.slack_buttons import (
    SILENCE_HOURS,
    Press,
    SilenceTarget,
    actions,
    read_target,
    undo_button,
)
from services.api.bodies import TooLargeError, read_body
from services.ports import Clock
from services.runtime.faults import UnavailableError

# The message that holds the button comes along: at most 13,200 characters, of Korean 9 bytes each, and their frame.
MAX_BODY_BYTES = 512 * 1024
BODIES_AT_ONCE = 8
BODY_SECONDS = 2.0
STORE_SECONDS = 2.0
TOLERANCE_SECONDS = 300  # as Slack advises: older calls may be repeats by somebody who listened
REPLY_PREFIX = "https://hooks.slack.com/"
MAX_REPLY_URL = 1_000
# A story that is silent for about as long anyway needs no second silence.
AS_GOOD_AS = timedelta(hours=SILENCE_HOURS - 1)
AUTHOR_CHARS = 80
_JSON = {"Content-Type": "application/json; charset=utf-8", "User-Agent": "Redline"}

PRESSED = Counter("redline_slack_actions_total", "Buttons that readers pressed in Slack.", ("action", "result"))

log = structlog.get_logger(__name__)


class Silences(Protocol):
    """Where silences are kept. Every call may raise UnavailableError."""

    async def add(self, silence: Silence) -> None:
        """Keep a silence, in place of the one with its id if there is one."""

    async def expire(self, silence_id: str, now: datetime) -> bool:
        """End a silence at `now`; say no if there is none of this id, or it has ended before."""

    async def active(self, now: datetime) -> tuple[Silence, ...]:
        """Return the silences that hold at `now`."""


class _Said(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class _User(_Said):
    id: str = Field(min_length=1, max_length=100)
    username: str = Field(default="", max_length=1_000)


class _Action(_Said):
    action_id: str = Field(max_length=255)
    value: str | None = Field(default=None, max_length=2_000)


class _Interaction(_Said):
    """What Slack says of a press; its `message`, `team` and `channel` are not looked at."""

    type: str
    user: _User
    actions: tuple[_Action, ...] = ()
    response_url: str | None = None


class SlackReplies:
    """Answers whoever pressed a button, at the address that Slack gave; at no address but Slack's."""

    def __init__(self, poster: Poster, *, prefix: str = REPLY_PREFIX) -> None:
        self._poster = poster
        self._prefix = prefix

    def takes(self, url: str | None) -> bool:
        """Say whether this is an address of Slack's."""
        return url is not None and url.startswith(self._prefix) and len(url) <= MAX_REPLY_URL and url.isprintable()

    async def send(self, url: str, body: dict[str, Any]) -> None:
        """Post once; a reply that fails is logged, as what it confirms is done."""
        answer = await self._poster.post(url, json.dumps(body).encode(), _JSON, datetime.now(UTC))
        if not isinstance(answer, Answer):
            log.warning("slack_reply_failed", reason=answer.reason)
        elif answer.status >= 300:
            log.warning("slack_reply_failed", reason=f"HTTP {answer.status}")

    async def aclose(self) -> None:
        """Close the connections."""
        await self._poster.aclose()


class SlackActions:
    """Does what buttons ask for, where Slack signed that they were pressed."""

    def __init__(self, silences: Silences, secret: SecretStr, replies: SlackReplies, clock: Clock) -> None:
        self._silences = silences
        self._secret = secret.get_secret_value().strip().encode()
        self._replies = replies
        self._clock = clock
        self._bodies = asyncio.Semaphore(BODIES_AT_ONCE)

    def routes(self) -> tuple[Route, ...]:
        """Return the routes."""
        return (Route("/slack/actions", self.receive, methods=["POST"]),)

    async def receive(self, request: Request) -> Response:
        """Answer one press. 401 unless Slack signed it within the last five minutes."""
        async with self._bodies:
            try:
                async with asyncio.timeout(BODY_SECONDS):
                    body = await read_body(request, MAX_BODY_BYTES)
            except (TimeoutError, ClientDisconnect):
                return PlainTextResponse("the body did not come in time\n", 408)
            except TooLargeError:
                return PlainTextResponse("the body is too large\n", 413)
            timestamp, signature = (
                request.headers.get(f"x-slack-{name}", "") for name in ("request-timestamp", "signature")
            )
            if not is_signed(body, timestamp, signature, self._secret, self._clock.now()):
                log.warning("slack_action_refused", reason="not signed with SLACK_SIGNING_SECRET, or too long ago")
                return PlainTextResponse("not signed\n", 401)
            said = _interaction(body)
            if said is None:
                log.warning("slack_action_refused", reason="not an interaction of Slack's")
                return PlainTextResponse("not understood\n", 400)
            return await self._answer(said)

    async def _answer(self, said: _Interaction) -> Response:
        replies = []
        for action in said.actions if said.type == "block_actions" else ():
            try:
                async with asyncio.timeout(STORE_SECONDS):
                    replies.append(await self._do(action, said.user))
            except TimeoutError as error:
                # Slack marks the button as failed, and the reader may press it again.
                raise UnavailableError(f"no answer of the store within {STORE_SECONDS:g} s") from error
        reply = next((reply for reply in replies if reply is not None), None)
        if reply is None or said.response_url is None:
            return Response()
        if not self._replies.takes(said.response_url):
            log.warning("slack_reply_failed", reason="the response_url is none of Slack's")
            return Response()
        return Response(background=BackgroundTask(self._replies.send, said.response_url, reply))

    async def _do(self, action: _Action, user: _User) -> dict[str, Any] | None:
        """Do what one button asks for; return what to say to who pressed it."""
        match action.action_id:
            case Press.SILENCE_STORY:
                return await self._silence(action, user)
            case Press.UNDO_SILENCE:
                return await self._undo(action, user)
            case Press.OPEN_ARTICLE | Press.OPEN_SILENCE_PAGE | Press.OPEN_POSITIONS_PAGE:
                PRESSED.labels("open", "done").inc()
                return None
            case _:
                PRESSED.labels("other", "ignored").inc()
                log.warning("slack_action_unknown", action_id=short_line(action.action_id, 100))
                return None

    async def _silence(self, action: _Action, user: _User) -> dict[str, Any]:
        target = read_target(action.value or "")
        if target is None:
            PRESSED.labels("silence", "ignored").inc()
            log.warning(
                "slack_action_unreadable", action_id=action.action_id, value=short_line(action.value or "", 200)
            )
            return _reply("This button cannot be read any more; silence the story with `redline silences add`.")
        now = self._clock.now()
        silence = silence_for(target, author_of(user.username, user.id), now)
        held = [one for one in await self._silences.active(now) if one.match == silence.match]
        longest = max(held, key=lambda one: one.ends_at, default=None)
        if longest is not None and longest.ends_at >= now + AS_GOOD_AS:
            PRESSED.labels("silence", "held").inc()
            return _reply(f"{escape(longest.author)} has silenced this until {_when(longest.ends_at)}.", longest.id)
        await self._silences.add(silence)
        PRESSED.labels("silence", "done").inc()
        log.info("silenced_from_slack", silence_id=silence.id, author=silence.author, watch_topic=target.watch_topic)
        return _reply(f"Silenced for everybody until {_when(silence.ends_at)}.", silence.id)

    async def _undo(self, action: _Action, user: _User) -> dict[str, Any]:
        named = action.value or ""
        ended = await self._silences.expire(named, self._clock.now())
        PRESSED.labels("undo", "done" if ended else "ignored").inc()
        if ended:
            log.info("silence_ended_from_slack", silence_id=named, author=author_of(user.username, user.id))
        said = "The silence has ended; alerts come again." if ended else "That silence had ended before."
        return {**_reply(said), "replace_original": True}


def is_signed(body: bytes, timestamp: str, signature: str, secret: bytes, now: datetime) -> bool:
    """Say whether Slack signed these bytes with this secret no more than five minutes ago (its signature v0)."""
    if not (timestamp.isascii() and timestamp.isdigit() and len(timestamp) <= 12):
        return False
    expected = "v0=" + hmac.new(secret, b"v0:" + timestamp.encode() + b":" + body, "sha256").hexdigest()
    is_ours = hmac.compare_digest(expected.encode(), signature.encode("utf-8", "replace"))
    return is_ours and abs(now.timestamp() - int(timestamp)) <= TOLERANCE_SECONDS


def author_of(username: str, user_id: str) -> str:
    """Return who a silence is by: `slack:jane`."""
    return f"slack:{short_line(username, AUTHOR_CHARS) or short_line(user_id, AUTHOR_CHARS) or 'somebody'}"


def silence_for(target: SilenceTarget, author: str, now: datetime) -> Silence:
    """Return the silence of a day that a button asks for."""
    match = Matchers(
        watch_topic=(target.watch_topic,),
        story=(target.story,) if target.story else (),
        group=(target.group,) if target.group else (),
    )
    return Silence(
        id=silence_id(match, author, now, now),
        match=match,
        author=author,
        comment="by the button of an alert in Slack",
        starts_at=now,
        ends_at=now + timedelta(hours=SILENCE_HOURS),
        created_at=now,
    )


def _interaction(body: bytes) -> _Interaction | None:
    try:
        fields = parse_qs(body.decode(), strict_parsing=True, max_num_fields=10)
        (payload,) = fields["payload"]
        return _Interaction.model_validate_json(payload)
    except (ValueError, KeyError, ValidationError):
        return None


def _when(at: datetime) -> str:
    """Return a time that Slack shows in the zone of who reads it."""
    return f"<!date^{int(at.timestamp())}^{{date_short_pretty}}, {{time}}|{at:%d %b %Y %H:%M} UTC>"


def _reply(text: str, silence: str | None = None) -> dict[str, Any]:
    """Return a message that only who pressed the button sees; `text` is mrkdwn, and escaped."""
    blocks: list[Block] = [{"type": "section", "text": {"type": "mrkdwn", "text": text, "verbatim": True}}]
    blocks += actions(undo_button(silence)) if silence else []
    return {"response_type": "ephemeral", "replace_original": False, "text": text, "blocks": blocks}
