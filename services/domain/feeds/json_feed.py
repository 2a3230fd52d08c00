"""JSON Feed 1.0 and 1.1, tolerantly: a field of the wrong type is as good as none, an item that is none is skipped."""

import json
from collections.abc import Iterator
from typing import Any

from services.domain.feeds.dates import parse_date
from services.domain.feeds.names import author_names
from services.domain.feeds.plain_text import escaped, one_line, plain_text
from services.domain.feeds.received import Entry, FeedParseError, ParsedFeed, unique
from services.domain.feeds.urls import absolute_url

_VERSION = "jsonfeed.org/version/"
_NAME_VERSIONS = {"1": "json_1.0", "1.0": "json_1.0", "1.1": "json_1.1"}


def read_json_feed(text: str, base_url: str | None) -> ParsedFeed:
    """Return what a JSON Feed says; else raise FeedParseError."""
    document = _loaded(text)
    if not isinstance(document, dict):
        raise FeedParseError("this is JSON, but no JSON Feed: it is a list, not an object")
    version = _text(document, "version")
    items = document.get("items")
    if _VERSION not in version or not isinstance(items, list):
        missing = '"items" is no list' if _VERSION in version else 'its "version" is no JSON Feed version'
        raise FeedParseError(f"this is JSON, but no JSON Feed: {missing}")
    entries = tuple(_to_entry(item, base_url) for item in items if isinstance(item, dict))
    skipped = len(items) - len(entries)
    authors = _authors(document)
    return ParsedFeed(
        title=one_line(_text(document, "title")),
        link=absolute_url(_text(document, "home_page_url"), base_url),
        description=plain_text(escaped(_text(document, "description"))),
        language=_text(document, "language") or None,
        feed_type=_NAME_VERSIONS.get(version.partition(_VERSION)[2].rstrip("/"), "json"),
        entries=entries,
        warnings=(f"{skipped} of {len(items)} items are no objects; they were skipped",) if skipped else (),
        author=", ".join(authors) or None,
        authors=authors,
        hubs=unique(absolute_url(_text(hub, "url"), base_url) or "" for hub in _websub_hubs(document)),
        self_url=absolute_url(_text(document, "feed_url"), base_url),
    )


def _loaded(text: str) -> Any:
    try:
        return json.loads(text)
    except RecursionError as error:
        raise FeedParseError("this is JSON nested deeper than any feed") from error
    except json.JSONDecodeError as error:
        raise FeedParseError(f"this is broken JSON: line {error.lineno}, column {error.colno}: {error.msg}") from error
    except ValueError as error:  # a number of thousands of digits
        raise FeedParseError(f"this is broken JSON: {error}") from error


def _to_entry(item: dict[str, Any], base_url: str | None) -> Entry:
    guid, address = _id(item), _text(item, "url") or _text(item, "external_url")
    if not address and guid and guid.startswith(("https://", "http://")):
        address = guid
    authors = _authors(item)
    return Entry(
        id=guid,
        link=absolute_url(address, base_url),
        title=one_line(_text(item, "title")),
        summary=escaped(_text(item, "summary")),
        content=_text(item, "content_html") or escaped(_text(item, "content_text")),
        author=", ".join(authors) or None,
        published_at=parse_date(_text(item, "date_published")),
        updated_at=parse_date(_text(item, "date_modified")),
        lang=_text(item, "language") or None,
        categories=unique(one_line(tag) for tag in _list(item, "tags") if isinstance(tag, str)),
        authors=authors,
    )


def _id(item: dict[str, Any]) -> str | None:
    """Return the item's id, which version 1.0 let be a number."""
    value = item.get("id")
    if isinstance(value, str):
        return _text(item, "id") or None
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _authors(record: dict[str, Any]) -> tuple[str, ...]:
    people = [*_list(record, "authors"), record.get("author")]
    return unique(name for person in people if isinstance(person, dict) for name in _names(person))


def _names(person: dict[str, Any]) -> tuple[str, ...]:
    return author_names(_text(person, "name") or _text(person, "url").removeprefix("mailto:"))


def _websub_hubs(document: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for hub in _list(document, "hubs"):
        if isinstance(hub, dict) and _text(hub, "type").lower() in {"websub", "pubsubhubbub", ""}:
            yield hub


def _text(record: dict[str, Any], name: str) -> str:
    value = record.get(name)
    # JSON can spell half a surrogate pair, which no other part of the program can carry.
    return value.strip().encode("utf-8", "replace").decode() if isinstance(value, str) else ""


def _list(record: dict[str, Any], name: str) -> list[Any]:
    value = record.get(name)
    return value if isinstance(value, list) else []
