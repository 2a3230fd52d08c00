"""Rules as the commands tell of them: those that were added, and those of files."""

import json
from typing import Any

from tests.integration.cli.conftest import Run

NAME = "my-desk/cobalt"  # that of the fixture `cobalt`


def stored(run: Run) -> dict[str, dict[str, Any]]:
    """Return the added rules by name."""
    lines = run("rules", "export").out.splitlines()
    return {f"{rule['watch_topic']}/{rule['id']}": rule for rule in map(json.loads, lines)}


def provisioned(run: Run) -> dict[str, Any]:
    """Return a rule of a file."""
    first: dict[str, Any] = json.loads(run("rules", "list", "--json").out.splitlines()[0])
    return first
