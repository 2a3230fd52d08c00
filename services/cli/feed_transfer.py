"""`redline feeds import` and `export`: many feeds at once, in the lists that other programs read and write."""

import asyncio
import json as jsonlib
import sys
from collections import Counter
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape
from rich.progress import Progress

from services.cli.loading import load_settings
from services.cli.output import BAD_INPUT, BadInputError, ConfigOption, JsonOption, err, fault, out, print_line, warn
from services.domain.feeds.import_plan import Imported, Verdict
from services.plurals import counted

if TYPE_CHECKING:
    from services.provisioning.feed_lists import FeedList

STDIN = "-"
_SUFFIXES = {".yaml": "yaml", ".yml": "yaml"}


class Format(StrEnum):
    """What feeds are exported as."""

    OPML = "opml"
    YAML = "yaml"


def import_feeds(
    files: Annotated[
        list[str],
        typer.Argument(metavar="FILE...", help="OPML, feeds YAML or addresses, one a line; - is standard input"),
    ],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="say what would be imported, and import nothing")] = False,
    json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Import lists of feeds: OPML, however damaged, feeds YAML, or addresses.

    What can be read is added; the rest is told with its line and reason, and the exit code is then 2. No feed is
    fetched: `redline feeds check` does that.

    Example: redline feeds import subscriptions.opml --dry-run
    """
    from services.cli import feed_work

    loaded = load_settings(config)
    lists = _read(files)
    for each in lists:
        for warning in each.warnings:
            warn(str(warning))
    results = asyncio.run(feed_work.import_lists(loaded, lists, dry_run=dry_run))
    for result in results:
        _tell(result, json=json, dry_run=dry_run)
    counts = Counter(result.verdict for result in results)
    if not json:
        out.print(_summary(counts, dry_run=dry_run))
    raise typer.Exit(BAD_INPUT if counts[Verdict.UNUSABLE] else 0)


def export_feeds(
    file: Annotated[str | None, typer.Argument(metavar="[FILE]", help="where to; standard output if not given")] = None,
    written_as: Annotated[
        Format | None, typer.Option("--format", help="opml, or yaml as the feeds setting reads it")
    ] = None,
    added: Annotated[bool, typer.Option("--added", help="only added feeds, not those in files")] = False,
    config: ConfigOption = None,
) -> None:
    """Export the feeds as OPML, which every feed reader takes, or as YAML, which holds every setting.

    Without --format, the file's name decides. Importing the export gives the same feeds again.

    Example: redline feeds export my-feeds.opml
    """
    from services.cli import feed_work
    from services.domain.feeds.opml import PRIVATE_FIELDS, write_opml
    from services.provisioning.feed_lists import feeds_yaml

    chosen = written_as or Format(_SUFFIXES.get(Path(file or "").suffix.lower(), "opml"))
    followed = asyncio.run(feed_work.followed_feeds(load_settings(config)))
    feeds = [feed for feed, is_added in followed if is_added or not added]
    if chosen is Format.YAML:
        text = feeds_yaml(feeds)
    else:
        text = write_opml(feeds, datetime.now(UTC))
        private = [feed.id for feed in feeds if feed.model_dump(include=set(PRIVATE_FIELDS), exclude_defaults=True)]
        if private:
            warn(f"without headers and sign-in, which only --format yaml keeps: {', '.join(private)}")
    if file is None or file == STDIN:
        sys.stdout.write(text)
        return
    try:
        Path(file).write_text(text, encoding="utf-8")
    except OSError as error:
        raise BadInputError(f"{file} cannot be written: {error.strerror}") from error
    err.print(f"{counted(len(feeds), 'feed')} written to {escape(file)}")


def _read(places: list[str]) -> "list[FeedList]":
    from services.provisioning.feed_lists import parse_feed_list, read_feed_list

    read = []
    with Progress(console=err, transient=True, disable=not err.is_terminal) as progress:
        for place in progress.track(places, description="reading"):
            if place == STDIN:
                read.append(parse_feed_list(sys.stdin.buffer.read(), "standard input"))
            else:
                read.append(read_feed_list(Path(place)))
    return read


def _tell(result: Imported, *, json: bool, dry_run: bool) -> None:
    if json:
        print_line(_line(result))
        return
    where = f"{result.place}:{result.line}" if result.line else result.place
    if result.verdict is Verdict.UNUSABLE:
        fault(f"{where}: {result.message}")
    elif result.feed is None:
        out.print(f"[dim]{escape(f'{where}: {result.message}')}[/dim]")
    elif dry_run or result.message:
        note = f" ({result.message})" if result.message else ""
        out.print(f"[green]new[/green] [bold]{result.feed.id}[/bold] {escape(result.url + note)}")


def _line(result: Imported) -> str:
    row: dict[str, Any] = {"file": result.place, "line": result.line, "result": result.verdict, "url": result.url}
    row["id"] = result.feed.id if result.feed else None
    row["message"] = result.message
    return jsonlib.dumps({key: value for key, value in row.items() if value}, ensure_ascii=False)


def _summary(counts: Counter[Verdict], *, dry_run: bool) -> str:
    words = {
        Verdict.ADDED: "would be added" if dry_run else "added",
        Verdict.PRESENT: "there already",
        Verdict.REPEATED: "listed again",
        Verdict.UNUSABLE: "not usable",
    }
    return ", ".join(f"{counts[verdict]:,} {word}" for verdict, word in words.items())
