"""The client against a real HTTP server on loopback."""

import gzip
import socket
import zlib
from datetime import timedelta
from typing import Any

import pytest

from services.fetcher.client import (
    Failed,
    FailureReason,
    FeedClient,
    Fetched,
    FetchResult,
    Gone,
    NotModified,
    Validators,
)
from services.fetcher.policy import FetchPolicy
from tests.fakes import FakeClock
from tests.integration.fetcher.server import FeedServer, Reply, Request, rss

BODY = rss("a|Title|Text")


async def fetch(url: str, validators: Validators | None = None, **settings: Any) -> FetchResult:
    policy = FetchPolicy(**{"allow_private": True, "timeout_seconds": 5.0, **settings})
    client = FeedClient(policy, FakeClock())
    try:
        return await client.fetch(url, validators)
    finally:
        await client.aclose()


async def failure(url: str, **settings: Any) -> Failed:
    result = await fetch(url, **settings)
    assert isinstance(result, Failed), result
    return result


async def test_a_body_comes_with_its_validators_byte_for_byte(server: FeedServer) -> None:
    server.pages["/feed.xml"] = Reply(
        body=BODY,
        headers={"ETag": b'W/"\xe9\xff quoted"', "Last-Modified": "yesterday, or so", "Content-Type": "text/xml"},
    )
    result = await fetch(server.url())
    assert isinstance(result, Fetched)
    assert (result.body, result.content_type, result.url) == (BODY, "text/xml", server.url())

    def not_modified(request: Request) -> Reply:
        assert request.headers["if-none-match"] == b'W/"\xe9\xff quoted"'
        assert request.headers["if-modified-since"] == b"yesterday, or so"
        return Reply(304, headers={"Cache-Control": "max-age=90"})

    server.pages["/feed.xml"] = not_modified
    again = await fetch(server.url(), result.validators)
    assert again == NotModified(result.validators, fresh_for=timedelta(seconds=90))


async def test_without_validators_there_are_no_conditions(server: FeedServer) -> None:
    server.pages["/feed.xml"] = Reply(body=BODY)
    result = await fetch(server.url())
    assert isinstance(result, Fetched)
    assert result.validators == Validators()
    asked = server.requests[0].headers
    assert not {"if-none-match", "if-modified-since", "cookie", "referer", "authorization"} & asked.keys()


async def test_says_who_asks_and_whom_to_write_to(server: FeedServer) -> None:
    await fetch(server.url(), contact="mailto:desk@example.org", user_agent="Redline/9.9")
    assert server.requests[0].headers["user-agent"] == b"Redline/9.9 (+mailto:desk@example.org)"


async def test_no_cookie_is_ever_sent_back(server: FeedServer) -> None:
    server.pages["/feed.xml"] = Reply(302, headers={"Location": "/next", "Set-Cookie": "id=1; Path=/"})
    server.pages["/next"] = Reply(body=BODY)
    assert isinstance(await fetch(server.url()), Fetched)
    assert "cookie" not in server.asked("/next")[0].headers
    assert "referer" not in server.asked("/next")[0].headers


@pytest.mark.parametrize(
    ("encoding", "packed"),
    [
        ("gzip", gzip.compress(BODY)),
        ("gzip", gzip.compress(BODY[:50]) + gzip.compress(BODY[50:])),
        ("deflate", zlib.compress(BODY)),
        ("deflate", zlib.compress(BODY, wbits=-zlib.MAX_WBITS)),
        ("identity", BODY),
    ],
    ids=["gzip", "gzip in two members", "deflate", "raw deflate", "identity"],
)
async def test_compressed_bodies_are_unpacked(server: FeedServer, encoding: str, packed: bytes) -> None:
    server.pages["/feed.xml"] = Reply(body=packed, headers={"Content-Encoding": encoding})
    result = await fetch(server.url())
    assert isinstance(result, Fetched)
    assert result.body == BODY
    assert server.requests[0].headers["accept-encoding"] == b"gzip, deflate, br, zstd"


@pytest.mark.parametrize(
    ("encoding", "packed"),
    [("gzip", b"not gzip at all"), ("gzip", gzip.compress(BODY)[:-20]), ("br", b"\x8b\x02\x80abc\x03")],
    ids=["not gzip", "cut off", "not asked for"],
)
async def test_bodies_that_cannot_be_unpacked_fail(server: FeedServer, encoding: str, packed: bytes) -> None:
    server.pages["/feed.xml"] = Reply(body=packed, headers={"Content-Encoding": encoding})
    assert (await failure(server.url())).reason is FailureReason.BAD_ENCODING


async def test_permanent_redirects_are_reported_and_followed(server: FeedServer) -> None:
    server.pages["/feed.xml"] = Reply(301, headers={"Location": "/one"})
    server.pages["/one"] = Reply(308, headers={"Location": "/two#part"})
    server.pages["/two"] = Reply(body=BODY)
    result = await fetch(server.url())
    assert isinstance(result, Fetched)
    assert (result.moved_to, result.url) == (server.url("/two"), server.url("/two"))


async def test_a_feed_has_moved_only_as_far_as_permanent_redirects_led(server: FeedServer) -> None:
    server.pages["/feed.xml"] = Reply(301, headers={"Location": "/one"})
    server.pages["/one"] = Reply(302, headers={"Location": "/two"})
    server.pages["/two"] = Reply(301, headers={"Location": "/three"})
    server.pages["/three"] = Reply(body=BODY)
    result = await fetch(server.url())
    assert isinstance(result, Fetched)
    assert result.moved_to == server.url("/one")


@pytest.mark.parametrize("status", [302, 303, 307])
async def test_temporary_redirects_keep_the_address(server: FeedServer, status: int) -> None:
    server.pages["/feed.xml"] = Reply(status, headers={"Location": "/two"})
    server.pages["/two"] = Reply(304)
    result = await fetch(server.url(), Validators('"x"'))
    assert result == NotModified(Validators('"x"'))
    assert server.asked("/two")[0].headers["if-none-match"] == b'"x"'


@pytest.mark.parametrize("circle", [["/feed.xml"], ["/one", "/feed.xml#part"], ["/one", "/two", "/one"]])
async def test_redirects_in_a_circle_end_where_it_closes(server: FeedServer, circle: list[str]) -> None:
    for here, there in zip(["/feed.xml", *circle], circle, strict=False):
        server.pages[here] = Reply(302, headers={"Location": there})
    assert (await failure(server.url())).reason is FailureReason.REDIRECT_LOOP
    assert len(server.requests) == len(circle)


async def test_five_redirects_are_followed_and_no_sixth(server: FeedServer) -> None:
    for step in range(6):
        server.pages[f"/{step}"] = Reply(302, headers={"Location": f"/{step + 1}"})
    server.pages["/6"] = Reply(body=BODY)
    assert isinstance(await fetch(server.url("/1")), Fetched)
    server.requests.clear()
    assert (await failure(server.url("/0"))).reason is FailureReason.TOO_MANY_REDIRECTS
    assert "/6" not in [request.path for request in server.requests]


@pytest.mark.parametrize("location", ["", "file:///etc/passwd", "ftp://example.org/", "mailto:desk@example.org"])
async def test_redirects_to_nowhere_fail(server: FeedServer, location: str) -> None:
    server.pages["/feed.xml"] = Reply(301, headers={"Location": location})
    assert (await failure(server.url())).reason is FailureReason.BAD_REDIRECT


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        (401, FailureReason.FORBIDDEN),
        (403, FailureReason.FORBIDDEN),
        (404, FailureReason.NOT_FOUND),
        (406, FailureReason.HTTP_STATUS),
        (429, FailureReason.RATE_LIMITED),
        (500, FailureReason.SERVER_ERROR),
        (503, FailureReason.SERVER_ERROR),
        (206, FailureReason.HTTP_STATUS),
        (300, FailureReason.HTTP_STATUS),
    ],
)
async def test_every_other_status_is_a_failure_with_its_reason(
    server: FeedServer, status: int, reason: FailureReason
) -> None:
    server.pages["/feed.xml"] = Reply(status, body=b"no", headers={"Retry-After": "120"})
    failed = await failure(server.url())
    assert (failed.reason, failed.status, failed.retry_after) == (reason, status, timedelta(seconds=120))
    assert str(status) in failed.message


async def test_gone_is_its_own_outcome(server: FeedServer) -> None:
    server.pages["/feed.xml"] = Reply(410)
    assert isinstance(await fetch(server.url()), Gone)


async def test_a_body_that_trickles_ends_at_the_deadline(server: FeedServer) -> None:
    server.pages["/feed.xml"] = Reply(body=BODY, trickle=0.05)
    assert (await failure(server.url(), timeout_seconds=0.3)).reason is FailureReason.TIMEOUT


async def test_a_server_that_says_nothing_ends_at_the_deadline(server: FeedServer) -> None:
    server.pages["/feed.xml"] = Reply(delay=2)
    assert (await failure(server.url(), timeout_seconds=0.2)).reason is FailureReason.TIMEOUT


@pytest.mark.parametrize("declare", [True, False], ids=["declared", "not declared"])
async def test_bodies_over_the_cap_are_refused(server: FeedServer, declare: bool) -> None:
    reply = Reply(body=b"x" * 2001)
    if not declare:
        reply = Reply(body=gzip.compress(b"x" * 2001), headers={"Content-Encoding": "gzip"})
    server.pages["/feed.xml"] = reply
    assert (await failure(server.url(), max_body_bytes=2000)).reason is FailureReason.TOO_LARGE


async def test_a_body_of_exactly_the_cap_is_taken(server: FeedServer) -> None:
    server.pages["/feed.xml"] = Reply(body=b"x" * 2000).gzipped()
    result = await fetch(server.url(), max_body_bytes=2000)
    assert isinstance(result, Fetched)
    assert len(result.body) == 2000


async def test_a_compressed_bomb_never_unfolds(server: FeedServer) -> None:
    import tracemalloc

    server.pages["/feed.xml"] = Reply(body=b"\0" * 50_000_000).gzipped()
    tracemalloc.start()
    try:
        assert (await failure(server.url(), max_body_bytes=1_000_000)).reason is FailureReason.TOO_LARGE
        assert tracemalloc.get_traced_memory()[1] < 8_000_000
    finally:
        tracemalloc.stop()


async def test_a_body_that_breaks_off_fails(server: FeedServer) -> None:
    server.pages["/feed.xml"] = Reply(body=b"<rss", headers={"Content-Length": "1000"})
    assert (await failure(server.url())).reason is FailureReason.BAD_RESPONSE


async def test_no_server_and_no_host(server: FeedServer) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # and does not listen
        assert (await failure(f"http://127.0.0.1:{taken.getsockname()[1]}/")).reason is FailureReason.NO_CONNECTION
    assert (await failure("http://nowhere.invalid/")).reason is FailureReason.HOST_NOT_FOUND
    assert (await failure("http://[::1/")).reason is FailureReason.BAD_URL
    assert (await failure("gopher://example.org/")).reason is FailureReason.BAD_URL


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "127.1", "2130706433", "0x7f.1", "[::ffff:127.0.0.1]"])
async def test_loopback_is_refused_before_connecting(server: FeedServer, host: str) -> None:
    failed = await failure(server.url(host=host), allow_private=False)
    assert failed.reason is FailureReason.ADDRESS_REFUSED
    assert "not on the public internet" in failed.message
    assert server.requests == []
