"""`redline receivers`: who is told, whether messages reach them, and trying it."""

import asyncio
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import Envelope
from redis.asyncio import Redis

from services.alerter.unsubscribed_store import ValkeyUnsubscribed
from services.cli import output
from tests.integration.alerter.http_server import OK, Answer, HookServer, serving
from tests.integration.cli.conftest import InStore, Run
from tests.integration.cli.told_alerts import remember

ROUTES = """
route: {{receiver: desk}}
receivers:
  - name: desk
    channels:
      - {{type: webhook, url: "{url}", allow_private: true}}
      - {{type: slack, webhook_url: {{secret: DESK_HOOK}}, optional: true}}
  - name: night
    channels:
      - {{type: webhook, name: pager, url: "{url}", allow_private: true, signing_key: {{secret: PAGER_KEY}}}}
  - {{name: screen, channels: [{{type: console}}]}}
"""
AT = datetime(2024, 11, 27, 9, tzinfo=UTC)
NOWHERE = "http://127.0.0.1:9/"


@pytest.fixture(autouse=True)
def routes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Routes that lead to this address."""

    def write(url: str) -> None:
        (tmp_path / "routes.yaml").write_text(ROUTES.format(url=url))

    monkeypatch.setenv("REDLINE_ROUTES", str(tmp_path / "routes.yaml"))
    monkeypatch.setattr(output.out, "width", 200)
    write(NOWHERE)
    return write


class Mailbox:
    """Keeps what it is sent."""

    def __init__(self) -> None:
        self.letters: list[bytes] = []

    async def handle_DATA(self, _server: object, _session: object, envelope: Envelope) -> str:
        self.letters.append(envelope.content if isinstance(envelope.content, bytes) else b"")
        return "250 kept"


class Relay(Controller):
    """A relay on a port that the system has chosen."""

    port: int

    def _trigger_server(self) -> None:
        assert isinstance(self.server, asyncio.Server)
        self.port = self.server.sockets[0].getsockname()[1]
        super()._trigger_server()  # type: ignore[no-untyped-call]


@contextmanager
def hook(answer: Callable[[int], Answer] = lambda _: OK) -> Iterator[HookServer]:
    """A server in a thread of its own: commands run a loop of theirs."""
    ready: threading.Event = threading.Event()
    held: dict[str, Any] = {}

    async def serve() -> None:
        held["loop"], held["stop"] = asyncio.get_running_loop(), asyncio.Event()
        async with serving(answer) as server:
            held["server"] = server
            ready.set()
            await held["stop"].wait()

    thread = threading.Thread(target=asyncio.run, args=(serve(),))
    thread.start()
    try:
        assert ready.wait(10)
        yield held["server"]
    finally:
        held["loop"].call_soon_threadsafe(held["stop"].set)
        thread.join(10)


def rows(run: Run, *command: str) -> dict[str, dict[str, Any]]:
    ran = run("receivers", *command, "--json")
    found = [json.loads(line) for line in ran.out.splitlines()]
    return {f"{row['receiver']}/{row['channel']}": row for row in found}


def test_every_channel_says_whether_its_secrets_are_set(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REDLINE_SECRET_PAGER_KEY", "a-key-nobody-guesses")
    found = rows(run, "list")
    assert list(found) == ["desk/webhook", "desk/slack", "night/pager", "screen/console"]
    assert (found["desk/slack"]["missing"], found["desk/slack"]["optional"]) == (["DESK_HOOK"], True)
    assert (found["night/pager"]["secrets"], found["night/pager"]["missing"]) == (["PAGER_KEY"], [])
    shown = run("receivers", "list").out
    assert "DESK_HOOK not set; left out" in shown
    assert "a-key-nobody-guesses" not in shown


def test_every_lane_says_how_it_stands(run: Run, in_store: InStore) -> None:
    in_store(remember)
    found = rows(run, "list")
    slack, gone = found["desk/slack"], found["desk/email"]
    assert (slack["waiting"], slack["last"], slack["last_reason"]) == (1, "sent", "")
    assert slack["oldest_at"]
    assert (gone["type"], gone["waiting"], gone["last"]) == (None, 0, "dead")
    assert "SMTP 550" in gone["last_reason"]
    assert (found["screen/console"]["waiting"], found["screen/console"]["last"]) == (0, None)
    lines = {tuple(line.split("│")[1:3]): line for line in run("receivers", "list").out.splitlines() if "│" in line}
    shown = {f"{receiver.strip()}/{channel.strip()}": line for (receiver, channel), line in lines.items()}
    assert "not in routes.yaml" in shown["desk/email"]
    assert "dead 3 h ago: SMTP 550 no such user" in shown["desk/email"]
    assert "7 h" in shown["desk/slack"]


def test_reading_makes_no_state(run: Run, tmp_path: Path) -> None:
    assert run("receivers", "list").code == 0
    assert not (tmp_path / "data").exists()


def test_a_test_message_arrives_and_says_that_it_is_one(
    run: Run, routes: Callable[[str], None], tmp_path: Path
) -> None:
    with hook() as server:
        routes(server.url)
        ran = run("receivers", "test", "desk")
        again = run("receivers", "test", "desk", "--channel", "webhook")
    assert ran.code == 0, ran.err
    assert "sent     desk/webhook" in ran.out
    assert "left out desk/slack: the secret DESK_HOOK is not set" in ran.out
    assert "slack" not in again.out
    told = [json.loads(request.body) for request in server.requests]
    assert [one["kind"] for one in told] == ["test", "test"]
    assert "Nothing has happened" in told[0]["alerts"][0]["summary"]
    assert len(set(server.keys)) == 2, "each test is a message of its own"
    assert not (tmp_path / "data").exists(), "a test goes beside the outbox"


@pytest.mark.parametrize(
    ("answer", "result", "reason"),
    [
        (b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", "refused", "404"),
        (b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n", "failed", "would be tried again"),
        (None, "unknown", "may have arrived"),
    ],
)
def test_a_channel_that_does_not_take_it_fails_the_test(
    run: Run, routes: Callable[[str], None], answer: Answer, result: str, reason: str
) -> None:
    with hook(lambda _: answer) as server:
        routes(server.url)
        ran = run("receivers", "test", "desk", "--json")
    line = json.loads(ran.out.splitlines()[0])
    assert (ran.code, line["result"], reason in line["reason"]) == (1, result, True), line


def test_a_server_that_is_not_there_fails_the_test(run: Run, routes: Callable[[str], None]) -> None:
    with hook() as server:
        pass
    routes(server.url)
    ran = run("receivers", "test", "desk")
    assert (ran.code, "failed   desk/webhook" in ran.out) == (1, True)


def test_a_missing_secret_fails_the_test_unless_the_channel_is_optional(run: Run) -> None:
    ran = run("receivers", "test", "night")
    assert (ran.code, "failed   night/pager: the secret PAGER_KEY is not set" in ran.out) == (1, True)
    only = run("receivers", "test", "desk", "--channel", "slack")
    assert (only.code, "left out" in only.out) == (1, True), "nothing was sent at all"


def test_a_package_that_is_not_installed_is_named(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("alerts.channels.apprise.is_installed", lambda: False)
    monkeypatch.setenv("REDLINE_SECRET_CHAT", "tgram://1/2")
    text = """
route: {receiver: chat}
receivers:
  - name: chat
    channels:
      - {type: apprise, url: {secret: CHAT}}
      - {type: apprise, name: other, url: {secret: CHAT}, optional: true}
"""
    (tmp_path / "routes.yaml").write_text(text)
    ran = run("receivers", "test", "chat")
    assert ran.code == 1
    needed, optional = ran.out.splitlines()
    assert needed.startswith("failed   chat/apprise: the package apprise is not installed; ")
    assert optional.startswith("left out chat/other: the package apprise is not installed; ")


def leave(valkey: Redis) -> Any:
    async def two() -> None:
        store = ValkeyUnsubscribed(valkey)
        await store.unsubscribe("night", "Zoe@example.org", "email", AT)
        await store.unsubscribe("desk", "ann@example.org", "letters", AT)

    return two()


def test_who_has_left_is_listed_and_may_come_back(run: Run, in_store: InStore) -> None:
    in_store(leave)
    assert rows(run, "unsubscribed")["desk/letters"] == {
        "receiver": "desk", "address": "ann@example.org", "channel": "letters", "at": "2024-11-27T09:00:00Z",
    }  # fmt: skip
    shown = run("receivers", "unsubscribed", "night")
    assert ("zoe@example.org" in shown.out, "ann@" in shown.out, "1 unsubscribed" in shown.out) == (True, False, True)
    back = run("receivers", "resubscribe", "night", "ZOE@example.org")
    assert (back.code, "gets the mail of night again; it had none since 2024-11-27 09:00:00Z" in back.out) == (0, True)
    assert run("receivers", "unsubscribed", "night").out == "0 unsubscribed\n"


@pytest.mark.parametrize(
    ("command", "reason"),
    [
        (("unsubscribed", "nigth"), "no receiver 'nigth' (did you mean 'night'?)"),
        (("resubscribe", "nigth", "zoe@example.org"), "no receiver 'nigth' (did you mean 'night'?)"),
        (("resubscribe", "night", "zoi@example.org"), "zoi@example.org has not unsubscribed from night (did you mean"),
    ],
)
def test_who_has_not_left_is_refused(run: Run, in_store: InStore, command: tuple[str, ...], reason: str) -> None:
    in_store(leave)
    ran = run("receivers", *command)
    assert (ran.code, reason in ran.err) == (2, True), ran.err


def test_nobody_has_left_where_there_is_no_state(run: Run, tmp_path: Path) -> None:
    assert run("receivers", "unsubscribed").out == "0 unsubscribed\n"
    assert not (tmp_path / "data").exists()


def test_a_test_mail_is_as_the_alerter_would_send_it(
    run: Run, in_store: InStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REDLINE_API__PUBLIC_URL", "https://redline.example.org")
    mailbox = Mailbox()
    relay = Relay(mailbox, hostname="127.0.0.1", port=0)
    relay.start()
    try:
        smtp = f"{{host: 127.0.0.1, port: {relay.port}, security: none}}"
        mail = f"{{type: email, from: r@example.org, to: [zoe@example.org, kim@example.org], smtp: {smtp}}}"
        text = f"route: {{receiver: night}}\nreceivers: [{{name: night, channels: [{mail}]}}]\n"
        (tmp_path / "routes.yaml").write_text(text)
        in_store(leave)
        ran = run("receivers", "test", "night")
    finally:
        relay.stop()
    assert "sent     night/email/kim@example.org" in ran.out
    assert "refused  night/email/zoe@example.org: unsubscribed" in ran.out
    (letter,) = mailbox.letters
    assert b"https://redline.example.org/unsubscribe/" in letter


def test_a_console_prints(run: Run) -> None:
    ran = run("receivers", "test", "screen")
    assert (ran.code, "Test message for the receiver screen" in ran.out) == (0, True)


@pytest.mark.parametrize(
    ("command", "reason"),
    [
        (("test", "dekc"), "no receiver 'dekc' (did you mean 'desk'?)"),
        (("test", "desk", "--channel", "slak"), "no channel 'slak' (did you mean 'slack'?)"),
    ],
)
def test_a_name_that_is_not_there_is_refused_with_the_nearest(run: Run, command: tuple[str, ...], reason: str) -> None:
    ran = run("receivers", *command)
    assert (ran.code, reason in ran.err) == (2, True)
