"""`redline dead-letters`: messages that could not be handled, why, and once more."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from schemas.codec import DecodeError, decode
from schemas.dead_letter import DeadLetter
from schemas.streams import DEAD_LETTERS
from services.cli.loading import LoadedSettings, load_settings
from services.cli.output import BadInputError, ConfigOption, JsonOption, fault, out, print_line
from services.plurals import counted

app = typer.Typer(no_args_is_help=True, help="Dead letters: messages that could not be handled, kept whole.")

DataDirOption = Annotated[
    Path | None, typer.Option("--data-dir", metavar="DIR", help="where the log and the state are")
]


@app.command("list")
def list_letters(data_dir: DataDirOption = None, json: JsonOption = False, config: ConfigOption = None) -> None:
    """List every dead letter with its reason; works while Redline runs.

    Example: redline dead-letters list
    """
    letters = asyncio.run(_collect(load_settings(config, overrides={"data_dir": data_dir})))
    for letter in letters.values():
        if json:
            print_line(letter.model_dump_json(exclude_none=True))
            continue
        origin = f"{letter.origin_stream}/{letter.origin_partition} at {letter.origin_offset}"
        out.print(f"[bold]{letter.id}[/bold]  {letter.rejected_at:%Y-%m-%d %H:%M:%S}  {letter.service}  {origin}")
        out.print(f"    {letter.reason}: {escape(letter.error)}")
    if not json:
        out.print(f"{len(letters)} dead letters")


@app.command()
def retry(
    letter_ids: Annotated[list[str], typer.Argument(metavar="ID...", help="ids, or the beginnings of ids")],
    data_dir: DataDirOption = None,
    config: ConfigOption = None,
) -> None:
    """Put messages back on the stream they came from. On the embedded log, stop `redline up` first.

    Example: redline dead-letters retry 3f2a91
    """
    loaded = load_settings(config, overrides={"data_dir": data_dir})
    letters = asyncio.run(_collect(loaded))
    chosen = [_one(given, letters) for given in letter_ids]
    asyncio.run(_put_back(loaded, chosen))
    out.print(f"put back {counted(len(chosen), 'message')}")


async def _put_back(loaded: LoadedSettings, letters: list[DeadLetter]) -> None:
    from services import bootstrap
    from services.runtime.archive import append

    broker = bootstrap.broker_config(loaded.settings)
    for letter in letters:
        await append(broker, letter.origin_stream, letter.origin_partition, letter.key, letter.value)


async def _collect(loaded: LoadedSettings) -> dict[str, DeadLetter]:
    """Return the letters by id, the oldest first; a letter that came twice is one."""
    return {letter.id: letter async for letter in _letters(loaded)}


async def _letters(loaded: LoadedSettings) -> AsyncIterator[DeadLetter]:
    from services import bootstrap
    from services.runtime.archive import read_stream

    async for message in read_stream(bootstrap.broker_config(loaded.settings), DEAD_LETTERS):
        try:
            yield decode(DeadLetter, message.value)
        except DecodeError as error:
            fault(f"{DEAD_LETTERS.name}/{message.partition} at {message.offset}: {error}")


def _one(given: str, letters: dict[str, DeadLetter]) -> DeadLetter:
    found = [letter for key, letter in letters.items() if key.startswith(given)]
    if len(found) != 1:
        raise BadInputError(f"{'several dead letters begin' if found else 'no dead letter begins'} with {given!r}")
    if found[0].value is None:
        raise BadInputError(f"dead letter {found[0].id} was too large to keep; its message is still on its stream")
    return found[0]
