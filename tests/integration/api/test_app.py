"""The api service over HTTP: health, limits, what happens without its store, and that it stops and starts cleanly."""

import asyncio
import errno
import hmac
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from prometheus_client import REGISTRY
from redis.asyncio import Redis

from services.api.app import build_app
from services.api.server import CannotListenError, listen, serve
from services.domain.feeds.websub import Credentials, Offer, asking, denied, verified
from services.fetcher.websub_store import ValkeyWebSubStore
from services.runtime.valkey import connect, ping
from tests.fakes import FakeClock
from tests.integration.fetcher.hub import on_loopback
from tests.warm_start import REDLINE, WarmProcess

LIMIT = 1000
TOKEN = "a-token-nobody-guesses"
CREDENTIALS = Credentials(token=TOKEN, secret="key", callback_url=f"https://redline.example/websub/{TOKEN}")
OFFER = Offer(hubs=("https://hub.example/",), topic_url="https://news.example/feed.xml")


@asynccontextmanager
async def api(valkey: Redis) -> AsyncIterator[httpx.AsyncClient]:
    clock = FakeClock()
    app = build_app(callbacks=ValkeyWebSubStore(valkey), ready=lambda: ping(valkey), clock=clock, max_body_bytes=LIMIT)
    async with on_loopback(app) as url, httpx.AsyncClient(base_url=url) as client:
        yield client


async def subscribe(valkey: Redis) -> None:
    now = FakeClock().now()
    asked = asking(None, feed_id="one", offer=OFFER, hub=OFFER.hubs[0], credentials=CREDENTIALS, now=now)
    await ValkeyWebSubStore(valkey).change("one", lambda _: verified(asked, timedelta(days=3), now))


def signature(body: bytes) -> dict[str, str]:
    return {"X-Hub-Signature": f"sha256={hmac.new(b'key', body, 'sha256').hexdigest()}"}


async def test_it_says_that_it_lives_and_whether_it_can_work(valkey: Redis) -> None:
    async with api(valkey) as client:
        assert (await client.get("/healthz")).text == "ok\n"
        ready = await client.get("/readyz")
        assert (ready.status_code, ready.text) == (200, "ready\n")
        assert "server" not in ready.headers
        assert (await client.get("/")).status_code == 404


async def test_without_its_store_it_lives_but_takes_nothing() -> None:
    gone = connect("unix:///nonexistent/valkey.sock", pauses_s=())
    async with api(gone) as client:
        assert (await client.get("/healthz")).status_code == 200
        assert (await client.get("/readyz")).status_code == 503
        for answer in (await client.post(f"/websub/{TOKEN}", content=b"x"), await client.get(f"/websub/{TOKEN}")):
            assert (answer.status_code, answer.headers["retry-after"]) == (503, "60")
            assert "nonexistent" not in answer.text
    await gone.aclose()


async def test_a_callback_of_nobody(valkey: Redis) -> None:
    async with api(valkey) as client:
        question = {"hub.mode": "subscribe", "hub.topic": OFFER.topic_url, "hub.challenge": "abc"}
        assert (await client.get("/websub/guess", params=question)).status_code == 404
        assert (await client.get("/websub/guess")).status_code == 404
        assert (await client.post("/websub/guess", content=b"x")).status_code == 410


async def test_a_challenge_is_repeated_as_plain_text(valkey: Redis) -> None:
    await subscribe(valkey)
    async with api(valkey) as client:
        challenge = "<b>&\u20ac \n"
        question = {"hub.mode": "subscribe", "hub.topic": OFFER.topic_url, "hub.challenge": challenge}
        answer = await client.get(f"/websub/{TOKEN}", params=question)
        assert (answer.status_code, answer.text) == (200, challenge)
        assert answer.headers["content-type"] == "text/plain; charset=utf-8"
        other = await client.get(f"/websub/{TOKEN}", params=question | {"hub.topic": OFFER.topic_url + "?"})
        assert other.status_code == 404


async def test_a_body_is_limited_whether_its_length_is_told_or_not(valkey: Redis) -> None:
    await subscribe(valkey)

    async def untold(size: int) -> AsyncIterator[bytes]:
        for _ in range(size // 100):
            yield b"x" * 100

    async with api(valkey) as client:
        for size, status in ((LIMIT, 202), (LIMIT + 100, 413)):
            headers = signature(b"x" * size)
            told = await client.post(f"/websub/{TOKEN}", content=b"x" * size, headers=headers)
            assert told.status_code == status
            streamed = await client.post(f"/websub/{TOKEN}", content=untold(size), headers=headers)
            assert streamed.status_code == status
    assert await valkey.xlen("redline:feed:{one}:pushes") == 2


async def test_a_sender_that_stops_halfway_is_not_waited_for(valkey: Redis, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("services.api.websub.BODY_SECONDS", 0.2)
    await subscribe(valkey)

    async def halting() -> AsyncIterator[bytes]:
        yield b"x"
        await asyncio.sleep(1)

    async with api(valkey) as client:
        answer = await client.post(f"/websub/{TOKEN}", content=halting(), headers=signature(b"x"))
    assert answer.status_code == 408


async def test_what_is_kept_says_what_it_is_and_when_it_came(valkey: Redis) -> None:
    await subscribe(valkey)
    async with api(valkey) as client:
        headers = {**signature(b"\x00body\xff"), "Content-Type": "application/rss+xml; charset=windows-1251"}
        await client.post(f"/websub/{TOKEN}", content=b"\x00body\xff", headers=headers)
    pushed = await ValkeyWebSubStore(valkey).take("one", datetime.now(UTC))
    assert pushed.document is not None
    assert pushed.document.body == b"\x00body\xff"
    assert pushed.document.content_type == "application/rss+xml; charset=windows-1251"
    assert pushed.document.url == OFFER.topic_url
    assert pushed.document.arrived_at == FakeClock().now()


async def test_a_stop_lets_a_running_request_finish(valkey: Redis) -> None:
    await subscribe(valkey)
    listener, stop = listen("127.0.0.1", 0), asyncio.Event()
    app = build_app(
        callbacks=ValkeyWebSubStore(valkey), ready=lambda: ping(valkey), clock=FakeClock(), max_body_bytes=LIMIT
    )
    address = listener.getsockname()
    running = asyncio.create_task(serve(app, listener, stop))

    async def slow() -> AsyncIterator[bytes]:
        yield b"x"
        stop.set()
        await asyncio.sleep(0.3)
        yield b"y"

    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{address[1]}") as client:
        answer = await client.post(f"/websub/{TOKEN}", content=slow(), headers=signature(b"xy"))
        assert answer.status_code == 202
    await running
    listen(*address).close()  # the address is free again


def test_a_taken_address_is_named_with_the_settings_that_change_it() -> None:
    taken = listen("127.0.0.1", 0)
    port = taken.getsockname()[1]
    with pytest.raises(CannotListenError) as caught:
        listen("127.0.0.1", port)
    taken.close()
    assert f"127.0.0.1:{port}: {os.strerror(errno.EADDRINUSE)}" in str(caught.value)
    assert "api.port" in str(caught.value)


@pytest.mark.parametrize("host", ["203.0.113.7", "no-such-host.invalid"])
def test_an_address_that_is_not_this_machine_s_is_named_too(host: str) -> None:
    with pytest.raises(CannotListenError, match=f"cannot listen on {host}:8600: "):
        listen(host, 8600)


@pytest.mark.slow
@pytest.mark.parametrize("command", ["up", "api"])
def test_a_command_whose_port_is_taken_says_so_and_ends(tmp_path: Path, command: str) -> None:
    taken = listen("127.0.0.1", 0)
    port = taken.getsockname()[1]
    environ = {name: value for name, value in os.environ.items() if not name.startswith("REDLINE_")}
    with (tmp_path / "stdout").open("wb") as out, (tmp_path / "stderr").open("w+") as err:
        ran = WarmProcess(
            REDLINE,
            [command, "--data-dir", str(tmp_path / "data")],
            stdout=out.fileno(),
            stderr=err.fileno(),
            environ={**environ, "REDLINE_API__PORT": str(port)},
        )
        code = ran.wait(90)
        err.seek(0)
        said = err.read()
    taken.close()
    assert code == 1
    assert f"cannot listen on 127.0.0.1:{port}" in said
    assert "Traceback" not in said


@pytest.mark.slow
def test_the_command_serves_until_it_is_told_to_stop(tmp_path: Path) -> None:
    environ = {name: value for name, value in os.environ.items() if not name.startswith("REDLINE_")}
    log = tmp_path / "log.txt"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "services.cli.main", "api", "--data-dir", str(tmp_path / "data")],
            env={**environ, "REDLINE_API__PORT": "0", "REDLINE_LOG__FORMAT": "json"},
            stdout=output,
            stderr=output,
        )
    try:
        port = _port(process, log)
        assert httpx.get(f"http://127.0.0.1:{port}/readyz").text == "ready\n"
        process.terminate()
        assert process.wait(30) == 0
    finally:
        process.kill()
        process.wait()
    assert "Traceback" not in log.read_text()
    assert "redline is ready: api" in log.read_text()


def _port(process: "subprocess.Popen[bytes]", log: Path) -> int:
    import time

    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and process.poll() is None:
        for line in log.read_text().splitlines():
            if '"api_listening"' in line:
                return int(json.loads(line)["port"])
        time.sleep(0.1)
    raise AssertionError(log.read_text())


async def test_what_a_hub_pushes_that_has_denied_us_is_dropped(valkey: Redis) -> None:
    await subscribe(valkey)
    now = FakeClock().now()
    await ValkeyWebSubStore(valkey).change("one", lambda current: denied(current, "too many", now) if current else None)
    async with api(valkey) as client:
        answer = await client.post(f"/websub/{TOKEN}", content=b"x", headers=signature(b"x"))
    assert answer.status_code == 202
    assert await valkey.exists("redline:feed:{one}:pushes") == 0


async def test_what_hubs_push_is_counted_with_what_came_of_it(valkey: Redis) -> None:
    await subscribe(valkey)
    results = ("kept", "ignored", "refused")
    before = [pushes(result) for result in results]
    async with api(valkey) as client:
        await client.post(f"/websub/{TOKEN}", content=b"x", headers=signature(b"x"))
        await client.post(f"/websub/{TOKEN}", content=b"x", headers=signature(b"forged"))
        await client.post(f"/websub/{TOKEN}", content=b"x" * (LIMIT + 1))
    assert [pushes(result) - then for result, then in zip(results, before, strict=True)] == [1, 1, 1]


def pushes(result: str) -> float:
    return REGISTRY.get_sample_value("redline_websub_pushes_total", {"result": result}) or 0.0
