"""A small world for end-to-end tests: feeds that grow, a receiver that remembers, and Redline as a process."""

import json
import os
import signal
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from hashlib import blake2b
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from schemas.alert import alert_id
from schemas.base import content_id
from tests.warm_start import REDLINE, WarmProcess

WATCH_TOPIC = "cobalt"


class LoopbackServer:
    """An HTTP server on a free port of 127.0.0.1, one thread a connection, until the block ends."""

    def __init__(self, handler: type[BaseHTTPRequestHandler]) -> None:
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()


class Quiet(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:
        """Keep the test's output readable."""

    def answer(self, status: int, body: bytes = b"", **headers: str) -> None:
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)


class FeedSite(LoopbackServer):
    """Feeds whose items appear over time. Every other item is about a shipment of cobalt, and so worth an alert."""

    def __init__(self, feeds: int, items: int) -> None:
        self.feeds, self.items, self.visible = feeds, items, 0
        site = self

        class Handler(Quiet):
            def do_GET(self) -> None:
                body = site.document(int(self.path.rsplit("/", 1)[1]))
                etag = f'"{blake2b(body, digest_size=8).hexdigest()}"'
                if self.headers.get("If-None-Match") == etag:
                    self.answer(304, ETag=etag)
                else:
                    self.answer(200, body, ETag=etag, Content_Type="application/rss+xml")

        super().__init__(Handler)

    def document(self, feed: int) -> bytes:
        items = "".join(
            f"<item><guid isPermaLink='false'>{feed}-{number}</guid><title>{_title(feed, number)}</title>"
            f"<link>https://example.org/{feed}/{number}</link><pubDate>Wed, 27 Nov 2024 09:00:00 GMT</pubDate>"
            f"<description>Report {number} of feed {feed}. {'The harbour was calm. ' * 20}</description></item>"
            for number in range(self.visible)
        )
        return f"<rss version='2.0'><channel><title>Feed {feed}</title>{items}</channel></rss>".encode()

    def expected_alerts(self) -> set[str]:
        """Return the id of every alert that all items together must raise."""
        found = set()
        for feed in range(self.feeds):
            for number in range(0, self.items, 2):
                article = content_id("article", f"feed-{feed}", f"{feed}-{number}")
                found.add(alert_id(f"mention/{WATCH_TOPIC}/{article}", article))
        return found

    def feeds_yaml(self, interval: str = "1s") -> str:
        return "feeds:\n" + "".join(
            f"- {{id: feed-{n}, url: '{self.url}/feed/{n}', outlet: Outlet {n}, interval: {interval}, "
            "since: '2024-01-01T00:00:00Z'}\n"
            for n in range(self.feeds)
        )


def _title(feed: int, number: int) -> str:
    unique = f"{10_000 + 1_000 * feed + number:,}"  # a fact that no other item has: none adds nothing to its story
    if number % 2 == 0:
        return f"A shipment of {unique} tonnes of cobalt, the {number}th of line {feed}, leaves the harbour"
    return f"The {number}th regatta of line {feed} draws a crowd of {unique} to the harbour"


@dataclass(frozen=True)
class Request:
    """One request that the receiver answered."""

    alert_id: str
    idempotency_key: str
    arrived_at: float
    incarnation: int


@dataclass
class ReceiverLog:
    requests: list[Request] = field(default_factory=list)
    kills: list[float] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def alert_ids(self) -> set[str]:
        with self.lock:
            return {request.alert_id for request in self.requests}


class Receiver(LoopbackServer):
    """A webhook receiver that answers 200 and remembers every request, and between which kills it came."""

    def __init__(self) -> None:
        self.log = ReceiverLog()
        log = self.log

        class Handler(Quiet):
            def do_POST(self) -> None:
                body: dict[str, Any] = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                key, now = self.headers["Idempotency-Key"], time.monotonic()
                with log.lock:
                    log.requests += [Request(alert["id"], key, now, len(log.kills)) for alert in body["alerts"]]
                self.answer(200)

        super().__init__(Handler)

    def killed(self) -> None:
        """Note that Redline was killed just now."""
        with self.log.lock:
            self.log.kills.append(time.monotonic())

    def repeats(self) -> list[tuple[Request, Request]]:
        """Return (request, its repeat) for every request that came again."""
        last: dict[str, Request] = {}
        found = []
        for request in self.log.requests:
            if request.alert_id in last:
                found.append((last[request.alert_id], request))
            last[request.alert_id] = request
        return found


def write_config(folder: Path, site: FeedSite, receiver: Receiver) -> Path:
    """Write a configuration of one topic, these feeds and this receiver; return its path."""
    (folder / "topics").mkdir(parents=True)
    (folder / "actors").mkdir()
    (folder / "topics" / "cobalt.yaml").write_text(
        f"id: {WATCH_TOPIC}\ntitle: Cobalt\nrules:\n- {{id: shipments, query: cobalt AND shipment}}\n"
    )
    (folder / "feeds.yaml").write_text(site.feeds_yaml())
    (folder / "routes.yaml").write_text(
        # Each alert alone: what is counted is whether every one arrives, not how they are grouped.
        f"route: {{receiver: desk, group_by: ['...']}}\nreceivers:\n- name: desk\n  channels:\n"
        f"  - {{type: webhook, url: '{receiver.url}/alerts', allow_private: true}}\n"
    )
    config = folder / "redline.yaml"
    config.write_text(
        "data_dir: data\nfeeds: feeds.yaml\ntopics: topics\nactors: actors\nroutes: routes.yaml\n"
        "fetch: {allow_private: true}\nlog: {format: json}\napi: {port: 0}\n"
    )
    return config


def clean_environ(environ: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return our environment without settings of Redline but these."""
    return {name: value for name, value in os.environ.items() if not name.startswith("REDLINE_")} | dict(environ or {})


class Redline:
    """A `redline` process, killed at the latest when the block ends; its output goes to a file."""

    def __init__(self, *arguments: str, log: Path, environ: Mapping[str, str] | None = None) -> None:
        self._log = log
        with log.open("ab") as output:
            self.process = WarmProcess(REDLINE, arguments, stdout=output.fileno(), environ=clean_environ(environ))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.kill()

    def wait_ready(self, seconds: float = 30) -> None:
        wait_until(lambda: "redline is ready" in self.output() or self._ended(), seconds, self.output)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def stop(self, seconds: float = 30) -> int:
        """Ask it to stop, and return its exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(seconds)

    def output(self) -> str:
        return self._log.read_text(errors="replace")

    def _ended(self) -> bool:
        if self.process.poll() is None:
            return False
        raise AssertionError(f"redline ended with {self.process.returncode}:\n{self.output()[-4000:]}")


def wait_until(holds: Callable[[], bool], seconds: float, explain: Callable[[], str] = str) -> None:
    """Return as soon as `holds`; fail with what `explain` says when it does not within this time."""
    deadline = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > deadline:
            raise AssertionError(f"did not hold within {seconds:g} s: {explain()[-4000:]}")
        time.sleep(0.05)
