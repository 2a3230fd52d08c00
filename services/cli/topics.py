"""`redline topics`: the questions that are watched."""

from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from schemas.watch import WatchTopic
from services.cli.loading import load_settings, watched
from services.cli.output import BadInputError, ConfigOption, JsonOption, out, print_line

app = typer.Typer(no_args_is_help=True, help="Watch topics: the questions that are watched.")


@app.command("list")
def list_topics(json: JsonOption = False, config: ConfigOption = None) -> None:
    """List every watch topic with the number of its rules.

    Example: redline topics list
    """
    topics = _topics(config)
    if json:
        for topic in topics:
            print_line(topic.model_dump_json(exclude_none=True))
        return
    table = Table("topic", "title", "rules")
    for topic in topics:
        table.add_row(topic.id, escape(topic.title), str(len(topic.rules)))
    out.print(table)


@app.command()
def show(
    topic_id: Annotated[str, typer.Argument(metavar="TOPIC", help="a topic's id")],
    json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Show one watch topic and its rules.

    Example: redline topics show arms-supply-ukraine
    """
    from services.provisioning.faults import nearest

    topics = {topic.id: topic for topic in _topics(config)}
    topic = topics.get(topic_id)
    if topic is None:
        raise BadInputError(f"no watch topic {topic_id!r}{nearest(topic_id, topics)}")
    if json:
        print_line(topic.model_dump_json(exclude_none=True))
        return
    out.print(f"[bold]{topic.id}[/bold]  {escape(topic.title)}\n{escape(topic.description.strip())}\n")
    for rule in topic.rules:
        out.print(f"[bold]{rule.id}[/bold] ({rule.severity})  {escape(rule.title)}")
        out.print(f"    {escape(' '.join(rule.query.split()))}")


def _topics(config: Path | None) -> tuple[WatchTopic, ...]:
    return watched(load_settings(config)).topics
