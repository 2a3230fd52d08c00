"""Articles in files: what `redline replay` and the filters read, in every format people have them in."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import blake2b
from pathlib import Path
from typing import Any

from schemas.article import Article
from schemas.base import content_id
from services.domain.feeds.plain_text import plain_text
from services.domain.text.normalize import printable
from services.provisioning.faults import ConfigurationError, Fault
from services.provisioning.packed_files import opened, unpacked_name
from services.provisioning.undated import UndatedDocuments
from services.provisioning.yaml_file import parse_yaml

SUFFIXES = (".txt", ".md", ".html", ".htm", ".xml", ".rss", ".atom", ".json", ".jsonl")
NO_OUTLET = "unknown outlet"
LOCAL_FEED = "local"
# What an item may be called by the tools that export articles.
_ALIASES = {"date": "published_at", "source": "outlet", "body": "text", "language": "lang"}
_FIELDS = ("id", "title", "text", "url", "published_at", "outlet", "lang", "author", "country")


@dataclass(frozen=True)
class ReadArticle:
    """An article, and the id that its file gives it."""

    given_id: str
    article: Article


@dataclass(frozen=True)
class BadLine:
    """A line that is not an article, where it stands, and why."""

    fault: Fault


def read_articles(paths: list[Path], now: datetime) -> Iterator[ReadArticle | BadLine]:
    """Yield the articles of files and folders, one at a time; what cannot be read comes as a BadLine.

    Any file may be packed by gzip: a.jsonl.gz is read as a.jsonl would be. A document that has no date (.txt, .md,
    .html) has none as an article, and was first seen after the last day that it names.
    """
    undated = UndatedDocuments(now)
    for path in _files(paths):
        yield from _read_file(path, now, undated)


def _files(paths: list[Path]) -> Iterator[Path]:
    for path in paths:
        if path.is_dir():
            yield from _files(sorted(filter(_is_read, path.iterdir())))
        else:
            yield path


def read_json_lines(lines: Iterator[bytes], place: str, now: datetime) -> Iterator[ReadArticle | BadLine]:
    """Yield an article for each line of JSON Lines; empty lines are passed over."""
    for number, raw in enumerate(lines, 1):
        if not raw.strip():
            continue
        try:
            yield article_of(json.loads(raw), now)
        except (ValueError, RecursionError) as error:
            yield BadLine(Fault(place, _json_message(error), number))


def article_of(item: Any, now: datetime) -> ReadArticle:
    """Return the article that a mapping describes; ValueError names the field at fault.

    Needs `id` and one of `title`, `text`. `date` is taken for `published_at`, `source` for `outlet`.
    """
    if not isinstance(item, dict):
        raise ValueError(f"expected an object with the keys of an article, found {type(item).__name__}")
    item = {_ALIASES.get(key, key): value for key, value in item.items() if value is not None}
    given = item.get("id")
    if not isinstance(given, str | int) or given == "":
        raise ValueError("id: this field is required")
    texts = {name: _text(item, name) for name in _FIELDS if name not in {"id", "published_at"}}
    title, text = texts["title"] or "", texts["text"] or ""
    if not title and not text:
        raise ValueError("title: one of title and text is required")
    published_at = _moment(item.get("published_at"))
    article = Article(
        id=_article_id(str(given)),
        revision=1,
        revision_id=content_id("revision", title, text),
        feed_id=LOCAL_FEED,
        outlet=texts["outlet"] or NO_OUTLET,
        title=title,
        text=text,
        url=texts["url"],
        author=texts["author"],
        lang=texts["lang"],
        country=texts["country"],
        published_at=published_at,
        first_seen_at=published_at or now,
    )
    return ReadArticle(str(given), article)


def _is_read(path: Path) -> bool:
    return unpacked_name(path).suffix in SUFFIXES


def _read_file(path: Path, now: datetime, undated: UndatedDocuments) -> Iterator[ReadArticle | BadLine]:
    try:
        with opened(path) as file:
            if unpacked_name(path).suffix == ".jsonl":
                yield from read_json_lines(iter(file), str(path), now)
            else:
                yield from _parse_whole(path, file.read(), now, undated)
    except OSError as error:
        yield BadLine(Fault(str(path), f"cannot be read: {error.strerror}"))
    except ConfigurationError as error:
        yield from (BadLine(fault) for fault in error.faults)
    except (ValueError, RecursionError) as error:
        yield BadLine(Fault(str(path), _json_message(error)))


def _parse_whole(path: Path, raw: bytes, now: datetime, undated: UndatedDocuments) -> Iterator[ReadArticle | BadLine]:
    document = unpacked_name(path)
    match document.suffix:
        case ".json":
            data = json.loads(raw)
            for index, item in enumerate(data if isinstance(data, list) else [data]):
                try:
                    yield article_of(item, now)
                except ValueError as error:
                    yield BadLine(Fault(str(path), str(error), field=f"[{index}]"))
        case ".md":
            yield _document(_markdown(path, _decoded(raw)), undated)
        case ".html" | ".htm":
            yield _document(_page(document, _decoded(raw)), undated)
        case ".xml" | ".rss" | ".atom":
            yield from _feed_document(document, raw, now)
        case ".txt":
            yield _document(_plain(document, _decoded(raw)), undated)
        case _:
            raise ValueError(f"is of no kind that is read here ({' '.join(SUFFIXES)}, each also with .gz)")


def _document(item: dict[str, Any], undated: UndatedDocuments) -> ReadArticle:
    """Return the article that a whole document makes."""
    read = article_of(item, undated.seen_at(item["text"]))
    if read.article.published_at is not None:
        undated.follow(read.article.published_at)
    return read


def _plain(path: Path, text: str) -> dict[str, Any]:
    """Return a text file as an item: its first line is the title, and offsets count from the file's start."""
    title = next((line.strip() for line in text.splitlines() if line.strip()), "")
    return {"id": path.name, "title": title, "text": text, "outlet": path.stem}


def _markdown(path: Path, text: str) -> dict[str, Any]:
    """Return a Markdown file with YAML front matter as an item; its text is what follows the front matter."""
    head, body = split_front_matter(text, path)
    document = unpacked_name(path)
    return {"id": document.name, "outlet": document.stem, **head, "text": body}


def split_front_matter(text: str, path: Path) -> tuple[dict[str, Any], str]:
    """Return the keys between the leading `---` lines that an article has, and the text after them."""
    lines = text.splitlines(keepends=True)
    if not lines or lines[0].rstrip() != "---":
        return {}, text
    closing = next((number for number, line in enumerate(lines[1:], 1) if line.rstrip() == "---"), None)
    if closing is None:
        raise ConfigurationError([Fault(str(path), "the front matter that begins here has no closing ---", 1)])
    file = parse_yaml("".join(["\n", *lines[1:closing]]), path)  # the empty line keeps the file's line numbers
    head = {key: value for key, value in file.mapping().items() if key in {*_FIELDS, *_ALIASES}}
    return head, "".join(lines[closing + 1 :]).lstrip("\r\n")


def _page(path: Path, markup: str) -> dict[str, Any]:
    lower = markup.lower()
    start, end = lower.find("<title"), lower.find("</title>")
    title = plain_text(markup[markup.find(">", start) + 1 : end]) if -1 < start < end else path.stem
    body = markup[lower.find("<body") :] if "<body" in lower else markup
    return {"id": path.name, "title": title, "text": plain_text(body), "outlet": path.stem}


def _feed_document(path: Path, raw: bytes, now: datetime) -> Iterator[ReadArticle]:
    from schemas.feed import Feed  # noqa: PLC0415 - feedparser takes a quarter of a second to load
    from services.domain.feeds.articles import to_article  # noqa: PLC0415
    from services.domain.feeds.parser import FeedParseError, parse_feed  # noqa: PLC0415

    try:
        parsed = parse_feed(raw, content_type=None, base_url=None)
    except FeedParseError as error:
        raise ValueError(str(error)) from error
    feed = Feed(id=LOCAL_FEED, url="https://localhost/", outlet=parsed.title or path.stem)
    for entry in parsed.entries:
        article = to_article(entry, feed, now)
        if article is not None:
            yield ReadArticle(article.id, article)


def _article_id(given: str) -> str:
    """Return the id itself where it is one of ours, so that the output of one stage is the input of the next."""
    is_ours = len(given) == 32 and set(given) <= set("0123456789abcdef")
    return given if is_ours else blake2b(given.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


def _decoded(raw: bytes) -> str:
    return raw.decode("utf-8-sig", errors="replace")


def _text(item: dict[str, Any], name: str) -> str | None:
    value = item.get(name)
    if value is None or value == "":
        return None
    if not isinstance(value, str):
        raise ValueError(f"{name}: expected text, found {value!r:.60}")
    return value if value.isascii() else printable(value)


def _moment(value: Any) -> datetime | None:
    if value is None or value == "":
        return None
    if isinstance(value, int | float) and not isinstance(value, bool):
        return _from_timestamp(value)
    if not isinstance(value, str):
        raise ValueError(f"published_at: expected a date and time, found {value!r:.60}")
    try:
        moment = datetime.fromisoformat(value)
    except ValueError as error:
        raise ValueError(f"published_at: {value[:60]!r} is not a date and time (ISO 8601)") from error
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)


def _from_timestamp(seconds: float) -> datetime:
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (ValueError, OverflowError, OSError) as error:
        raise ValueError(f"published_at: {seconds} is not a time in seconds since 1970") from error


def _json_message(error: Exception) -> str:
    if isinstance(error, json.JSONDecodeError):
        return f"is not JSON: {error.msg} (column {error.colno})"
    return str(error) or "is nested too deeply"
