"""`redline feeds`: the feeds that are followed."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

import typer
from pydantic import ValidationError
from rich.markup import escape
from rich.progress import Progress
from rich.table import Table

from schemas.codec import describe
from schemas.feed import Feed
from services.cli.loading import load_settings
from services.cli.output import FAILED, BadInputError, ConfigOption, JsonOption, err, id_column, out, print_line

app = typer.Typer(no_args_is_help=True, help="Feeds: the addresses that are polled.")

FeedsArgument = Annotated[list[str] | None, typer.Argument(metavar="[FEED]...", help="feed ids; all if not given")]


@app.command()
def add(
    url: Annotated[str, typer.Argument(help="the feed's address")],
    feed_id: Annotated[str | None, typer.Option("--id", help="its id; made from the address if not given")] = None,
    outlet: Annotated[str | None, typer.Option(help="who publishes there; the feed's title if not given")] = None,
    country: Annotated[str | None, typer.Option(metavar="ISO3", help="the outlet's country, as in KOR")] = None,
    lang: Annotated[str | None, typer.Option(metavar="LANG", help="the language of its items, as in ko")] = None,
    interval: Annotated[str | None, typer.Option(metavar="15m", help="poll this often, whatever its rhythm")] = None,
    no_check: Annotated[bool, typer.Option("--no-check", help="add it without fetching it first")] = False,
    config: ConfigOption = None,
) -> None:
    """Add a feed; a running fetcher follows it within two seconds. Its present items alert nobody.

    Example: redline feeds add https://en.yna.co.kr/RSS/nk.xml --country KOR --lang en
    """
    from services.cli import feed_work
    from services.provisioning.yaml_file import iso_duration

    loaded = load_settings(config)
    title = None if no_check else asyncio.run(feed_work.probe(loaded, url))
    if isinstance(title, feed_work.Unreadable):
        raise BadInputError(f"{url}: {title.message} (--no-check adds it all the same)")
    values = {
        "id": feed_id or feed_work.slug_of_url(url),
        "url": url,
        "outlet": outlet or title or feed_work.host_of(url),
        "country": country,
        "lang": lang,
        "interval": iso_duration(interval),
    }
    feed = _validated({key: value for key, value in values.items() if value is not None})
    problem = asyncio.run(feed_work.add_feed(loaded, feed))
    if problem:
        raise BadInputError(problem)
    out.print(
        f"added feed [bold]{feed.id}[/bold] ({escape(feed.outlet)}); a running fetcher follows it within 2 seconds"
    )


@app.command("list")
def list_feeds(json: JsonOption = False, config: ConfigOption = None) -> None:
    """List every feed with its state at the last poll.

    Example: redline feeds list
    """
    from services.cli import feed_work

    rows = asyncio.run(feed_work.feed_rows(load_settings(config)))
    if json:
        for row in rows:
            print_line(row.to_json())
        return
    table = Table(id_column("feed"), "outlet", "polled", "state", "next")
    for row in rows:
        feed = row.feed
        table.add_row(feed.id, escape(feed.outlet), _ago(row.last_polled_at), escape(row.state), _in(row.due_at))
    out.print(table)


@app.command()
def check(feeds: FeedsArgument = None, json: JsonOption = False, config: ConfigOption = None) -> None:
    """Fetch each feed once and say what came; exits 1 if one cannot be read. Stores nothing.

    Example: redline feeds check yonhap-en tass-en
    """
    from services.cli import feed_work

    loaded = load_settings(config)
    rows = asyncio.run(feed_work.feed_rows(loaded))
    known = {row.feed.id: row.feed for row in rows}
    unknown = [name for name in feeds or () if name not in known]
    if unknown:
        from services.provisioning.faults import nearest

        raise BadInputError(f"no feed {unknown[0]!r}{nearest(unknown[0], known)}")
    chosen = [known[name] for name in feeds] if feeds else list(known.values())
    failed = asyncio.run(_check(loaded, chosen, json))
    if not json:
        out.print(f"{len(chosen)} feeds, {failed} cannot be read")
    raise typer.Exit(FAILED if failed else 0)


@app.command()
def remove(
    feed_id: Annotated[str, typer.Argument(metavar="FEED", help="the id of an added feed")], config: ConfigOption = None
) -> None:
    """Stop following a feed that was added; feeds in files are removed there.

    Example: redline feeds remove en-yna-co-kr-rss-nk
    """
    from services.cli import feed_work

    problem = asyncio.run(feed_work.remove_feed(load_settings(config), feed_id))
    if problem:
        raise BadInputError(problem)
    out.print(f"removed feed [bold]{feed_id}[/bold]")


async def _check(loaded: Any, feeds: list[Feed], json: bool) -> int:
    from services.cli import feed_work

    failed = 0
    with Progress(console=err, transient=True, disable=not err.is_terminal) as progress:
        task = progress.add_task("checking", total=len(feeds))
        async for found in feed_work.check_feeds(loaded, feeds):
            progress.advance(task)
            failed += not found.ok
            if json:
                print_line(found.to_json())
            else:
                mark = "[green]ok[/green]  " if found.ok else "[red]fail[/red]"
                out.print(f"{mark} {found.feed_id:<28} {escape(found.message)}")
    return failed


def _validated(values: dict[str, Any]) -> Feed:
    import json

    try:
        return Feed.model_validate_json(json.dumps(values))
    except ValidationError as error:
        raise BadInputError(f"feed: {describe(error)}") from error


def _ago(moment: datetime | None) -> str:
    return f"{_span(datetime.now(UTC) - moment)} ago" if moment else "never"


def _in(moment: datetime | None) -> str:
    if moment is None:
        return ""
    wait = moment - datetime.now(UTC)
    return f"in {_span(wait)}" if wait > timedelta(0) else "now"


def _span(span: timedelta) -> str:
    seconds = int(span.total_seconds())
    for size, unit in ((86_400, "d"), (3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"
