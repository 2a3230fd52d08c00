"""What public test suites state of their feeds, as what `redline parse` prints of them.

The suites are no part of the project; the tests that use them skip where they are absent.
"""

import html
import json
import re
import tarfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

from services.cli.filters import parsed_document
from services.domain.feeds.dates import parse_date
from services.domain.feeds.parser import FeedParseError, parse_feed

ARCHIVE = Path(__file__).resolve().parents[4] / "shared" / "data" / "feeds" / "fixtures.tar.gz"
_TAG = re.compile(r"<!--.*?-->|<[^>]*>", re.DOTALL)
_SUMMARY = ("summary", "description", "summary_detail.value")
# feedparser's paths by what we call the same.
_ENTRY = {
    "title": ("title", "title_detail.value"),
    "link": ("link",),
    "id": ("id", "guid"),
    "summary": _SUMMARY,
    "content": tuple(f"content.{number}.value" for number in range(3)),
    "published_at": ("published", "published_parsed", "created", "created_parsed"),
    "updated_at": ("updated", "updated_parsed"),
    "author": ("author", "author_detail.name", "authors.0.name"),
}
_FEED = {
    "title": ("title", "title_detail.value"),
    "link": ("link",),
    "id": ("id", "guid"),
    "description": tuple(
        f"{name}{end}" for name in ("subtitle", "tagline", "info", "description") for end in ("", "_detail.value")
    ),
    "language": ("language",),
    "published_at": ("published", "published_parsed"),
    "updated_at": ("updated", "updated_parsed"),
    "author": ("author", "author_detail.name"),
}


@dataclass(frozen=True)
class Statement:
    """That one field of a document has a value: of the feed, or of the entry of that number."""

    entry: int | None
    field: str
    value: Any

    def holds(self, document: Mapping[str, Any]) -> bool:
        """Say whether the document agrees: in its words, whatever the white space; in the moment; in the address."""
        if self.entry is None:
            record = document["feed"]
        else:
            record = document["entries"][self.entry] if self.entry < len(document["entries"]) else {}
        found = record.get(self.field)
        if self.field.endswith("_at"):
            return _moment(found) == _moment(self.value)
        if self.field == "link":
            return (found or "") == (self.value or "").strip()
        if self.field == "author" and _words(self.value) in {_words(name) for name in record.get("authors", ())}:
            return True
        if self.field == "content":
            return _words(self.value) in _words(found)  # they state one part of it
        return _words(found) == _words(self.value)


@cache
def files() -> dict[str, bytes]:
    """Return every file of the archive by its path."""
    with tarfile.open(ARCHIVE) as archive:
        members = ((member.name.removeprefix("./"), archive.extractfile(member)) for member in archive)
        return {name: file.read() for name, file in members if file is not None}


def printed(body: bytes, base_url: str | None, content_type: str | None = None) -> dict[str, Any]:
    """Return what `redline parse` prints of a document; of what is no feed, nothing."""
    try:
        return parsed_document(parse_feed(body, content_type=content_type, base_url=base_url))
    except FeedParseError:
        return {"feed": {}, "entries": []}


def feedparser_cases() -> Iterator[tuple[str, dict[str, Any], list[Statement]]]:
    """Yield name, printed document and statements of feedparser's tests that state a field we print."""
    for line in files()["feedparser/expected.jsonl"].decode().splitlines():
        case = json.loads(line)
        statements = [found for clause in case["clauses"] if (found := _of_clause(clause)) is not None]
        if statements:
            headers = {name.lower(): value for name, value in case["headers"].items()}
            base = headers.get("content-location", "")
            base = base if base.startswith("http") else f"http://127.0.0.1:8097/tests/{case['file']}"
            body = files()[f"feedparser/tests/{case['file']}"]
            yield case["file"], printed(body, base, headers.get("content-type")), statements


def reader_cases() -> Iterator[tuple[str, dict[str, Any], list[Statement]]]:
    """Yield the same for the expected results of reader."""
    end = ".expected.json"
    for name in (name for name in files() if name.startswith("reader/") and name.endswith(end)):
        case = json.loads(files()[name])
        statements = [
            Statement(None, ours, case["feed"][theirs])
            for ours, theirs in (
                ("title", "title"), ("link", "link"), ("description", "subtitle"), ("updated_at", "updated"),
            )
        ]  # fmt: skip
        for number, entry in enumerate(case["entries"]):
            people = [person["name"] or person["email"] or person["href"] for person in entry["authors"]]
            facts = {
                **{field: entry[field] for field in ("title", "link", "id", "summary")},
                "content": next((part["value"] for part in entry["content"]), None),
                "published_at": entry["published"],
                "updated_at": entry["updated"],
                "author": ", ".join(people) or None,
            }
            statements += [Statement(number, field, value) for field, value in facts.items()]
        yield name, printed(files()[name.removesuffix(end)], case["feed"]["url"]), statements


def rss_parser_cases() -> Iterator[tuple[str, dict[str, Any], list[Statement]]]:
    """Yield the same for the expected results of rss-parser."""
    inputs = {Path(name).name.split(".")[0]: name for name in files() if name.startswith("rss-parser/test/input/")}
    for name in (name for name in files() if name.startswith("rss-parser/test/output/")):
        case = json.loads(_in_some_encoding(files()[name]))
        feed = case.get("feed", case)
        document = printed(files()[inputs[Path(name).stem]], None)
        statements = [
            Statement(None, field, feed[field]) for field in ("title", "link", "description") if field in feed
        ]
        for number, item in enumerate(feed.get("items", ())):
            facts = {
                "title": item.get("title"),
                "link": item.get("link"),
                "id": item.get("guid") or item.get("id"),
                "author": item.get("creator") or item.get("author"),
                "content": item.get("content:encoded"),
                _date_field(document, number): item.get("isoDate"),
                _body_field(document, number, item.get("content")): item.get("content"),
            }
            statements += [Statement(number, field, value) for field, value in facts.items() if isinstance(value, str)]
        yield name, document, statements


def _of_clause(clause: dict[str, Any]) -> Statement | None:
    path = clause["path"]
    if clause["op"] != "==" or len(path) < 2:
        return None
    names, start = (_FEED, 1) if path[0] == "feed" else (_ENTRY, 2)
    if path[0] not in {"feed", "entries"}:
        return None
    theirs = ".".join(str(part) for part in path[start:])
    field = next((ours for ours, known in names.items() if theirs in known), None)
    return Statement(path[1] if start == 2 else None, field, clause["value"]) if field else None


def _date_field(document: dict[str, Any], number: int) -> str:
    # rss-parser has one date, which is the update's where there is no other.
    entries = document["entries"]
    return "published_at" if number >= len(entries) or entries[number]["published_at"] else "updated_at"


def _body_field(document: dict[str, Any], number: int, body: str | None) -> str:
    entries = document["entries"]
    is_content = number < len(entries) and _words(entries[number]["content"]) == _words(body)
    return "content" if is_content else "summary"


def _words(value: object) -> str:
    text = html.unescape(_TAG.sub(" ", str(value or "")))
    return "".join(_TAG.sub(" ", text).split())


def _moment(value: Any) -> datetime | None:
    if isinstance(value, list):
        year, month, day, hour, minute, second = value[:6]
        return datetime(year, month, day, hour, minute, second, tzinfo=UTC)
    return parse_date(value)


def _in_some_encoding(body: bytes) -> str:
    try:
        return body.decode()
    except UnicodeDecodeError:
        return body.decode("latin-1")
