"""YAML files as data that remembers its lines, validated against contracts."""

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from services.provisioning.faults import ConfigurationError, Fault, messages

M = TypeVar("M", bound=BaseModel)
Location = tuple[int | str, ...]
MAX_FILE_BYTES = 16 * 1024 * 1024
LADDER_KEY = "ladder"  # of a topic file: a contract of its own beside the topic
MAX_NODES = 500_000  # aliases can make a small file expand without end

_DURATION = re.compile(r"^(\d+(?:\.\d+)?)\s*(s|m|h|d)$")


# The parser in C reads the seeds' actors eight times as fast; the one in Python is there where it was not built.
if TYPE_CHECKING:
    from yaml import SafeLoader as _Base
else:
    _Base = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class _Loader(_Base):
    """YAML 1.2's idea of scalars: `no` is Norwegian, not False, and dates stay text for the contract to read."""


_Loader.yaml_implicit_resolvers = {
    first: [
        (tag, pattern)
        for tag, pattern in resolvers
        if tag not in {"tag:yaml.org,2002:timestamp", "tag:yaml.org,2002:bool"}
    ]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_Loader.add_implicit_resolver("tag:yaml.org,2002:bool", re.compile(r"^(?:true|false)$"), list("tf"))


@dataclass(frozen=True)
class YamlFile:
    """The data of one file, and the line on which each part of it stands."""

    path: Path
    data: Any
    lines: dict[Location, int] = field(repr=False)

    def line_of(self, location: Location) -> int | None:
        """Return the line of the innermost part of `location` that the file holds."""
        for length in range(len(location), -1, -1):
            if (line := self.lines.get(location[:length])) is not None:
                return line
        return None

    def fault(self, location: Location, message: str) -> Fault:
        """Return a fault at this place of the file."""
        return Fault(str(self.path), message, self.line_of(location), dotted(location))

    def validate(self, model: type[M], data: Any, at: Location = ()) -> M:
        """Return `data`, which stands at `at` in this file, as the contract; else raise with all its faults."""
        try:
            return model.model_validate_json(json.dumps(data))
        except ValidationError as error:
            raise ConfigurationError(
                self.fault((*at, *location), message) for location, message in messages(error, known_keys(model))
            ) from error

    def mapping(self, at: Location = (), data: Any = None) -> dict[str, Any]:
        """Return the mapping at `at`, else raise saying that one was expected."""
        value = self.data if data is None else data
        if not isinstance(value, dict):
            raise ConfigurationError([self.fault(at, f"expected keys and values, found {_kind(value)}")])
        return value

    def items(self, key: str) -> list[Any]:
        """Return the list under a top-level key, the only key the file may have."""
        mapping = self.mapping()
        unknown = [self.fault((name,), f"unknown key; this file holds {key!r} only") for name in mapping if name != key]
        if unknown:
            raise ConfigurationError(unknown)
        found = mapping.get(key)
        if not isinstance(found, list):
            raise ConfigurationError([self.fault((key,), f"expected a list under {key!r}, found {_kind(found)}")])
        return found


def read_yaml(path: Path) -> YamlFile:
    """Read a YAML file; a missing, unreadable or malformed one raises ConfigurationError with the line."""
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise ConfigurationError([Fault(str(path), f"cannot be read: {error.strerror}")]) from error
    if len(raw) > MAX_FILE_BYTES:
        raise ConfigurationError([Fault(str(path), f"is larger than {MAX_FILE_BYTES // 1024 // 1024} MiB")])
    try:
        return parse_yaml(raw.decode("utf-8"), path)
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        raise ConfigurationError([Fault(str(path), f"is not UTF-8 text (byte {error.start})", line)]) from error


def parse_yaml(text: str, path: Path) -> YamlFile:
    """Parse YAML text; `path` names it in faults."""
    try:
        loader = _Loader(text)
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise ConfigurationError(
            [Fault(str(path), f"holds a character that YAML forbids: {error.character!r}", line)]
        ) from error
    try:
        node = loader.get_single_node()
        lines: dict[Location, int] = {}
        if node is None:
            return YamlFile(path, {}, lines)
        _record_lines(node, (), lines)
        _refuse_duplicates(node, path)
        return YamlFile(path, loader.construct_document(node), lines)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        problem = error.problem or "malformed YAML"
        raise ConfigurationError([Fault(str(path), problem, mark.line + 1 if mark else None)]) from error
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        raise ConfigurationError([Fault(str(path), f"malformed YAML: {error}")]) from error
    finally:
        loader.dispose()


def yaml_files(folder: Path) -> list[Path]:
    """Return the YAML files of a folder in name order, or the one file that `folder` is."""
    if folder.is_file():
        return [folder]
    if not folder.is_dir():
        raise ConfigurationError([Fault(str(folder), "no such file or folder")])
    return sorted(path for path in folder.iterdir() if path.suffix in {".yaml", ".yml"} and path.is_file())


def iso_duration(value: Any) -> Any:
    """Return `15m`, `2h` or `1d` in the ISO 8601 form that contracts read; anything else unchanged."""
    if isinstance(value, str) and (match := _DURATION.match(value.strip())):
        amount, unit = match.groups()
        return f"P{amount}D" if unit == "d" else f"PT{amount}{unit.upper()}"
    return value


def iso_moment(value: Any) -> Any:
    """Return a day or moment as contracts read it, in UTC where it has no zone; anything else unchanged."""
    try:
        moment = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return value
    return value if moment is None else (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).isoformat()


def known_keys(model: type[BaseModel]) -> set[str]:
    """Return the keys that a contract and the contracts inside it know."""
    schema = model.model_json_schema()
    parts = [schema, *schema.get("$defs", {}).values()]
    return {key for part in parts for key in part.get("properties", {})}


def dotted(location: Iterable[int | str]) -> str:
    """Return a location as users write it: `rules[0].query`."""
    parts = ""
    for part in location:
        parts += f"[{part}]" if isinstance(part, int) else f".{part}" if parts else str(part)
    return parts


def _record_lines(node: yaml.Node, at: Location, lines: dict[Location, int]) -> None:
    lines[at] = node.start_mark.line + 1
    if len(lines) > MAX_NODES:
        raise ValueError(f"expands to more than {MAX_NODES} values")
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            inner = (*at, str(key.value))
            _record_lines(value, inner, lines)
            lines[inner] = key.start_mark.line + 1
    elif isinstance(node, yaml.SequenceNode):
        for index, item in enumerate(node.value):
            _record_lines(item, (*at, index), lines)


def _refuse_duplicates(node: yaml.Node, path: Path) -> None:
    faults: list[Fault] = []
    waiting = [node]
    while waiting:
        current = waiting.pop()
        if isinstance(current, yaml.SequenceNode):
            waiting.extend(current.value)
        elif isinstance(current, yaml.MappingNode):
            seen: dict[str, int] = {}
            for key, value in current.value:
                line = key.start_mark.line + 1
                if key.value in seen:
                    faults.append(Fault(str(path), f"key {key.value!r} stands on line {seen[key.value]} already", line))
                seen[key.value] = line
                waiting.append(value)
    if faults:
        raise ConfigurationError(sorted(faults, key=lambda fault: fault.line or 0))


def _kind(value: Any) -> str:
    match value:
        case None:
            return "nothing"
        case dict():
            return "keys and values"
        case list():
            return "a list"
        case _:
            return f"{value!r}"
