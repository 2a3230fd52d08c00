"""Bytes of an article's page to what it says. Slow to import (0.5 s, 30 MB): only where pages are read."""

import re

from charset_normalizer import from_bytes
from lxml.etree import ParserError
from lxml.html import HtmlElement, HTMLParser, document_fromstring

from services.domain.feeds.encoding import decode_document
from services.domain.feeds.limits import MAX_TEXT_CHARS, MAX_TITLE_CHARS, cut
from services.domain.feeds.page import Page, PageParseError
from services.domain.feeds.page_facts import page_facts
from services.domain.feeds.page_text import page_text

_HEAD_BYTES = 100_000  # browsers look at 1024 bytes, but many pages say it later
_GUESS_BYTES = 50_000
_META_CHARSET = re.compile(rb"""<meta[^>]{1,200}?charset\s*=\s*["']?\s*([A-Za-z0-9._:-]{2,40})""", re.IGNORECASE)
_MARKUP = re.compile(rb"<[^>]*>")
_TAGS_OF_PAGES = re.compile(r"<(?:!doctype html|html|head|body|article|main|div|p|br|h1|table)\b", re.IGNORECASE)
_OTHER_DOCUMENTS = re.compile(
    r"\s*(?:<\?xml[^>]*>\s*)?(?:<!--.*?-->\s*)*<(rss|feed|rdf:RDF|urlset|sitemapindex|svg)\b", re.DOTALL
)
_OTHER_BYTES = ((b"%PDF-", "a PDF"), (b"\x89PNG", "an image"), (b"\xff\xd8\xff", "an image"), (b"GIF8", "an image"),
                (b"PK\x03\x04", "a zip archive"), (b"\x1f\x8b", "compressed"))  # fmt: skip
_FORBIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")  # what no tree can hold


def read_page(body: bytes, *, content_type: str | None = None, url: str | None = None) -> Page:
    """Return what an article's page says; raise PageParseError where there is no page or no text in it."""
    tree = _tree(_decoded(body, content_type))
    try:
        facts = page_facts(tree, url)
        text = page_text(tree, title=facts.title, stated_body=facts.stated_body)
    except RecursionError as error:
        raise PageParseError("the page is nested too deeply to be read") from error
    if not text:
        raise PageParseError("the page has no text that could be an article's")
    return Page(
        title=cut(facts.title, MAX_TITLE_CHARS),
        text=cut(text, MAX_TEXT_CHARS),
        author=facts.author,
        published_at=facts.published_at,
        lang=facts.lang,
        canonical_url=facts.canonical_url,
    )


def _decoded(body: bytes, content_type: str | None) -> str:
    if not body.strip():
        raise PageParseError("the document is empty")
    for beginning, name in _OTHER_BYTES:
        if body.startswith(beginning):
            raise PageParseError(f"the document is {name}, no HTML page")
    text, _ = decode_document(body, content_type, declared=_declared(body, content_type))
    if found := _OTHER_DOCUMENTS.match(text[:_HEAD_BYTES]):
        raise PageParseError(f"the document is <{found.group(1)}>, no HTML page")
    if not _TAGS_OF_PAGES.search(text[:_HEAD_BYTES]):
        served = (content_type or "").partition(";")[0].strip()
        raise PageParseError(f"the document is no HTML page{f', but {served}' if served else ''}")
    return text


def _declared(body: bytes, content_type: str | None) -> str | None:
    """Return the name of the page's encoding as it says itself, or else as its bytes suggest."""
    if found := _META_CHARSET.search(body[:_HEAD_BYTES]):
        return found.group(1).decode("ascii")
    if "charset" in (content_type or "").lower() or body.isascii():
        return None
    try:
        body.decode()
    except UnicodeDecodeError:
        guess = from_bytes(_MARKUP.sub(b" ", body)[:_GUESS_BYTES]).best()
        return guess.encoding if guess else None
    return None


def _tree(text: str) -> HtmlElement:
    parser = HTMLParser(
        encoding="utf-8", remove_comments=True, remove_pis=True, collect_ids=False, default_doctype=False
    )
    try:
        return document_fromstring(_FORBIDDEN.sub("", text).encode("utf-8", "replace"), parser=parser)
    except ParserError as error:
        raise PageParseError("the document has nothing in it that could be read") from error
