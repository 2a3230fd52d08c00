"""A feed document as received, whatever its format: what every reader returns, and how it refuses."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from services.domain.feeds.hints import UpdateHints


class FeedParseError(ValueError):
    """This document is not a feed we can read; the message says what it is instead."""


class SitemapIndexError(FeedParseError):
    """The document lists other sitemaps instead of articles; `addresses` are theirs, the newest first."""

    def __init__(self, addresses: tuple[str, ...]) -> None:
        example = f", such as {addresses[0]}" if addresses else ""
        super().__init__(f"this is a sitemap index: it lists {len(addresses)} sitemaps{example}")
        self.addresses = addresses


@dataclass(frozen=True, slots=True)
class Entry:
    """One item as received. `title` is plain text; `summary` and `content` are HTML; dates are aware UTC.

    `author` is the feed's own words, `authors` the names in them; `canonical_link` is where the feed says the article
    is, if `link` leads there by way of somebody who counts.
    """

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
    authors: tuple[str, ...] = ()
    canonical_link: str | None = None


@dataclass(frozen=True, slots=True)
class ParsedFeed:
    """A feed document. `feed_type` is feedparser's word for the format, else json_1.1, json_1.0 or news_sitemap.

    `hubs` are where the feed is published on WebSub, under the name `self_url`.
    """

    title: str
    link: str | None
    description: str
    language: str | None
    feed_type: str
    entries: tuple[Entry, ...]
    hints: UpdateHints = field(default_factory=UpdateHints)
    warnings: tuple[str, ...] = ()
    id: str | None = None
    author: str | None = None
    authors: tuple[str, ...] = ()
    published_at: datetime | None = None
    updated_at: datetime | None = None
    hubs: tuple[str, ...] = ()
    self_url: str | None = None


def unique(values: Iterable[str]) -> tuple[str, ...]:
    """Return the values that say something, each once, in their order."""
    return tuple(value for value in dict.fromkeys(values) if value)
