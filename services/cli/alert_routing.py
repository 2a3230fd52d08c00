"""`redline alerts route`: the way of an alert through the route tree, and what applies where it ends."""

import json as jsonlib
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape

from schemas.alert import Alert
from services.cli.loading import load_settings
from services.cli.outline import Outline
from services.cli.output import ConfigOption, JsonOption, print_line
from services.cli.times import span_text

if TYPE_CHECKING:
    from alerts.routing import Path, Routes, RouteStep, Target

_MARKS = {
    "passed_on": "[green]✓[/green]",
    "delivered": "[green]✓[/green]",
    "had_already": "[yellow]=[/yellow]",
    "not_matched": "[red]✗[/red]",
    "not_reached": "[dim]·[/dim]",
}


def route(
    given: Annotated[str, typer.Argument(metavar="ALERT", help="a file (JSON or JSON Lines), - or an id")],
    json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Show the way of an alert through the route tree: every route, why or why not, and what applies in the end.

    A file needs no state store, so routes can be tried out before anything runs.

    Example: redline alerts route alert.json --config redline.yaml
    """
    from alerts.routing import explain_route
    from services.cli.alert_input import given_alerts
    from services.provisioning.catalogues import load_routes

    loaded = load_settings(config)
    routes = load_routes(loaded.settings.routes)
    for alert in given_alerts(given, loaded):
        steps = explain_route(alert, routes)
        if json:
            print_line(jsonlib.dumps(_line(alert, steps, routes), ensure_ascii=False))
        else:
            _page(alert, steps, routes).print()


def _page(alert: Alert, steps: tuple["RouteStep", ...], routes: "Routes") -> Outline:
    from alerts.card import one_line

    heading = f"alert [bold]{alert.id[:12]}[/bold]  {alert.severity} {alert.kind}  {alert.watch_topic}"
    page = Outline(f"{heading}\n{escape(one_line(alert.title))}")
    branches: dict[Path, Outline] = {}
    for step in steps:
        above = branches.get(step.path[:-1], page) if step.path else page
        verdict = step.verdict.replace("_", " ")
        branch = above.add(
            f"{_MARKS[step.verdict]} {step.target.label} to [bold]{step.receiver}[/bold]: "
            f"{verdict}, {escape(step.reason)}"
        )
        branches[step.path] = branch
        if step.verdict == "delivered":
            for line in _applies(alert, step.target, routes):
                branch.add(escape(line))
    return page


def _applies(alert: Alert, target: "Target", routes: "Routes") -> Iterator[str]:
    from alerts.groups import group_key

    receiver, policy = routes.receiver(target.receiver), target.policy
    yield f"through {', '.join(channel.name for channel in receiver.channels)}"
    _, group = group_key(alert, target)
    yield "grouped by " + (", ".join(f"{name}: {value or 'none'}" for name, value in group.items()) or "nothing")
    if policy.digest:
        yield f"in the digest only ({receiver.digest.cron}, {receiver.time_zone})"
        return
    first = f"told after {span_text(policy.group_wait)}" if policy.group_wait else "told at once"
    repeats = f"again every {span_text(policy.repeat_interval)}" if policy.repeat_interval else "never again"
    yield f"{first}; what is new every {span_text(policy.group_interval)}; {repeats} without news"
    for names, what in ((policy.mute_time_intervals, "not during"), (policy.active_time_intervals, "only during")):
        if names:
            yield f"{what} {', '.join(names)} ({receiver.time_zone} unless they say otherwise)"
    if receiver.budget is not None:
        exempt = f", {' and '.join(receiver.budget.exempt)} beyond that, too" if receiver.budget.exempt else ""
        yield f"at most {receiver.budget.per_day} messages a day{exempt}; more waits for the digest"


def _line(alert: Alert, steps: tuple["RouteStep", ...], routes: "Routes") -> dict[str, Any]:
    rows = [
        {"route": step.target.label, "path": list(step.path), "receiver": step.receiver,
         "verdict": step.verdict.value, "reason": step.reason}
        for step in steps
    ]  # fmt: skip
    ends = [_end(alert, step.target, routes) for step in steps if step.verdict == "delivered"]
    return {"alert_id": alert.id, "steps": rows, "targets": ends}


def _end(alert: Alert, target: "Target", routes: "Routes") -> dict[str, Any]:
    from alerts.groups import group_key

    receiver, policy = routes.receiver(target.receiver), target.policy
    repeat = policy.repeat_interval
    return {
        "route": target.label,
        "receiver": target.receiver,
        "channels": [channel.name for channel in receiver.channels],
        "time_zone": receiver.time_zone,
        "group": group_key(alert, target)[1],
        "group_by": list(policy.group_by),
        "group_wait_seconds": policy.group_wait.total_seconds(),
        "group_interval_seconds": policy.group_interval.total_seconds(),
        "repeat_interval_seconds": repeat.total_seconds() if repeat else None,
        "mute_time_intervals": list(policy.mute_time_intervals),
        "active_time_intervals": list(policy.active_time_intervals),
        "digest": policy.digest,
        "digest_cron": receiver.digest.cron,
        "budget_per_day": receiver.budget.per_day if receiver.budget else None,
    }
