"""The provisioned catalogues: actors, watch topics and feeds, each read whole from a file or folder."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from schemas.feed import Feed
from schemas.ladder import Ladder
from schemas.watch import Actor, WatchRule, WatchTopic
from services.domain.rules.compiler import Compiler
from services.domain.rules.errors import RuleError
from services.domain.rules.parser import parse
from services.domain.text.gazetteer import Gazetteer, GazetteerError
from services.provisioning.faults import ConfigurationError, Fault, nearest
from services.provisioning.yaml_file import (
    LADDER_KEY,
    Location,
    YamlFile,
    iso_duration,
    iso_moment,
    read_yaml,
    yaml_files,
)

if TYPE_CHECKING:
    from alerts.routing import Routes

T = TypeVar("T")


@dataclass(frozen=True)
class Watched:
    """The watch topics, the actors that their rules name, and the ladders of the topics that have one."""

    topics: tuple[WatchTopic, ...]
    gazetteer: Gazetteer
    ladders: Mapping[str, Ladder] = field(default_factory=dict)


def load_watched(topics: Path, actors: Path) -> Watched:
    """Read the watch topics and the actors their rules name."""
    gazetteer = load_gazetteer(actors)
    return Watched(load_topics(topics, gazetteer), gazetteer, load_ladders(topics, gazetteer))


def load_routes(path: Path) -> "Routes":
    """Read who is told of which alerts."""
    from alerts.routing import Routes  # noqa: PLC0415 - a tenth of a second that the filters need not spend

    file = read_yaml(path)
    return file.validate(Routes, file.mapping())


def load_actors(folder: Path) -> tuple[Actor, ...]:
    """Read every actor of a folder of `actors:` files; ids are unique across the files."""
    placed = _load_lists(folder, "actors", lambda file, data, at: file.validate(Actor, data, at))
    _refuse_repeats(placed, "actor")
    known = {actor.id for _, _, actor in placed}
    faults = [
        file.fault((*at, "stands_for"), f"no actor has the id {actor.stands_for!r}")
        for file, at, actor in placed
        if actor.stands_for and actor.stands_for not in known
    ]
    if faults:
        raise ConfigurationError(faults)
    return tuple(actor for _, _, actor in placed)


def load_gazetteer(folder: Path) -> Gazetteer:
    """Read a folder of actors as the gazetteer that rules name them from."""
    actors = load_actors(folder)
    try:
        return Gazetteer.from_actors(actors)
    except GazetteerError as error:
        raise ConfigurationError([Fault(str(folder), str(error))]) from error


def load_topics(folder: Path, gazetteer: Gazetteer) -> tuple[WatchTopic, ...]:
    """Read every watch topic of a folder, one a file, with each rule compiled against the gazetteer."""
    placed: list[tuple[YamlFile, Location, WatchTopic]] = []
    faults: list[Fault] = []
    compiler = Compiler(gazetteer)
    for path in yaml_files(folder):
        try:
            file = read_yaml(path)
            topic = _topic(file)
            _compile_rules(file, topic, compiler)
            placed.append((file, (), topic))
        except ConfigurationError as error:
            faults.extend(error.faults)
    if faults:
        raise ConfigurationError(faults)
    if not placed:
        raise ConfigurationError([Fault(str(folder), "holds no watch topic (*.yaml)")])
    _refuse_repeats(placed, "watch topic")
    return tuple(topic for _, _, topic in placed)


def load_ladders(folder: Path, gazetteer: Gazetteer) -> dict[str, Ladder]:
    """Read the ladder of every topic file that has one, by topic id; every actor it names is in the gazetteer."""
    faults: list[Fault] = []
    ladders: dict[str, Ladder] = {}
    for path in yaml_files(folder):
        try:
            file = read_yaml(path)
            data = file.mapping()
            if LADDER_KEY in data:
                ladders[str(data.get("id", ""))] = ladder_of(file, data[LADDER_KEY], gazetteer)
        except ConfigurationError as error:
            faults.extend(error.faults)
    if faults:
        raise ConfigurationError(faults)
    return ladders


def ladder_of(file: YamlFile, data: Any, gazetteer: Gazetteer) -> Ladder:
    """Return the ladder that stands under `ladder`, else raise ConfigurationError with all its faults."""
    at = (LADDER_KEY,)
    mapping = dict(file.mapping(at, data))
    if isinstance(policy := mapping.get("policy"), dict):
        mapping["policy"] = {key: iso_duration(value) for key, value in policy.items()}
    ladder = file.validate(Ladder, mapping, at)
    problems = ladder.problems()
    problems += [
        (place, f"no actor has the id {actor!r}{nearest(actor, (known.id for known in gazetteer))}")
        for place, actor in ladder.actor_ids()
        if actor not in gazetteer
    ]
    if problems:
        raise ConfigurationError(file.fault((*at, *place), message) for place, message in problems)
    return ladder


def load_feeds(path: Path) -> tuple[Feed, ...]:
    """Read the feeds of a `feeds:` file, or of every file in a folder; ids and addresses are unique."""
    placed = _load_lists(path, "feeds", feed_of)
    _refuse_repeats(placed, "feed")
    first_at: dict[str, Feed] = {}
    for file, at, feed in placed:
        other = first_at.setdefault(feed.url, feed)
        if other is not feed:
            raise ConfigurationError([file.fault((*at, "url"), f"feed {other.id!r} has this address already")])
    return tuple(feed for _, _, feed in placed)


def feed_of(file: YamlFile, data: Any, at: Location) -> Feed:
    """Return the feed that stands at `at`, else raise ConfigurationError with all its faults."""
    mapping = dict(file.mapping(at, data))
    if "interval" in mapping:
        mapping["interval"] = iso_duration(mapping["interval"])
    if "since" in mapping:
        mapping["since"] = iso_moment(mapping["since"])
    return file.validate(Feed, mapping, at)


def _topic(file: YamlFile) -> WatchTopic:
    data = dict(file.mapping())
    rules = data.get("rules", [])
    if not isinstance(rules, list):
        raise ConfigurationError([file.fault(("rules",), "expected a list of rules")])
    placed = []
    for index, rule in enumerate(rules):
        mapping = file.mapping(("rules", index), rule)
        placed.append({"watch_topic": data.get("id", ""), **mapping})
    data["rules"] = placed
    data.pop(LADDER_KEY, None)  # a contract of its own: load_ladders
    return file.validate(WatchTopic, data)


def _compile_rules(file: YamlFile, topic: WatchTopic, compiler: Compiler) -> None:
    faults = [
        file.fault(("rules", index, "query"), message)
        for index, rule in enumerate(topic.rules)
        if (message := _fault(rule, compiler))
    ]
    if faults:
        raise ConfigurationError(faults)


def rule_fault(rule: WatchRule, gazetteer: Gazetteer) -> str | None:
    """Say what is wrong with a rule, or None where the engine takes it."""
    return _fault(rule, Compiler(gazetteer))


def _fault(rule: WatchRule, compiler: Compiler) -> str | None:
    try:
        compiler.compile_rule(parse(rule.query), rule.query)
    except RuleError as error:
        return str(error)
    return None


def _load_lists(
    folder: Path, key: str, build: Callable[[YamlFile, Any, Location], T]
) -> list[tuple[YamlFile, Location, T]]:
    placed: list[tuple[YamlFile, Location, T]] = []
    faults: list[Fault] = []
    for path in yaml_files(folder):
        try:
            file = read_yaml(path)
            items = file.items(key)
        except ConfigurationError as error:
            faults.extend(error.faults)
            continue
        for index, data in enumerate(items):
            try:
                placed.append((file, (key, index), build(file, data, (key, index))))
            except ConfigurationError as error:
                faults.extend(error.faults)
    if faults:
        raise ConfigurationError(faults)
    return placed


def _refuse_repeats(placed: Iterable[tuple[YamlFile, Location, Actor | WatchTopic | Feed]], what: str) -> None:
    seen: dict[str, Path] = {}
    faults = []
    for file, at, item in placed:
        if item.id in seen:
            faults.append(file.fault((*at, "id"), f"{what} id {item.id!r} is used in {seen[item.id]} already"))
        seen.setdefault(item.id, file.path)
    if faults:
        raise ConfigurationError(faults)
