"""Leaving a receiver by the link of a mail: over HTTP, in a real store."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from html import unescape
from pathlib import Path

import httpx
import pytest
from redis.asyncio import Redis

from alerts.channels.email import UnsubscribedUnavailableError
from alerts.links import Links, make_token
from services.alerter.unsubscribed_store import ValkeyUnsubscribed
from services.api.app import build_app
from services.api.page import MAX_FORM_BYTES
from services.api.unsubscribe import UnsubscribePages
from services.fetcher.websub_store import ValkeyWebSubStore
from services.runtime.faults import UnavailableError
from services.runtime.link_key import KEY_BYTES, link_key
from services.runtime.valkey import connect, ping
from tests.fakes import FakeClock
from tests.integration.fetcher.hub import on_loopback
from tests.unit.alerts.examples import told

KEY = b"k" * KEY_BYTES
LINKS = Links("https://redline.example", KEY)
ADDRESS = "night@example.org"
# What RFC 8058 has a mail program send.
ONE_CLICK = {"List-Unsubscribe": "One-Click"}


@asynccontextmanager
async def api(valkey: Redis, clock: FakeClock | None = None) -> AsyncIterator[httpx.AsyncClient]:
    clock = clock or FakeClock()
    app = build_app(
        callbacks=ValkeyWebSubStore(valkey),
        ready=lambda: ping(valkey),
        clock=clock,
        max_body_bytes=1_000_000,
        pages=UnsubscribePages(ValkeyUnsubscribed(valkey), KEY, clock).routes(),
    )
    async with on_loopback(app) as url, httpx.AsyncClient(base_url=url) as client:
        yield client


def path(address: str = ADDRESS, receiver: str = "desk") -> str:
    return str(LINKS.unsubscribe(receiver, "email", address)).removeprefix("https://redline.example")


async def test_a_look_changes_nothing_and_a_click_does(valkey: Redis) -> None:
    kept = ValkeyUnsubscribed(valkey)
    async with api(valkey) as client:
        for _ in range(2):
            shown = await client.get(path())
            assert shown.status_code == 200
            assert "Redline sends alerts for desk to night@example.org." in shown.text
            assert (await client.head(path())).status_code == 200
            assert await kept.unsubscribed_at("desk", ADDRESS) is None
        clicked = await client.post(path(), data={"action": "unsubscribe"})
        assert "night@example.org gets no more mail for desk" in clicked.text
        assert await kept.unsubscribed_at("desk", ADDRESS) == FakeClock().now()
        assert "gets no more mail" in (await client.get(path())).text


@pytest.mark.parametrize("form", ["urlencoded", "multipart", "empty"])
async def test_a_mail_program_unsubscribes_with_one_click(valkey: Redis, form: str) -> None:
    async with api(valkey) as client:
        if form == "urlencoded":
            answer = await client.post(path(), data=ONE_CLICK)
        elif form == "multipart":
            answer = await client.post(path(), files={"List-Unsubscribe": (None, "One-Click")})
        else:
            answer = await client.post(path())
        assert answer.status_code == 200
    assert await ValkeyUnsubscribed(valkey).unsubscribed_at("desk", ADDRESS)


async def test_twice_is_as_good_as_once(valkey: Redis) -> None:
    clock = FakeClock()
    began = clock.now()
    async with api(valkey, clock) as client:
        await client.post(path(), data=ONE_CLICK)
        clock.advance(timedelta(days=1))
        assert (await client.post(path(), data=ONE_CLICK)).status_code == 200
    assert await ValkeyUnsubscribed(valkey).unsubscribed_at("desk", ADDRESS) == began


async def test_a_mistake_is_undone_and_undoing_twice_is_harmless(valkey: Redis) -> None:
    async with api(valkey) as client:
        await client.post(path(), data=ONE_CLICK)
        assert 'value="subscribe"' in (await client.get(path())).text
        for _ in range(2):
            back = await client.post(path(), data={"action": "subscribe"})
            assert "Alerts for desk go to night@example.org again." in back.text
            assert await ValkeyUnsubscribed(valkey).unsubscribed_at("desk", ADDRESS) is None


async def test_a_reader_leaves_one_receiver_and_no_other_and_case_is_no_matter(valkey: Redis) -> None:
    kept = ValkeyUnsubscribed(valkey)
    async with api(valkey) as client:
        await client.post(path("Night@Example.org"), data=ONE_CLICK)
    assert await kept.unsubscribed_at("desk", ADDRESS)
    assert await kept.unsubscribed_at("weekend", ADDRESS) is None
    assert await kept.unsubscribed_at("desk", "desk@example.org") is None


async def test_a_link_that_is_not_ours_leads_nowhere(valkey: Redis) -> None:
    silence = str(LINKS.silence(told())).rpartition("/")[2]
    forged = make_token(["u", "desk", "email", ADDRESS], b"another key")
    async with api(valkey) as client:
        for token in ("x", forged, silence, path()[:-1].rpartition("/")[2], "1.." + "a" * 10_000):
            for answer in (await client.get(f"/unsubscribe/{token}"), await client.post(f"/unsubscribe/{token}")):
                assert answer.status_code == 404
    assert await valkey.exists("redline:unsubscribed") == 0


async def test_more_than_a_form_is_not_read(valkey: Redis) -> None:
    async def untold() -> AsyncIterator[bytes]:
        for _ in range(10):
            yield b"x" * 1_000

    async with api(valkey) as client:
        for content in (b"x" * (MAX_FORM_BYTES + 1), untold()):
            assert (await client.post(path(), content=content)).status_code == 413
    assert await ValkeyUnsubscribed(valkey).unsubscribed_at("desk", ADDRESS) is None


async def test_a_page_loads_and_runs_nothing_and_escapes_everything(valkey: Redis) -> None:
    address = "<script>alert(1)</script>&\"'@example.org"
    async with api(valkey) as client:
        answer = await client.get(path(address, "<b>"))
    assert "<script" not in answer.text
    assert "<b>" not in answer.text
    assert address in unescape(answer.text)
    policy = answer.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; style-src 'sha256-")
    assert "form-action 'self'; frame-ancestors 'none'" in policy
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert answer.headers["cache-control"] == "no-store"
    assert "http" not in answer.text
    assert 'name="viewport"' in answer.text


async def test_without_the_store_the_answer_is_to_come_again() -> None:
    gone = connect("unix:///nonexistent/valkey.sock", pauses_s=())
    async with api(gone) as client:
        for answer in (await client.get(path()), await client.post(path(), data=ONE_CLICK)):
            assert (answer.status_code, answer.headers["retry-after"]) == (503, "60")
    with pytest.raises(UnsubscribedUnavailableError):
        await ValkeyUnsubscribed(gone).unsubscribed_at("desk", ADDRESS)
    with pytest.raises(UnavailableError):
        await link_key(gone)
    await gone.aclose()


async def test_the_key_of_links_is_made_once_for_all(valkey: Redis, valkey_socket: Path) -> None:
    key = await link_key(valkey)
    assert len(key) == KEY_BYTES
    other = Redis(unix_socket_path=str(valkey_socket), protocol=2)
    assert await link_key(other) == key
    await other.aclose()
    assert await link_key(valkey, namespace="another") != key
    await valkey.set("redline:link_key", b"short")
    with pytest.raises(UnavailableError, match="not one of ours"):
        await link_key(valkey)
