"""`redline rules add`, `edit`, `enable`, `disable` and `remove`: changes to the rules that users add."""

import asyncio
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic import ValidationError

from schemas.codec import describe
from schemas.watch import Severity, WatchRule
from services.cli.output import BadInputError, ConfigOption, out, warn
from services.cli.rule_access import AuthorOption, RuleName, Rules, name_of

FOLLOWED = "running matchers follow it within 2 seconds"

SeverityOption = Annotated[Severity | None, typer.Option(help="how urgent a hit is")]
LabelOption = Annotated[list[str] | None, typer.Option(metavar="NAME=VALUE", help="for routes to match on")]


def add(
    query: Annotated[str, typer.Argument(help="what to look for; see docs/rules.md")],
    watch_topic: Annotated[str, typer.Option("--topic", help="the watch topic that the rule belongs to")],
    rule_id: Annotated[str | None, typer.Option("--id", help="its id; made from the query if not given")] = None,
    title: Annotated[str, typer.Option(help="what the rule is for, in words")] = "",
    severity: Annotated[Severity, typer.Option(help="how urgent a hit is")] = Severity.INFO,
    label: LabelOption = None,
    must_match: Annotated[list[str] | None, typer.Option(help="a text the rule must hit; checked now")] = None,
    must_not_match: Annotated[list[str] | None, typer.Option(help="a text it must not hit; checked now")] = None,
    new_topic: Annotated[bool, typer.Option("--new-topic", help="the topic is a new one of your own")] = False,
    author: AuthorOption = None,
    config: ConfigOption = None,
) -> None:
    """Add a rule; every running matcher follows it within two seconds.

    Example: redline rules add '@south_korea AND "air defence"' --topic arms-supply-ukraine --severity warning
    """
    from services.domain.rules.revision import created

    rules = Rules(config)
    given = _validated(
        id=rule_id or _slug(query),
        watch_topic=watch_topic,
        query=query,
        title=title,
        severity=severity,
        labels=_labels({}, label or []),
        must_match=tuple(must_match or ()),
        must_not_match=tuple(must_not_match or ()),
    )
    rule = created(given, datetime.now(UTC), author)
    _check(rule, rules)
    _warn(rule, rules)
    asyncio.run(_put_new(rules, rule, new_topic))
    out.print(f"added rule [bold]{name_of(rule)}[/bold]; {FOLLOWED}")


def edit(
    rule: RuleName,
    query: Annotated[str | None, typer.Option(help="what to look for")] = None,
    title: Annotated[str | None, typer.Option(help="what the rule is for, in words")] = None,
    severity: SeverityOption = None,
    label: Annotated[
        list[str] | None, typer.Option(metavar="NAME=VALUE", help="one label; NAME= takes it away")
    ] = None,
    must_match: Annotated[list[str] | None, typer.Option(help="one more text the rule must hit")] = None,
    must_not_match: Annotated[list[str] | None, typer.Option(help="one more text it must not hit")] = None,
    enabled: Annotated[bool | None, typer.Option("--enable/--disable", help="whether it is matched at all")] = None,
    author: AuthorOption = None,
    config: ConfigOption = None,
) -> None:
    """Change a rule that was added: what the options say, or, without any, in $EDITOR.

    A change is refused if somebody else changed the rule meanwhile.

    Example: redline rules edit my-desk/cobalt --severity critical --must-match 'Seoul buys cobalt'
    """
    rules = Rules(config)
    held = rules.find_stored(rule)
    given: dict[str, Any] = {"query": query, "title": title, "severity": severity, "enabled": enabled}
    changed = {key: value for key, value in given.items() if value is not None}
    if label:
        changed["labels"] = _labels(held.labels, label)
    if must_match:
        changed["must_match"] = (*held.must_match, *must_match)
    if must_not_match:
        changed["must_not_match"] = (*held.must_not_match, *must_not_match)
    if not changed:
        from services.cli.rule_editor import edit_in_editor

        edit_in_editor(held, lambda edited: _keep(rules, held, edited, author))
        return
    _keep(rules, held, _validated(**{**dict(held), **changed}), author)


def enable(rule: RuleName, author: AuthorOption = None, config: ConfigOption = None) -> None:
    """Match a rule again that was disabled.

    Example: redline rules enable my-desk/cobalt
    """
    _switch(rule, config, author, enabled=True)


def disable(rule: RuleName, author: AuthorOption = None, config: ConfigOption = None) -> None:
    """Match a rule no more, but keep it.

    Example: redline rules disable my-desk/cobalt
    """
    _switch(rule, config, author, enabled=False)


def remove(rule: RuleName, config: ConfigOption = None) -> None:
    """Remove a rule that was added; rules in files are removed there.

    Example: redline rules remove arms-supply-ukraine/my-rule
    """
    rules = Rules(config)
    listed = rules.find(rule)
    if listed.provisioned:
        raise BadInputError(f"{listed.name} is provisioned: remove it from {rules.origin(listed)}")

    async def forget() -> None:
        async with rules.store() as store:
            await store.remove(listed.rule.watch_topic, listed.rule.id)

    asyncio.run(forget())
    out.print(f"removed rule [bold]{listed.name}[/bold]")


def _switch(name: str, config: Path | None, author: str | None, *, enabled: bool) -> None:
    rules = Rules(config)
    held = rules.find_stored(name)
    _exchange(rules, held, held.model_copy(update={"enabled": enabled}), author)


def _keep(rules: Rules, held: WatchRule, edited: WatchRule, author: str | None) -> None:
    """Put an edited rule in the place of the one it was made from, if it is right and that one is still there."""
    _check(edited, rules)
    _warn(edited, rules)
    _exchange(rules, held, edited, author)


def _exchange(rules: Rules, held: WatchRule, edited: WatchRule, author: str | None) -> None:
    from services.domain.rules.revision import revised

    successor = revised(held, edited, datetime.now(UTC), author)
    if successor is None:
        out.print(f"rule [bold]{name_of(held)}[/bold] is so already; nothing was changed")
        return
    if not asyncio.run(_exchanged(rules, held, successor)):
        raise BadInputError(f"{name_of(held)} was changed or removed by somebody else meanwhile; look at it again")
    out.print(f"changed rule [bold]{name_of(held)}[/bold]; {FOLLOWED}")


async def _exchanged(rules: Rules, held: WatchRule, successor: WatchRule) -> bool:
    async with rules.store() as store:
        return await store.exchange(held, successor)


async def _put_new(rules: Rules, rule: WatchRule, new_topic: bool) -> None:
    known = {name_of(each) for each in rules.provisioned()}
    async with rules.store() as store:
        if not new_topic and rule.watch_topic not in {topic.id for topic in rules.watched.topics}:
            stored = {found.watch_topic async for found in store.stream(rule.watch_topic)}
            rules.check_topic(rule.watch_topic, stored, "; --new-topic makes it a new one")
        if name_of(rule) in known or await store.put_batch([rule], replace=False):
            raise BadInputError(f"there is a rule {name_of(rule)} already; give another --id, or edit that one")


def _check(rule: WatchRule, rules: Rules) -> None:
    """Raise BadInputError if the rule cannot be matched or does not do what its examples say."""
    from services.domain.rules.examples import check_examples
    from services.provisioning.catalogues import rule_fault

    if problem := rule_fault(rule, rules.watched.gazetteer):
        raise BadInputError(f"query: {problem}")
    if failures := check_examples(rule, rules.watched.gazetteer):
        raise BadInputError("\n".join(str(failure) for failure in failures))


def _warn(rule: WatchRule, rules: Rules) -> None:
    from services.domain.rules.lint import Linter

    for warning in Linter(rules.watched.gazetteer).rule(rule):
        warn(str(warning))


def _validated(**values: Any) -> WatchRule:
    try:
        return WatchRule(**values)
    except ValidationError as error:
        raise BadInputError(f"rule: {describe(error)}") from error


def _labels(held: dict[str, str], given: list[str]) -> dict[str, str]:
    labels = dict(held)
    for item in given:
        name, separator, value = item.partition("=")
        if not separator or not name:
            raise BadInputError(f"--label {item}: expected NAME=VALUE")
        if value:
            labels[name] = value
        else:
            labels.pop(name, None)
    return labels


def _slug(query: str) -> str:
    words = re.sub(r"[^a-z0-9]+", "-", query.lower()).strip("-")
    return words[:48].rstrip("-") or "rule"
