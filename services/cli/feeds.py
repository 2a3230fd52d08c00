"""`redline feeds`: the feeds that are followed."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.progress import Progress
from rich.table import Table

from schemas.feed import Feed
from services.cli import feed_adding, feed_transfer
from services.cli.loading import load_settings
from services.cli.output import FAILED, BadInputError, ConfigOption, JsonOption, err, id_column, out, print_line

app = typer.Typer(no_args_is_help=True, help="Feeds: the addresses that are polled.")

FeedsArgument = Annotated[list[str] | None, typer.Argument(metavar="[FEED]...", help="feed ids; all if not given")]


app.command()(feed_adding.add)
app.command()(feed_adding.discover)


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


app.command("import")(feed_transfer.import_feeds)
app.command("export")(feed_transfer.export_feeds)


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
