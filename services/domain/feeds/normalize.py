"""Entries as received to drafts: clean plain text and a canonical address, whoever publishes them.

Free of pydantic, because the worker process that parses feeds runs it and should stay small.
"""

import re
from dataclasses import dataclass
from datetime import datetime

from services.domain.feeds.parser import Entry, ParsedFeed, parse_feed
from services.domain.feeds.plain_text import plain_text
from services.domain.feeds.urls import canonical_url

# Three bytes a character in Korean, and the text travels in matches too: well under Kafka's 1 MB a message.
MAX_TEXT_CHARS = 100_000
MAX_TITLE_CHARS = 2_000
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


@dataclass(frozen=True, slots=True)
class Reading:
    """A feed document, read: what the feed says of itself, and a draft for each entry that says anything."""

    feed: ParsedFeed
    drafts: tuple[Draft, ...]


def read_feed(body: bytes, *, content_type: str | None = None, base_url: str | None = None) -> Reading:
    """Return the drafts of a feed document; else raise FeedParseError."""
    parsed = parse_feed(body, content_type=content_type, base_url=base_url)
    drafts = (to_draft(entry) for entry in parsed.entries)
    return Reading(parsed, tuple(draft for draft in drafts if draft is not None))


def to_draft(entry: Entry) -> Draft | None:
    """Return what the entry says, or None if it says nothing: neither title, text nor address."""
    summary, content = plain_text(entry.summary), plain_text(entry.content)
    title, text = entry.title, _joined(summary, content)
    url = canonical_url(entry.link)
    if not (title or text or url):
        return None
    return Draft(
        guid=entry.id,
        url=url,
        title=_cut(title, MAX_TITLE_CHARS),
        text=_cut(text, MAX_TEXT_CHARS),
        author=entry.author,
        published_at=entry.published_at or entry.updated_at,
        is_cut=len(title) > MAX_TITLE_CHARS or len(text) > MAX_TEXT_CHARS,
    )


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


def _cut(text: str, limit: int) -> str:
    """Return at most `limit` characters, ending with a whole word."""
    if len(text) <= limit:
        return text
    end = max(text.rfind(" ", 0, limit), text.rfind("\n", 0, limit))
    return text[: end if end > 0 else limit].rstrip()
