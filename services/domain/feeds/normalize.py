"""Entries as received to drafts: clean plain text and a canonical address, whoever publishes them.

Free of pydantic, because the worker process that parses feeds runs it and should stay small.
"""

import re
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime
from operator import attrgetter
from typing import Any

from services.domain.feeds.limits import MAX_TEXT_CHARS, MAX_TITLE_CHARS, cut
from services.domain.feeds.material import revision_id
from services.domain.feeds.parser import parse_feed
from services.domain.feeds.plain_text import plain_text
from services.domain.feeds.received import Entry, ParsedFeed
from services.domain.feeds.urls import canonical_url
from services.domain.text.language import language_code

_NEVER, _EPOCH = datetime(1, 12, 31, tzinfo=UTC), datetime(1970, 1, 1, tzinfo=UTC)
_SCRIPT_CHARS = 80
_BEYOND_LATIN = "\u0250"
_OTHER_SCRIPTS = frozenset("ar be bg bn el fa he hi hy ja ka kk ko mk mn ru th uk ur zh".split())  # noqa: SIM905 - words
_TRAILING_ELLIPSIS = re.compile(r"\s*(?:\[?(?:…|\.\.\.)\]?)\s*$")


@dataclass(frozen=True, slots=True)
class Draft:
    """What an entry says, clean: not yet an article, because it is not yet known whether it is new."""

    guid: str | None
    url: str | None
    title: str
    text: str
    author: str | None = None
    published_at: datetime | None = None
    is_cut: bool = False
    lang: str | None = None
    # Follows from title and text; made where the document is read, which is not where everything else waits for it.
    revision_id: str | None = field(default=None, compare=False, repr=False)

    def __reduce__(self) -> tuple[type["Draft"], tuple[Any, ...]]:
        """Travel between processes at half of what it costs a frozen dataclass with slots."""
        return Draft, _FIELDS_OF_DRAFT(self)


_FIELDS_OF_DRAFT = attrgetter(*(part.name for part in fields(Draft)))


@dataclass(frozen=True, slots=True)
class Reading:
    """A feed document, read: what the feed says of itself, and a draft for each entry that says anything."""

    feed: ParsedFeed
    drafts: tuple[Draft, ...]


def read_feed(body: bytes, *, content_type: str | None = None, base_url: str | None = None) -> Reading:
    """Return the drafts of a feed document; else raise FeedParseError."""
    parsed = parse_feed(body, content_type=content_type, base_url=base_url)
    drafts = (to_draft(entry, parsed.language) for entry in parsed.entries)
    return Reading(parsed, tuple(draft for draft in drafts if draft is not None))


def to_draft(entry: Entry, feed_language: str | None = None) -> Draft | None:
    """Return what the entry says, or None if it says nothing: neither title, text nor address."""
    content = plain_text(entry.content)
    summary = content if entry.summary == entry.content else plain_text(entry.summary)
    title, text = entry.title, _joined(summary, content)
    url = canonical_url(entry.canonical_link or entry.link)
    if not (title or text or url):
        return None
    kept_title, kept_text = cut(title, MAX_TITLE_CHARS), cut(text, MAX_TEXT_CHARS)
    return Draft(
        guid=entry.id,
        url=url,
        title=kept_title,
        text=kept_text,
        author=", ".join(entry.authors) or entry.author,
        published_at=_told(entry.published_at) or _told(entry.updated_at),
        is_cut=len(title) > MAX_TITLE_CHARS or len(text) > MAX_TEXT_CHARS,
        lang=_credible(language_code(entry.lang or feed_language), title or text),
        revision_id=revision_id(kept_title, kept_text),
    )


def _told(moment: datetime | None) -> datetime | None:
    """Return the moment unless it is what software writes where nobody told it one: the year 1, or 1970 begins."""
    return moment if moment is not None and moment.year > _NEVER.year and moment != _EPOCH else None


def _credible(lang: str | None, text: str) -> str | None:
    """Return the stated language unless the text is in other letters: feeds state what their software came with."""
    if lang is None:
        return None
    letters = [letter for letter in text[:_SCRIPT_CHARS] if letter.isalpha()]
    is_latin = text.isascii() or sum(letter < _BEYOND_LATIN for letter in letters) * 2 >= len(letters)
    return lang if is_latin != (lang in _OTHER_SCRIPTS) else None


def _joined(summary: str, content: str) -> str:
    """Return the full text, led by the summary where the summary is not just its beginning."""
    lead = _TRAILING_ELLIPSIS.sub("", summary)
    if not content or not lead:
        return content or summary
    if _squeezed(lead) in _squeezed(content):
        return content
    return f"{summary}\n{content}"


def _squeezed(text: str) -> str:
    return " ".join(text.split())
