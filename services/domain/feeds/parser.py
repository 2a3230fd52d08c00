"""RSS and Atom documents to entries as received; whatever is not a feed gets a reason a person understands."""

import html
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import urljoin

import feedparser
from feedparser.mixin import _FeedParserMixin

from services.domain.feeds.dates import parse_named_zone, to_datetime
from services.domain.feeds.encoding import decode_document
from services.domain.feeds.hints import UpdateHints, read_hints
from services.domain.feeds.plain_text import one_line, plain_text

# feedparser would resolve a GUID against the feed's address, so that a feed that moves would seem to be all new.
_FeedParserMixin.can_be_relative_uri.discard("id")
feedparser.registerDateHandler(parse_named_zone)

_ROOT = re.compile(r"<(?:[\w-]+:)?(rss|feed|rdf|channel|html|body|urlset|sitemapindex|opml)[\s>]", re.IGNORECASE)
_FIRST_ELEMENT = re.compile(r"<([A-Za-z][\w:.-]*)")
_HEAD_CHARS = 64 * 1024
_ALTERNATE = re.compile(r"<link\b[^>]*\btype\s*=\s*[\"']?application/(?:rss|atom)\+xml[^>]*>", re.IGNORECASE)
_HREF = re.compile(r"\bhref\s*=\s*[\"']?([^\"'\s>]+)", re.IGNORECASE)
_LOCATION = re.compile(r"<loc>\s*([^<\s]+)\s*</loc>", re.IGNORECASE)
_CHARACTER_REFERENCE = re.compile(r"&#(x[0-9a-fA-F]+|[0-9]+);?")
_NOT_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
_INLINE_TAG = re.compile(r"</?(?:b|i|u|em|strong|span|font|br|p|a|sup|sub|small|mark|img)\b[^<>]*>", re.IGNORECASE)
# What feedparser and the SGML parser beneath it have been seen to raise on hostile documents.
_PARSER_FAULTS = (ValueError, LookupError, TypeError, AttributeError, ArithmeticError, AssertionError, RuntimeError)
_NOT_FEEDS = {
    "html": "this is an HTML page, not a feed",
    "body": "this is an HTML page, not a feed",
    "urlset": "this is a sitemap, not a feed",
    "sitemapindex": "this is a sitemap index, not a feed",
    "opml": "this is an OPML list of feeds, not a feed; import it with `redline feeds import`",
}


class FeedParseError(ValueError):
    """This document is not a feed we can read; the message says what it is instead."""


class SitemapIndexError(FeedParseError):
    """The document lists other sitemaps instead of articles; `addresses` are theirs."""

    def __init__(self, addresses: tuple[str, ...]) -> None:
        super().__init__(f"this is a sitemap index: it lists {len(addresses)} sitemaps")
        self.addresses = addresses


@dataclass(frozen=True, slots=True)
class Entry:
    """One item as received. `title` is plain text; `summary` and `content` are HTML; dates are aware UTC."""

    id: str | None = None
    link: str | None = None
    title: str = ""
    summary: str = ""
    content: str = ""
    author: str | None = None
    published_at: datetime | None = None
    updated_at: datetime | None = None
    lang: str | None = None
    categories: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ParsedFeed:
    """A feed document. `feed_type` is feedparser's word for the format, such as rss20 or atom10."""

    title: str
    link: str | None
    description: str
    language: str | None
    feed_type: str
    entries: tuple[Entry, ...]
    hints: UpdateHints = field(default_factory=UpdateHints)
    warnings: tuple[str, ...] = ()
    hubs: tuple[str, ...] = ()
    self_url: str | None = None


def parse_feed(body: bytes, *, content_type: str | None = None, base_url: str | None = None) -> ParsedFeed:
    """Return what a feed document says, with relative links made absolute; else raise FeedParseError.

    A damaged feed gives the entries that can be read, and `warnings`.
    """
    if not body.strip():
        raise FeedParseError("the document is empty")
    text, warnings = decode_document(body, content_type)
    root = _ROOT.search(text, 0, _HEAD_CHARS)
    kind = root.group(1).lower() if root else ""
    if kind == "sitemapindex":
        raise SitemapIndexError(tuple(html.unescape(found) for found in _LOCATION.findall(text)))
    if root is None or kind in _NOT_FEEDS:
        raise FeedParseError(_what_it_is(text, kind, base_url))
    headers = {"content-type": "application/xml; charset=utf-8", "content-location": base_url or ""}
    try:
        parsed = feedparser.parse(_well_formed_characters(text).encode(), response_headers=headers)
    except _PARSER_FAULTS as error:
        raise FeedParseError(f"the feed is too damaged to read ({type(error).__name__}: {error})") from error
    if not parsed.version and not parsed.entries:
        raise FeedParseError("the document looks like a feed, but has neither a known format nor entries")
    if parsed.bozo:
        warnings += (f"not well-formed: {parsed.get('bozo_exception', 'unknown fault')}",)
    return _to_feed(parsed, text, base_url, warnings)


def _to_feed(parsed: Any, text: str, base_url: str | None, warnings: tuple[str, ...]) -> ParsedFeed:
    head, is_rss = parsed.feed, not parsed.version.startswith("atom")
    return ParsedFeed(
        title=_title(head, is_rss),
        link=_absolute(_raw(head, "link"), base_url),
        description=plain_text(_markup(_raw(head, "subtitle_detail"), _raw(head, "subtitle"))),
        language=_raw(head, "language") or None,
        feed_type=parsed.version or "unknown",
        entries=tuple(_to_entry(item, is_rss, base_url) for item in parsed.entries),
        hints=read_hints(head, text),
        warnings=warnings,
        hubs=_related(head, "hub", base_url),
        self_url=next(iter(_related(head, "self", base_url)), None),
    )


def _related(head: Any, relation: str, base_url: str | None) -> tuple[str, ...]:
    links = (link for link in _raw(head, "links") or () if link.get("rel") == relation)
    return tuple(_unique(_absolute(link.get("href"), base_url) or "" for link in links))


def _to_entry(item: Any, is_rss: bool, base_url: str | None) -> Entry:
    contents = _raw(item, "content") or ()
    return Entry(
        id=(_raw(item, "id") or "").strip() or None,
        link=_absolute(_raw(item, "link"), base_url),
        title=_title(item, is_rss),
        summary=_markup(_raw(item, "summary_detail"), _raw(item, "summary")),
        content="\n".join(_unique(_markup(part, part.get("value")) for part in contents if _is_text(part))),
        author=plain_text(_raw(item, "author") or "") or None,
        published_at=to_datetime(_raw(item, "published_parsed") or _raw(item, "created_parsed")),
        updated_at=to_datetime(_raw(item, "updated_parsed")),
        lang=(_raw(item, "title_detail") or {}).get("language") or None,
        categories=tuple(_unique(one_line(tag.get("term") or "") for tag in _raw(item, "tags") or ())),
    )


def _raw(record: Any, key: str) -> Any:
    # feedparser's own get() answers for keys that are absent (updated from published) and warns about it.
    return dict.get(record, key)


def _title(record: Any, is_rss: bool) -> str:
    """Return the title as plain text. RSS does not say whether a title is markup; Atom does."""
    title = _raw(record, "title") or ""
    detail = _raw(record, "title_detail") or {}
    is_markup = "html" in (detail.get("type") or "") or (is_rss and _INLINE_TAG.search(title))
    return one_line(plain_text(title) if is_markup else title)


def _markup(detail: Mapping[str, Any] | None, value: str | None) -> str:
    """Return a text construct as HTML; plain text is escaped, its blank lines becoming paragraphs."""
    if not value:
        return ""
    if detail is not None and detail.get("type") == "text/plain":
        return re.sub(r"\n\s*\n", "<p>", html.escape(value, quote=False))
    return value


def _is_text(part: Mapping[str, Any]) -> bool:
    kind = part.get("type") or "text/html"
    return kind.startswith("text/") or "html" in kind


def _unique(values: Iterable[str]) -> list[str]:
    return [value for value in dict.fromkeys(values) if value]


def _absolute(link: str | None, base_url: str | None) -> str | None:
    # Joining nothing would give the feed's own address, and every item without a link would be one article.
    if not (link or "").strip():
        return None
    try:
        return urljoin(base_url or "", (link or "").strip())
    except ValueError:
        return None


def _well_formed_characters(text: str) -> str:
    """Return the document from its first tag on, without the characters that no XML parser accepts."""
    start = text.find("<")
    return _CHARACTER_REFERENCE.sub(_legal_reference, _NOT_XML.sub("", text[start:]))


def _legal_reference(found: re.Match[str]) -> str:
    digits = found.group(1)
    # More digits than any character has; and int() of a long run is slow.
    if len(digits) > 8:
        return "\ufffd"
    code = int(digits[1:], 16) if digits[0] == "x" else int(digits)
    if code > 0x10FFFF or _NOT_XML.match(chr(code)):
        return "\ufffd"
    return f"&#{digits};"


def _what_it_is(text: str, kind: str, base_url: str | None) -> str:
    head = text[:_HEAD_CHARS].lstrip()
    if kind in _NOT_FEEDS:
        return _NOT_FEEDS[kind] + (_advertised(text, base_url) if kind in {"html", "body"} else "")
    if head.startswith(("{", "[")):
        return "this is JSON, not RSS or Atom"
    if not head.startswith("<"):
        return "this is neither XML nor a feed"
    element = _FIRST_ELEMENT.search(head)
    root = f": its first element is <{element.group(1)}>" if element else ""
    return f"this is XML, but neither RSS nor Atom{root}"


def _advertised(text: str, base_url: str | None) -> str:
    links = (_HREF.search(found.group()) for found in _ALTERNATE.finditer(text, 0, _HEAD_CHARS))
    addresses = [_absolute(html.unescape(link.group(1)), base_url) for link in links if link]
    return f"; it says its feed is at {addresses[0]}" if addresses else ""
