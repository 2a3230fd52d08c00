"""Buttons pressed in Slack, over HTTP: who may press, what it does, and what the reader is told."""

import asyncio
import hmac
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

import httpx
import pytest
from pydantic import SecretStr
from redis.asyncio import Redis
from structlog.testing import capture_logs

from alerts.blocks import render_slack
from alerts.channels.http import Poster
from alerts.matchers import Matchers
from alerts.silences import silenced_by
from alerts.slack_buttons import Press, SilenceTarget
from schemas.alert import Alert
from schemas.base import content_id
from schemas.notification import Notification
from schemas.story import Novelty, StoryRef
from services.alerter.silence_store import ValkeySilences
from services.api.app import build_app
from services.api.slack_actions import MAX_BODY_BYTES, SlackActions, SlackReplies, is_signed
from services.bootstrap.api import slack_routes
from services.bootstrap.world import Provisioned, World
from services.fetcher.websub_store import ValkeyWebSubStore
from services.runtime.apps import BrokerConfig
from services.runtime.valkey import connect, ping
from services.settings import Settings
from tests.fakes import FakeClock
from tests.integration.alerter.slack_server import HUNG_UP, SlackServer, slack
from tests.integration.fetcher.hub import on_loopback
from tests.unit.alerts import slack_limits
from tests.unit.alerts.examples import an_alert, told
from tests.unit.alerts.slack_limits import objects

SECRET = "8f742231b10e8888abcd99yyyzzz85a5"
STORY = StoryRef(id=content_id("s"), origin_id=content_id("o"), novelty=Novelty.FIRST, articles=1, outlets=1)
TARGET = SilenceTarget(watch_topic="rok-arms", story=STORY.id)
DAY = timedelta(hours=24)


class Desk:
    """The api service, the workspace that calls it, and the silences it keeps."""

    def __init__(self, client: httpx.AsyncClient, workspace: SlackServer, valkey: Redis, clock: FakeClock) -> None:
        self.client = client
        self.workspace = workspace
        self.silences = ValkeySilences(valkey)
        self.clock = clock

    async def send(self, body: bytes, **headers: str) -> httpx.Response:
        stamp = headers.pop("stamp", str(int(self.clock.now().timestamp())))
        signed = {"X-Slack-Request-Timestamp": stamp, "X-Slack-Signature": signature(body, stamp)}
        form = {"Content-Type": "application/x-www-form-urlencoded"}
        return await self.client.post("/slack/actions", content=body, headers={**form, **signed, **headers})

    async def press(self, action_id: str, value: str | None = None, **said: Any) -> httpx.Response:
        return await self.send(form({**interaction(action_id, value, self.workspace.hook_url), **said}))

    async def replies(self, count: int) -> list[dict[str, Any]]:
        async with asyncio.timeout(5):
            while len(self.workspace.hooked) < count:
                await asyncio.sleep(0.01)
        return self.workspace.hooked


def signature(body: bytes, stamp: str, secret: str = SECRET) -> str:
    return "v0=" + hmac.new(secret.encode(), f"v0:{stamp}:".encode() + body, "sha256").hexdigest()


def interaction(action_id: str, value: str | None, response_url: str) -> dict[str, Any]:
    action = {"action_id": action_id, "block_id": "x", "type": "button", "action_ts": "1.0"}
    return {
        "type": "block_actions",
        "user": {"id": "U1", "username": "jane", "name": "jane", "team_id": "T1"},
        "channel": {"id": "C1", "name": "redline"},
        "message": {"text": "무" * 1_000},
        "response_url": response_url,
        "actions": [{**action, "value": value} if value is not None else action],
    }


def form(payload: Any) -> bytes:
    return urlencode({"payload": json.dumps(payload)}).encode()


def value_of(target: SilenceTarget) -> str:
    return target.model_dump_json(exclude_none=True)


@pytest.fixture
async def desk(valkey: Redis) -> AsyncIterator[Desk]:
    clock = FakeClock()
    async with AsyncExitStack() as stack:
        workspace = await stack.enter_async_context(slack())
        replies = SlackReplies(Poster(), prefix=workspace.hook_url)
        stack.push_async_callback(replies.aclose)
        pages = SlackActions(ValkeySilences(valkey), SecretStr(SECRET + "\n"), replies, clock).routes()
        app = build_app(
            callbacks=ValkeyWebSubStore(valkey),
            ready=lambda: ping(valkey),
            clock=clock,
            max_body_bytes=1_000,
            pages=pages,
        )
        url = await stack.enter_async_context(on_loopback(app))
        client = await stack.enter_async_context(httpx.AsyncClient(base_url=url))
        yield Desk(client, workspace, valkey, clock)


def test_the_signature_is_slack_s_own() -> None:
    # Made by slack_sdk, which Slack's own examples use.
    from slack_sdk.signature import SignatureVerifier

    body, stamp = b"payload=%7B%7D", "1531420618"
    theirs = SignatureVerifier(SECRET).generate_signature(timestamp=stamp, body=body)
    assert theirs is not None
    now = datetime.fromtimestamp(int(stamp), UTC)
    assert is_signed(body, stamp, theirs, SECRET.encode(), now)
    assert not is_signed(body + b" ", stamp, theirs, SECRET.encode(), now)


async def test_the_button_silences_the_story_for_a_day_and_says_so(desk: Desk) -> None:
    answer = await desk.press(Press.SILENCE_STORY, value_of(TARGET))
    assert (answer.status_code, answer.content) == (200, b"")
    (silence,) = await desk.silences.all()
    now = desk.clock.now()
    assert (silence.author, silence.starts_at, silence.ends_at) == ("slack:jane", now, now + DAY)
    assert silence.match == Matchers(watch_topic=("rok-arms",), story=(STORY.id,))
    (reply,) = await desk.replies(1)
    assert (reply["response_type"], reply["replace_original"]) == ("ephemeral", False)
    assert reply["text"].startswith(f"Silenced for everybody until <!date^{int((now + DAY).timestamp())}^")
    assert slack_limits.faults(reply) == []
    undo = next(one for one in objects(reply["blocks"]) if one.get("type") == "button")
    assert (undo["action_id"], undo["value"]) == (Press.UNDO_SILENCE, silence.id)


async def test_what_our_messages_carry_silences_what_they_tell_of(desk: Desk) -> None:
    def pressed(notification: Notification) -> str:
        blocks = list(render_slack(notification, interactive=True).blocks)
        return str(next(one for one in objects(blocks) if one.get("action_id") == Press.SILENCE_STORY)["value"])

    of_story, of_group = an_alert(story=STORY), an_alert(group_key='feed "x"', id=content_id("other"))
    elsewhere = [an_alert(story=STORY, watch_topic="else"), an_alert(group_key="feed")]
    for alert in (of_story, of_group):
        assert (await desk.press(Press.SILENCE_STORY, pressed(told(alert)))).status_code == 200
    active = await desk.silences.active(desk.clock.now())

    def silent(alert: Alert) -> bool:
        return silenced_by(alert, active, desk.clock.now()) is not None

    assert [silent(alert) for alert in (of_story, of_group, *elsewhere)] == [True, True, False, False]


async def test_a_second_press_makes_no_second_silence(desk: Desk) -> None:
    await desk.press(Press.SILENCE_STORY, value_of(TARGET))
    await desk.press(Press.SILENCE_STORY, value_of(TARGET), user={"id": "U2", "username": "<!channel>"})
    assert len(await desk.silences.all()) == 1
    reply = (await desk.replies(2))[1]
    assert reply["text"].startswith("slack:jane has silenced this until <!date^")
    desk.clock.advance(timedelta(hours=2))
    await desk.press(Press.SILENCE_STORY, value_of(TARGET), user={"id": "U2", "username": "<!channel>"})
    assert len(await desk.silences.all()) == 2
    await desk.press(Press.SILENCE_STORY, value_of(TARGET))
    assert (await desk.replies(4))[3]["text"].startswith("slack:&lt;!channel&gt; has silenced this until ")


async def test_undo_ends_the_silence_and_takes_its_own_message_s_place(desk: Desk) -> None:
    await desk.press(Press.SILENCE_STORY, value_of(TARGET))
    (silence,) = await desk.silences.all()
    desk.clock.advance(timedelta(minutes=1))
    for said in ("The silence has ended; alerts come again.", "That silence had ended before."):
        assert (await desk.press(Press.UNDO_SILENCE, silence.id)).status_code == 200
        reply = (await desk.replies(len(desk.workspace.hooked) + 1))[-1]
        assert (reply["text"], reply["replace_original"]) == (said, True)
    assert await desk.silences.active(desk.clock.now()) == ()


@pytest.mark.parametrize("name", [{"id": "U1"}, {"id": "U1", "username": ""}, {"id": "U1", "username": "\x00 \n"}])
async def test_a_user_without_a_name_is_told_by_id(desk: Desk, name: dict[str, str]) -> None:
    await desk.press(Press.SILENCE_STORY, value_of(TARGET), user=name)
    (silence,) = await desk.silences.all()
    assert silence.author == "slack:U1"


FORGED: tuple[dict[bytes, bytes], ...] = (
    {b"x-slack-signature": b"v0=" + b"0" * 64},
    {b"x-slack-signature": b""},
    {b"x-slack-signature": b"v0=\xff"},
    {b"x-slack-request-timestamp": b"0"},
    {b"x-slack-request-timestamp": b"\xb2"},
    {b"x-slack-request-timestamp": b"9" * 400},
    {b"x-slack-request-timestamp": b""},
)


async def test_what_slack_did_not_sign_does_nothing(desk: Desk) -> None:
    body = form(interaction(Press.SILENCE_STORY, value_of(TARGET), desk.workspace.hook_url))
    stamp = str(int(desk.clock.now().timestamp()))
    signed = {b"x-slack-request-timestamp": stamp.encode(), b"x-slack-signature": signature(body, stamp).encode()}
    for forged in FORGED:
        answer = await desk.client.post("/slack/actions", content=body, headers=list({**signed, **forged}.items()))
        assert (answer.status_code, forged) == (401, forged)
    assert await desk.silences.all() == ()


async def test_a_signature_is_good_for_five_minutes(desk: Desk) -> None:
    body = form(interaction(Press.OPEN_ARTICLE, None, desk.workspace.hook_url))
    for age, status in ((299, 200), (301, 401), (-299, 200), (-301, 401)):
        answer = await desk.send(body, stamp=str(int(desk.clock.now().timestamp()) - age))
        assert (answer.status_code, age) == (status, age)


async def test_a_button_that_only_opens_an_address_or_is_not_ours_does_nothing(desk: Desk) -> None:
    opening = (Press.OPEN_ARTICLE.value, Press.OPEN_SILENCE_PAGE.value, Press.OPEN_POSITIONS_PAGE.value)
    for action_id in (*opening, "another_app_s"):
        with capture_logs() as logs:
            assert (await desk.press(action_id, value_of(TARGET))).status_code == 200
        assert ("slack_action_unknown" in {entry["event"] for entry in logs}) is (action_id == "another_app_s")
    assert await desk.silences.all() == ()


async def test_a_value_that_is_not_ours_silences_nothing_and_says_so(desk: Desk) -> None:
    values = (None, "", "x", '{"watch_topic": "A B", "story": "x"}', value_of(TARGET)[:-1])
    for number, value in enumerate(values):
        assert (await desk.press(Press.SILENCE_STORY, value)).status_code == 200
        assert (await desk.replies(number + 1))[-1]["text"].startswith("This button cannot be read any more")
    assert await desk.silences.all() == ()


async def test_undo_of_what_is_no_silence_says_so(desk: Desk) -> None:
    for number, value in enumerate((None, "", "*", "0" * 31 + "²", "0" * 32)):
        assert (await desk.press(Press.UNDO_SILENCE, value)).status_code == 200
        assert (await desk.replies(number + 1))[-1]["text"] == "That silence had ended before."


NOT_UNDERSTOOD = (
    b"",
    b"payload=",
    b"payload=%7B%7D",
    b"payload=[]",
    b"\xff",
    b"payload=1&payload=2",
    b"other=1",
    b"&" * 1_000,
    b"payload=" + b"[" * 100_000,
    form({"type": "block_actions", "user": {"id": ""}, "actions": []}),
)


async def test_what_is_signed_but_no_interaction_is_refused(desk: Desk) -> None:
    for body in NOT_UNDERSTOOD:
        answer = await desk.send(body)
        assert (answer.status_code, body[:50]) == (400, body[:50])


async def test_other_interactions_are_taken_note_of_and_do_nothing(desk: Desk) -> None:
    assert (await desk.press(Press.SILENCE_STORY, value_of(TARGET), type="view_submission")).status_code == 200
    assert await desk.silences.all() == ()


async def test_a_body_is_limited(desk: Desk) -> None:
    assert (await desk.send(b"x" * (MAX_BODY_BYTES + 1))).status_code == 413


async def test_no_reply_goes_to_an_address_that_is_not_slack_s(desk: Desk) -> None:
    hook = desk.workspace.hook_url
    for url in (hook.replace("/services", "/other"), hook + "\r\nX: y", hook + "x" * 1_000, None):
        answer = await desk.press(Press.UNDO_SILENCE, "x", response_url=url)
        assert answer.status_code == 200
    await desk.press(Press.UNDO_SILENCE, "x")
    assert len(await desk.replies(1)) == 1


def test_slack_s_own_addresses_alone_are_replied_to() -> None:
    replies = SlackReplies(Poster())
    assert replies.takes("https://hooks.slack.com/actions/T1/1/x")
    for url in ("http://hooks.slack.com/x", "https://hooks.slack.com.evil.example/", "https://hooks.slack.com@evil/"):
        assert not replies.takes(url)


async def test_a_reply_that_fails_leaves_the_silence(desk: Desk) -> None:
    desk.workspace.fault = lambda method, number: HUNG_UP
    assert (await desk.press(Press.SILENCE_STORY, value_of(TARGET))).status_code == 200
    assert len(await desk.silences.all()) == 1


async def test_without_its_store_the_press_fails_visibly() -> None:
    gone = connect("unix:///nonexistent/valkey.sock", pauses_s=())
    clock = FakeClock()
    pages = SlackActions(ValkeySilences(gone), SecretStr(SECRET), SlackReplies(Poster()), clock).routes()
    app = build_app(
        callbacks=ValkeyWebSubStore(gone), ready=lambda: ping(gone), clock=clock, max_body_bytes=1, pages=pages
    )
    async with on_loopback(app) as url, httpx.AsyncClient(base_url=url) as client, slack() as workspace:
        desk = Desk(client, workspace, gone, clock)
        assert (await desk.press(Press.SILENCE_STORY, value_of(TARGET))).status_code == 503
    await gone.aclose()


async def test_without_the_secret_there_is_no_such_route(valkey: Redis) -> None:
    def never(*_: object, **__: object) -> Any:
        raise AssertionError

    cases: tuple[tuple[dict[str, str], int], ...] = (
        ({}, 0),
        ({"SLACK_SIGNING_SECRET": " \n"}, 0),
        ({"SLACK_SIGNING_SECRET": "x"}, 1),
    )
    for secrets, routes in cases:
        values = {name: SecretStr(text) for name, text in secrets.items()}
        provisioned = Provisioned(watched=never, feeds=never, channels=never, routes=never, secrets=values)
        world = World(Settings(), provisioned, valkey, BrokerConfig("sqlite:///x"))
        assert len(slack_routes(world)) == routes
        await world.closing.aclose()
