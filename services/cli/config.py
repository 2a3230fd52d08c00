"""`redline config`: what is set, and whether it holds together."""

import json as jsonlib

import typer
from rich.markup import escape
from rich.table import Table

from services.cli.loading import load_settings
from services.cli.output import BAD_INPUT, ConfigOption, JsonOption, faults, out, print_line

app = typer.Typer(no_args_is_help=True, help="Settings: what is in force, and whether it is valid.")


@app.command()
def check(config: ConfigOption = None) -> None:
    """Check settings, feeds, actors, topics and routes; every fault is shown at once, with its file and line.

    Example: redline config check --config redline.yaml
    """
    from services.configuration import check_configuration

    report = check_configuration(load_settings(config))
    faults(report.faults)
    if report.faults:
        raise typer.Exit(BAD_INPUT)
    out.print(f"configuration is valid: {report}")


@app.command()
def show(json: JsonOption = False, config: ConfigOption = None) -> None:
    """Show every setting in force and where it comes from, secrets masked.

    Example: redline config show
    """
    from services.configuration import effective_settings

    loaded = load_settings(config)
    rows = effective_settings(loaded)
    if json:
        print_line(jsonlib.dumps({key: {"value": value, "origin": origin} for key, value, origin in rows}))
        return
    table = Table("setting", "value", "from")
    for key, value, origin in rows:
        table.add_row(key, escape(str(value)), escape(origin))
    out.print(table)
    for name in sorted(loaded.secrets):
        out.print(f"secret {escape(name)}: set")
