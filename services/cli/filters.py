"""The stages as filters: JSON Lines in, JSON Lines out. A bad line is told with its number and skipped."""

import gc
import json as jsonlib
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape

from schemas.match import Match, RuleHit
from services.cli.loading import load_settings, watched
from services.cli.output import BAD_INPUT, ConfigOption, JsonOption, fault, out, print_line
from services.provisioning.article_files import BadLine, ReadArticle, read_articles, read_json_lines
from services.provisioning.packed_files import DamagedFileError, opened
from services.runtime.garbage import seldom_collected

MAX_STDIN_BYTES = 64 * 1024 * 1024

FilesArgument = Annotated[
    list[Path] | None,
    typer.Argument(metavar="[FILE]...", help="article files, .gz too; standard input (JSON Lines) if not given"),
]
TopicsOption = Annotated[
    Path | None, typer.Option("--topics", help="a topic file or folder in place of the configured")
]


def match(files: FilesArgument = None, topics: TopicsOption = None, config: ConfigOption = None) -> None:
    """Match articles against the watch rules: a line for each article and rule that hits.

    Example: echo '{"id": "1", "title": "Seoul weighs sending shells to Kyiv"}' | redline match
    """
    from services.matcher.watchlist import Watchlist

    watchlist = Watchlist(watched(load_settings(config, overrides={"topics": topics})))
    faults = 0
    with little_garbage():
        for item in articles(files):
            if isinstance(item, BadLine):
                fault(str(item.fault))
                faults += 1
            else:
                _print_hits(item.given_id, watchlist.match(item.article))
    raise typer.Exit(BAD_INPUT if faults else 0)


def _print_hits(article_id: str, matches: tuple[Match, ...]) -> None:
    for found in matches:
        for hit in found.hits:
            print_line(jsonlib.dumps(_hit_line(article_id, found.watch_topic, hit), ensure_ascii=False))
    if matches:
        sys.stdout.flush()  # whoever follows a stream sees each hit at once


@contextmanager
def little_garbage() -> Iterator[None]:
    """Leave rules and words out of every look for garbage, and look seldom."""
    gc.freeze()
    try:
        with seldom_collected():
            yield
    finally:
        gc.unfreeze()


def _hit_line(article_id: str, watch_topic: str, hit: RuleHit) -> dict[str, Any]:
    return {
        "article_id": article_id,
        "watch_topic": watch_topic,
        "rule_id": hit.rule_id,
        "evidence": [span.model_dump(mode="json") for span in hit.evidence],
    }


def parse(
    document: Annotated[str, typer.Argument(metavar="FILE", help="a feed document, .gz too; - is standard input")],
    base_url: Annotated[str | None, typer.Option(metavar="URL", help="what relative links are relative to")] = None,
    json: JsonOption = False,
) -> None:
    """Parse one feed document into its normalised entries.

    Example: curl -s https://example.org/feed.xml | redline parse - --base-url https://example.org/ --json
    """
    from services.domain.feeds.parser import FeedParseError, parse_feed

    try:
        body = sys.stdin.buffer.read(MAX_STDIN_BYTES) if document == "-" else _read(Path(document))
        parsed = parse_feed(body, content_type=None, base_url=base_url)
    except (OSError, DamagedFileError, FeedParseError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        fault(f"{document}: {reason}")
        raise typer.Exit(BAD_INPUT) from error
    result = parsed_document(parsed)
    if json:
        print_line(jsonlib.dumps(result, ensure_ascii=False))
        return
    count = f"{len(parsed.entries)} {'entry' if len(parsed.entries) == 1 else 'entries'}"
    out.print(f"[bold]{escape(parsed.title or 'untitled feed')}[/bold] ({parsed.feed_type}), {count}")
    for entry in result["entries"]:
        out.print(f"  {entry['published_at'] or 'undated':<20} {escape(entry['title'])}")
        out.print(f"  {'':<20} {escape(entry['link'] or 'no link')}")


def _read(path: Path) -> bytes:
    with opened(path) as file:
        return file.read()


def parsed_document(parsed: Any) -> dict[str, Any]:
    """Return a parsed feed as the JSON object that `redline parse` prints."""
    from services.domain.feeds.plain_text import plain_text
    from services.domain.feeds.urls import canonical_url

    return {
        "feed": {
            "id": parsed.id,
            "title": parsed.title,
            "link": parsed.link,
            "description": parsed.description,
            "language": parsed.language,
            "author": parsed.author,
            "authors": list(parsed.authors),
            "published_at": _iso(parsed.published_at),
            "updated_at": _iso(parsed.updated_at),
            "type": parsed.feed_type,
            "hubs": list(parsed.hubs),
            "self_url": parsed.self_url,
            "warnings": list(parsed.warnings),
        },
        "entries": [
            {
                "id": entry.id or entry.link,
                "title": entry.title,
                "link": entry.link,
                "url": canonical_url(entry.canonical_link or entry.link),
                "author": entry.author,
                "authors": list(entry.authors),
                "published_at": _iso(entry.published_at),
                "updated_at": _iso(entry.updated_at),
                "lang": entry.lang,
                "summary": plain_text(entry.summary),
                "content": plain_text(entry.content),
                "categories": list(entry.categories),
            }
            for entry in parsed.entries
        ],
    }


def articles(files: list[Path] | None) -> Iterator[ReadArticle | BadLine]:
    """Yield the articles of these files, else of standard input, one at a time."""
    now = datetime.now(UTC)
    if files:
        return read_articles(files, now)
    return read_json_lines(iter(sys.stdin.buffer.readline, b""), "standard input", now)


def _iso(moment: datetime | None) -> str | None:
    return moment.isoformat().replace("+00:00", "Z") if moment else None
