"""A rule in the user's editor: opened again with what is wrong with it, until it is right or given up."""

import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import click

from schemas.watch import WatchRule
from services.cli.output import BadInputError, fault, out
from services.cli.rule_access import name_of
from services.provisioning.faults import ConfigurationError
from services.provisioning.rule_files import edited_rule, rule_yaml
from services.provisioning.yaml_file import parse_yaml

HEADER = """\
# {name}: save to change it, leave it as it is to change nothing.
# docs/rules.md explains the query language. Lines that begin with # are left out.
"""


def edit_in_editor(held: WatchRule, keep: Callable[[WatchRule], None]) -> None:
    """Open a rule as YAML in $VISUAL or $EDITOR, and `keep` what comes of it.

    What cannot be kept is shown above the text and can be mended; saved a second time as it was, it is given up, and
    stays in a file that is named.
    """
    name = name_of(held)
    start = text = rule_yaml(held)
    problem = ""
    while True:
        edited = _without_header(_edit(_header(name, problem) + text))
        if edited.strip() == start.strip():
            out.print(f"rule [bold]{name}[/bold] was left as it is")
            return
        try:
            keep(edited_rule(parse_yaml(edited, Path(name)), held))
            return
        except (ConfigurationError, BadInputError) as error:
            problem = _located(error, name)
        fault(problem)
        if edited == text:
            raise BadInputError(f"the rule was not changed; your text is in {_saved(edited)}")
        text = edited


def _header(name: str, problem: str) -> str:
    return HEADER.format(name=name) + "".join(f"# ERROR: {line}\n" for line in problem.splitlines())


def _located(error: ConfigurationError | BadInputError, name: str) -> str:
    """Return what is wrong, by the lines that the text has below a header that says so."""
    if isinstance(error, BadInputError):
        return str(error)
    shift = len(_header(name, str(error)).splitlines())
    return "\n".join(str(replace(found, line=found.line and found.line + shift)) for found in error.faults)


def _edit(text: str) -> str:
    try:
        return click.edit(text, extension=".yaml", require_save=False) or ""
    except click.ClickException as error:
        raise BadInputError(f"the editor failed: {error.message}; set EDITOR to one that waits") from error


def _without_header(text: str) -> str:
    return "".join(line for line in text.splitlines(keepends=True) if not line.startswith("#"))


def _saved(text: str) -> str:
    with tempfile.NamedTemporaryFile(
        "w", encoding="utf-8", prefix="redline-rule-", suffix=".yaml", delete=False
    ) as file:
        file.write(text)
    return file.name
