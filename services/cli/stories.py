"""`redline stories`: the filter that says which story each article belongs to."""

import json
import sys

import typer

from services.cli.filters import FilesArgument, articles, little_garbage
from services.cli.loading import load_settings
from services.cli.output import BAD_INPUT, ConfigOption, fault, print_line
from services.provisioning.article_files import BadLine


def stories(files: FilesArgument = None, config: ConfigOption = None) -> None:
    """Say which story each article belongs to, and where it comes from: a line for each, in the order they come.

    Example: echo '{"id": "1", "title": "Seoul weighs sending shells to Kyiv"}' | redline stories
    """
    from services.domain.stories.items import StoryItem
    from services.domain.stories.stories import StoryIndex
    from services.provisioning.catalogues import load_gazetteer

    index = StoryIndex(load_gazetteer(load_settings(config).settings.actors))
    faults = 0
    with little_garbage():
        for item in articles(files):
            if isinstance(item, BadLine):
                fault(str(item.fault))
                faults += 1
                continue
            found = item.article
            as_item = StoryItem(
                item.given_id, found.outlet, found.title, found.text, found.lang, found.event_at
            )  # under the id its file gives, which is what the line is about
            placement, _ = index.place(as_item)
            ids = {"article_id": item.given_id, "story_id": placement.story_id, "origin_id": placement.origin_id}
            print_line(json.dumps(ids, ensure_ascii=False))
            sys.stdout.flush()  # whoever follows a stream sees each line at once
    raise typer.Exit(BAD_INPUT if faults else 0)
