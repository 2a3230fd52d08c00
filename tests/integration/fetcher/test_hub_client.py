"""One request to a hub, and everything that hubs answer."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from services.domain.feeds.websub import Mode, Subscription
from services.fetcher.hub_client import Accepted, HubClient, Refused
from services.fetcher.policy import FetchPolicy
from services.fetcher.transport import GuardedTransport
from tests.fakes import FakeClock
from tests.integration.fetcher.server import FeedServer, Reply, Request
from tests.unit.feeds.test_websub import asked

POLICY = FetchPolicy(allow_private=True, timeout_seconds=1.0, user_agent="Redline/test", contact="desk@example.org")


async def answer_of(url: str, policy: FetchPolicy = POLICY, mode: Mode = Mode.SUBSCRIBE) -> Accepted | Refused:
    client = HubClient(policy, FakeClock(), GuardedTransport.of(policy))
    subscription: Subscription = asked().model_copy(update={"hub_url": url})
    try:
        return await client.ask(subscription, mode)
    finally:
        await client.aclose()


@pytest.mark.parametrize("status", [200, 202, 204])
async def test_any_success_is_one(server: FeedServer, status: int) -> None:
    server.pages["/hub"] = Reply(status)
    assert await answer_of(server.url("/hub")) == Accepted()
    (request,) = server.requests
    assert request.headers["user-agent"] == b"Redline/test (+desk@example.org)"
    assert request.headers["content-type"] == b"application/x-www-form-urlencoded"
    assert not {"cookie", "referer"} & request.headers.keys()


@pytest.mark.parametrize(
    ("hops", "answer"),
    [
        ([308], Accepted("/1")),
        ([308, 308], Accepted("/2")),
        ([307], Accepted()),
        ([307, 308], Accepted()),
        ([308, 307], Accepted("/1")),
        ([307] * 9, Refused("more than 3 redirects")),
        ([301], Refused("answered 301")),
        ([302], Refused("answered 302")),
        ([303], Refused("answered 303")),
    ],
)
async def test_only_what_keeps_the_request_whole_is_followed(
    server: FeedServer, hops: list[int], answer: Accepted | Refused
) -> None:
    for number, status in enumerate([*hops, 202]):
        server.pages[f"/{number}"] = Reply(status, headers={"Location": f"/{number + 1}"} if status != 202 else {})
    found = await answer_of(server.url("/0"))
    if isinstance(answer, Accepted):
        assert found == replace(answer, moved_to=server.url(answer.moved_to) if answer.moved_to else None)
    else:
        assert isinstance(found, Refused)
        assert answer.reason in found.reason


@pytest.mark.parametrize("location", ["", "ftp://hub.example/", "http://", "//[", "file:///etc/passwd"])
async def test_a_redirect_to_what_is_no_hub_is_a_refusal(server: FeedServer, location: str) -> None:
    server.pages["/hub"] = Reply(308, headers={"Location": location})
    found = await answer_of(server.url("/hub"))
    assert isinstance(found, Refused)
    assert "which is no http address" in found.reason


async def test_a_refusal_says_why_on_one_short_line_without_our_secrets(server: FeedServer) -> None:
    secrets = asked().credentials
    text = f"no\r\n\x1b[31m {secrets.callback_url} {secrets.secret} " + "long " * 5000
    server.pages["/hub"] = Reply(429, text.encode(), headers={"Retry-After": "120"})
    found = await answer_of(server.url("/hub"))
    assert isinstance(found, Refused)
    assert found.retry_after == timedelta(minutes=2)
    assert "answered 429: no [31m https://redline.example/websub/*** *** long" in found.reason
    assert found.reason.isprintable()
    assert len(found.reason) < 300


def _trickling(_: Request) -> Reply:
    return Reply(500, b"x" * 100, trickle=0.1)


@pytest.mark.parametrize(
    ("page", "reason"),
    [
        (Reply(202, delay=5), "no answer within 1 s"),
        (_trickling, "no answer within 1 s"),
        (Reply(headers={"Content-Length": "nonsense"}), ""),
    ],
)
async def test_a_hub_that_does_not_answer_as_it_should_is_left_in_time(
    server: FeedServer, page: Reply | Callable[[Request], Reply], reason: str
) -> None:
    server.pages["/hub"] = page
    found = await answer_of(server.url("/hub"))
    assert isinstance(found, Refused)
    assert reason in found.reason
    assert found.reason


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "localhost", "[::1]", "10.0.0.1", "169.254.169.254", "[::ffff:127.0.0.1]", "2130706433"]
)
async def test_a_hub_in_a_private_network_is_refused_before_a_connection_is_opened(
    server: FeedServer, host: str
) -> None:
    guarded = replace(POLICY, allow_private=False)
    found = await answer_of(f"http://{host}:{server.port}/hub", guarded)
    assert isinstance(found, Refused)
    assert "not on the public internet" in found.reason or "cannot be resolved" in found.reason
    assert server.requests == []


async def test_a_public_hub_does_not_lead_into_a_private_network(
    server: FeedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.fetcher.guard._is_public_text", lambda address: address == "127.0.0.1")
    server.pages["/hub"] = Reply(308, headers={"Location": server.url("/hub", host="127.0.0.2")})
    found = await answer_of(server.url("/hub"), replace(POLICY, allow_private=False))
    assert isinstance(found, Refused)
    assert "is not on the public internet" in found.reason
    assert len(server.requests) == 1


async def test_to_unsubscribe_no_key_is_sent(server: FeedServer) -> None:
    server.pages["/hub"] = Reply(202)
    assert await answer_of(server.url("/hub"), mode=Mode.UNSUBSCRIBE) == Accepted()
    assert int(server.requests[0].headers["content-length"]) < 250
