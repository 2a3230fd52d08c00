"""The `redline` command: its groups, and how it ends when something is wrong."""

import sys
from importlib.metadata import version
from typing import Annotated

import typer

from services.cli import (
    alerts,
    claims,
    config,
    dead_letters,
    demo,
    doctor,
    extract,
    feeds,
    fetch,
    filters,
    positions,
    receivers,
    replay,
    rules,
    run,
    silences,
    stories,
    topics,
)
from services.cli.output import BAD_INPUT, FAILED, BadInputError, fault, faults
from services.provisioning.faults import ConfigurationError

INTERRUPTED = 130  # what a shell reports of a program that Ctrl-C ended

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Redline tells people the moment a government's position moves. Start with `redline demo`.",
)


@app.callback()
def root(
    show_version: Annotated[bool, typer.Option("--version", help="show the version and exit", is_eager=True)] = False,
) -> None:
    """Redline tells people the moment a government's position moves. Start with `redline demo`."""
    from services.runtime.log import configure_logging

    configure_logging("warning", "console")  # on stderr: stdout is for results; services then log as they are set to
    if show_version:
        typer.echo(f"redline {version('redline-alerts')}")
        raise typer.Exit


app.command()(demo.demo)
app.command()(run.up)
for service in run.SERVICES:
    app.command(name=service)(run.service_command(service))
app.command()(replay.replay)
app.command()(filters.parse)
app.command()(fetch.fetch)
app.command()(extract.extract)
app.command()(filters.match)
app.command()(stories.stories)
app.command()(claims.claims)
app.command()(positions.positions)
app.add_typer(rules.app, name="rules")
app.add_typer(topics.app, name="topics")
app.add_typer(feeds.app, name="feeds")
app.add_typer(alerts.app, name="alerts")
app.add_typer(silences.app, name="silences")
app.add_typer(receivers.app, name="receivers")
app.add_typer(dead_letters.app, name="dead-letters")
app.command()(doctor.doctor)
app.add_typer(config.app, name="config")


def main() -> None:
    """Run the command line; every expected failure ends as a message on stderr and an exit code, never a traceback.

    Exit codes: 0 ok, 1 the check failed or something cannot be reached, 2 bad usage or bad input.
    """
    from services.runtime.faults import RuntimeFaultError

    try:
        app()
    except ConfigurationError as error:
        faults(error.faults)
        sys.exit(BAD_INPUT)
    except BadInputError as error:
        fault(str(error))
        sys.exit(BAD_INPUT)
    except RuntimeFaultError as error:
        fault(str(error))
        sys.exit(FAILED)
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
    except BrokenPipeError:
        sys.stderr.close()  # the reader of our output has gone; so does what we would say about it
        sys.exit(FAILED)


if __name__ == "__main__":
    main()
