"""A Slack workspace on loopback, over real HTTP: it keeps messages as Slack does, and fails as a test says.

It takes chat.postMessage, chat.update, conversations.history, .replies and .list under `api_url`; anything posted
elsewhere, such as to `hook_url`, is taken for an incoming webhook or a response_url, and kept in `hooked`.
"""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

from tests.unit.alerts import slack_limits

TOKEN = "xoxb-test"
CHANNEL = "redline"
CHANNEL_ID = "C0REDLINE"
FORM = "application/x-www-form-urlencoded"
HOOK = "hook"  # the method under which faults of webhooks are scripted


@dataclass(frozen=True)
class Fault:
    """How one request fails. `done` does what was asked first, so that only the answer is lost."""

    status: int = 200
    error: str | None = None  # {"ok": false, "error": ...}
    retry_after: int | None = None
    body: bytes | None = None  # in place of the JSON
    hang_up: bool = False  # close the connection without an answer
    hang: bool = False  # keep it open without an answer, until the client or the server ends
    done: bool = False


RATE_LIMITED = Fault(status=429, error="ratelimited", retry_after=1)
LOST_ANSWER = Fault(hang_up=True, done=True)
HUNG_UP = Fault(hang_up=True)
NOT_JSON = Fault(body=b"<html>busy</html>")


class RefusedError(Exception):
    """The workspace says no, with one of Slack's error codes."""


@dataclass
class Message:
    """A message as the workspace keeps it; `ts` is in microseconds."""

    channel: str
    ts: int
    body: dict[str, Any]
    thread_ts: int | None = None
    broadcast: bool = False
    edits: int = 0

    @property
    def key(self) -> str | None:
        """The idempotency key in its metadata."""
        payload = self.body.get("metadata", {}).get("event_payload", {})
        return str(payload["idempotency_key"]) if "idempotency_key" in payload else None

    @property
    def ref(self) -> str:
        """The channel and ts, as Redline keeps them."""
        return f"{self.channel}:{spell(self.ts)}"

    def shown(self, *, metadata: bool) -> dict[str, Any]:
        """Return what the reading methods say of it."""
        said = {**self.body, "type": "message", "bot_id": "B0REDLINE", "ts": spell(self.ts)}
        if self.thread_ts is not None:
            said["thread_ts"] = spell(self.thread_ts)
        if not metadata:
            said.pop("metadata", None)
        return said


@dataclass
class SlackServer:
    """`script` holds the faults of the next requests by method, None for none; `fault` may decide on any other.

    `fault` gets the method and the number of its request, from 0.
    """

    fault: Callable[[str, int], Fault | None] = lambda method, number: None
    script: dict[str, list[Fault | None]] = field(default_factory=dict)
    channels: dict[str, str] = field(default_factory=lambda: {"C0GENERAL": "general", CHANNEL_ID: CHANNEL})
    page: int = 100  # messages or channels in one answer
    now: Callable[[], float] = time.time
    messages: list[Message] = field(default_factory=list)
    calls: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    hooked: list[dict[str, Any]] = field(default_factory=list)
    port: int = 0
    _open: set[asyncio.StreamWriter] = field(default_factory=set)

    @property
    def api_url(self) -> str:
        """What api_url of a channel must say."""
        return f"http://127.0.0.1:{self.port}/api/"

    @property
    def hook_url(self) -> str:
        """The address of an incoming webhook."""
        return f"http://127.0.0.1:{self.port}/services/T0/B0/secret"

    @property
    def methods(self) -> list[str]:
        """The methods that were called, in order."""
        return [method for method, _ in self.calls]

    @property
    def keys(self) -> list[str]:
        """The idempotency keys of all messages, those of webhooks last; one that stands twice was posted twice."""
        hooked = (Message("", 0, body).key for body in self.hooked)
        return [key for key in (*(message.key for message in self.messages), *hooked) if key]

    def message(self, ref: str) -> Message:
        """Return the message with this ref."""
        return next(message for message in self.messages if message.ref == ref)

    def thread(self, ref: str) -> list[Message]:
        """Return the replies to this message."""
        first = self.message(ref)
        return [one for one in self.messages if (one.channel, one.thread_ts) == (first.channel, first.ts)]

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection."""
        self._open.add(writer)
        try:
            while head := (await reader.readuntil(b"\r\n\r\n")).decode():
                line, *rest = head.split("\r\n")
                headers = {name.lower(): value for name, _, value in (one.partition(": ") for one in rest if one)}
                body = await reader.readexactly(int(headers.get("content-length", "0")))
                answer = self._answer(line.split(" ")[1], headers, body)
                if answer is None:
                    return
                if not answer:
                    await reader.read()  # until the client gives up
                    return
                writer.write(answer)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            return
        finally:
            self._open.discard(writer)
            writer.close()

    def _answer(self, path: str, headers: Mapping[str, str], body: bytes) -> bytes | None:
        """Return the whole answer; nothing at all to hang up, no bytes to leave the client waiting."""
        method = path.removeprefix("/api/") if path.startswith("/api/") else HOOK
        is_form = headers.get("content-type", "").startswith(FORM)
        asked: dict[str, Any] = dict(parse_qsl(body.decode())) if is_form else json.loads(body or b"{}")
        number = self.methods.count(method)
        self.calls.append((method, asked))
        planned = self.script.get(method)
        fault = planned.pop(0) if planned else self.fault(method, number)
        said: dict[str, Any] | None = None
        if fault is None or fault.done:
            said = self._do(method, asked, headers, is_form=is_form)
        if fault is None:
            return _http(200, b"ok") if method == HOOK else _http(200, json.dumps(said).encode())
        if fault.hang_up:
            return None
        if fault.hang:
            return b""
        told = {"ok": False, "error": fault.error} if fault.error else (said or {"ok": True})
        return _http(fault.status, json.dumps(told).encode() if fault.body is None else fault.body, fault.retry_after)

    def _do(self, method: str, asked: dict[str, Any], headers: Mapping[str, str], *, is_form: bool) -> dict[str, Any]:
        if method == HOOK:
            self.hooked.append(asked)
            return {"ok": True}
        work = {
            "chat.postMessage": self._post,
            "chat.update": self._update,
            "conversations.history": self._history,
            "conversations.replies": self._replies,
            "conversations.list": self._list,
        }.get(method)
        try:
            if headers.get("authorization") != f"Bearer {TOKEN}":
                raise RefusedError("invalid_auth")
            if work is None:
                raise RefusedError("unknown_method")
            if method.startswith("conversations.") and not is_form:
                raise RefusedError("invalid_arguments")  # Slack's reading methods take no JSON
            return {"ok": True, **work(asked)}
        except RefusedError as error:
            return {"ok": False, "error": str(error)}

    def _post(self, asked: dict[str, Any]) -> dict[str, Any]:
        _check(asked)
        channel = self._channel_of(asked, names=True)
        thread_ts = parse(asked["thread_ts"]) if "thread_ts" in asked else None
        if thread_ts is not None and self._find(channel, thread_ts) is None:
            raise RefusedError("thread_not_found")
        after = max((message.ts for message in self.messages), default=0)
        ts = max(int(self.now() * 1_000_000), after + 1)
        kept: dict[str, Any] = {name: asked[name] for name in ("text", "blocks", "metadata") if name in asked}
        message = Message(channel, ts, _with_ids(kept), thread_ts, bool(asked.get("reply_broadcast")))
        self.messages.append(message)
        return {"channel": channel, "ts": spell(ts), "message": message.shown(metadata=False)}

    def _update(self, asked: dict[str, Any]) -> dict[str, Any]:
        _check(asked)
        channel = self._channel_of(asked)
        message = self._find(channel, parse(asked.get("ts", "0.0")))
        if message is None:
            raise RefusedError("message_not_found")
        message.body = _with_ids(
            {**message.body, **{name: asked[name] for name in ("text", "blocks") if name in asked}}
        )
        message.edits += 1
        return {"channel": channel, "ts": spell(message.ts), "text": message.body.get("text", "")}

    def _history(self, asked: dict[str, Any]) -> dict[str, Any]:
        channel = self._channel_of(asked)
        shown = [m for m in reversed(self.messages) if m.channel == channel and (m.thread_ts is None or m.broadcast)]
        return self._page([message for message in shown if _within(message, asked)], asked)

    def _replies(self, asked: dict[str, Any]) -> dict[str, Any]:
        channel = self._channel_of(asked)
        first = self._find(channel, parse(asked.get("ts", "0.0")))
        if first is None:
            raise RefusedError("thread_not_found")
        replies = [m for m in self.messages if m.channel == channel and m.thread_ts == first.ts and _within(m, asked)]
        return self._page([first, *replies], asked)

    def _page(self, messages: list[Message], asked: Mapping[str, Any]) -> dict[str, Any]:
        start = int(asked.get("cursor") or 0)
        limit = min(int(asked.get("limit", self.page)), self.page)
        metadata = asked.get("include_all_metadata") == "true"
        more = str(start + limit) if len(messages) > start + limit else ""
        shown = [message.shown(metadata=metadata) for message in messages[start : start + limit]]
        return {"messages": shown, "response_metadata": {"next_cursor": more}}

    def _list(self, asked: dict[str, Any]) -> dict[str, Any]:
        start = int(asked.get("cursor") or 0)
        known = [{"id": one, "name": name} for one, name in self.channels.items()]
        more = str(start + self.page) if len(known) > start + self.page else ""
        return {"channels": known[start : start + self.page], "response_metadata": {"next_cursor": more}}

    def _channel_of(self, asked: Mapping[str, Any], *, names: bool = False) -> str:
        wanted = str(asked.get("channel", ""))
        if wanted in self.channels:
            return wanted
        found = [one for one, name in self.channels.items() if names and name == wanted.removeprefix("#")]
        if not found:
            raise RefusedError("channel_not_found")
        return found[0]

    def _find(self, channel: str, ts: int) -> Message | None:
        return next((one for one in self.messages if (one.channel, one.ts) == (channel, ts)), None)

    def hang_up(self) -> None:
        """Close every connection."""
        for writer in list(self._open):
            writer.close()

    @property
    def busy(self) -> bool:
        """Whether connections are open."""
        return bool(self._open)


def spell(ts: int) -> str:
    """Return microseconds as Slack writes them: 1732698001.000100."""
    return f"{ts // 1_000_000}.{ts % 1_000_000:06d}"


def parse(ts: str) -> int:
    """Return the microseconds of a ts."""
    seconds, _, micros = ts.partition(".")
    return int(seconds) * 1_000_000 + int(micros.ljust(6, "0")[:6] or 0)


def _within(message: Message, asked: Mapping[str, Any]) -> bool:
    oldest, latest = parse(asked.get("oldest", "0")), parse(asked.get("latest", "9999999999"))
    if asked.get("inclusive") == "true":
        return oldest <= message.ts <= latest
    return oldest < message.ts < latest


def _check(asked: Mapping[str, Any]) -> None:
    for fault in slack_limits.faults(asked):
        raise RefusedError(fault if "_" in fault.split(":", 1)[0] else f"invalid_blocks: {fault}")


def _with_ids(body: dict[str, Any]) -> dict[str, Any]:
    # Slack gives an id to every block that has none.
    blocks = [{"block_id": f"auto{number}", **block} for number, block in enumerate(body.get("blocks", []))]
    return {**body, "blocks": blocks} if blocks else body


def _http(status: int, body: bytes, retry_after: int | None = None) -> bytes:
    wait = f"Retry-After: {retry_after}\r\n" if retry_after is not None else ""
    return f"HTTP/1.1 {status} x\r\n{wait}Content-Length: {len(body)}\r\n\r\n".encode() + body


@asynccontextmanager
async def slack(fault: Callable[[str, int], Fault | None] | None = None) -> AsyncIterator[SlackServer]:
    """Serve a workspace until the block ends."""
    workspace = SlackServer(fault) if fault else SlackServer()
    server = await asyncio.start_server(workspace.handle, "127.0.0.1", 0)
    workspace.port = server.sockets[0].getsockname()[1]
    try:
        yield workspace
    finally:
        server.close()
        while workspace.busy:
            workspace.hang_up()
            await asyncio.sleep(0)
