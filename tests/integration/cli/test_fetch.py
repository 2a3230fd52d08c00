"""`redline fetch`: one conditional fetch and its decision."""

import asyncio
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.integration.cli.conftest import Run
from tests.integration.fetcher.server import FeedServer, Reply, rss, serve

BODY = rss("a|First|Text", "b|Second|Text")


@pytest.fixture
def server() -> Iterator[FeedServer]:
    """A server on a loop of its own: a command runs its own, in this thread."""
    started, stop = threading.Event(), asyncio.Event()
    found: list[tuple[FeedServer, asyncio.AbstractEventLoop]] = []

    async def run() -> None:
        async with serve() as running:
            found.append((running, asyncio.get_running_loop()))
            started.set()
            await stop.wait()

    thread = threading.Thread(target=asyncio.run, args=(run(),))
    thread.start()
    assert started.wait(10)
    server, loop = found[0]
    yield server
    loop.call_soon_threadsafe(stop.set)
    thread.join(10)


def decided(run: Run, *arguments: str, code: int = 0) -> dict[str, Any]:
    ran = run("fetch", *arguments, "--allow-private", "--json")
    assert ran.code == code, ran.err
    decision: dict[str, Any] = json.loads(ran.out)
    return decision


def test_the_second_call_is_conditional(run: Run, server: FeedServer, tmp_path: Path) -> None:
    state = str(tmp_path / "feed.state")
    server.pages["/feed.xml"] = Reply(body=BODY, headers={"ETag": '"1"', "Cache-Control": "max-age=7200"})
    first = decided(run, server.url(), "--state", state)
    assert (first["status"], first["not_modified"], first["error"], first["gone"]) == (200, False, None, False)
    assert [entry["title"] for entry in first["entries"]] == ["First", "Second"]
    assert first["validators"] == {"etag": '"1"', "last_modified": None}
    assert (first["next_due_reason"], first["http_version"]) == ("freshness", "HTTP/1.1")
    assert first["received_bytes"] == len(BODY)

    server.pages["/feed.xml"] = Reply(304)
    second = decided(run, server.url(), "--state", state)
    assert (second["status"], second["not_modified"], second["entries"]) == (304, True, [])
    assert second["validators"] == {"etag": '"1"', "last_modified": None}
    assert server.requests[-1].headers["if-none-match"] == b'"1"'
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith("feed.state")] == ["feed.state"]


def test_without_a_state_every_call_is_the_first(run: Run, server: FeedServer) -> None:
    server.pages["/feed.xml"] = Reply(body=BODY, headers={"ETag": '"1"'})
    decided(run, server.url())
    decided(run, server.url())
    assert not any("if-none-match" in request.headers for request in server.requests)


def test_redirects_are_told(run: Run, server: FeedServer) -> None:
    server.pages["/feed.xml"] = Reply(301, headers={"Location": "/new.xml"})
    server.pages["/new.xml"] = Reply(body=BODY)
    decision = decided(run, server.url())
    assert decision["redirected_to"] == decision["moved_to"] == server.url("/new.xml")
    assert [hop["status"] for hop in decision["hops"]] == [301, 200]


@pytest.mark.parametrize(
    ("reply", "reason"),
    [
        (Reply(503, headers={"Retry-After": "7200"}), "server_error"),
        (Reply(404), "not_found"),
        (Reply(body=b"<html><body>not a feed</body></html>"), "not_a_feed"),
    ],
    ids=["503", "404", "not a feed"],
)
def test_a_failure_is_a_decision_too(run: Run, server: FeedServer, reply: Reply, reason: str) -> None:
    server.pages["/feed.xml"] = reply
    decision = decided(run, server.url(), code=1)
    assert decision["error"]["reason"] == reason
    assert decision["next_due_at"] is not None
    assert decision["status"] == reply.status


def test_gone_is_never_due(run: Run, server: FeedServer) -> None:
    server.pages["/feed.xml"] = Reply(410)
    decision = decided(run, server.url(), code=1)
    assert (decision["gone"], decision["error"], decision["next_due_at"]) == (True, None, None)


def test_private_addresses_need_the_option(run: Run, server: FeedServer) -> None:
    ran = run("fetch", server.url(), "--json")
    assert ran.code == 1
    assert json.loads(ran.out)["error"]["reason"] == "address_refused"
    assert server.requests == []


def test_a_configured_feed_is_asked_as_its_file_says(
    run: Run, server: FeedServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "redline.yaml").write_text("feeds: feeds.yaml\n")
    (tmp_path / "feeds.yaml").write_text(
        f"feeds:\n- id: wire\n  url: {server.url()}\n  outlet: Wire\n  interval: 10m\n"
        "  headers: {X-Key: {secret: WIRE_KEY}}\n"
    )
    server.pages["/feed.xml"] = Reply(body=BODY)
    assert decided(run, server.url(), code=1)["error"]["reason"] == "missing_secret"
    checked = run("config", "check")
    assert "feed wire: the secret WIRE_KEY is not set" in checked.err
    monkeypatch.setenv("REDLINE_SECRET_WIRE_KEY", "k3y")
    decision = decided(run, server.url())
    assert decision["next_due_reason"] == "interval"
    assert server.requests[-1].headers["x-key"] == b"k3y"
    assert "k3y" not in json.dumps(decision)


def test_people_get_lines(run: Run, server: FeedServer) -> None:
    server.pages["/feed.xml"] = Reply(body=BODY, headers={"ETag": '"1"'})
    ran = run("fetch", server.url(), "--allow-private")
    assert ran.code == 0
    assert "2: A feed" in ran.out
    assert '"1"' in ran.out
    assert "(default)" in ran.out


def test_bad_input_is_told(run: Run, tmp_path: Path) -> None:
    assert "ftp://example.org/" in run("fetch", "ftp://example.org/").err
    state = tmp_path / "state"
    state.write_text("{}[")
    ran = run("fetch", "http://127.0.0.1:9999/", "--state", str(state))
    assert ran.code == 2
    assert f"{state}: not a state" in ran.err
