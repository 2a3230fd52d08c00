"""Feed documents of every format to entries as received; whatever is not a feed gets a reason a person understands."""

import html
import re
from dataclasses import replace

from services.domain.feeds.encoding import decode_document, unpacked
from services.domain.feeds.json_feed import read_json_feed
from services.domain.feeds.loose_xml import read_loose_xml
from services.domain.feeds.news_sitemap import read_news_sitemap
from services.domain.feeds.received import Entry, FeedParseError, ParsedFeed, SitemapIndexError
from services.domain.feeds.strict_xml import read_strict_xml
from services.domain.feeds.urls import absolute_url, canonical_url

__all__ = ["Entry", "FeedParseError", "ParsedFeed", "SitemapIndexError", "parse_feed"]

_ROOT = re.compile(r"<(?:[\w-]+:)?(rss|feed|rdf|channel|html|body|urlset|sitemapindex|opml)[\s>]", re.IGNORECASE)
_FIRST_ELEMENT = re.compile(r"<([A-Za-z][\w:.-]*)")
_HEAD_CHARS = 64 * 1024
_ALTERNATE = re.compile(r"<link\b[^<>]*\btype\s*=\s*[\"']?application/(?:rss|atom)\+xml[^<>]*>", re.IGNORECASE)
_HREF = re.compile(r"\bhref\s*=\s*[\"']?([^\"'\s>]+)", re.IGNORECASE)
_SITEMAPS = frozenset({"urlset", "sitemapindex"})
_NOT_FEEDS = {
    "html": "this is an HTML page, not a feed",
    "body": "this is an HTML page, not a feed",
    "opml": "this is an OPML list of feeds, not a feed; import it with `redline feeds import`",
}


def parse_feed(body: bytes, *, content_type: str | None = None, base_url: str | None = None) -> ParsedFeed:
    """Return what a feed document says, with relative links made absolute; else raise FeedParseError.

    A damaged feed gives the entries that can be read, and `warnings`. Without `base_url`, links are relative to the
    address that the feed gives as its own.
    """
    body = unpacked(body)
    if not body.strip():
        raise FeedParseError("the document is empty")
    text, warnings = decode_document(body, content_type)
    parsed = _read(text, base_url)
    if base_url is None:
        parsed = _with_links_from(parsed, parsed.self_url)
    return replace(parsed, warnings=warnings + parsed.warnings) if warnings else parsed


def _with_links_from(parsed: ParsedFeed, self_url: str | None) -> ParsedFeed:
    """Return the feed with links made absolute by the address it gives as its own, else by its site's."""
    base_url = next((url for url in (self_url, parsed.link) if canonical_url(url)), None)
    if base_url is None or all(canonical_url(entry.link) for entry in parsed.entries if entry.link):
        return parsed
    entries = (replace(entry, link=absolute_url(entry.link, base_url)) for entry in parsed.entries)
    return replace(parsed, link=absolute_url(parsed.link, base_url), entries=tuple(entries))


def _read(text: str, base_url: str | None) -> ParsedFeed:
    if text.lstrip()[:1] in {"{", "["}:
        return read_json_feed(text, base_url)
    root = _ROOT.search(text, 0, _HEAD_CHARS)
    kind = root.group(1).lower() if root else ""
    if kind in _SITEMAPS:
        return read_news_sitemap(text, base_url)
    if not kind or kind in _NOT_FEEDS:
        raise FeedParseError(_what_it_is(text, kind, base_url))
    return read_strict_xml(text, base_url) or read_loose_xml(text, base_url)


def _what_it_is(text: str, kind: str, base_url: str | None) -> str:
    if kind in _NOT_FEEDS:
        return _NOT_FEEDS[kind] + (_advertised(text, base_url) if kind != "opml" else "")
    head = text[:_HEAD_CHARS].lstrip()
    if not head.startswith("<"):
        return "this is neither XML nor a feed"
    element = _FIRST_ELEMENT.search(head)
    root = f": its first element is <{element.group(1)}>" if element else ""
    return f"this is XML, but neither RSS nor Atom{root}"


def _advertised(text: str, base_url: str | None) -> str:
    links = (_HREF.search(found.group()) for found in _ALTERNATE.finditer(text, 0, _HEAD_CHARS))
    addresses = [absolute_url(html.unescape(link.group(1)), base_url) for link in links if link]
    return f"; it says its feed is at {addresses[0]}" if addresses else ""
