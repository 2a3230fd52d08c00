"""Rules in files: topic files as they are provisioned, and JSON Lines of rules, read one rule at a time and written."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import yaml
from pydantic import ValidationError

from schemas.watch import WatchRule, WatchTopic
from services.provisioning.faults import ConfigurationError, Fault, messages
from services.provisioning.yaml_file import LADDER_KEY, YamlFile, dotted, known_keys, read_yaml, yaml_files

SUFFIXES = (".yaml", ".yml", ".jsonl")


class PlacedRule(NamedTuple):
    """A rule, and where it stands."""

    rule: WatchRule
    place: str
    line: int | None

    def fault(self, message: str) -> Fault:
        """Return a fault of this rule."""
        return Fault(self.place, message, self.line, f"{self.rule.watch_topic}/{self.rule.id}")


@dataclass(frozen=True)
class BadRule:
    """What is no rule, where it stands, and why."""

    fault: Fault


def read_rules(path: Path) -> Iterator[PlacedRule | BadRule]:
    """Yield the rules of a topic file or of JSON Lines; what is none comes as a BadRule."""
    try:
        if path.suffix == ".jsonl":
            with path.open("rb") as lines:
                yield from read_rule_lines(lines, str(path))
        elif path.suffix in SUFFIXES:
            yield from _of_topic_file(read_yaml(path))
        else:
            yield BadRule(Fault(str(path), f"is of no kind that rules are read from ({' '.join(SUFFIXES)})"))
    except OSError as error:
        yield BadRule(Fault(str(path), f"cannot be read: {error.strerror}"))
    except ConfigurationError as error:
        yield from map(BadRule, error.faults)


def read_rule_lines(lines: Iterable[bytes], place: str) -> Iterator[PlacedRule | BadRule]:
    """Yield a rule for each line of JSON Lines; empty lines are passed over."""
    keys = known_keys(WatchRule)
    for number, raw in enumerate(lines, 1):
        if not raw.strip():
            continue
        try:
            yield PlacedRule(WatchRule.model_validate_json(raw), place, number)
        except ValidationError as error:
            for location, message in messages(error, keys):
                yield BadRule(Fault(place, message, number, dotted(location)))


def place_of_rule(topics: Path, watch_topic: str, rule_id: str) -> str | None:
    """Return file and line of a provisioned rule, or None if it is not there any more."""
    for path in yaml_files(topics):
        file = read_yaml(path)
        if file.data.get("id") != watch_topic:
            continue
        for index, rule in enumerate(file.data.get("rules", ())):
            if rule.get("id") == rule_id:
                return f"{path}:{file.line_of(('rules', index))}"
    return None


def edited_rule(file: YamlFile, held: WatchRule) -> WatchRule:
    """Return `held` as the YAML of `rule_yaml` now has it, or raise ConfigurationError with every fault."""
    mapping = file.mapping()
    fixed = [key for key in mapping if key in _FIXED_KEYS]
    if fixed:
        raise ConfigurationError(file.fault((key,), "cannot be changed here") for key in fixed)
    kept = {key: value for key, value in held.model_dump(mode="json").items() if key in _FIXED_KEYS}
    return file.validate(WatchRule, {**kept, **mapping})


def rule_yaml(rule: WatchRule) -> str:
    """Return what a user may change of a rule, as YAML with every key."""
    whole = rule.model_dump(mode="json", exclude=set(_FIXED_KEYS))
    return dump_yaml(whole)


def topic_yaml(topic: WatchTopic) -> str:
    """Return a topic file; reading it gives the same topic."""
    rules = [_without_defaults(rule) for rule in topic.rules]
    head = {"id": topic.id, "title": topic.title}
    described = {"description": topic.description} if topic.description else {}
    return dump_yaml({**head, **described, "rules": rules})


def dump_yaml(data: Any) -> str:
    """Return data as YAML that people can read."""
    return yaml.dump(data, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=110)


# What says which rule it is, and who changed it: not for an editor.
_FIXED_KEYS = ("id", "watch_topic", "author", "created_at", "updated_by", "updated_at")


class _Dumper(yaml.SafeDumper):
    """Texts of several lines keep their lines."""


def _represent_text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    plain = all(char.isprintable() or char == "\n" for char in text)
    # Only quoted text may hold every character: elsewhere YAML takes U+0085 and its like for ends of lines.
    style = ("|" if "\n" in text else None) if plain else '"'
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _represent_text)


def _without_defaults(rule: WatchRule) -> dict[str, Any]:
    return rule.model_dump(mode="json", exclude_defaults=True, exclude={"watch_topic"})


def _of_topic_file(file: YamlFile) -> Iterator[PlacedRule | BadRule]:
    data = file.mapping()
    rules = data.get("rules")
    if not isinstance(rules, list):
        raise ConfigurationError([file.fault(("rules",), "expected a list of rules")])
    topic = file.validate(WatchTopic, {key: value for key, value in {**data, "rules": []}.items() if key != LADDER_KEY})
    for index, given in enumerate(rules):
        at = ("rules", index)
        try:
            rule = file.validate(WatchRule, {"watch_topic": topic.id, **file.mapping(at, given)}, at)
        except ConfigurationError as error:
            yield from map(BadRule, error.faults)
        else:
            yield PlacedRule(rule, str(file.path), file.line_of(at))
