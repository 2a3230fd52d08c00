"""What points into private networks is refused before a connection is opened, however it is written."""

from typing import Any

import pytest

from services.fetcher.answers import Failed, FailureReason, Fetched, FetchResult
from services.fetcher.client import FeedClient
from services.fetcher.policy import FetchPolicy
from tests.fakes import FakeClock
from tests.integration.fetcher.network import Internet, Names, every_connect
from tests.integration.fetcher.server import FeedServer, Reply, rss

BODY = rss("a|Title|Text")
PUBLIC = "93.184.215.14"
REFUSED, BAD_URL, UNKNOWN = FailureReason.ADDRESS_REFUSED, FailureReason.BAD_URL, FailureReason.HOST_NOT_FOUND

# PORT is where a server listens on loopback, so that a connection, if one were opened, would succeed.
ADDRESSES = {
    "loopback": "http://127.0.0.1:PORT/",
    "loopback with a password before it": "http://example.org:x@127.0.0.1:PORT/",
    "all of 127/8 is loopback": "http://127.250.1.2:PORT/",
    "loopback by name": "http://localhost:PORT/",
    "loopback by name, in capitals": "HTTP://LOCALHOST:PORT/",
    "short form": "http://127.1:PORT/",
    "shorter form": "http://0:PORT/",
    "decimal": "http://2130706433:PORT/",
    "hexadecimal": "http://0x7f000001:PORT/",
    "hexadecimal parts": "http://0x7f.0.0x0.1:PORT/",
    "octal and short": "http://0177.1:PORT/",
    "this host": "http://0.0.0.0:PORT/",
    "full stops of another script": "http://127。0。0。1:PORT/",
    "private 10": "http://10.0.0.1/",
    "private 172": "http://172.31.255.254/",
    "private 192": "http://192.168.0.1:8080/",
    "CGNAT": "http://100.64.0.1/",
    "link-local": "http://169.254.1.1/",
    "cloud metadata": "http://169.254.169.254/latest/meta-data/",
    "cloud metadata, decimal": "http://2852039166/",
    "cloud metadata in CGNAT": "http://100.100.100.200/",
    "cloud metadata among protocol assignments": "http://192.0.0.192/",
    "cloud metadata that looks public": "http://168.63.129.16/",
    "benchmarks": "http://198.18.0.1/",
    "documentation": "http://203.0.113.9/",
    "multicast": "http://224.0.0.251/",
    "broadcast": "http://255.255.255.255/",
    "reserved": "http://240.0.0.1/",
    "IPv6 loopback": "http://[::1]:PORT/",
    "IPv6 loopback, written out": "http://[0:0:0:0:0:0:0:1]:PORT/",
    "IPv6 unspecified": "http://[::]:PORT/",
    "mapped loopback": "http://[::ffff:127.0.0.1]:PORT/",
    "mapped loopback in hexadecimal": "http://[::ffff:7f00:1]:PORT/",
    "mapped metadata": "http://[::ffff:169.254.169.254]/",
    "compatible loopback": "http://[::127.0.0.1]:PORT/",
    "translated loopback": "http://[::ffff:0:127.0.0.1]:PORT/",
    "NAT64 of loopback": "http://[64:ff9b::127.0.0.1]/",
    "NAT64 of metadata": "http://[64:ff9b::a9fe:a9fe]/",
    "local NAT64": "http://[64:ff9b:1::10.0.0.1]/",
    "6to4 of private": "http://[2002:a00:1::]/",
    "Teredo": "http://[2001:0:53aa:64c:0:5efe:7f00:1]/",
    "ISATAP of private": "http://[2606:4700::5efe:10.0.0.1]/",
    "unique local": "http://[fd00:ec2::254]/",
    "IPv6 link-local": "http://[fe80::1]/",
    "IPv6 site-local": "http://[fec0::1]/",
    "IPv6 multicast": "http://[ff02::1]/",
    "IPv6 documentation": "http://[2001:db8::1]/",
    "newer IPv6 documentation": "http://[3fff::1]/",
    "mail": f"http://{PUBLIC}:25/",
    "ssh": f"http://{PUBLIC}:22/",
    "a store's port": f"http://{PUBLIC}:6379/",
    "no such port": f"http://{PUBLIC}:99999/",
}
NO_ADDRESSES = {
    "a file": "file:///etc/passwd",
    "gopher": "gopher://127.0.0.1:PORT/_GET",
    "ftp": "ftp://127.0.0.1:PORT/",
    "data": "data:text/xml,<rss/>",
    "no scheme": "//127.0.0.1:PORT/",
    "no host": "http:///127.0.0.1:PORT/",
    "octal": "http://0177.0.0.1:PORT/",
    "wide digits": "http://１２７.0.0.1:PORT/",
    "letters in circles": "http://ⓛocalhost:PORT/",
    "percent signs": "http://%31%32%37.0.0.1:PORT/",
    "a NUL before another name": "http://127.0.0.1%00.example.org:PORT/",
    "a zone": "http://[fe80::1%25eth0]:PORT/",
    "an open bracket": "http://[::1:PORT/",
    "port 0": f"http://{PUBLIC}:0/",
    "a line break": "http://127.0.0.1:PORT/\r\nHost: localhost",
}
# What a name resolves to.
ANSWERS = {
    "private": ["10.1.2.3"],
    "loopback": ["127.0.0.1"],
    "one private among public": [PUBLIC, "192.168.1.1"],
    "a private IPv6 among public": [PUBLIC, "2606:4700::1111", "fd00::1"],
    "mapped": ["::ffff:10.0.0.1"],
    "link-local with a zone": ["fe80::1%eth0"],
    "metadata": ["169.254.169.254"],
}


def client_of(**options: Any) -> FeedClient:
    return FeedClient(FetchPolicy(timeout_seconds=5.0), FakeClock(), **options)


async def fetch(client: FeedClient, url: str) -> FetchResult:
    try:
        return await client.fetch(url)
    finally:
        await client.aclose()


async def refused(url: str, reason: FailureReason, server: FeedServer, **options: Any) -> Failed:
    # Whatever a broken guard lets through ends at our server, and is noticed.
    internet = Internet(server.port)
    with every_connect() as connects:
        result = await fetch(client_of(dial=internet, **options), url)
    assert internet.dialled == []
    assert isinstance(result, Failed), result
    assert result.reason is reason, result
    assert connects == []
    assert result.exchange.hops == ()
    return result


@pytest.mark.parametrize("case", ADDRESSES)
async def test_an_address_that_is_not_public_is_refused(server: FeedServer, case: str) -> None:
    failed = await refused(ADDRESSES[case].replace("PORT", str(server.port)), REFUSED, server)
    assert "not on the public internet" in failed.message or "port" in failed.message
    assert server.requests == []


@pytest.mark.parametrize("case", NO_ADDRESSES)
async def test_what_is_no_http_address_is_refused(server: FeedServer, case: str) -> None:
    await refused(NO_ADDRESSES[case].replace("PORT", str(server.port)), BAD_URL, server)


@pytest.mark.parametrize("case", ANSWERS)
async def test_a_name_is_refused_if_any_of_its_addresses_is_not_public(server: FeedServer, case: str) -> None:
    failed = await refused(
        "http://news.example.org/feed", REFUSED, server, resolver=Names({"news.example.org": [ANSWERS[case]]})
    )
    assert failed.message.startswith("news.example.org is at ")


async def test_the_host_after_the_last_at_sign_counts(server: FeedServer) -> None:
    names = Names({"public.example": [[PUBLIC]], "inside.example": [["10.0.0.1"]]})
    await refused("http://public.example:80@inside.example/", REFUSED, server, resolver=names)
    await refused("http://public.example\\@inside.example/", REFUSED, server, resolver=names)
    assert set(names.asked) == {"inside.example"}


async def test_connections_are_noticed(server: FeedServer) -> None:
    server.pages["/feed.xml"] = Reply(body=BODY)
    with every_connect() as connects:
        client = FeedClient(FetchPolicy(allow_private=True), FakeClock())
        assert isinstance(await fetch(client, server.url()), Fetched)
    assert connects == [("127.0.0.1", server.port)]


async def test_the_address_that_was_checked_is_the_one_connected_to(server: FeedServer) -> None:
    server.pages["/feed"] = Reply(body=BODY)
    names, internet = Names({"news.example.org": [[PUBLIC], ["127.0.0.1"]]}), Internet(server.port)
    client = client_of(resolver=names, dial=internet)
    assert isinstance(await client.fetch("http://news.example.org/feed"), Fetched)
    assert names.asked == ["news.example.org"]
    again = await fetch(client, "http://news.example.org/feed")
    assert isinstance(again, Failed)
    assert again.reason is REFUSED
    assert internet.dialled == [(PUBLIC, 80)]
    assert server.asked("/feed")[0].headers["host"] == b"news.example.org"


@pytest.mark.parametrize(
    ("location", "reason"),
    [
        ("http://127.0.0.1:PORT/inside", REFUSED),
        ("http://2130706433:PORT/inside", REFUSED),
        ("//[::1]:PORT/inside", REFUSED),
        ("http://inside.example/inside", REFUSED),
        ("http://mixed.example/inside", REFUSED),
        ("http://169.254.169.254/latest/meta-data/", REFUSED),
        ("http://news.example.org@10.0.0.1/inside", REFUSED),
        ("http://news.example.org:6379/inside", REFUSED),
        ("http://unknown.example/inside", UNKNOWN),
        ("file:///inside", FailureReason.BAD_REDIRECT),
        ("gopher://127.0.0.1:PORT/inside", FailureReason.BAD_REDIRECT),
        ("http://%6c%6f%63alhost:PORT/inside", FailureReason.BAD_REDIRECT),
    ],
)
@pytest.mark.parametrize("hops", [1, 3])
async def test_every_hop_of_a_redirect_is_checked(
    server: FeedServer, location: str, reason: FailureReason, hops: int
) -> None:
    for step in range(hops - 1):
        server.pages[f"/{step}"] = Reply(302, headers={"Location": f"http://www.example.org/{step + 1}"})
    server.pages[f"/{hops - 1}"] = Reply(301, headers={"Location": location.replace("PORT", str(server.port))})
    server.pages["/inside"] = Reply(body=BODY)
    names = Names({
        "news.example.org": [[PUBLIC]],
        "www.example.org": [[PUBLIC]],
        "inside.example": [["192.168.1.1"]],
        "mixed.example": [[PUBLIC, "127.0.0.1"]],
    })  # fmt: skip
    internet = Internet(server.port)
    result = await fetch(client_of(resolver=names, dial=internet), "http://news.example.org/0")
    assert isinstance(result, Failed)
    assert result.reason is reason, result
    assert server.asked("/inside") == []
    assert {address for address, _ in internet.dialled} == {PUBLIC}
