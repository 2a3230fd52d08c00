"""Alerts that commands are given: in a file, on standard input, or by the id under which they are kept."""

import asyncio
import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from schemas.alert import Alert
from services.cli.loading import LoadedSettings
from services.cli.output import BadInputError
from services.provisioning.faults import ConfigurationError, Fault, messages
from services.provisioning.yaml_file import dotted, known_keys

STDIN = "-"
MAX_BYTES = 64 * 1024 * 1024
_BEGINS_AN_ID = re.compile(r"^[0-9a-f]{6,32}$")


def given_alerts(given: str, loaded: LoadedSettings) -> tuple[Alert, ...]:
    """Return the alerts in a file, on standard input (-), or kept under an id or the beginning of one.

    Raises ConfigurationError with every fault of the file, and BadInputError for an id that is not there.
    """
    if given == STDIN:
        return parse_alerts(sys.stdin.buffer.read(MAX_BYTES), "standard input")
    path = Path(given)
    if not path.exists() and _BEGINS_AN_ID.match(given):
        from services.cli.alert_work import kept_alerts

        return asyncio.run(kept_alerts(loaded, given))
    try:
        with path.open("rb") as file:
            return parse_alerts(file.read(MAX_BYTES), given)
    except OSError as error:
        raise BadInputError(f"{given}: cannot be read: {error.strerror}") from error


def parse_alerts(raw: bytes, place: str) -> tuple[Alert, ...]:
    """Return the alerts of a document: one JSON object, a list of them, or JSON Lines; at least one."""
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        raise ConfigurationError([Fault(place, f"is not UTF-8 text (byte {error.start})", line)]) from error
    alerts: list[Alert] = []
    faults: list[Fault] = []
    for number, prefix, item in _items(text, place):
        try:
            alerts.append(Alert.model_validate_json(json.dumps(item)))
        except ValidationError as error:
            for location, message in messages(error, known_keys(Alert)):
                field = dotted((*prefix, *location))
                faults.append(Fault(place, "expected an alert, a JSON object" if not field else message, number, field))
    if faults:
        raise ConfigurationError(faults)
    if not alerts:
        raise ConfigurationError([Fault(place, "holds no alert")])
    return tuple(alerts)


def _items(text: str, place: str) -> Iterator[tuple[int | None, tuple[int, ...], Any]]:
    """Yield the line (of JSON Lines), the place in its list, and the value of each part of a document."""
    lines = [(number, line) for number, line in enumerate(text.split("\n"), 1) if line.strip()]
    if len(lines) > 1 and _stands_alone(lines[0][1]):
        for number, line in lines:
            yield number, (), _loaded(line, place, number)
        return
    if lines:
        whole = _loaded(text, place)
        if isinstance(whole, list):
            yield from ((None, (index,), item) for index, item in enumerate(whole))
        else:
            yield None, (), whole


def _stands_alone(line: str) -> bool:
    try:
        json.loads(line)
    except (ValueError, RecursionError):
        return False
    return True


def _loaded(text: str, place: str, line: int | None = None) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        message = f"is not JSON: {error.msg} (column {error.colno})"
        raise ConfigurationError([Fault(place, message, line or error.lineno)]) from error
    except RecursionError as error:
        raise ConfigurationError([Fault(place, "is nested too deeply", line)]) from error
