"""`redline topics`: the questions that are watched, and how things stand."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from schemas.watch import WatchTopic
from services.cli.filters import TopicsOption
from services.cli.loading import load_settings, watched
from services.cli.output import BAD_INPUT, BadInputError, ConfigOption, JsonOption, id_column, out, print_line
from services.cli.topic_rebuilding import rebuild

if TYPE_CHECKING:
    from services.provisioning.catalogues import Watched

app = typer.Typer(no_args_is_help=True, help="Watch topics: the questions that are watched.")
app.command()(rebuild)


@app.command("list")
def list_topics(json: JsonOption = False, config: ConfigOption = None) -> None:
    """List every watch topic with the number of its rules, and of the rungs of its ladder if it has one.

    Example: redline topics list
    """
    known = watched(load_settings(config))
    if json:
        for topic in known.topics:
            print_line(_to_json(topic, known))
        return
    table = Table(id_column("topic"), "title", "rules", "ladder")
    for topic in known.topics:
        ladder = known.ladders.get(topic.id)
        rungs = f"{len(ladder.rungs)} rungs" if ladder else "[dim]none[/dim]"
        table.add_row(topic.id, escape(topic.title), str(len(topic.rules)), rungs)
    out.print(table)


@app.command()
def show(
    topic_id: Annotated[str, typer.Argument(metavar="TOPIC", help="a topic's id")],
    topics: TopicsOption = None,
    from_files: Annotated[
        list[Path] | None,
        typer.Option("--from", metavar="FILE", help="show positions by these articles; may be given several times"),
    ] = None,
    actor: Annotated[str | None, typer.Option(metavar="ID", help="only the position of this actor")] = None,
    since: Annotated[
        str | None, typer.Option(metavar="SPAN|TIME", help="begin the chart so long ago: 90d, or a time in UTC")
    ] = None,
    svg: Annotated[Path | None, typer.Option(metavar="FILE", help="write the position over time as a picture")] = None,
    json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Show one watch topic: its rules, its ladder, and where each actor stands and stood on it.

    Positions are those that a running Redline knows, or those by the articles given with --from.
    In the chart, ━ is the declared position, ╌ the reported one where it differs, ● the actor's own words, ○ those of
    others; below it, ▲▼ are declared shifts, △▽ reported ones.

    Example: redline topics show arms-supply-ukraine --from seeds/articles --svg seoul.svg
    """
    loaded = load_settings(config, overrides={"topics": topics})
    known = watched(loaded)
    topic = _find(topic_id, known)
    if json:
        print_line(_to_json(topic, known))
        return
    if topic.id not in known.ladders:
        if svg or from_files or actor or since:
            raise BadInputError(f"topic {topic.id!r} has no ladder, so that nobody has a position on it")
        _print_topic(topic)
        return
    from services.cli.ladder_showing import held_by_articles, held_by_store, print_ladder, print_positions, write_svg

    found = held_by_articles(loaded, known, topic, from_files) if from_files else held_by_store(loaded, known, topic)
    shown = found.only(actor).beginning(since)
    if svg:
        write_svg(shown, svg)
    _print_topic(topic)
    print_ladder(known.ladders[topic.id])
    print_positions(shown)
    raise typer.Exit(BAD_INPUT if found.unreadable else 0)


def _print_topic(topic: WatchTopic) -> None:
    out.print(f"[bold]{topic.id}[/bold]  {escape(topic.title)}\n{escape(topic.description.strip())}\n")
    for rule in topic.rules:
        out.print(f"[bold]{rule.id}[/bold] ({rule.severity})  {escape(rule.title)}")
        out.print(f"    {escape(' '.join(rule.query.split()))}")


def _find(topic_id: str, known: "Watched") -> WatchTopic:
    from services.provisioning.faults import nearest

    topics = {topic.id: topic for topic in known.topics}
    if topic_id not in topics:
        raise BadInputError(f"no watch topic {topic_id!r}{nearest(topic_id, topics)}")
    return topics[topic_id]


def _to_json(topic: WatchTopic, known: "Watched") -> str:
    import json as jsonlib

    line: dict[str, Any] = topic.model_dump(mode="json", exclude_none=True)
    if ladder := known.ladders.get(topic.id):
        line["ladder"] = ladder.model_dump(mode="json", exclude_defaults=True)
    return jsonlib.dumps(line, ensure_ascii=False)
