"""How commands speak: results on stdout, faults on stderr, exit codes 0, 1 (a check failed) and 2 (bad usage)."""

import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Column

FAILED, BAD_INPUT = 1, 2


class BadInputError(Exception):
    """What the user asked for cannot be done, and why; the command ends with exit code 2."""


ConfigOption = Annotated[
    Path | None,
    typer.Option("--config", metavar="FILE", help="redline.yaml to use (else REDLINE_CONFIG, ./redline.yaml)"),
]
JsonOption = Annotated[bool, typer.Option("--json", help="print JSON Lines instead of text for people")]

out = Console(highlight=False, soft_wrap=True)
err = Console(stderr=True, highlight=False, soft_wrap=True)


def print_line(text: str) -> None:
    """Write one line to stdout exactly as it is: for JSON and other output that programs read."""
    sys.stdout.write(f"{text}\n")


def id_column(heading: str) -> Column:
    """Return a table column for ids, which people copy: never cut, never broken over lines."""
    return Column(heading, no_wrap=True, overflow="ignore", min_width=0)


def fault(message: str) -> None:
    """Tell of something wrong, on stderr."""
    err.print(f"[red]error:[/red] {escape(message)}")


def warn(message: str) -> None:
    """Tell of something that may be wrong, on stderr."""
    err.print(f"[yellow]warning:[/yellow] {escape(message)}")


def faults(messages: Iterable[object]) -> None:
    """Tell of several things wrong, a line each."""
    for message in messages:
        fault(str(message))
