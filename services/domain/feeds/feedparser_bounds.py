"""feedparser as we need it: without the work that is done elsewhere, and with an end to what grows by the square.

Importing this module changes feedparser for the whole process.
"""

import re
from typing import Any

import feedparser
from feedparser.datetimes import _date_handlers
from feedparser.mixin import _FeedParserMixin

from services.domain.feeds.received import FeedParseError

# 50 µs a tag, and time by the square of an element's attributes, categories and its author's length.
MAX_TAGS = 200_000
MAX_ATTRIBUTES = 500
_MAX_CATEGORIES = 200
_MAX_AUTHOR_CHARS = 500
_TOO_MANY_ATTRIBUTES = re.compile(rf"<[A-Za-z](?:[^<>=]*+=){{{MAX_ATTRIBUTES}}}")

# feedparser would resolve a GUID against the feed's address, so that a feed that moves would seem to be all new.
_FeedParserMixin.can_be_relative_uri.discard("id")
# Dates are read from the text in dates.py; some of its own readers take an hour over a long one.
_date_handlers.clear()
_add_tag = _FeedParserMixin._add_tag
_sync_author_detail = _FeedParserMixin._sync_author_detail


def parse_bounded(text: str, base_url: str | None) -> Any:
    """Return feedparser's result for a document; raise FeedParseError for one it would take too long over.

    Markup is left in: plain_text takes it out, and with it its dangers and its links.
    """
    if text.count("<") > MAX_TAGS:
        raise FeedParseError(f"the feed is not well-formed, and too large to read all the same: over {MAX_TAGS:,} tags")
    if _TOO_MANY_ATTRIBUTES.search(text):
        raise FeedParseError(f"the feed has an element of over {MAX_ATTRIBUTES} attributes")
    headers = {"content-type": "application/xml; charset=utf-8", "content-location": base_url or ""}
    return feedparser.parse(text.encode(), response_headers=headers, sanitize_html=False, resolve_relative_uris=False)


def _add_tag_bounded(parser: Any, term: str | None, scheme: str | None, label: str | None) -> None:
    if len(parser._get_context().get("tags", ())) < _MAX_CATEGORIES:
        _add_tag(parser, term, scheme, label)


def _sync_author_detail_bounded(parser: Any, key: str = "author") -> None:
    context = parser._get_context()
    line = context.get(key)
    if isinstance(line, str) and len(line) > _MAX_AUTHOR_CHARS:
        context[key] = line[:_MAX_AUTHOR_CHARS]
    _sync_author_detail(parser, key)


_FeedParserMixin._add_tag = _add_tag_bounded
_FeedParserMixin._sync_author_detail = _sync_author_detail_bounded
