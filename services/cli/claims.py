"""`redline claims`: the filter that says what each article claims on the ladders of its topics."""

import json
import sys
from typing import Annotated

import typer

from services.cli.claim_reading import ClaimReader
from services.cli.filters import FilesArgument, TopicsOption, articles, little_garbage
from services.cli.loading import load_settings, watched
from services.cli.output import BAD_INPUT, ConfigOption, print_line

UnmatchedOption = Annotated[
    bool, typer.Option("--unmatched", help="read every article on every ladder, also those that no rule matches")
]


def claims(
    files: FilesArgument = None,
    topics: TopicsOption = None,
    unmatched: UnmatchedOption = False,
    config: ConfigOption = None,
) -> None:
    """Say what articles that match a topic claim on its ladder: who, which rung, how firmly, on whose word.

    A line for each claim (docs/claims.md), also for those that may not move a position, with the reason why not.

    Example: echo '{"id": "1", "title": "South Korea will not send weapons to Ukraine, ministry says"}' | redline claims
    """
    loaded = load_settings(config, overrides={"topics": topics})
    reader = ClaimReader(watched(loaded), loaded.settings.coding, unmatched=unmatched)
    with little_garbage():
        for found in reader.read_all(articles(files)):
            for claim in found:
                print_line(json.dumps(reader.to_json(claim), ensure_ascii=False))
            if found:
                sys.stdout.flush()  # whoever follows a stream sees each claim at once
    raise typer.Exit(BAD_INPUT if reader.unreadable else 0)
