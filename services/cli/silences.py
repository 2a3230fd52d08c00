"""`redline silences`: alerts that nobody is to be told of for a while, by whom, and why."""

import asyncio
import json as jsonlib
from datetime import UTC, datetime
from getpass import getuser
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape
from rich.table import Table

from schemas.alert import AlertKind
from schemas.watch import Severity
from services.cli.loading import load_settings
from services.cli.output import BadInputError, ConfigOption, JsonOption, id_column, out, print_line
from services.cli.times import moment_of, shown, span_of, span_text
from services.plurals import counted

if TYPE_CHECKING:
    from alerts.silences import Silence
    from schemas.alert import Alert
    from services.cli.silence_work import Effect

app = typer.Typer(no_args_is_help=True, help="Silences: alerts that nobody is to be told of for a while.")

SHORT = 12
MOST_SHOWN = 20
_COLOURS = {"active": "green", "pending": "yellow", "ended": "dim"}

SilenceId = Annotated[str, typer.Argument(metavar="ID", help="of a silence, or the beginning of its id")]


@app.command()
def add(
    watch_topic: Annotated[list[str] | None, typer.Option("--topic", help="alerts of this watch topic")] = None,
    story: Annotated[list[str] | None, typer.Option(help="alerts of this story; `alerts show` has its id")] = None,
    kind: Annotated[list[AlertKind] | None, typer.Option(help="alerts of this kind")] = None,
    severity: Annotated[list[Severity] | None, typer.Option(help="alerts of this severity")] = None,
    outlet: Annotated[list[str] | None, typer.Option(help="alerts about this outlet's articles")] = None,
    label: Annotated[list[str] | None, typer.Option(metavar="NAME=VALUE", help="alerts with this label")] = None,
    span: Annotated[str | None, typer.Option("--for", metavar="SPAN", help="how long: 90m, 24h, 7d")] = None,
    until: Annotated[str | None, typer.Option(metavar="TIME", help="or until when: 2024-12-01T09:00, in UTC")] = None,
    comment: Annotated[str, typer.Option(help="why; others will want to know")] = "",
    author: Annotated[str | None, typer.Option(metavar="NAME", help="who; your login name if not given")] = None,
    preview: Annotated[
        bool, typer.Option("--preview", help="only show which alerts of the last 24 h it would have silenced")
    ] = False,
    json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Silence alerts that meet all of these conditions. They are recorded, and not told later either.

    A condition that is given several times takes any of its values. Alerters that run follow within a second.

    Example: redline silences add --topic arms-supply-ukraine --outlet 'Example Wire' --for 24h --comment 'known'
    """
    from services.cli import silence_work

    now = datetime.now(UTC)
    match = silence_work.matchers(watch_topic, story, kind, severity, outlet, label)
    ends_at = _end(span, until, now)
    if not preview and not comment.strip():
        raise BadInputError("say why with --comment: others will want to know")
    silence = silence_work.a_silence(match, _author(author), comment.strip() or "a preview", now, ends_at)
    effect = asyncio.run(silence_work.add(load_settings(config), silence, keep=not preview))
    if preview:
        _print_effect(effect, json)
    elif json:
        print_line(silence.model_dump_json(exclude_none=True))
    else:
        until_text = f"until {shown(silence.ends_at)}"
        out.print(f"added silence [bold]{silence.id[:SHORT]}[/bold] {until_text}: {escape(silence_work.words(match))}")
        out.print(f"{len(effect.silenced)} of the {effect.looked_at} alerts of the last 24 h meet its conditions")


def _end(span: str | None, until: str | None, now: datetime) -> datetime:
    if (span is None) == (until is None):
        raise BadInputError("say how long: either --for 24h or --until 2024-12-01T09:00")
    if span is not None:
        return now + span_of(span, "--for")
    ends_at = moment_of(until or "", "--until")
    if ends_at <= now:
        raise BadInputError(f"--until {until} is past; it is {shown(now)}")
    return ends_at


def _author(given: str | None) -> str:
    if given is not None and given.strip():
        return given.strip()
    try:
        return getuser()
    except (OSError, KeyError) as error:  # a container's user may have no name
        raise BadInputError("this system does not know your name; give it with --author") from error


def _print_effect(effect: "Effect", json: bool) -> None:
    if json:
        for alert in effect.silenced:
            print_line(alert.model_dump_json(exclude_none=True))
        return
    for alert in effect.silenced[:MOST_SHOWN]:
        out.print(_alert_line(alert))
    if len(effect.silenced) > MOST_SHOWN:
        out.print(f"and {len(effect.silenced) - MOST_SHOWN} more")
    out.print(f"{len(effect.silenced)} of the {effect.looked_at} alerts of the last 24 h; nothing was changed")


def _alert_line(alert: "Alert") -> str:
    from alerts.card import one_line

    words = (alert.severity, alert.kind, alert.watch_topic, escape(one_line(alert.title)))
    return f"{alert.id[:SHORT]}  {shown(alert.decided_at)}  {'  '.join(words)}"


@app.command("list")
def list_silences(
    everything: Annotated[bool, typer.Option("--all", help="those that have ended, too")] = False,
    json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """List the silences in force and those to come, with who made them and why; ended ones are kept for 35 days.

    Example: redline silences list --all
    """
    from services.cli import silence_work

    now = datetime.now(UTC)
    found = asyncio.run(silence_work.silences(load_settings(config)))
    wanted = [silence for silence in found if everything or silence.ends_at > now]
    if json:
        for silence in wanted:
            print_line(_line(silence, now))
        return
    table = Table(id_column("silence"), "state", "until", "alerts", "by", "why")
    for silence in wanted:
        state = silence_work.state_of(silence, now)
        until = f"{shown(silence.ends_at)}" + (
            f" ({span_text(silence.ends_at - now)})" if silence.ends_at > now else ""
        )
        coloured = f"[{_COLOURS[state]}]{state}[/{_COLOURS[state]}]"
        alerts = escape(silence_work.words(silence.match))
        table.add_row(silence.id[:SHORT], coloured, until, alerts, escape(silence.author), escape(silence.comment))
    if wanted:
        out.print(table)
    out.print(counted(len(wanted), "silence"))


@app.command()
def show(silence_id: SilenceId, json: JsonOption = False, config: ConfigOption = None) -> None:
    """Show one silence, and which alerts of the last 24 h meet its conditions.

    Example: redline silences show 3f2a91
    """
    from services.cli import silence_work

    now = datetime.now(UTC)
    silence, effect = asyncio.run(silence_work.find(load_settings(config), silence_id))
    if json:
        print_line(_line(silence, now))
        return
    out.print(f"silence [bold]{silence.id}[/bold], {silence_work.state_of(silence, now)}")
    for name, value in (
        ("alerts", silence_work.words(silence.match)),
        ("from", shown(silence.starts_at)),
        ("until", shown(silence.ends_at)),
        ("made by", f"{silence.author}, {shown(silence.created_at)}"),
        ("why", silence.comment),
    ):
        out.print(f"  {name:<8} {escape(value)}")
    for alert in effect.silenced[:MOST_SHOWN]:
        out.print(f"  {_alert_line(alert)}")
    out.print(f"{len(effect.silenced)} of the {effect.looked_at} alerts of the last 24 h meet its conditions")


@app.command()
def expire(
    silence_ids: Annotated[list[str], typer.Argument(metavar="ID...", help="of silences, or their beginnings")],
    config: ConfigOption = None,
) -> None:
    """End silences now. What they silenced stays untold.

    Example: redline silences expire 3f2a91
    """
    from services.cli import silence_work

    for silence, ended in asyncio.run(silence_work.expire(load_settings(config), silence_ids, datetime.now(UTC))):
        if ended:
            out.print(f"ended silence [bold]{silence.id[:SHORT]}[/bold]: {escape(silence_work.words(silence.match))}")
        else:
            out.print(f"silence {silence.id[:SHORT]} has ended before, on {shown(silence.ends_at)}")


def _line(silence: "Silence", now: datetime) -> str:
    from services.cli.silence_work import state_of

    row = {**silence.model_dump(mode="json", exclude_none=True, exclude_defaults=True), "state": state_of(silence, now)}
    return jsonlib.dumps(row, ensure_ascii=False)
