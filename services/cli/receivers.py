"""`redline receivers`: who is told, whether messages reach them, and a test of that."""

import asyncio
import json as jsonlib
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape
from rich.table import Column, Table

from services.cli.loading import load_settings
from services.cli.output import FAILED, ConfigOption, JsonOption, id_column, out, print_line
from services.cli.times import shown, span_text, zulu

if TYPE_CHECKING:
    from services.cli.receiver_work import ChannelRow

app = typer.Typer(no_args_is_help=True, help="Receivers: who is told, and whether messages reach them.")

_COLOURS = {"sent": "green", "refused": "red", "unknown": "red", "failed": "red", "left out": "yellow"}


@app.command("list")
def list_receivers(json: JsonOption = False, config: ConfigOption = None) -> None:
    """List every channel of every receiver: what waits for it, since when, and how its last delivery ended.

    Example: redline receivers list
    """
    from services.cli import receiver_work

    rows = asyncio.run(receiver_work.channel_rows(load_settings(config)))
    if json:
        for row in rows:
            print_line(jsonlib.dumps(row.to_json(), ensure_ascii=False))
        return
    table = Table(id_column("receiver"), id_column("channel"), "type", "secrets", "waiting", "oldest", Column("last"))
    now = datetime.now(UTC)
    for row in rows:
        table.add_row(
            row.lane.receiver,
            row.lane.channel,
            row.type or "[red]not in routes.yaml[/red]",
            _secrets(row),
            str(row.waiting),
            span_text(now - row.oldest_at) if row.oldest_at else "",
            _last(row, now),
        )
    out.print(table)


def _secrets(row: "ChannelRow") -> str:
    if row.missing:
        colour = "yellow" if row.optional else "red"
        names = escape(", ".join(row.missing))
        return f"[{colour}]{names} not set{'; left out' if row.optional else ''}[/{colour}]"
    return "set" if row.secrets else "none needed" if row.type else ""


def _last(row: "ChannelRow", now: datetime) -> str:
    if row.last is None or row.last_at is None:
        return "[dim]none yet[/dim]"
    colour = "green" if row.last == "sent" else "red"
    reason = f": {escape(row.last_reason)}" if row.last_reason else ""
    return f"[{colour}]{row.last}[/{colour}] {span_text(now - row.last_at)} ago{reason}"


@app.command()
def unsubscribed(
    name: Annotated[str | None, typer.Argument(metavar="[NAME]", help="only from this receiver")] = None,
    json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """List who has unsubscribed from mail: from which receiver, when, and by a mail of which channel.

    Example: redline receivers unsubscribed desk
    """
    from services.cli import leaving_work

    left = asyncio.run(leaving_work.everyone_who_left(load_settings(config), name))
    if json:
        for one in left:
            line = {"receiver": one.receiver, "address": one.address, "channel": one.channel, "at": zulu(one.at)}
            print_line(jsonlib.dumps(line, ensure_ascii=False))
        return
    table = Table(id_column("receiver"), id_column("address"), "channel", "since", box=None, pad_edge=False)
    for one in left:
        table.add_row(one.receiver, escape(one.address), escape(one.channel), shown(one.at))
    if left:
        out.print(table)
    out.print(f"{len(left)} unsubscribed")


@app.command()
def resubscribe(
    name: Annotated[str, typer.Argument(metavar="NAME", help="the name of a receiver")],
    address: Annotated[str, typer.Argument(metavar="ADDRESS", help="who asked to get its mail again")],
    config: ConfigOption = None,
) -> None:
    """Let an address that has unsubscribed get the mail of a receiver again, from the next message on.

    Example: redline receivers resubscribe desk reader@example.org
    """
    from services.cli import leaving_work

    since = asyncio.run(leaving_work.take_back(load_settings(config), name, address))
    out.print(f"{escape(address)} gets the mail of {escape(name)} again; it had none since {shown(since)}")


@app.command()
def test(
    name: Annotated[str, typer.Argument(metavar="NAME", help="the name of a receiver")],
    channel: Annotated[str | None, typer.Option(help="only this channel of it")] = None,
    json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Send a test message to a receiver now, through each of its channels, and say what became of it.

    It goes beside the outbox, is tried once, and exits 1 if a channel did not take it.

    Example: redline receivers test desk --channel slack
    """
    from services.cli import receiver_work

    results = asyncio.run(receiver_work.send_tests(load_settings(config), name, channel))
    for result in results:
        if json:
            print_line(jsonlib.dumps(result.to_json(), ensure_ascii=False))
            continue
        colour = _COLOURS[result.verdict]
        words = ": ".join(escape(part) for part in (str(result.lane), result.reason) if part)
        ref = f" [dim]{escape(result.external_ref)}[/dim]" if result.external_ref else ""
        out.print(f"[{colour}]{result.verdict:<8}[/{colour}] {words}{ref}")
    sent = sum(result.verdict == "sent" for result in results)
    failed = any(result.verdict not in {"sent", "left out"} for result in results)
    raise typer.Exit(FAILED if failed or not sent else 0)
