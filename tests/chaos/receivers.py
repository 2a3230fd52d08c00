"""A webhook receiver and a Slack that can be asked, both on one port of loopback, and both full of faults."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

from tests.chaos.audit import Fate, Kind
from tests.chaos.plan import SLACK_CHANNELS, Fault, item_in, slack_channel
from tests.chaos.register import Register, closed, now, until_gone

HISTORY_PAGE = 7  # far below what is asked for, so that pages have to be turned
LIST_PAGE = 4
REASONS = {200: "OK", 410: "Gone", 429: "Too Many Requests", 500: "Internal Server Error", 404: "Not Found"}


@dataclass(frozen=True)
class Request:
    """One request, whole, and the time at which it had been read."""

    path: str
    headers: Mapping[str, str]
    body: bytes
    at: float


@dataclass(frozen=True)
class Reply:
    """One answer; without a status the connection closes, and with `hang` not even that."""

    status: int | None = None
    body: bytes = b""
    headers: Mapping[str, str] | None = None
    hang: bool = False
    after: float = 0.0

    def encoded(self) -> bytes:
        """Return the answer as it goes over the wire."""
        headers = {**(self.headers or {}), "Content-Length": str(len(self.body))}
        lines = [f"HTTP/1.1 {self.status} {REASONS.get(self.status or 0, '')}"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        return "\r\n".join([*lines, "", ""]).encode() + self.body


HANG_UP = Reply()
NONSENSE = Reply(200, b'{"ok": tru')
BUSY = Reply(429, b"slow down", {"Retry-After": "1"})


class Webhook:
    """Takes notifications, recognises nothing, and answers as planned."""

    def __init__(self, register: Register) -> None:
        self._register = register

    def answer(self, request: Request) -> Reply:
        """Take the message or not, and say what to answer."""
        item = item_in(request.body.decode())
        assert item is not None, request.body[:200]
        fault = self._register.read(Kind.WEBHOOK, item)
        fate = {Fault.BUSY: Fate.LEFT, Fault.ERROR: Fate.LEFT, Fault.CLOSE: Fate.LEFT, Fault.REFUSED: Fate.REFUSED}
        taken = fate.get(fault, Fate.TAKEN)
        self._register.note(Kind.WEBHOOK, item, request.headers["idempotency-key"], "", taken, request.at)
        replies = {
            Fault.BUSY: BUSY,
            Fault.ERROR: Reply(500, b"oh"),
            Fault.REFUSED: Reply(410, b"gone"),
            Fault.GARBLED: NONSENSE,
            Fault.CLOSE_TAKEN: HANG_UP,
            Fault.CLOSE: HANG_UP,
            Fault.HANG: Reply(hang=True),
            Fault.SLOW: Reply(200, b"ok", after=self._register.plan.slowness(Kind.WEBHOOK, item)),
        }
        return replies.get(fault, Reply(200, b"ok"))


class Slack:
    """Keeps messages by channel, newest first, as Slack's history shows them; threads are apart from it."""

    def __init__(self, register: Register, token: str) -> None:
        self._register = register
        self._token = token
        self._channels = dict(slack_channel(number) for number in range(SLACK_CHANNELS))
        self._posted: dict[str, list[dict[str, Any]]] = {channel: [] for channel in self._channels}
        self._last_ts = 0.0

    def answer(self, method: str, request: Request) -> Reply:
        """Carry out one method, or fail as planned."""
        assert request.headers.get("authorization") == f"Bearer {self._token}"
        if method == "chat.postMessage":
            return self._post(json.loads(request.body), request.at)
        asked = dict(parse_qsl(request.body.decode()))
        look = {
            "conversations.list": self._list,
            "conversations.history": self._history,
            "conversations.replies": self._replies,
        }.get(method)
        if look is None:
            return _refused("unknown_method")
        refusals = {
            Fault.BUSY: BUSY,
            Fault.ERROR: Reply(500, b"oh"),
            Fault.CLOSE: HANG_UP,
            Fault.GARBLED: NONSENSE,
            Fault.UNCERTAIN: _refused("internal_error"),
        }
        return refusals.get(self._register.look()) or look(asked)

    def _post(self, message: dict[str, Any], at: float) -> Reply:
        item = item_in(json.dumps(message, ensure_ascii=False))
        assert item is not None, message
        names = {f"#{name}": channel for channel, name in self._channels.items()}
        channel = names.get(message["channel"], message["channel"])
        fault = self._register.read(Kind.SLACK, item)
        taken = fault in TAKEN_BY_SLACK
        fate = Fate.TAKEN if taken else Fate.REFUSED if fault is Fault.REFUSED else Fate.LEFT
        key = message["metadata"]["event_payload"]["idempotency_key"]
        self._register.note(Kind.SLACK, item, key, channel, fate, at)
        ts = self._keep(channel, message, at) if taken else ""
        replies = {
            Fault.BUSY: BUSY,
            Fault.ERROR: Reply(500, b"oh"),
            Fault.ERROR_TAKEN: Reply(500, b"oh"),
            Fault.PASSING: _refused("service_unavailable"),
            Fault.UNCERTAIN: _refused("internal_error"),
            Fault.UNCERTAIN_TAKEN: _refused("internal_error"),
            Fault.REFUSED: _refused("restricted_action"),
            Fault.GARBLED: NONSENSE,
            Fault.CLOSE: HANG_UP,
            Fault.CLOSE_TAKEN: HANG_UP,
            Fault.HANG: Reply(hang=True),
        }
        after = self._register.plan.slowness(Kind.SLACK, item) if fault is Fault.SLOW else 0.0
        return replies.get(fault) or _said({"ok": True, "channel": channel, "ts": ts}, after)

    def _keep(self, channel: str, message: dict[str, Any], at: float) -> str:
        self._last_ts = max(at, self._last_ts + 0.000_002)
        ts = f"{self._last_ts:.6f}"
        self._posted[channel].append({**message, "ts": ts})
        return ts

    def _list(self, asked: Mapping[str, str]) -> Reply:
        channels = [{"id": channel, "name": name} for channel, name in self._channels.items()]
        return _page("channels", channels, asked, LIST_PAGE)

    def _history(self, asked: Mapping[str, str]) -> Reply:
        posted = [message for message in self._posted[asked["channel"]] if not message.get("thread_ts")]
        return self._messages(posted[::-1], asked)

    def _replies(self, asked: Mapping[str, str]) -> Reply:
        thread = [message for message in self._posted[asked["channel"]] if asked["ts"] in _in_thread(message)]
        return self._messages(thread, asked)

    def _messages(self, posted: list[dict[str, Any]], asked: Mapping[str, str]) -> Reply:
        oldest = float(asked.get("oldest", "0"))
        shown = [message for message in posted if float(message["ts"]) > oldest]
        if asked.get("include_all_metadata") != "true":
            shown = [{name: value for name, value in message.items() if name != "metadata"} for message in shown]
        return _page("messages", shown, asked, HISTORY_PAGE)


TAKEN_BY_SLACK = frozenset(
    {
        Fault.NONE, Fault.SLOW, Fault.ERROR_TAKEN, Fault.UNCERTAIN_TAKEN, Fault.GARBLED, Fault.CLOSE_TAKEN, Fault.HANG,
    }
)  # fmt: skip


def _in_thread(message: Mapping[str, Any]) -> tuple[str | None, ...]:
    return message["ts"], message.get("thread_ts")


def _page(name: str, values: list[dict[str, Any]], asked: Mapping[str, str], most: int) -> Reply:
    start, size = int(asked.get("cursor", "0")), min(most, int(asked.get("limit", "100")))
    cursor = str(start + size) if start + size < len(values) else ""
    shown = {name: values[start : start + size]}
    return _said({"ok": True, **shown, "response_metadata": {"next_cursor": cursor}})


def _refused(error: str) -> Reply:
    return _said({"ok": False, "error": error})


def _said(values: Mapping[str, Any], after: float = 0.0) -> Reply:
    return Reply(200, json.dumps(values).encode(), {"Content-Type": "application/json"}, after=after)


class HttpReceivers:
    """Serves both over keep-alive connections."""

    def __init__(self, register: Register, token: str) -> None:
        self._webhook = Webhook(register)
        self._slack = Slack(register, token)
        self._connections: set[asyncio.Task[None]] = set()

    def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve a connection in a task of its own."""
        task = asyncio.create_task(self._serve(reader, writer))
        self._connections.add(task)
        task.add_done_callback(self._connections.discard)

    async def close(self) -> None:
        """End every connection."""
        for task in self._connections:
            task.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            try:
                while True:
                    reply = self._answer(await _read(reader))
                    if reply.hang:
                        return await until_gone(reader)
                    if reply.status is None:
                        return None
                    await asyncio.sleep(reply.after)
                    writer.write(reply.encoded())
                    await writer.drain()
            finally:
                await closed(writer)

    def _answer(self, request: Request) -> Reply:
        if request.path == "/hook":
            return self._webhook.answer(request)
        if request.path.startswith("/slack/"):
            return self._slack.answer(request.path.removeprefix("/slack/"), request)
        return Reply(404)


async def _read(reader: asyncio.StreamReader) -> Request:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    pairs = (line.split(":", 1) for line in head[1:] if line)
    headers = {name.lower(): value.strip() for name, value in pairs}
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    return Request(head[0].split()[1], headers, body, now())


@asynccontextmanager
async def serving_http(register: Register, token: str) -> AsyncIterator[str]:
    """Serve until the block ends; yield the address, below which are /hook and /slack/."""
    receivers = HttpReceivers(register, token)
    server = await asyncio.start_server(receivers.accept, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()
        await receivers.close()
