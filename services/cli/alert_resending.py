"""`redline alerts resend`: deliveries that failed, once more."""

import asyncio
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from services.cli.loading import LoadedSettings, load_settings
from services.cli.output import FAILED, BadInputError, ConfigOption, fault, out, warn
from services.cli.times import shown, since_moment

if TYPE_CHECKING:
    from alerts.delivery import Entry, Lane, Resend
    from services.cli.resend_work import Choice

ASK_ABOVE = 20
SHORT = 12


def resend(
    given: Annotated[
        str | None, typer.Argument(metavar="[ID]", help="of an alert, an article or a delivery; six characters do")
    ] = None,
    receiver: Annotated[str | None, typer.Option(help="only deliveries to this receiver")] = None,
    channel: Annotated[str | None, typer.Option(help="only deliveries through this channel")] = None,
    dead: Annotated[bool, typer.Option("--dead", help="all that ended as dead")] = False,
    unknown: Annotated[
        bool, typer.Option("--unknown", help="all that ended as unknown; they may have arrived")
    ] = False,
    since: Annotated[
        str | None, typer.Option(metavar="SPAN|TIME", help="with --dead or --unknown: only what ended since then")
    ] = None,
    to: Annotated[
        str | None, typer.Option(metavar="RECEIVER/CHANNEL", help="send it there instead; moves what waits, too")
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help=f"do not ask before more than {ASK_ABOVE}")] = False,
    config: ConfigOption = None,
) -> None:
    """Send dead or unknown deliveries again; running alerters take them up at once. What was sent is never sent twice.

    Exits 1 if nothing that was meant could be put back.

    Example: redline alerts resend --dead --since 6h --receiver desk
    """
    from services.cli.resend_work import Choice

    if (given is None) == (not dead and not unknown):
        raise BadInputError("give either an ID, or --dead or --unknown (or both)")
    if since is not None and given is not None:
        raise BadInputError("--since goes with --dead or --unknown")
    loaded, now = load_settings(config), datetime.now(UTC)
    after = since_moment(since, "--since", now) if since else None
    given = given.strip().lower() if given else None
    choice = Choice(given=given, dead=dead, unknown=unknown, receiver=receiver, channel=channel, since=after)
    raise typer.Exit(asyncio.run(_resend(loaded, choice, to, now, yes)))


async def _resend(loaded: LoadedSettings, choice: "Choice", to: str | None, now: datetime, yes: bool) -> int:
    from alerts.delivery import Resend
    from services.cli import resend_work
    from services.cli.receiver_work import served_lanes

    lane = await resend_work.lane_named(loaded, to) if to else None
    results = await resend_work.resend(loaded, choice, lane, now, lambda count: _agree(count, yes))
    served = served_lanes(loaded)
    for entry, result in results:
        _tell(entry, result, lane or entry.lane, served)
    queued = sum(result is Resend.QUEUED for _, result in results)
    if not results:
        out.print("no delivery is meant by this; `redline alerts list` shows what there is")
        return 0 if choice.given is None else FAILED
    out.print(f"queued {queued} of {len(results)} again; alerters that run take them up within a second")
    return 0 if queued else FAILED


def _agree(count: int, yes: bool) -> None:
    if count > ASK_ABOVE and not yes:
        typer.confirm(f"Send {count} deliveries again?", abort=True)


def _tell(entry: "Entry", result: "Resend", lane: "Lane", served: "frozenset[Lane]") -> None:
    from services.cli.resend_work import WHY_NOT

    what = f"{entry.kind} {entry.key[:SHORT]} to {lane}"
    if result in WHY_NOT:
        fault(f"{what} {WHY_NOT[result]}")
        return
    ended = f" on {shown(entry.finished_at)}" if entry.finished_at else ""
    reason = f": {entry.reason}" if entry.reason else ""
    tries = f"{entry.attempt} attempt{'s' if entry.attempt != 1 else ''}"
    out.print(f"queued {escape(what)}; it was {entry.state}{ended} after {tries}{escape(reason)}")
    if lane not in served:
        warn(f"routes.yaml has no channel {lane}, so it waits; --to RECEIVER/CHANNEL sends it elsewhere")
