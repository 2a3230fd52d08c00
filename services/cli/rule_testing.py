"""`redline rules test`, `explain` and `lint`: whether rules do what they are meant to, and why."""

import asyncio
import json as jsonlib
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape

from schemas.watch import WatchRule
from services.cli.output import BAD_INPUT, FAILED, BadInputError, ConfigOption, JsonOption, fault, out, print_line
from services.cli.rule_access import Listed, Rules, name_of
from services.domain.rules.errors import RuleError
from services.plurals import counted
from services.provisioning.article_files import BadLine, ReadArticle, article_of, read_articles, read_json_lines

if TYPE_CHECKING:
    from services.domain.rules.explain import Explainer
    from services.domain.rules.lint import Linter, LintWarning, SameQueries

OptionalRule = Annotated[str | None, typer.Argument(metavar="[RULE]", help="one rule; all of them if not given")]
STDIN = "-"


def test(rule: OptionalRule = None, config: ConfigOption = None) -> None:
    """Run the must_match and must_not_match examples; exits 1 if one does not hold.

    Example: redline rules test
    """
    failed = asyncio.run(_test(Rules(config), rule))
    raise typer.Exit(FAILED if failed else 0)


async def _test(rules: Rules, name: str | None) -> int:
    from services.domain.rules.examples import check_examples

    failed = examples = count = 0
    async for listed in rules.find_all(name):
        count += 1
        examples += len(listed.rule.must_match) + len(listed.rule.must_not_match)
        try:
            failures: tuple[object, ...] = check_examples(listed.rule, rules.watched.gazetteer)
        except RuleError as error:  # it was right when it was stored, but the actors have changed
            failures = (error,)
        failed += len(failures)
        for failure in failures:
            fault(f"{listed.name}: {failure}")
    out.print(f"{counted(count, 'rule')}, {counted(examples, 'example')}, {failed} failed")
    return failed


def explain(
    rule: Annotated[str | None, typer.Argument(metavar="[RULE]", help="a rule's id, or TOPIC/ID")] = None,
    on: Annotated[
        list[str] | None,
        typer.Option(metavar="ARTICLE", help="a file or folder as `redline replay` reads; - is JSON Lines on stdin"),
    ] = None,
    text: Annotated[
        list[str] | None, typer.Option(help="a text in place of a file; of several lines, the first is the title")
    ] = None,
    query: Annotated[str | None, typer.Option(help="a query in place of a rule")] = None,
    json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Say why a rule matches an article, or what it lacks and what comes closest.

    Exits 0 if the rule matches one of the articles, 1 if none, 2 if something cannot be read.

    Example: redline rules explain arms-supply-ukraine/south-korea-arms --on seeds/articles
    """
    if (rule is None) == (query is None):
        raise BadInputError("give either a RULE or --query")
    if not on and not text:
        raise BadInputError("say what to explain it on: --on ARTICLE or --text TEXT")
    explainer, name, disabled = _explainer(Rules(config), rule, query)
    if disabled:
        fault(f"{name} is disabled: no article is matched against it")
    matched = faults = 0
    for item in _articles(on or [], text or []):
        if isinstance(item, BadLine):
            fault(str(item.fault))
            faults += 1
        else:
            matched += _explain(explainer, name, item, json)
    raise typer.Exit(BAD_INPUT if faults else 0 if matched else FAILED)


def _explainer(rules: Rules, name: str | None, query: str | None) -> tuple["Explainer", str | None, bool]:
    """Return what explains the rule or query, the rule's name, and whether it is disabled."""
    from services.domain.rules.explain import Explainer

    found = rules.find(name).rule if name else None
    try:
        explainer = Explainer(found or query or "", rules.watched.gazetteer)
    except RuleError as error:
        raise BadInputError(f"query: {error}") from error
    return explainer, name_of(found) if found else None, found is not None and not found.enabled


def _explain(explainer: "Explainer", name: str | None, item: ReadArticle, json: bool) -> bool:
    from services.cli.explanations import ExplanationView, to_json

    found = explainer.explain(item.article)
    if json:
        missing = [part.clause for part in found.missing()]
        line: dict[str, Any] = {"article_id": item.given_id, "rule": name, "matches": found.holds, "lacks": missing}
        print_line(jsonlib.dumps({**line, "explanation": to_json(found)}, ensure_ascii=False))
        return found.holds
    view = ExplanationView(out, item.article)
    verdict = "matches" if found.holds else "does not match"
    for text in view.lines(found, f"{name or 'the query'} {verdict} {item.given_id}"):
        out.print(text)
    if not found.holds:
        out.print(view.lacks(found))
    return found.holds


def lint(
    rule: OptionalRule = None,
    query: Annotated[str | None, typer.Option(help="a query in place of a rule")] = None,
    strict: Annotated[bool, typer.Option("--strict", help="exit 1 if there is a warning")] = False,
    json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Warn of what is probably not meant; docs/operations.md explains each code.

    Example: redline rules lint --strict
    """
    if rule is not None and query is not None:
        raise BadInputError("give either a RULE or --query")
    rules = Rules(config)
    warnings = asyncio.run(_lint_rules(rules, rule, json)) if query is None else _lint_query(rules, query, json)
    raise typer.Exit(FAILED if strict and warnings else 0)


def _lint_query(rules: Rules, query: str, json: bool) -> int:
    from services.domain.rules.lint import Linter

    try:
        warnings = Linter(rules.watched.gazetteer).query(query)
    except RuleError as error:
        raise BadInputError(f"query: {error}") from error
    for warning in warnings:
        _print_warning(None, warning, json)
    return len(warnings)


async def _lint_rules(rules: Rules, name: str | None, json: bool) -> int:
    from services.domain.rules.lint import Linter, SameQueries

    linter, same = Linter(rules.watched.gazetteer), SameQueries()
    count = found = 0
    async for listed in rules.find_all(name):
        count += 1
        for warning in _warnings(listed, linter, same):
            found += 1
            _print_warning(listed.rule, warning, json)
    if not json:
        out.print(f"{counted(count, 'rule')}, {counted(found, 'warning')}")
    return found


def _warnings(listed: Listed, linter: "Linter", same: "SameQueries") -> Iterator["LintWarning"]:
    try:
        yield from linter.rule(listed.rule)
        yield from same.add(listed.rule)
    except RuleError as error:
        fault(f"{listed.name}: {error}")


def _print_warning(rule: WatchRule | None, warning: "LintWarning", json: bool) -> None:
    name = name_of(rule) if rule else None
    if json:
        line = {"rule": name, "code": warning.code.value, "message": warning.message, "column": warning.column}
        print_line(jsonlib.dumps(line, ensure_ascii=False))
        return
    out.print((f"[bold]{name}[/bold]: " if name else "") + escape(str(warning)))


def _articles(paths: list[str], texts: list[str]) -> Iterator[ReadArticle | BadLine]:
    now = datetime.now(UTC)
    for path in paths:
        if path == STDIN:
            yield from read_json_lines(iter(sys.stdin.buffer.readline, b""), "standard input", now)
        else:
            yield from read_articles([Path(path)], now)
    for number, given in enumerate(texts, 1):
        title, separator, text = given.strip().partition("\n")
        try:
            yield article_of({"id": f"text {number}", "title": title, "text": text if separator else title}, now)
        except ValueError as error:
            raise BadInputError(f"--text: {error}") from error
