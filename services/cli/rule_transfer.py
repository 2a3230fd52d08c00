"""`redline rules import` and `export`: many rules at once, in topic files and JSON Lines."""

import asyncio
import json
import sys
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from itertools import islice
from pathlib import Path
from typing import IO, TYPE_CHECKING, Annotated

import typer
from rich.progress import Progress

from schemas.watch import WatchRule, WatchTopic
from services.cli.output import BAD_INPUT, BadInputError, ConfigOption, err, fault, out, print_line
from services.cli.rule_access import AuthorOption, Rules, name_of
from services.plurals import counted
from services.provisioning.faults import Fault
from services.provisioning.rule_files import BadRule, PlacedRule, read_rule_lines, read_rules, topic_yaml

if TYPE_CHECKING:
    from services.domain.text.gazetteer import Gazetteer
    from services.matcher.rule_store import ValkeyRuleStore

BATCH = 1000
STDIN = "-"


class Format(StrEnum):
    """What rules are exported as."""

    YAML = "yaml"
    JSONL = "jsonl"


def import_rules(
    files: Annotated[
        list[str], typer.Argument(metavar="FILE...", help="topic files (.yaml) and JSON Lines (.jsonl, - is stdin)")
    ],
    replace: Annotated[bool, typer.Option("--replace", help="rules of the same id are replaced")] = False,
    keep_going: Annotated[bool, typer.Option("--keep-going", help="import what is right of what is not")] = False,
    author: AuthorOption = None,
    config: ConfigOption = None,
) -> None:
    """Import rules; if one is wrong, nothing is imported and every fault is told. Rules that are there already as
    they are count as unchanged.

    Example: redline rules import my-desk.yaml more-rules.jsonl --replace
    """
    rules = Rules(config)
    with tempfile.TemporaryFile("w+", encoding="utf-8") as spooled:
        counts = asyncio.run(_import(rules, files, spooled, replace=replace, keep_going=keep_going, author=author))
    if counts.faults and not keep_going:
        raise BadInputError(f"{counted(counts.faults, 'fault')}; nothing was imported")
    out.print(f"{counts.added} added, {counts.replaced} replaced, {counts.unchanged} unchanged, {counts.faults} faults")
    raise typer.Exit(BAD_INPUT if counts.faults else 0)


def export(
    watch_topic: Annotated[str | None, typer.Option("--topic", help="only the rules of this topic")] = None,
    written_as: Annotated[
        Format, typer.Option("--format", help="jsonl, or yaml: the topic file of one topic")
    ] = Format.JSONL,
    everything: Annotated[bool, typer.Option("--all", help="the rules in files too, not only added ones")] = False,
    config: ConfigOption = None,
) -> None:
    """Write rules to stdout, as `redline rules import` and the topics folder read them.

    Example: redline rules export --topic my-desk --format yaml > my-desk.yaml
    """
    rules = Rules(config)
    if written_as is Format.YAML:
        sys.stdout.write(topic_yaml(asyncio.run(_topic(rules, watch_topic, everything))))
    else:
        asyncio.run(_export_lines(rules, watch_topic, everything))


async def _export_lines(rules: Rules, watch_topic: str | None, everything: bool) -> None:
    topics = set()
    async for listed in rules.all(watch_topic):
        topics.add(listed.rule.watch_topic)
        if everything or not listed.provisioned:
            print_line(listed.rule.model_dump_json(exclude_none=True))
    if watch_topic is not None:
        rules.check_topic(watch_topic, topics)


async def _topic(rules: Rules, watch_topic: str | None, everything: bool) -> WatchTopic:
    """Return the one topic to export as a file."""
    found: dict[str, list[WatchRule]] = {}
    async for listed in rules.all(watch_topic):
        if everything or not listed.provisioned:
            found.setdefault(listed.rule.watch_topic, []).append(listed.rule)
    if watch_topic is not None:
        rules.check_topic(watch_topic, found)
        found.setdefault(watch_topic, [])
    if len(found) != 1:
        raise BadInputError(
            f"a topic file holds one topic; say which with --topic: {', '.join(sorted(found)) or 'there is none'}"
        )
    ((topic_id, held),) = found.items()
    known = {topic.id: topic for topic in rules.watched.topics}.get(topic_id)
    return WatchTopic(
        id=topic_id,
        title=known.title if known else topic_id,
        description=known.description if known else "",
        rules=tuple(sorted(held, key=lambda rule: rule.id)),
    )


@dataclass
class _Counts:
    """What became of the rules that were read."""

    right: int = 0
    added: int = 0
    replaced: int = 0
    unchanged: int = 0
    faults: int = 0

    def tell(self, found: Fault) -> None:
        """Tell of a fault at once: a million of them need not be held."""
        fault(str(found))
        self.faults += 1


async def _import(
    rules: Rules, files: list[str], spooled: IO[str], *, replace: bool, keep_going: bool, author: str | None
) -> _Counts:
    """Check everything before anything is stored; what is right waits in a file, however much it is."""
    counts = _Counts()
    with Progress(console=err, transient=True, disable=not err.is_terminal) as progress:
        task = progress.add_task("checking", total=None)
        for placed in _right_rules(_read(files), rules, counts):
            spooled.write(json.dumps([placed.place, placed.line, placed.rule.model_dump_json()]) + "\n")
            if counts.right % BATCH == 0:
                progress.update(task, description=f"checking, {counts.right:,} right so far")
        progress.remove_task(task)
        if (counts.faults and not keep_going) or not counts.right:
            return counts
        async with rules.store() as store:
            storing = _Storing(store, counts, replace=replace, author=author)
            if not replace and not keep_going:
                for batch in _batches(spooled):
                    await storing.compare(batch)
                if counts.faults:
                    return counts
            task = progress.add_task("importing", total=counts.right)
            for batch in _batches(spooled):
                await storing.store(batch)
                progress.advance(task, len(batch))
    return counts


@dataclass
class _Storing:
    """Brings batches of rules to the store, a change a batch."""

    valkey: "ValkeyRuleStore"
    counts: _Counts
    replace: bool
    author: str | None
    now: datetime = field(default_factory=lambda: datetime.now(UTC))

    async def compare(self, batch: list[PlacedRule]) -> None:
        """Tell of each rule whose id another rule has in the store."""
        held = await self._held(batch)
        for placed in batch:
            if self._successor(held, placed.rule) is not None and name_of(placed.rule) in held:
                self.counts.tell(placed.fault(_TAKEN))

    async def store(self, batch: list[PlacedRule]) -> None:
        """Store the rules of a batch that are new or changed."""
        held = await self._held(batch)
        wanted = {name_of(placed.rule): self._successor(held, placed.rule) for placed in batch}
        changed = {name: rule for name, rule in wanted.items() if rule is not None}
        taken = {str(key) for key in await self.valkey.put_batch(changed.values(), replace=self.replace)}
        for placed in batch:
            if name_of(placed.rule) in taken:
                self.counts.tell(placed.fault(_TAKEN))
        self.counts.unchanged += len(wanted) - len(changed)
        self.counts.replaced += sum(name in held for name in changed.keys() - taken)
        self.counts.added += sum(name not in held for name in changed.keys() - taken)

    async def _held(self, batch: list[PlacedRule]) -> dict[str, WatchRule]:
        from services.matcher.ports import StoredKey

        found = await self.valkey.get(StoredKey.of(placed.rule) for placed in batch)
        return {str(key): rule for key, rule in found.items()}

    def _successor(self, held: dict[str, WatchRule], rule: WatchRule) -> WatchRule | None:
        """Return the rule with its author and time, or None if it is there as it is."""
        from services.domain.rules.revision import created, revised

        known = held.get(name_of(rule))
        return revised(known, rule, self.now, self.author) if known else created(rule, self.now, self.author)


_TAKEN = "there is a rule of this id already; --replace takes its place"


def _read(files: list[str]) -> Iterator[PlacedRule | BadRule]:
    for name in files:
        if name == STDIN:
            yield from read_rule_lines(iter(sys.stdin.buffer.readline, b""), "standard input")
        else:
            yield from read_rules(Path(name))


def _right_rules(read: Iterable[PlacedRule | BadRule], rules: Rules, counts: _Counts) -> Iterator[PlacedRule]:
    """Yield the rules that can be stored, and tell of every other."""
    checks = _Checks(rules)
    for item in read:
        found = (item.fault,) if isinstance(item, BadRule) else tuple(checks.faults(item))
        for each in found:
            counts.tell(each)
        if isinstance(item, PlacedRule) and not found:
            counts.right += 1
            yield item


class _Checks:
    """Tells what is wrong with rules that could be read, one after the other."""

    def __init__(self, rules: Rules) -> None:
        from services.domain.rules.compiler import Compiler

        self._rules = rules
        self._gazetteer: Gazetteer = rules.watched.gazetteer
        self._compiler = Compiler(self._gazetteer)
        self._provisioned = {name_of(rule): rule for rule in rules.provisioned()}
        self._first: dict[str, str] = {}

    def faults(self, placed: PlacedRule) -> Iterator[Fault]:
        """Yield what is wrong with a rule, also beside the rules before it."""
        from services.domain.rules.errors import RuleError
        from services.domain.rules.examples import check_examples
        from services.domain.rules.parser import parse
        from services.provisioning.rule_files import place_of_rule

        rule, name = placed.rule, name_of(placed.rule)
        if name in self._provisioned:
            at = place_of_rule(self._rules.loaded.settings.topics, rule.watch_topic, rule.id)
            yield placed.fault(f"a provisioned rule has this id: {at}")
        if name in self._first:
            yield placed.fault(f"stands in {self._first[name]} already")
        self._first.setdefault(name, f"{placed.place}:{placed.line}")
        try:
            self._compiler.compile_rule(parse(rule.query), rule.query)
            failures = check_examples(rule, self._gazetteer) if rule.must_match or rule.must_not_match else ()
        except RuleError as error:
            yield placed.fault(f"query: {error}")
        else:
            yield from (placed.fault(str(failure)) for failure in failures)


def _batches(spooled: IO[str]) -> Iterator[list[PlacedRule]]:
    """Yield what was spooled from its beginning, some at a time."""
    spooled.seek(0)
    placed = (
        PlacedRule(WatchRule.model_validate_json(raw), place, line) for place, line, raw in map(json.loads, spooled)
    )
    while batch := list(islice(placed, BATCH)):
        yield batch
