"""An article's page, read. Free of what reads it, so that processes that only handle the outcome stay small."""

from dataclasses import dataclass
from datetime import datetime


class PageParseError(Exception):
    """The document is no HTML page, or none with anything to read in it."""


@dataclass(frozen=True, slots=True)
class Page:
    """What an article's page says: its text plain, one line a paragraph; the rest as the page states it."""

    title: str
    text: str
    author: str | None = None
    published_at: datetime | None = None
    lang: str | None = None
    canonical_url: str | None = None
