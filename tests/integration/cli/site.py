"""A web site on loopback that runs beside the command, in a thread."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class Site:
    """`pages` maps a path to its body; everything else is 404."""

    address: str = ""
    pages: dict[str, str] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    headers: dict[str, dict[str, str]] = field(default_factory=dict)

    def url(self, path: str = "/") -> str:
        return f"http://{self.address}{path}"

    def advertise(self, *paths: str) -> None:
        """Make a front page that names these feeds, each with an item of its own."""
        links = (f'<link rel="alternate" type="application/rss+xml" href="{path}">' for path in paths)
        self.pages["/"] = f"<html><head>{''.join(links)}</head><body>A site</body></html>"
        self.pages.update({path: rss(f"News of {path}", path) for path in paths})


def rss(title: str, guid: str) -> str:
    item = f"<item><guid>{guid}</guid><title>An item</title><pubDate>Wed, 27 Nov 2024 09:00:00 GMT</pubDate></item>"
    return f"<rss version='2.0'><channel><title>{title}</title>{item}</channel></rss>"


@contextmanager
def serve_site() -> Iterator[Site]:
    site = Site()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            site.asked.append(self.path)
            site.headers[self.path] = dict(self.headers)
            body = site.pages.get(self.path)
            self.send_response(200 if body is not None else 404)
            self.send_header("Content-Length", str(len((body or "").encode())))
            self.end_headers()
            self.wfile.write((body or "").encode())

        def log_message(self, *_: object) -> None:
            """Keep the output of the tests clean."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    site.address = f"127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield site
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
