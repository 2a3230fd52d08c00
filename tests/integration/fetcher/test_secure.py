"""Encrypted connections, HTTP/2, and proxies, against real servers on loopback."""

import asyncio
import shutil
import ssl
import subprocess
from base64 import b64encode
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import h2.config
import h2.connection
import h2.events
import httpx
import pytest

from services.fetcher import connections
from services.fetcher.answers import Failed, FailureReason, FeedRequest, Fetched, FetchResult, NotModified, Validators
from services.fetcher.client import FeedClient
from services.fetcher.guard import AddressRefusedError
from services.fetcher.policy import FetchPolicy
from services.fetcher.transport import GuardedTransport
from tests.fakes import FakeClock
from tests.integration.fetcher.network import Internet, Names
from tests.integration.fetcher.server import FeedServer, Reply, Request, rss

BODY = rss("a|Title|Text") * 3000


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate for localhost that signs itself, with its key."""
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("openssl is not installed, and makes the certificate")
    folder = tmp_path_factory.mktemp("tls")
    names = ("-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost")
    files = ("-keyout", str(folder / "key.pem"), "-out", str(folder / "cert.pem"))
    kind = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1")
    subprocess.run([openssl, "req", "-x509", "-nodes", *kind, *files, *names], check=True, capture_output=True)
    return folder


@pytest.fixture
def trusted(certificate: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate / "cert.pem"))
    connections.tls.cache_clear()
    yield certificate
    connections.tls.cache_clear()


class Http2Server(asyncio.Protocol):
    """Answers every request with the feed, or with 304 where it is conditional."""

    asked: list[dict[bytes, bytes]]

    def __init__(self, asked: list[dict[bytes, bytes]]) -> None:
        self.asked = asked
        self.h2 = h2.connection.H2Connection(h2.config.H2Configuration(client_side=False))

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        self.h2.initiate_connection()
        transport.write(self.h2.data_to_send())

    def data_received(self, data: bytes) -> None:
        for event in self.h2.receive_data(data):
            if isinstance(event, h2.events.RequestReceived):
                self._answer(event.stream_id, dict(event.headers or []))
        self.transport.write(self.h2.data_to_send())

    def _answer(self, stream: int, headers: dict[Any, Any]) -> None:
        asked = {bytes(name): bytes(value) for name, value in headers.items()}
        self.asked.append(asked)
        if b"if-none-match" in asked:
            self.h2.send_headers(stream, [(":status", "304"), ("etag", '"1"')], end_stream=True)
            return
        self.h2.send_headers(stream, [(":status", "200"), ("etag", '"1"')])
        small = BODY[:60_000]  # what fits into the first window
        for start in range(0, len(small), 10_000):
            self.h2.send_data(stream, small[start : start + 10_000], end_stream=start + 10_000 >= len(small))


@asynccontextmanager
async def serving(folder: Path, protocols: list[str], protocol: Any) -> AsyncIterator[int]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "cert.pem", folder / "key.pem")
    context.set_alpn_protocols(protocols)
    server = await asyncio.get_running_loop().create_server(protocol, "127.0.0.1", 0, ssl=context)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        await server.wait_closed()


def http1(server: FeedServer) -> Any:
    def protocol() -> asyncio.StreamReaderProtocol:
        return asyncio.StreamReaderProtocol(asyncio.StreamReader(), server.handle)

    return protocol


def client_of(accept: str = "*/*", **settings: Any) -> FeedClient:
    policy = FetchPolicy(**{"allow_private": True, "timeout_seconds": 5.0, **settings})
    return FeedClient(policy, FakeClock(), accept=accept)


async def fetch(request: FeedRequest | str, client: FeedClient | None = None) -> FetchResult:
    client = client or client_of()
    try:
        return await client.ask(FeedRequest(request) if isinstance(request, str) else request)
    finally:
        await client.aclose()


async def failure(request: FeedRequest | str, client: FeedClient | None = None) -> FailureReason:
    result = await fetch(request, client)
    assert isinstance(result, Failed), result
    return result.reason


async def test_http2_is_spoken_with_those_who_do(trusted: Path) -> None:
    asked: list[dict[bytes, bytes]] = []
    async with serving(trusted, ["h2", "http/1.1"], lambda: Http2Server(asked)) as port:
        client = client_of()
        url = f"https://localhost:{port}/feed.xml"
        result = await client.fetch(url)
        assert isinstance(result, Fetched)
        assert (result.body, result.exchange.http_version) == (BODY[:60_000], "HTTP/2")
        again = await fetch(FeedRequest(url, result.validators), client)
        assert isinstance(again, NotModified)
    assert [headers[b":path"] for headers in asked] == [b"/feed.xml"] * 2
    assert asked[1][b"if-none-match"] == b'"1"'


class HangingHttp2Server(Http2Server):
    """Answers the first request of a connection only."""

    lost = 0

    def _answer(self, stream: int, headers: dict[Any, Any]) -> None:
        if stream == 1:
            super()._answer(stream, headers)

    def connection_lost(self, exc: Exception | None) -> None:
        HangingHttp2Server.lost += 1


async def test_a_connection_on_which_no_answer_came_is_closed(trusted: Path) -> None:
    async with serving(trusted, ["h2"], lambda: HangingHttp2Server([])) as port:
        client = client_of(timeout_seconds=0.5)
        url = f"https://localhost:{port}/feed.xml"
        assert isinstance(await client.fetch(url), Fetched)
        late = await client.fetch(url)
        assert isinstance(late, Failed)
        assert late.reason is FailureReason.TIMEOUT
        async with asyncio.timeout(2):
            while not HangingHttp2Server.lost:
                await asyncio.sleep(0.01)
        await client.aclose()


async def test_http2_can_be_switched_off(trusted: Path, server: FeedServer) -> None:
    server.pages["/feed.xml"] = Reply(body=BODY)
    async with serving(trusted, ["http/1.1"], http1(server)) as port:
        for http2 in (True, False):
            result = await fetch(f"https://localhost:{port}/feed.xml", client_of(http2=http2))
            assert isinstance(result, Fetched)
            assert (result.body, result.exchange.http_version) == (BODY, "HTTP/1.1")


async def test_certificates_are_checked(certificate: Path, server: FeedServer) -> None:
    server.pages["/feed.xml"] = Reply(body=BODY)
    connections.tls.cache_clear()
    async with serving(certificate, ["http/1.1"], http1(server)) as port:
        assert await failure(f"https://localhost:{port}/feed.xml") is FailureReason.BAD_CERTIFICATE
    assert server.requests == []


async def test_a_certificate_for_another_name(trusted: Path, server: FeedServer) -> None:
    async with serving(trusted, ["http/1.1"], http1(server)) as port:
        assert await failure(f"https://127.0.0.1:{port}/feed.xml") is FailureReason.BAD_CERTIFICATE


async def test_a_server_that_does_not_encrypt() -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(b"HTTP/1.1 400 Said\r\n\r\n")
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as plain:
        port = plain.sockets[0].getsockname()[1]
        assert await failure(f"https://127.0.0.1:{port}/") is FailureReason.TLS_FAILED


async def test_a_step_down_to_http_is_followed_but_never_a_move_and_tells_no_secret(
    trusted: Path, server: FeedServer
) -> None:
    server.pages["/feed.xml"] = Reply(301, headers={"Location": f"http://localhost:{server.port}/plain.xml"})
    server.pages["/plain.xml"] = Reply(body=BODY)
    async with serving(trusted, ["http/1.1"], http1(server)) as port:
        request = FeedRequest(f"https://localhost:{port}/feed.xml", auth="desk:secret", headers=(("X-Key", "k3y"),))
        result = await fetch(request)
    assert isinstance(result, Fetched)
    assert (result.url, result.moved_to) == (f"http://localhost:{server.port}/plain.xml", None)
    assert {"authorization", "x-key"} <= server.asked("/feed.xml")[0].headers.keys()
    assert not {"authorization", "x-key"} & server.asked("/plain.xml")[0].headers.keys()


class ProxyServer:
    """An HTTP proxy for anything on loopback, that keeps what it was told."""

    def __init__(self, inside: int, *, status: int = 200) -> None:
        self.inside = inside
        self.status = status
        self.told: list[tuple[str, dict[str, str]]] = []
        self.port = 0

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            first, *lines = head.strip().split("\r\n")
            self.told.append((first, {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}))
            if self.status != 200:
                writer.write(f"HTTP/1.1 {self.status} Said\r\nContent-Length: 0\r\n\r\n".encode())
                await writer.drain()
                return
            await self._pass_on(head, reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    async def _pass_on(self, head: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection("127.0.0.1", self.inside)
        if head.startswith("CONNECT"):
            writer.write(b"HTTP/1.1 200 Go\r\n\r\n")
        else:
            method, url, rest = head.split(" ", 2)
            back.write(f"{method} /{url.split('/', 3)[3]} {rest}".encode("latin-1"))

        async def pump(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
            while data := await source.read(65536):
                sink.write(data)
                await sink.drain()
            sink.close()

        await asyncio.gather(pump(reader, back), pump(there, writer), return_exceptions=True)


@asynccontextmanager
async def proxying(proxy: ProxyServer) -> AsyncIterator[ProxyServer]:
    listener = await asyncio.start_server(proxy.handle, "127.0.0.1", 0)
    proxy.port = listener.sockets[0].getsockname()[1]
    try:
        yield proxy
    finally:
        listener.close()
        await listener.wait_closed()


async def test_a_proxy_is_told_where_to_go(server: FeedServer) -> None:
    server.pages["/feed.xml"] = Reply(body=BODY)
    async with proxying(ProxyServer(server.port)) as proxy:
        client = client_of(proxy=f"http://desk:s%C3%A9cret@127.0.0.1:{proxy.port}")
        result = await fetch("http://news.example.org/feed.xml", client)
    assert isinstance(result, Fetched)
    assert result.body == BODY
    (first, headers) = proxy.told[0]
    assert first.startswith(("GET http://news.example.org:80/feed.xml ", "GET http://news.example.org/feed.xml "))
    assert headers["proxy-authorization"] == "Basic " + b64encode("desk:sécret".encode()).decode()


async def test_an_encrypted_feed_goes_through_a_tunnel(trusted: Path, server: FeedServer) -> None:
    server.pages["/feed.xml"] = Reply(body=BODY)
    async with serving(trusted, ["http/1.1"], http1(server)) as port, proxying(ProxyServer(port)) as proxy:
        result = await fetch("https://localhost/feed.xml", client_of(proxy=f"http://127.0.0.1:{proxy.port}"))
    assert isinstance(result, Fetched)
    assert [first for first, _ in proxy.told] == ["CONNECT localhost:443 HTTP/1.1"]


@pytest.mark.parametrize("url", ["http://127.0.0.1/feed.xml", "https://10.0.0.1/", "http://inside.example/feed.xml"])
async def test_a_proxy_is_not_told_of_private_addresses(server: FeedServer, url: str) -> None:
    async with proxying(ProxyServer(server.port)) as proxy:
        policy = FetchPolicy(proxy=f"http://127.0.0.1:{proxy.port}")
        names = Names({"inside.example": [["192.168.1.1"]]})
        assert await failure(url, FeedClient(policy, FakeClock(), resolver=names)) is FailureReason.ADDRESS_REFUSED
    assert proxy.told == []


async def test_nor_by_a_redirect(server: FeedServer) -> None:
    server.pages["/feed.xml"] = Reply(302, headers={"Location": "http://inside.example/x"})
    async with proxying(ProxyServer(server.port)) as proxy:
        policy = FetchPolicy(proxy=f"http://127.0.0.1:{proxy.port}")
        names = Names({"inside.example": [["192.168.1.1"]], "news.example.org": [["93.184.215.14"]]})
        client = FeedClient(policy, FakeClock(), resolver=names)
        assert await failure("http://news.example.org/feed.xml", client) is FailureReason.ADDRESS_REFUSED
    assert len(proxy.told) == 1


@pytest.mark.parametrize("url", ["http://news.example.org/", "https://news.example.org/"])
async def test_a_proxy_that_wants_a_password(server: FeedServer, url: str) -> None:
    async with proxying(ProxyServer(server.port, status=407)) as proxy:
        client = client_of(proxy=f"http://127.0.0.1:{proxy.port}")
        assert await failure(url, client) is FailureReason.PROXY_FAILED


async def test_hubs_are_asked_through_the_proxy_and_checked_alike(server: FeedServer) -> None:
    server.pages["/hub"] = Reply(202)
    async with proxying(ProxyServer(server.port)) as proxy:
        policy = FetchPolicy(proxy=f"http://127.0.0.1:{proxy.port}", allow_private=True)
        async with httpx.AsyncClient(transport=GuardedTransport.of(policy)) as client:
            assert (await client.post("http://hub.example/hub", data={"hub.mode": "subscribe"})).status_code == 202
        guarded = GuardedTransport.of(replace(policy, allow_private=False))
        async with httpx.AsyncClient(transport=guarded) as client:
            with pytest.raises(AddressRefusedError):
                await client.post("http://10.0.0.1/hub")
    assert [first for first, _ in proxy.told] == ["POST http://hub.example/hub HTTP/1.1"]


async def test_no_request_is_made_without_a_permit(server: FeedServer) -> None:
    server.pages["/feed.xml"] = Reply(302, headers={"Location": "/private"})
    asked: list[str] = []

    async def permit(url: str) -> str | None:
        asked.append(url)
        return "robots.txt says no" if url.endswith("/private") else None

    client = client_of(accept="text/html")
    result = await client.fetch(server.url(), permit=permit)
    await client.aclose()
    assert isinstance(result, Failed)
    assert (result.reason, result.message) == (FailureReason.DISALLOWED, "robots.txt says no")
    assert asked == [server.url(), server.url("/private")]
    assert [request.path for request in server.requests] == ["/feed.xml"]
    assert server.requests[0].headers["accept"] == b"text/html"


SECRET = FeedRequest("", auth="desk:secret", headers=(("X-Key", "k3y"), ("accept", "text/xml")))


@pytest.mark.parametrize(
    ("location", "told"),
    [("/next", True), ("http://news.example.org/next", True), ("http://other.example.org/next", False)],
)
async def test_another_host_is_told_no_secret(server: FeedServer, location: str, told: bool) -> None:
    server.pages["/feed.xml"] = Reply(302, headers={"Location": location})
    server.pages["/next"] = Reply(body=BODY)
    public = [["93.184.215.14"]]
    names = Names({"news.example.org": public, "other.example.org": public})
    client = FeedClient(FetchPolicy(), FakeClock(), resolver=names, dial=Internet(server.port))
    request = FeedRequest("http://news.example.org/feed.xml", auth=SECRET.auth, headers=SECRET.headers)
    assert isinstance(await fetch(request, client), Fetched)
    first, second = server.requests
    assert (first.headers["x-key"], first.headers["accept"]) == (b"k3y", b"text/xml")
    assert first.headers["authorization"] == b"Basic " + b64encode(b"desk:secret")
    assert ("authorization" in second.headers, "x-key" in second.headers) == (told, told)


async def test_a_password_in_an_address_is_sent_and_shown_nowhere(server: FeedServer) -> None:
    server.pages["/feed.xml"] = Reply(404)
    result = await fetch(server.url(host="desk:hush@127.0.0.1"))
    assert isinstance(result, Failed)
    assert server.requests[0].headers["authorization"] == b"Basic " + b64encode(b"desk:hush")
    assert "hush" not in repr(result)


async def test_validators_mean_nothing_to_another_host(server: FeedServer) -> None:
    def condition(request: Request) -> Reply:
        return Reply(304) if "if-modified-since" in request.headers else Reply(body=BODY)

    server.pages["/feed.xml"] = condition
    kept = Validators(None, "Fri, 01 Jan 2010 00:00:00 GMT", "http://old.example.org:80")
    client = client_of()
    assert isinstance(await client.fetch(server.url(), kept), Fetched)
    mine = Validators(None, "Fri, 01 Jan 2010 00:00:00 GMT", f"http://127.0.0.1:{server.port}")
    assert isinstance(await fetch(FeedRequest(server.url(), mine), client), NotModified)


async def test_an_answer_says_how_it_came_about(server: FeedServer) -> None:
    server.pages["/feed.xml"] = Reply(302, headers={"Location": "/next"})
    server.pages["/next"] = Reply(
        body=BODY, headers={"Link": '<https://hub.example/>; rel="hub", </s>; rel=self'}
    ).gzipped()
    result = await fetch(server.url())
    assert isinstance(result, Fetched)
    assert [(hop.url, hop.status) for hop in result.exchange.hops] == [(server.url(), 302), (server.url("/next"), 200)]
    assert 0 < result.exchange.received_bytes < len(result.body)
    assert 0 < result.exchange.elapsed_seconds < 5
    assert (result.links.hubs, result.links.self_url) == (("https://hub.example/",), server.url("/s"))
