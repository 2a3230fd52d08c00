"""`redline topics rebuild`: the positions of a topic again, from the log."""

import asyncio
from typing import Annotated

import typer

from services.cli.loading import load_settings, watched
from services.cli.output import BadInputError, ConfigOption, out
from services.plurals import counted


def rebuild(
    topic_id: Annotated[str, typer.Argument(metavar="TOPIC", help="a topic's id")],
    config: ConfigOption = None,
) -> None:
    """Code every match that the log still holds again, and fold the positions of the topic from that.

    For a ladder that is new or has changed, or a state store that was lost. It may run beside the tracker, which then
    tells what is different. Example: redline topics rebuild arms-supply-ukraine
    """
    from services import bootstrap
    from services.provisioning.faults import nearest

    loaded = load_settings(config)
    known = watched(loaded)
    if topic_id not in known.ladders:
        raise BadInputError(f"no watch topic with a ladder has the id {topic_id!r}{nearest(topic_id, known.ladders)}")
    rebuilt = asyncio.run(bootstrap.rebuild_positions(loaded, known, topic_id))
    heard = f"{counted(rebuilt.articles, 'article')} heard again: {counted(rebuilt.claims, 'claim')}"
    out.print(f"{heard}, {rebuilt.new} new or changed, {rebuilt.withdrawn} withdrawn")
