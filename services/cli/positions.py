"""`redline positions`: where each actor stands by what articles claim, or by what a running Redline knows."""

import asyncio
import json as jsonlib
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any

import typer

from schemas.base import Contract
from services.cli.claim_reading import ClaimReader
from services.cli.claims import UnmatchedOption
from services.cli.filters import FilesArgument, TopicsOption, articles, little_garbage
from services.cli.loading import LoadedSettings, load_settings, watched
from services.cli.output import BAD_INPUT, ConfigOption, JsonOption, out, print_line
from services.plurals import counted

if TYPE_CHECKING:
    from services.cli.held_positions import Held

ToJson = Callable[[Contract], dict[str, Any]]


def positions(
    files: FilesArgument = None,
    topics: TopicsOption = None,
    explain: Annotated[bool, typer.Option("--explain", help="say in words what decided, and what is missing")] = False,
    unmatched: UnmatchedOption = False,
    stored: Annotated[
        bool, typer.Option("--stored", help="of what a running Redline knows; so on a terminal without FILE")
    ] = False,
    json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Say where each actor stands by what articles claim, and how it came there.

    Of articles: a line {"type": "position", ...} for each topic and actor, and after it a line {"type": "shift", ...}
    for each of its shifts, the oldest first, when all is read; the order of the articles changes nothing.

    Example: redline positions seeds/articles --explain
    """
    loaded = load_settings(config, overrides={"topics": topics})
    if stored or (not files and sys.stdin.isatty()):
        _show_stored(loaded, explain=explain, json=json)
        return
    from services.cli.held_positions import HeldPositions

    reader = ClaimReader(watched(loaded), loaded.settings.coding, unmatched=unmatched)
    positions = HeldPositions(reader.watched)
    with little_garbage():
        positions.add(reader.read_in_time(articles(files)))
        held = positions.all()
    if explain:
        _explain(held)
    else:
        _print_json(held, reader.to_json)
    raise typer.Exit(BAD_INPUT if reader.unreadable else 0)


def _show_stored(loaded: LoadedSettings, *, explain: bool, json: bool) -> None:
    from services.cli.position_work import stored_positions

    held = asyncio.run(stored_positions(loaded, watched(loaded)))
    if json:
        _print_json(held, lambda contract: contract.model_dump(mode="json", exclude_none=True))
    elif explain:
        _explain(held)
    else:
        _show(held)


def _print_json(held: "tuple[Held, ...]", to_json: ToJson) -> None:
    for one in held:
        position = to_json(one.position)
        shifts = position.pop("shifts")
        print_line(jsonlib.dumps({"type": "position", **position}, ensure_ascii=False))
        for shift in shifts:
            print_line(jsonlib.dumps({"type": "shift", **shift}, ensure_ascii=False))


def _explain(held: "tuple[Held, ...]") -> None:
    from services.cli.position_words import explanation_lines

    for number, one in enumerate(held):
        if number:
            out.print()
        for line in explanation_lines(one):
            out.print(line)


def _show(held: "tuple[Held, ...]") -> None:
    from services.cli.position_words import heading, standing_lines

    for one in held:
        out.print(heading(one))
        for line in standing_lines(one):
            out.print(f"  {line}")
    out.print(f"{counted(len(held), 'actor')} of whom something is known")
