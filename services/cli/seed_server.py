"""The seed articles as feeds on loopback, for the demo: one RSS feed an outlet, a page an article."""

import html
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from email.utils import format_datetime
from hashlib import blake2b
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from xml.etree.ElementTree import Element, SubElement, tostring

import jinja2

from schemas.article import Article
from schemas.feed import Feed
from services.provisioning.article_files import BadLine, ReadArticle, read_articles
from services.provisioning.faults import ConfigurationError

CONTENT = "http://purl.org/rss/1.0/modules/content/"
# Every seed article is news to the demo: nothing published after this counts as back list.
SINCE = datetime(2000, 1, 1, tzinfo=UTC)

_PAGE = jinja2.Environment(autoescape=True).from_string(
    """<!doctype html><html lang="{{ article.lang or 'en' }}"><meta charset="utf-8"><title>{{ article.title }}</title>
<style>body{max-width:42rem;margin:3rem auto;padding:0 1rem;font:1.05rem/1.6 Georgia,serif}small{color:#666}</style>
<h1>{{ article.title }}</h1><small>{{ article.outlet }}, {{ article.published_at }}. Retold for Redline's demo.</small>
{% for paragraph in paragraphs %}<p>{{ paragraph }}</p>
{% endfor %}</html>"""
)


class SeedSite:
    """The pages of the demo: path -> (content type, body), and the feeds that lead to them."""

    def __init__(self, articles: list[ReadArticle], base_url: str) -> None:
        self.feeds: list[Feed] = []
        self.pages: dict[str, tuple[str, bytes]] = {}
        by_outlet: dict[str, list[ReadArticle]] = {}
        for read in articles:
            by_outlet.setdefault(read.article.outlet, []).append(read)
        for outlet, members in sorted(by_outlet.items()):
            self._add_outlet(outlet, members, base_url)

    def _add_outlet(self, outlet: str, members: list[ReadArticle], base_url: str) -> None:
        feed_id = feed_id_of(outlet)
        first = members[0].article
        feed = Feed(
            id=feed_id,
            url=f"{base_url}/feeds/{feed_id}.xml",
            outlet=outlet,
            country=first.country,
            lang=first.lang,
            since=SINCE,
        )
        self.feeds.append(feed)
        self.pages[f"/feeds/{feed_id}.xml"] = ("application/rss+xml", _rss(feed, members, base_url))
        for read in members:
            page = _PAGE.render(article=read.article, paragraphs=_paragraphs(read.article))
            self.pages[f"/articles/{slug_of(read)}"] = ("text/html; charset=utf-8", page.encode())


def slug_of(read: ReadArticle) -> str:
    """Return the name of a seed article: its file's, without the suffix."""
    return Path(read.given_id).stem


def feed_id_of(outlet: str) -> str:
    """Return the id under which the demo follows this outlet."""
    return "-".join("".join(char if char.isalnum() else " " for char in outlet.lower()).split())


def load_seed_articles(folder: Path) -> list[ReadArticle]:
    """Read the seed articles; a fault in one of them is a ConfigurationError."""
    found = list(read_articles([folder], datetime.now(UTC)))
    faults = [item.fault for item in found if isinstance(item, BadLine)]
    if faults:
        raise ConfigurationError(faults)
    return [item for item in found if isinstance(item, ReadArticle)]


@contextmanager
def serve(articles: list[ReadArticle]) -> Iterator[SeedSite]:
    """Serve these articles on a free port of 127.0.0.1 until the block ends."""
    pages: dict[str, tuple[str, bytes]] = {}
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(pages))
    site = SeedSite(articles, f"http://127.0.0.1:{server.server_port}")
    pages.update(site.pages)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield site
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _handler(pages: dict[str, tuple[str, bytes]]) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            content_type, body = pages.get(self.path, ("text/plain", b""))
            etag = f'"{blake2b(body, digest_size=8).hexdigest()}"'
            unchanged = self.headers.get("If-None-Match") == etag
            self.send_response(404 if not body else 304 if unchanged else 200)
            self.send_header("ETag", etag)
            self.send_header("Content-Type", content_type)
            self.send_header("Content-Length", "0" if unchanged else str(len(body)))
            self.end_headers()
            if not unchanged:
                self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing: the demo's output is its alerts."""

    return Handler


def _rss(feed: Feed, members: list[ReadArticle], base_url: str) -> bytes:
    root = Element("rss", {"version": "2.0", "xmlns:content": CONTENT, "xmlns:dc": "http://purl.org/dc/elements/1.1/"})
    channel = SubElement(root, "channel")
    for name, text in (("title", feed.outlet), ("link", base_url), ("description", f"{feed.outlet}, retold")):
        SubElement(channel, name).text = text
    for read in members:
        article = read.article
        item = SubElement(channel, "item")
        SubElement(item, "title").text = article.title
        SubElement(item, "link").text = article.url or f"{base_url}/articles/{slug_of(read)}"
        SubElement(item, "guid", {"isPermaLink": "false"}).text = slug_of(read)
        if article.author:
            SubElement(item, "dc:creator").text = article.author
        if article.published_at:
            SubElement(item, "pubDate").text = format_datetime(article.published_at)
        markup = "".join(f"<p>{html.escape(paragraph)}</p>" for paragraph in _paragraphs(article))
        SubElement(item, "content:encoded").text = markup
    document: bytes = tostring(root, encoding="utf-8", xml_declaration=True)
    return document


def _paragraphs(article: Article) -> list[str]:
    return [paragraph.strip() for paragraph in article.text.split("\n\n") if paragraph.strip()]
