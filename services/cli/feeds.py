"""`redline feeds`: the feeds that are followed."""

import asyncio
from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.progress import Progress

from schemas.feed import Feed
from services.cli import feed_adding, feed_showing, feed_transfer
from services.cli.loading import load_settings
from services.cli.output import FAILED, BadInputError, ConfigOption, JsonOption, err, out, print_line
from services.plurals import counted

app = typer.Typer(no_args_is_help=True, help="Feeds: the addresses that are polled.")

FeedsArgument = Annotated[list[str] | None, typer.Argument(metavar="[FEED]...", help="feed ids; all if not given")]


app.command()(feed_adding.add)
app.command()(feed_adding.discover)


app.command("list")(feed_showing.list_feeds)
app.command()(feed_showing.show)


@app.command()
def check(feeds: FeedsArgument = None, json: JsonOption = False, config: ConfigOption = None) -> None:
    """Fetch each feed once and say what came; exits 1 if one cannot be read. Stores nothing.

    Example: redline feeds check yonhap-en tass-en
    """
    from services.cli import feed_work

    loaded = load_settings(config)
    known = {feed.id: feed for feed, _ in asyncio.run(feed_work.followed_feeds(loaded))}
    unknown = [name for name in feeds or () if name not in known]
    if unknown:
        from services.provisioning.faults import nearest

        raise BadInputError(f"no feed {unknown[0]!r}{nearest(unknown[0], known)}")
    chosen = [known[name] for name in feeds] if feeds else list(known.values())
    failed = asyncio.run(_check(loaded, chosen, json))
    if not json:
        out.print(f"{counted(len(chosen), 'feed')}, {failed} cannot be read")
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
