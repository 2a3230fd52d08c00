"""`redline alerts list` and `show`: what became of alerts, and of the articles that raised them."""

import asyncio
import json as jsonlib
from collections.abc import Iterator
from contextlib import aclosing
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from schemas.alert import Alert, AlertKind
from schemas.trace import TO_ALERTS, Stage, TraceStep
from schemas.watch import Severity
from services.cli.alert_status import Status
from services.cli.loading import LoadedSettings, load_settings
from services.cli.outline import Outline
from services.cli.output import ConfigOption, JsonOption, out, print_line
from services.cli.times import shown, since_moment
from services.plurals import counted

if TYPE_CHECKING:
    from alerts.delivery import Entry
    from services.cli.alert_work import AlertWay, ArticleWay, DeliveryWay, Wanted

SHORT = 12  # characters of an id that people see; enough to type it, as six are
_COLOURS = {
    Status.SENT: "green",
    Status.DEAD: "red",
    Status.UNKNOWN: "red",
    Status.PENDING: "yellow",
    Status.SENDING: "yellow",
    Status.NOBODY: "red",
}
_SEVERITIES = {Severity.INFO: "cyan", Severity.WARNING: "yellow", Severity.CRITICAL: "red"}
_LEADING_ON = {Stage.QUEUED, *TO_ALERTS}  # to a delivery, to an alert
_ENDS = {Stage.NOT_ALERTED, Stage.REACHES_NOBODY, Stage.SILENCED, Stage.INHIBITED, Stage.REPEATED}


def list_alerts(
    since: Annotated[str, typer.Option(metavar="SPAN|TIME", help="24h, 7d, or a time in UTC")] = "24h",
    watch_topic: Annotated[list[str] | None, typer.Option("--topic", help="only of this watch topic")] = None,
    kind: Annotated[list[AlertKind] | None, typer.Option(help="only of this kind")] = None,
    severity: Annotated[list[Severity] | None, typer.Option(help="only of this severity")] = None,
    receiver: Annotated[str | None, typer.Option(help="only what was routed to this receiver")] = None,
    status: Annotated[list[Status] | None, typer.Option(help="only what stands so with a receiver of it")] = None,
    limit: Annotated[int, typer.Option(min=1, help="at most so many")] = 100,
    json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """List the alerts of the last day or more, newest first, and where each stands; works while Redline runs.

    Options that are given several times mean any of these.

    Example: redline alerts list --since 7d --status dead --status unknown
    """
    from services.cli.alert_work import Wanted

    now = datetime.now(UTC)
    wanted = Wanted(
        since_moment(since, "--since", now),
        now + timedelta(days=1),  # the clock of whoever decided may be ahead of ours
        tuple(watch_topic or ()),
        tuple(kind or ()),
        tuple(severity or ()),
        receiver,
        tuple(status or ()),
    )
    ways, more = asyncio.run(_list(load_settings(config), wanted, limit))
    if json:
        for way in ways:
            print_line(jsonlib.dumps(_row_json(way), ensure_ascii=False))
        return
    for line in _lines(ways):
        out.print(line)
    out.print(counted(len(ways), "alert") + ("; there are more, see --limit" if more else ""))


async def _list(loaded: LoadedSettings, wanted: "Wanted", limit: int) -> tuple[list["AlertWay"], bool]:
    from services import bootstrap
    from services.cli.alert_work import alert_stores

    found: list[AlertWay] = []
    if not bootstrap.has_state(loaded.settings):
        return found, False
    async with alert_stores(loaded) as stores, aclosing(stores.list(wanted)) as listing:
        async for way in listing:
            if len(found) == limit:
                return found, True
            found.append(way)
    return found, False


def _lines(ways: list["AlertWay"]) -> Iterator[str]:
    """Return two lines for each alert: a table would leave no room for titles on a terminal of 80 columns."""
    alerts = [(way, way.alert) for way in ways if way.alert is not None]
    kinds = max((len(alert.kind) for _, alert in alerts), default=0)
    topics = max((len(alert.watch_topic) for _, alert in alerts), default=0)
    severities = max(map(len, Severity))
    for way, alert in alerts:
        severity = _coloured(f"{alert.severity:<{severities}}", _SEVERITIES[alert.severity])
        facts = f"{alert.decided_at:%Y-%m-%d %H:%M}Z  {severity}  {alert.kind:<{kinds}}  {alert.watch_topic:<{topics}}"
        yield f"[bold]{alert.id[:SHORT]}[/bold]  {facts}  {status_text(way)}"
        outlet = f"  [dim]{_plain(alert.article.outlet)}[/dim]" if alert.article else ""
        yield f"{'':<{SHORT}}  {_plain(alert.title)}{outlet}"


def status_text(way: "AlertWay") -> str:
    """Return where an alert stands in a few words: `sent 2, dead`."""
    counts = {status: way.statuses.count(status) for status in Status if status in way.statuses}
    parts = (
        _coloured(f"{status.value} {count}" if count > 1 else status.value, _COLOURS.get(status, "dim"))
        for status, count in counts.items()
    )
    return ", ".join(parts) or "not decided yet"


def _row_json(way: "AlertWay") -> dict[str, object]:
    row = way.to_json()
    alert = row["alert"] or {}
    kept = ("decided_at", "severity", "kind", "watch_topic", "title", "group_key", "labels")
    facts = {name: alert.get(name) for name in kept}
    article, story = alert.get("article"), alert.get("story")
    facts |= {"outlet": article["outlet"] if article else None, "article_id": article["id"] if article else None}
    facts |= {"story_id": story["id"] if story else None, "receivers": sorted(way.receivers)}
    return {"id": way.alert_id, **facts, "statuses": row["statuses"], "deliveries": row["deliveries"]}


def show(
    given: Annotated[
        str, typer.Argument(metavar="ID", help="of an alert, an article or a delivery; six characters do")
    ],
    json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Show the whole way of an alert: article, match, route, group, why it was held back, every delivery.

    Of an article, also of one that raised no alert: what was decided, and why.

    Example: redline alerts show 3f2a91
    """
    from services.cli.alert_work import AlertWay, ArticleWay

    way, article = asyncio.run(_find(load_settings(config), given.strip().lower()))
    if json:
        line = way.to_json()
        if article is not None and isinstance(way, AlertWay):
            from services.cli.alert_work import steps_json

            line["article_steps"] = steps_json(_of_topic(article, way))
        print_line(jsonlib.dumps(line, ensure_ascii=False))
    elif isinstance(way, AlertWay):
        _alert_page(way, article).print()
    elif isinstance(way, ArticleWay):
        _article_page(way).print()
    else:
        _delivery_page(way).print()


async def _find(
    loaded: LoadedSettings, given: str
) -> tuple["AlertWay | ArticleWay | DeliveryWay", "tuple[TraceStep, ...] | None"]:
    """Return the way of an id, and the steps of the article behind it where it is an alert's."""
    from services.cli.alert_work import AlertWay, alert_stores

    async with alert_stores(loaded) as stores:
        way = await stores.find(given)
        article = way.alert.article if isinstance(way, AlertWay) and way.alert else None
        return way, await stores.traces.of_article(article.id) if article else None


def _of_topic(steps: tuple[TraceStep, ...], way: "AlertWay") -> tuple[TraceStep, ...]:
    """Return the steps of an article that led to this alert rather than to that of another watch topic."""
    topic = way.alert.watch_topic if way.alert else None
    own = (step for step in steps if step.watch_topic in {None, topic})
    return tuple(step for step in own if step.stage is Stage.MATCHED or step.ref in {None, way.alert_id})


def _alert_page(way: "AlertWay", article_steps: tuple[TraceStep, ...] | None) -> Outline:
    alert = way.alert
    if alert is None or alert.article is None:
        return _alert_tree(way)
    tree = _article_tree(alert)
    for step in _of_topic(article_steps or (), way):
        if step.stage not in TO_ALERTS:
            tree.add(_step_text(step))
    tree.add(_alert_tree(way))
    return tree


def _article_page(way: "ArticleWay") -> Outline:
    first = next((one.alert for one in way.alerts if one.alert is not None), None)
    tree = _article_tree(first) if first is not None else Outline(f"article [bold]{way.article_id}[/bold]")
    alerts = {one.alert_id: one for one in way.alerts}
    for step in way.steps:
        raised = alerts.pop(step.ref, None) if step.stage in TO_ALERTS and step.ref else None
        tree.add(_alert_tree(raised) if raised is not None else _step_text(step))
    for one in alerts.values():
        tree.add(_alert_tree(one))
    return tree


def _delivery_page(way: "DeliveryWay") -> Outline:
    tree = Outline(f"delivery [bold]{way.entry.key}[/bold] of a notification of kind {way.entry.kind}")
    for line in _delivery_lines(way.entry):
        tree.add(line)
    told = tree.add(f"tells of {len(way.alerts)} alert{'s' if len(way.alerts) != 1 else ''} that are still kept")
    for one in way.alerts:
        told.add(_alert_heading(one))
    return tree


def _article_tree(alert: Alert) -> Outline:
    article = alert.article
    if article is None:
        return Outline("no article")
    when = shown(article.published_at) if article.published_at else f"seen {shown(article.first_seen_at)}"
    heading = f"article [bold]{article.id}[/bold]  {_plain(article.outlet)}  {when}\n{_plain(article.title)}"
    return Outline(heading + (f"\n[dim]{_plain(article.url)}[/dim]" if article.url else ""))


def _alert_heading(way: "AlertWay") -> str:
    if way.alert is None:
        return f"alert [bold]{way.alert_id}[/bold]  (itself not kept any more)"
    alert = way.alert
    severity = _coloured(alert.severity, _SEVERITIES[alert.severity])
    when = shown(alert.decided_at)
    heading = f"{when}  alert [bold]{alert.id}[/bold]  {severity} {alert.kind}  {alert.watch_topic}"
    story = f"\nstory {alert.story.id}, {alert.story.novelty}" if alert.story else ""
    rules = f"\nmatched by {_plain(', '.join(alert.rule_ids))}" if alert.rule_ids else ""
    return f"{heading}\n{_plain(alert.title)}{rules}{story}"


def _alert_tree(way: "AlertWay") -> Outline:
    tree = Outline(_alert_heading(way))
    entries = {entry.key: entry for entry in way.deliveries}
    for step in way.steps:
        branch = tree.add(_step_text(step))
        entry = entries.pop(step.ref, None) if step.stage is Stage.QUEUED and step.ref else None
        for line in _delivery_lines(entry) if entry else ():
            branch.add(line)
    for entry in entries.values():
        branch = tree.add(f"{shown(entry.queued_at)}  queued  {entry.lane}  {entry.kind} {entry.key[:SHORT]}")
        for line in _delivery_lines(entry):
            branch.add(line)
    if not way.steps and not way.deliveries:
        tree.add("[dim]the alerter has not decided yet[/dim]")
    return tree


def _step_text(step: TraceStep) -> str:
    place = f"{step.receiver}/{step.channel}" if step.receiver and step.channel else step.receiver or ""
    ref = f"({step.ref[:SHORT]})" if step.ref and step.stage in _LEADING_ON else ""
    topic = step.watch_topic or "" if step.subject_kind == "article" else ""
    stage = step.stage.replace("_", " ")
    name = f"[yellow]{stage}[/yellow]" if step.stage in _ENDS else f"[bold]{stage}[/bold]"
    if step.ref and step.stage is Stage.SILENCED:
        ref = f"(redline silences show {step.ref[:SHORT]})"
    words = [shown(step.at), name, topic, _plain(place), _plain(step.reason), ref]
    return "  ".join(word for word in words if word)


def _delivery_lines(entry: "Entry") -> Iterator[str]:
    tries = f"after {entry.attempt} attempt{'s' if entry.attempt != 1 else ''}"
    state = _coloured(entry.state, _COLOURS[Status(entry.state.value)])
    when = f"{shown(entry.finished_at)}  {state} {tries}" if entry.finished_at else f"{state} {tries}"
    if entry.due_at is not None:
        when += f", due {shown(entry.due_at)}"
    if entry.waits_for is not None:
        when += f", waits for the first message of its thread ({entry.waits_for[:SHORT]})"
    yield when + (f": {_plain(entry.reason)}" if entry.reason else "")
    if entry.external_ref:
        yield f"[dim]ref[/dim] {_plain(entry.external_ref)}"


def _plain(text: str) -> str:
    """Return text that others wrote as it may be printed on a terminal."""
    from alerts.card import one_line

    return escape(one_line(text))


def _coloured(text: str, colour: str) -> str:
    return f"[{colour}]{text}[/{colour}]"
