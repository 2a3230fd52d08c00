"""`redline rules`: the watch rules, those in files and those that users add."""

import asyncio
import re
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from pydantic import ValidationError
from rich.markup import escape
from rich.table import Table

from schemas.codec import describe
from schemas.watch import Severity, WatchRule, WatchTopic
from services.cli.loading import load_settings, watched
from services.cli.output import FAILED, BadInputError, ConfigOption, JsonOption, fault, id_column, out, print_line

app = typer.Typer(no_args_is_help=True, help="Watch rules: what is looked for in every article.")

RuleName = Annotated[str, typer.Argument(metavar="RULE", help="a rule's id, or TOPIC/ID where two topics share the id")]


@app.command()
def add(
    query: Annotated[str, typer.Argument(help="what to look for; see docs/rules.md")],
    watch_topic: Annotated[str, typer.Option("--topic", help="the watch topic that the rule belongs to")],
    rule_id: Annotated[str | None, typer.Option("--id", help="its id; made from the query if not given")] = None,
    title: Annotated[str, typer.Option(help="what the rule is for, in words")] = "",
    severity: Annotated[Severity, typer.Option(help="how urgent a hit is")] = Severity.INFO,
    label: Annotated[list[str] | None, typer.Option(metavar="NAME=VALUE", help="for routes to match on")] = None,
    must_match: Annotated[list[str] | None, typer.Option(help="a text the rule must hit; checked now")] = None,
    must_not_match: Annotated[list[str] | None, typer.Option(help="a text it must not hit; checked now")] = None,
    new_topic: Annotated[bool, typer.Option("--new-topic", help="the topic is a new one of your own")] = False,
    author: Annotated[str | None, typer.Option(help="who adds it")] = None,
    config: ConfigOption = None,
) -> None:
    """Add a rule; every running matcher follows it within two seconds.

    Example: redline rules add '@south_korea AND "air defence"' --topic arms-supply-ukraine --severity warning
    """
    from services import bootstrap
    from services.domain.rules.examples import check_examples
    from services.matcher.rule_store import ValkeyRuleStore
    from services.provisioning.catalogues import rule_fault

    loaded = load_settings(config)
    provisioned = watched(loaded)
    try:
        rule = WatchRule(
            id=rule_id or _slug(query),
            watch_topic=watch_topic,
            query=query,
            title=title,
            severity=severity,
            labels=_labels(label or []),
            must_match=tuple(must_match or ()),
            must_not_match=tuple(must_not_match or ()),
            author=author,
            created_at=datetime.now(UTC),
        )
    except ValidationError as error:
        raise BadInputError(f"rule: {describe(error)}") from error
    if problem := rule_fault(rule, provisioned.gazetteer):
        raise BadInputError(f"query: {problem}")
    failures = check_examples(rule, provisioned.gazetteer)
    if failures:
        raise BadInputError("\n".join(str(failure) for failure in failures))

    async def store() -> None:
        async with bootstrap.open_valkey(loaded.settings) as valkey:
            rules = ValkeyRuleStore(valkey)
            stored = await rules.rules()
            _check_conflicts(rule, provisioned.topics, stored, new_topic)
            await rules.put(rule)

    asyncio.run(store())
    out.print(f"added rule [bold]{rule.watch_topic}/{rule.id}[/bold]; running matchers follow it within 2 seconds")


@app.command("list")
def list_rules(
    watch_topic: Annotated[str | None, typer.Option("--topic", help="only the rules of this topic")] = None,
    json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """List every rule with its topic, severity and title; `rules show` has the query.

    Example: redline rules list --topic seoul-moscow-relations
    """
    rules = [rule for rule, _ in _all_rules(config)]
    if watch_topic is not None:
        _check_topic(watch_topic, {rule.watch_topic for rule in rules})
        rules = [rule for rule in rules if rule.watch_topic == watch_topic]
    if json:
        for rule in rules:
            print_line(rule.model_dump_json(exclude_none=True))
        return
    table = Table(id_column("rule"), "severity", "title")
    for rule in rules:
        table.add_row(f"{rule.watch_topic}/{rule.id}", rule.severity, escape(rule.title))
    out.print(table)


@app.command()
def show(rule: RuleName, json: JsonOption = False, config: ConfigOption = None) -> None:
    """Show one rule whole, with its examples.

    Example: redline rules show arms-supply-ukraine/south-korea-arms
    """
    found, origin = _one(rule, _all_rules(config))
    if json:
        print_line(found.model_dump_json(exclude_none=True))
        return
    out.print(f"[bold]{found.watch_topic}/{found.id}[/bold]  {escape(found.title)}")
    out.print(f"  severity  {found.severity}\n  from      {escape(origin)}\n  version   {found.version}")
    if found.labels:
        out.print("  labels    " + escape(", ".join(f"{name}={value}" for name, value in found.labels.items())))
    out.print(f"  query\n    {escape(found.query)}")
    for heading, examples in (("must match", found.must_match), ("must not match", found.must_not_match)):
        if examples:
            out.print(f"  {heading}")
        for example in examples:
            out.print(f"    - {escape(example)}")


@app.command()
def remove(rule: RuleName, config: ConfigOption = None) -> None:
    """Remove a rule that was added; rules in files are removed there.

    Example: redline rules remove arms-supply-ukraine/my-rule
    """
    from services import bootstrap
    from services.matcher.rule_store import ValkeyRuleStore

    loaded = load_settings(config)
    found, origin = _one(rule, _all_rules(config))
    if origin != "the rule store":
        raise BadInputError(f"{found.watch_topic}/{found.id} is provisioned: remove it from {origin}")

    async def forget() -> None:
        async with bootstrap.open_valkey(loaded.settings) as valkey:
            await ValkeyRuleStore(valkey).remove(found.watch_topic, found.id)

    asyncio.run(forget())
    out.print(f"removed rule [bold]{found.watch_topic}/{found.id}[/bold]")


@app.command()
def test(
    rule: Annotated[str | None, typer.Argument(metavar="[RULE]", help="one rule; all of them if not given")] = None,
    config: ConfigOption = None,
) -> None:
    """Run the must_match and must_not_match examples; exits 1 if one does not hold.

    Example: redline rules test
    """
    from services.domain.rules.examples import check_examples

    gazetteer = watched(load_settings(config)).gazetteer
    listed = _all_rules(config)
    chosen = [_one(rule, listed)] if rule else listed
    failed = examples = 0
    for found, _ in chosen:
        failures = check_examples(found, gazetteer)
        failed += len(failures)
        examples += len(found.must_match) + len(found.must_not_match)
        for failure in failures:
            fault(f"{found.watch_topic}/{found.id}: {failure}")
    out.print(f"{len(chosen)} rules, {examples} examples, {failed} failed")
    raise typer.Exit(FAILED if failed else 0)


def _all_rules(config: Path | None) -> list[tuple[WatchRule, str]]:
    """Return every rule with where it comes from; the store is asked only if there is one."""
    from services import bootstrap
    from services.matcher.rule_store import ValkeyRuleStore

    loaded = load_settings(config)
    topics = watched(loaded).topics
    provisioned = [(rule, str(loaded.settings.topics)) for topic in topics for rule in topic.rules]

    async def stored() -> tuple[WatchRule, ...]:
        if not bootstrap.has_state(loaded.settings):
            return ()
        async with bootstrap.open_valkey(loaded.settings) as valkey:
            return await ValkeyRuleStore(valkey).rules()

    return provisioned + [(rule, "the rule store") for rule in asyncio.run(stored())]


def _one(name: str, listed: list[tuple[WatchRule, str]]) -> tuple[WatchRule, str]:
    from services.provisioning.faults import nearest

    found = [(rule, origin) for rule, origin in listed if name in {rule.id, f"{rule.watch_topic}/{rule.id}"}]
    if len(found) == 1:
        return found[0]
    names = [f"{rule.watch_topic}/{rule.id}" for rule, _ in found or listed]
    if found:
        raise BadInputError(f"several topics have a rule {name!r}; say which: {', '.join(names)}")
    raise BadInputError(f"no rule {name!r}{nearest(name, names + [rule.id for rule, _ in listed])}")


def _check_conflicts(
    rule: WatchRule, topics: Iterable[WatchTopic], stored: Iterable[WatchRule], new_topic: bool
) -> None:
    held = {(known.watch_topic, known.id) for topic in topics for known in topic.rules}
    held |= {(known.watch_topic, known.id) for known in stored}
    if (rule.watch_topic, rule.id) in held:
        raise BadInputError(
            f"there is a rule {rule.watch_topic}/{rule.id} already; give another --id, or remove it first"
        )
    known_topics = {topic.id for topic in topics} | {watch_topic for watch_topic, _ in held}
    if not new_topic:
        _check_topic(rule.watch_topic, known_topics, "; --new-topic makes it a new one")


def _check_topic(watch_topic: str, known: Iterable[str], advice: str = "") -> None:
    from services.provisioning.faults import nearest

    if watch_topic not in known:
        raise BadInputError(f"no watch topic {watch_topic!r}{nearest(watch_topic, known)}{advice}")


def _labels(given: list[str]) -> dict[str, str]:
    labels = {}
    for item in given:
        name, separator, value = item.partition("=")
        if not separator or not name:
            raise BadInputError(f"--label {item}: expected NAME=VALUE")
        labels[name] = value
    return labels


def _slug(query: str) -> str:
    words = re.sub(r"[^a-z0-9]+", "-", query.lower()).strip("-")
    return words[:48].rstrip("-") or "rule"
