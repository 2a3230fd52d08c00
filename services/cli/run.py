"""`redline up` and one command a service: run until Ctrl-C."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from services.cli.loading import load_settings
from services.cli.output import ConfigOption, err

SERVICES = ("fetcher", "matcher", "tracker", "alerter", "api")
PURPOSES = {
    "fetcher": "Poll the feeds and publish what is new.",
    "matcher": "Match every article against every watch rule.",
    "tracker": "Decide which matches are worth an alert.",
    "alerter": "Route alerts to receivers and deliver each once.",
    "api": "Answer over HTTP: health checks, and what WebSub hubs push.",
}

DataDirOption = Annotated[
    Path | None, typer.Option("--data-dir", metavar="DIR", help="where the log and the state are")
]


def up(data_dir: DataDirOption = None, config: ConfigOption = None) -> None:
    """Run all services in one process until Ctrl-C.

    Without a broker_url and a redis_url, on the embedded log and the embedded Valkey in the data folder.

    Example: redline up --data-dir ./data
    """
    _run(SERVICES, data_dir, config)


def service_command(name: str) -> Callable[..., None]:
    """Return the command that runs one service."""

    def command(data_dir: DataDirOption = None, config: ConfigOption = None) -> None:
        _run((name,), data_dir, config)

    command.__doc__ = (
        f"{PURPOSES[name]} Any number of them share the work.\n\nExample: redline {name} --config redline.yaml"
    )
    return command


def _run(names: tuple[str, ...], data_dir: Path | None, config: Path | None) -> None:
    from services import bootstrap
    from services.configuration import check_configuration
    from services.provisioning.faults import ConfigurationError
    from services.runtime.log import configure_logging

    loaded = load_settings(config, overrides={"data_dir": data_dir})
    settings = loaded.settings
    if faults := check_configuration(loaded, names).faults:
        raise ConfigurationError(faults)
    configure_logging(settings.log.level, settings.log.format)
    place = "embedded" if settings.broker_url is None else settings.log_url.partition("://")[0]

    def ready() -> None:
        err.print(f"redline is ready: {', '.join(names)} ({place}); Ctrl-C stops it")

    asyncio.run(bootstrap.run_services(loaded, names, on_ready=ready))
