"""The configuration as a whole: everything the settings point to, checked at once."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from alerts.channels.assemble import missing_packages, missing_secrets
from alerts.options import EmailOptions, SlackOptions
from services.fetcher.credentials import missing_feed_secrets
from services.plurals import counted
from services.provisioning.catalogues import load_actors, load_feeds, load_routes, load_watched
from services.provisioning.faults import ConfigurationError, Fault
from services.runtime.masking import mask
from services.settings import FILE_SUFFIX, SECRET_PREFIX, LoadedSettings, setting_keys

# What Slack signs its calls with, from the page of the app; its name is ours to choose, for no file names it.
SLACK_SIGNING_SECRET = "SLACK_SIGNING_SECRET"  # noqa: S105 - the name of a secret, not one
T = TypeVar("T")
# Which files each service reads.
NEEDS: dict[str, tuple[str, ...]] = {
    "fetcher": ("feeds",),
    "matcher": ("topics",),
    "tracker": ("topics",),  # the actors that stories are told by
    "alerter": ("routes",),
    "api": (),
}


@dataclass(frozen=True)
class ConfigurationReport:
    """What a configuration holds, and everything that is wrong with it."""

    faults: tuple[Fault, ...]
    feeds: int = 0
    actors: int = 0
    topics: int = 0
    rules: int = 0
    receivers: int = 0

    def __str__(self) -> str:
        topics = f"{counted(self.topics, 'watch topic')} with {counted(self.rules, 'rule')}"
        parts = (counted(self.feeds, "feed"), counted(self.actors, "actor"), topics)
        return ", ".join((*parts, counted(self.receivers, "receiver")))


def check_configuration(loaded: LoadedSettings, services: Iterable[str] = tuple(NEEDS)) -> ConfigurationReport:
    """Read everything these services need of what the settings point to; no fault hides another."""
    settings, faults = loaded.settings, list[Fault]()
    parts = {part for service in services for part in NEEDS[service]}

    def attempt(part: str, read: Callable[[], T]) -> T | None:
        if part not in parts:
            return None
        try:
            return read()
        except ConfigurationError as error:
            faults.extend(fault for fault in error.faults if fault not in faults)
            return None

    feeds = attempt("feeds", lambda: load_feeds(settings.feeds))
    advice = f"secrets come from {SECRET_PREFIX}<NAME> or {SECRET_PREFIX}<NAME>{FILE_SUFFIX}"
    missing = missing_feed_secrets(feeds or (), loaded.secrets)
    faults.extend(Fault(str(settings.feeds), f"{problem}; {advice}") for problem in missing)
    actors = attempt("topics", lambda: load_actors(settings.actors))
    watched = attempt("topics", lambda: load_watched(settings.topics, settings.actors))
    routes = attempt("routes", lambda: load_routes(settings.routes))
    if routes is not None:
        missing = missing_secrets(routes, loaded.secrets)
        faults.extend(Fault(str(settings.routes), f"{problem}; {advice}") for problem in missing)
        faults.extend(Fault(str(settings.routes), problem) for problem in missing_packages(routes))
    return ConfigurationReport(
        faults=tuple(faults),
        feeds=len(feeds or ()),
        actors=len(actors or ()),
        topics=len(watched.topics) if watched else 0,
        rules=sum(len(topic.rules) for topic in watched.topics) if watched else 0,
        receivers=len(routes.receivers) if routes else 0,
    )


def effective_settings(loaded: LoadedSettings) -> list[tuple[str, Any, str]]:
    """Return (key, value, where it comes from) of every setting, passwords in addresses masked."""
    rows = []
    for key in setting_keys():
        value: Any = loaded.settings
        for part in key.split("."):
            value = getattr(value, part)
        shown = str(value) if isinstance(value, Path) else value
        rows.append((key, mask(shown), loaded.origins.get(key, "default")))
    return rows


def advice(loaded: LoadedSettings) -> tuple[str, ...]:
    """Return a line for each thing that is valid, and yet is probably not what was meant."""
    channels = [
        (receiver.name, options)
        for receiver in load_routes(loaded.settings.routes).receivers
        for options in receiver.channels
    ]
    lines = list[str]()
    mailing = sorted({name for name, options in channels if isinstance(options, EmailOptions)})
    if mailing and loaded.settings.api.public_url is None:
        names = ", ".join(mailing)
        lines.append(f"api.public_url is not set: mails to {names} have no links to unsubscribe or to silence a story")
    signing = loaded.secrets.get(SLACK_SIGNING_SECRET)
    if signing is None or not signing.get_secret_value().strip():
        lines.extend(
            f"receiver {name}, channel {options.name}: is interactive, but the secret {SLACK_SIGNING_SECRET} "
            "is not set; without it, the api service does not hear of its buttons"
            for name, options in channels
            if isinstance(options, SlackOptions) and options.interactive
        )
    return tuple(lines)


def left_out_channels(loaded: LoadedSettings) -> tuple[str, ...]:
    """Return a line for each optional channel whose secret is not set."""
    routes = load_routes(loaded.settings.routes)
    every = routes.model_copy(
        update={
            "receivers": tuple(
                receiver.model_copy(
                    update={"channels": tuple(c.model_copy(update={"optional": False}) for c in receiver.channels)}
                )
                for receiver in routes.receivers
            )
        }
    )
    required = set(missing_secrets(routes, loaded.secrets))
    return tuple(line for line in missing_secrets(every, loaded.secrets) if line not in required)
