"""Lists of feeds in OPML: read from whatever people have, written as OPML 2.0.

A list that Redline wrote carries the settings of each feed in attributes of its own (`redline:id`, `redline:interval`),
which other programs pass over, and gives the same feeds again.
"""

import html
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from email.utils import format_datetime
from enum import StrEnum
from typing import Any
from xml.sax.saxutils import escape, quoteattr

from schemas.feed import Feed
from services.domain.feeds.addresses import AddressError, feed_address
from services.domain.feeds.encoding import decode_document
from services.domain.feeds.outlines import Outline, find_outlines, unescape

NAMESPACE = "urn:redline:feeds"
PREFIX = "redline:"
# Not for a list that is handed around: a header's value may be a key, and secrets are named for one installation.
PRIVATE_FIELDS = ("headers", "basic_auth")
MAX_FOLDERS = 16  # the innermost; a damaged list may nest without end

_ADDRESS_NAMES = ("xmlurl", "feedurl", "rssurl", "xml_url", "url")
_NO_FEED_TYPES = {
    "include": "another list; import that one",
    "link": "a page, not a feed",
    "audio": "a stream of sound, not a feed",
}
_OUTLINE = re.compile(r"<(?:[\w-]+:)?(?:outline|opml)(?=[\s/>])", re.IGNORECASE)
_FIRST_OUTLINE = re.compile(r"<(?:[\w-]+:)?outline\b", re.IGNORECASE)
_ESCAPED_OUTLINE = re.compile(r"&lt;(?:outline|opml)\b", re.IGNORECASE)
_TITLE = re.compile(r"<title(?:\s[^>]*)?>([^<]*)</title>", re.IGNORECASE)
_END = re.compile(r"</opml\s*>", re.IGNORECASE)
_ROOT = re.compile(r"<(rss|feed|rdf:RDF|html|sitemapindex|urlset)[\s>]", re.IGNORECASE)
_LANGUAGE = re.compile(r"([A-Za-z]{2,3})(?:[-_][A-Za-z0-9]+)*$")
_NOT_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")


class OpmlError(ValueError):
    """This document is no OPML; the message says what it is instead."""


class OutlineFault(StrEnum):
    """Why an outline gave no feed."""

    NO_ADDRESS = "no_address"
    BAD_ADDRESS = "bad_address"
    NOT_A_FEED = "not_a_feed"
    CUT_OFF = "cut_off"
    BAD_SETTINGS = "bad_settings"


@dataclass(frozen=True, slots=True)
class OpmlFeed:
    """A feed as listed. `folders` are the outlines it stands in, outermost first; `settings` what Redline wrote."""

    line: int
    url: str
    title: str = ""
    site: str | None = None
    lang: str | None = None
    folders: tuple[str, ...] = ()
    settings: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class OpmlFault:
    """An outline that gave no feed, and why."""

    line: int
    fault: OutlineFault
    message: str


@dataclass(frozen=True, slots=True)
class OpmlReading:
    """What a list says. The outlines on `damaged_lines` are not well-formed; most of them are feeds all the same."""

    title: str
    feeds: tuple[OpmlFeed, ...]
    faults: tuple[OpmlFault, ...] = ()
    damaged_lines: tuple[int, ...] = ()
    warnings: tuple[str, ...] = ()


def looks_like_opml(text: str) -> bool:
    """Say whether a text has the elements of OPML, if only as text on a web page."""
    return bool(_OUTLINE.search(text) or _ESCAPED_OUTLINE.search(text))


def read_opml(body: bytes) -> OpmlReading:
    """Return every feed of a list that can be recovered, and a fault for every outline that is no feed and no folder.

    A feed that is listed twice, as in two folders, comes twice.
    Raises OpmlError if the document is no list at all.
    """
    text, warnings = decode_document(body, None)
    if not looks_like_opml(text):
        raise OpmlError(_what_it_is(text))
    if not _OUTLINE.search(text):
        text = html.unescape(text)
        warnings += ("the list stands as text on a web page",)
    reader = _Reader()
    for outline in find_outlines(text):
        reader.take(outline)
    reader.finish()
    if not _END.search(text):
        warnings += ("the list has no end; what followed may be missing",)
    title = _TITLE.search(_head(text))
    return OpmlReading(
        title=_one_line(unescape(title.group(1))) if title else "",
        feeds=tuple(reader.feeds),
        faults=tuple(sorted(reader.faults, key=lambda fault: fault.line)),
        damaged_lines=tuple(reader.damaged_lines),
        warnings=warnings,
    )


class _RefusedError(Exception):
    def __init__(self, fault: OutlineFault, message: str) -> None:
        super().__init__(message)
        self.fault = fault


class _Reader:
    """Sorts outlines into feeds, folders and faults, in document order."""

    def __init__(self) -> None:
        self.feeds: list[OpmlFeed] = []
        self.faults: list[OpmlFault] = []
        self.damaged_lines: list[int] = []
        self._folders: list[tuple[int, str]] = []
        self._without_address: Outline | None = None

    def take(self, outline: Outline) -> None:
        """Sort one outline in."""
        self._settle(outline)
        if not outline.is_well_formed:
            self.damaged_lines.append(outline.line)
        while self._folders and self._folders[-1][0] >= outline.depth:
            self._folders.pop()
        try:
            url = _address(outline)
            if url is None:
                self._without_address = outline
                self._folders.append((outline.depth, _title(outline)))
            else:
                self.feeds.append(self._feed(outline, url))
        except _RefusedError as error:
            self._refuse(outline, error.fault, str(error))

    def finish(self) -> None:
        """Judge the last outline."""
        self._settle(None)

    def _settle(self, following: Outline | None) -> None:
        """An outline without an address is a folder if something stands in it, which only the next one shows."""
        waiting, self._without_address = self._without_address, None
        if waiting is None or (following is not None and following.depth > waiting.depth):
            return
        if waiting.is_cut_off:
            self._refuse(waiting, OutlineFault.CUT_OFF, "the list ends within this outline")
            return
        site = _attribute(waiting, "htmlurl")
        hint = f"; `redline feeds add {site}` looks for its feed" if site else ""
        self._refuse(waiting, OutlineFault.NO_ADDRESS, f"no xmlUrl, and nothing stands in it{hint}")

    def _feed(self, outline: Outline, url: str) -> OpmlFeed:
        lang = _LANGUAGE.match(_attribute(outline, "language"))
        return OpmlFeed(
            line=outline.line,
            url=url,
            title=_title(outline),
            site=_attribute(outline, "htmlurl") or None,
            lang=lang.group(1).lower() if lang else None,
            folders=tuple(name for _, name in self._folders[-MAX_FOLDERS:] if name),
            settings=_settings(outline.attributes),
        )

    def _refuse(self, outline: Outline, fault: OutlineFault, message: str) -> None:
        self.faults.append(OpmlFault(outline.line, fault, f"{_name(outline)}{message}"))


def write_opml(feeds: Iterable[Feed], now: datetime, title: str = "Redline feeds") -> str:
    """Return OPML 2.0 that gives the same feeds when it is read, but for their PRIVATE_FIELDS."""
    lines = [
        '<?xml version="1.0" encoding="UTF-8"?>',
        f'<opml version="2.0" xmlns:redline="{NAMESPACE}">',
        "  <head>",
        f"    <title>{escape(_NOT_XML.sub('', title))}</title>",
        f"    <dateCreated>{format_datetime(now, usegmt=True)}</dateCreated>",
        "  </head>",
        "  <body>",
        *(f"    <outline {_attributes(feed)}/>" for feed in feeds),
        "  </body>",
        "</opml>",
        "",
    ]
    return "\n".join(lines)


def _attributes(feed: Feed) -> str:
    shown = {"type": "rss", "text": feed.title or feed.outlet, "title": feed.title or feed.outlet, "xmlUrl": feed.url}
    if feed.lang:
        shown["language"] = feed.lang
    own = feed.model_dump(mode="json", exclude_defaults=True, exclude={"url", *PRIVATE_FIELDS})
    shown.update(
        {f"{PREFIX}{name}": value if isinstance(value, str) else json.dumps(value) for name, value in own.items()}
    )
    return " ".join(f"{name}={quoteattr(_NOT_XML.sub('', value))}" for name, value in shown.items())


def _address(outline: Outline) -> str | None:
    """Return the feed's address, or None where the outline has none."""
    kind = _attribute(outline, "type").lower()
    name = next((name for name in _ADDRESS_NAMES if _attribute(outline, name)), None)
    if name is None:
        return None
    written = outline.attributes[name]
    if kind == "include" or (name == "url" and kind in _NO_FEED_TYPES):
        raise _RefusedError(OutlineFault.NOT_A_FEED, f"{_one_line(written)} is {_NO_FEED_TYPES[kind]}")
    if f"{PREFIX}id" in outline.attributes:
        return written  # ours: whatever it is, it was a feed's address
    try:
        return feed_address(written, _attribute(outline, "htmlurl") or None)
    except AddressError as error:
        raise _RefusedError(OutlineFault.BAD_ADDRESS, str(error)) from error


def _settings(attributes: Mapping[str, str]) -> dict[str, Any] | None:
    """Return the fields of a Feed that Redline wrote, None where another program wrote the list."""
    given = {name.removeprefix(PREFIX): value for name, value in attributes.items() if name.startswith(PREFIX)}
    if "id" not in given:
        return None
    flags = {name for name, field in Feed.model_fields.items() if field.annotation is bool}
    unreadable = [name for name in given.keys() & flags if given[name] not in {"true", "false"}]
    if unreadable:
        raise _RefusedError(OutlineFault.BAD_SETTINGS, f"{PREFIX}{unreadable[0]} is neither true nor false")
    return {name: value == "true" if name in flags else value for name, value in given.items()}


def _title(outline: Outline) -> str:
    return _attribute(outline, "title") or _attribute(outline, "text")


def _attribute(outline: Outline, name: str) -> str:
    return _one_line(outline.attributes.get(name, ""))


def _name(outline: Outline) -> str:
    title = _title(outline)
    return f"{title if len(title) <= 60 else f'{title[:59]}…'}: " if title else ""


def _head(text: str) -> str:
    """Return what stands before the first outline."""
    first = _FIRST_OUTLINE.search(text)
    return text[: first.start()] if first else text


def _one_line(text: str) -> str:
    return " ".join(_NOT_XML.sub("", text).split())


def _what_it_is(text: str) -> str:
    if not text.strip():
        return "the document is empty"
    root = _ROOT.search(text)
    match root.group(1).lower() if root else "":
        case "rss" | "feed" | "rdf:rdf":
            return "this is a feed, not a list of feeds; `redline feeds add` takes its address"
        case "html":
            return "this is a web page, not a list of feeds"
        case "sitemapindex" | "urlset":
            return "this is a sitemap, not a list of feeds"
    return "this is no OPML: it has no <outline>"
