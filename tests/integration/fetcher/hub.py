"""A WebSub hub on loopback: it verifies, denies, moves, fails and distributes as a test says, over real HTTP."""

import asyncio
import hmac
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from urllib.parse import parse_qs

import httpx
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from services.api.server import listen, serve


@dataclass
class Held:
    """A subscription as the hub keeps it."""

    topic: str
    callback: str
    secret: str
    lease_seconds: int


@dataclass
class LoopbackHub:
    """`script` holds a status for each request to come; then all are accepted."""

    url: str = ""
    script: list[int] = field(default_factory=list)
    lease_seconds: int = 864_000
    verify_first: bool = False  # before the request is answered, as hubs did of old
    verifies: bool = True
    extra: dict[str, str] = field(default_factory=dict)  # sent along when it verifies
    requests: list[dict[str, str]] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)
    held: dict[str, Held] = field(default_factory=dict)
    answers: list[httpx.Response] = field(default_factory=list)
    running: set[asyncio.Task[httpx.Response]] = field(default_factory=set)

    def app(self) -> Starlette:
        return Starlette(routes=[Route("/{path:path}", self.answer, methods=["POST"])])

    async def answer(self, request: Request) -> Response:
        asked = {name: values[0] for name, values in parse_qs((await request.body()).decode()).items()}
        self.requests.append(asked)
        self.paths.append(request.url.path)
        status = self.script.pop(0) if self.script else 202
        if status in {307, 308}:
            return RedirectResponse(f"{self.url}/moved", status)
        if status != 202:
            return PlainTextResponse(f"no: {asked['hub.callback']}", status)
        if self.verify_first:
            await self.verify(asked)
        elif self.verifies:
            task = asyncio.create_task(self.verify(asked))
            self.running.add(task)
            task.add_done_callback(self.running.discard)
        return Response(status_code=202)

    async def verify(self, asked: dict[str, str], challenge: str = "ch&llenge=1 2") -> httpx.Response:
        """Ask the subscriber whether it meant this request, as the hub does after each."""
        mode, callback = asked["hub.mode"], asked["hub.callback"]
        query = {"hub.mode": mode, "hub.topic": asked["hub.topic"], "hub.challenge": challenge, **self.extra}
        if mode == "subscribe":
            query["hub.lease_seconds"] = str(self.lease_seconds)
        answer = await self.call(callback, query)
        if answer.status_code == 200 and answer.text == challenge:
            if mode == "subscribe":
                secret = asked.get("hub.secret", "")
                self.held[callback] = Held(asked["hub.topic"], callback, secret, self.lease_seconds)
            else:
                self.held.pop(callback, None)
        return answer

    async def call(self, callback: str, query: dict[str, str]) -> httpx.Response:
        async with httpx.AsyncClient() as client:
            self.answers.append(await client.get(callback, params=query))
        return self.answers[-1]

    async def deny(self, topic: str, callback: str, reason: str = "") -> httpx.Response:
        self.held.pop(callback, None)
        return await self.call(callback, {"hub.mode": "denied", "hub.topic": topic, "hub.reason": reason})

    async def distribute(
        self,
        body: bytes,
        content_type: str = "application/rss+xml",
        *,
        algorithm: str = "sha256",
        signature: str | None = None,
    ) -> list[int]:
        """Send a document to all that are subscribed; return what they answer. An empty `signature` sends none."""
        statuses = []
        for held in list(self.held.values()):
            digest = hmac.new(held.secret.encode(), body, algorithm).hexdigest()
            signed = f"{algorithm}={digest}" if signature is None else signature
            headers = {"Content-Type": content_type, "Link": f'<{self.url}>; rel="hub", <{held.topic}>; rel="self"'}
            if signed:
                headers["X-Hub-Signature"] = signed
            async with httpx.AsyncClient() as client:
                statuses.append((await client.post(held.callback, content=body, headers=headers)).status_code)
        return statuses

    def only(self) -> Held:
        (held,) = self.held.values()
        return held


@asynccontextmanager
async def on_loopback(app: ASGIApp) -> AsyncIterator[str]:
    """Serve an application on a free port; give its address."""
    listener, stop = listen("127.0.0.1", 0), asyncio.Event()
    url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    running = asyncio.create_task(serve(app, listener, stop))
    try:
        yield url
    finally:
        stop.set()
        await running


@asynccontextmanager
async def run_hub() -> AsyncIterator[LoopbackHub]:
    hub = LoopbackHub()
    async with on_loopback(hub.app()) as url:
        hub.url = url
        yield hub
        await asyncio.gather(*hub.running)
