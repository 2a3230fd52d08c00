"""News sitemaps: a `urlset` whose addresses carry `<news:news>`, which many outlets keep fresher than their feeds."""

import html
import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from services.domain.feeds.dates import parse_date
from services.domain.feeds.plain_text import one_line, plain_title
from services.domain.feeds.received import Entry, FeedParseError, ParsedFeed, SitemapIndexError, unique
from services.domain.feeds.urls import absolute_url

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lxml.etree import _Element

_HTML_ENTITY = re.compile(r"&(?!(?:lt|gt|amp|quot|apos);)[A-Za-z][A-Za-z0-9]{1,30};")
_LONG_AGO = datetime.min.replace(tzinfo=UTC)


def read_news_sitemap(text: str, base_url: str | None) -> ParsedFeed:
    """Return the articles of a news sitemap; else raise FeedParseError, and for an index SitemapIndexError."""
    root, warnings = _tree(text)
    if _name(root) == "sitemapindex":
        raise SitemapIndexError(_listed(root, base_url))
    found = [(url, news) for url in _children(root, "url") if (news := next(_children(url, "news"), None)) is not None]
    if not found and not any("sitemap-news" in namespace for namespace in root.nsmap.values()):
        raise FeedParseError(f"this is a sitemap, not a feed: none of its {len(root)} addresses has <news:news>")
    publication = next((part for _, news in found for part in _children(news, "publication")), None)
    return ParsedFeed(
        title=one_line(_text(publication, "name")),
        link=None,
        description="",
        language=_text(publication, "language") or None,
        feed_type="news_sitemap",
        entries=tuple(_to_entry(url, news, base_url) for url, news in found),
        warnings=warnings,
    )


def _tree(text: str) -> "tuple[_Element, tuple[str, ...]]":
    from lxml import etree  # noqa: PLC0415 - 6 MB that few feeds need

    # After an entity it does not know, libxml2 forgets those it knows.
    text = _HTML_ENTITY.sub(lambda found: html.unescape(found.group()), text[text.find("<") :])
    # Entities stay as they are written, nothing is fetched, and nesting ends at 256 levels.
    parser = etree.XMLParser(
        encoding="utf-8", recover=True, resolve_entities=False, no_network=True, remove_comments=True, remove_pis=True
    )
    try:
        root = etree.fromstring(text.encode("utf-8", "replace"), parser)
    except etree.XMLSyntaxError as error:
        raise FeedParseError(f"the sitemap is too damaged to read ({error})") from error
    if root is None:
        raise FeedParseError("the sitemap is too damaged to read")
    fault = parser.error_log.last_error
    return root, (f"not well-formed: {fault.message} (line {fault.line})",) if fault is not None else ()


def _to_entry(url: "_Element", news: "_Element", base_url: str | None) -> Entry:
    publication = next(_children(news, "publication"), None)
    return Entry(
        link=absolute_url(_text(url, "loc"), base_url),
        title=plain_title(_text(news, "title")),
        published_at=parse_date(_text(news, "publication_date")),
        updated_at=parse_date(_text(url, "lastmod")),
        lang=_text(publication, "language") or None,
        categories=unique(one_line(word) for word in _text(news, "keywords").split(",")),
    )


def _listed(root: "_Element", base_url: str | None) -> tuple[str, ...]:
    """Return the addresses of an index, the newest first; those without a date last, in their order."""
    dated = [
        (parse_date(_text(part, "lastmod")) or _LONG_AGO, _text(part, "loc")) for part in _children(root, "sitemap")
    ]
    dated.sort(key=lambda part: part[0], reverse=True)
    return unique(absolute_url(address, base_url) or "" for _, address in dated)


def _children(parent: "_Element", name: str) -> "Iterator[_Element]":
    # Namespaces are told by name only: half a dozen spellings of the address are about, and some forget to declare it.
    return (child for child in parent if _name(child) == name)


def _name(element: "_Element") -> str:
    return str(element.tag).rpartition("}")[2].rpartition(":")[2].lower()


def _text(parent: "_Element | None", name: str) -> str:
    found = next(_children(parent, name), None) if parent is not None else None
    return "".join(found.itertext()).strip() if found is not None else ""
