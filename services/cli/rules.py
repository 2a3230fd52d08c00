"""`redline rules`: the watch rules, those in files and those that users add."""

import asyncio
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from services.cli import rule_editing, rule_testing, rule_transfer
from services.cli.output import ConfigOption, JsonOption, id_column, out, print_line
from services.cli.rule_access import RuleName, Rules

app = typer.Typer(no_args_is_help=True, help="Watch rules: what is looked for in every article.")


@app.command("list")
def list_rules(
    watch_topic: Annotated[str | None, typer.Option("--topic", help="only the rules of this topic")] = None,
    json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """List every rule with its topic, severity and title; `rules show` has the query.

    Example: redline rules list --topic seoul-moscow-relations
    """
    asyncio.run(_list(Rules(config), watch_topic, json))


async def _list(rules: Rules, watch_topic: str | None, json: bool) -> None:
    table = Table(id_column("rule"), "severity", "title")
    topics: set[str] = set()
    async for listed in rules.all(watch_topic):
        topics.add(listed.rule.watch_topic)
        if json:
            print_line(listed.rule.model_dump_json(exclude_none=True))
            continue
        title = escape(listed.rule.title)
        table.add_row(
            listed.name, listed.rule.severity, title if listed.rule.enabled else f"[dim]disabled[/dim] {title}"
        )
    if watch_topic is not None:
        rules.check_topic(watch_topic, topics)
    if not json:
        out.print(table)


@app.command()
def show(rule: RuleName, json: JsonOption = False, config: ConfigOption = None) -> None:
    """Show one rule whole, with its examples.

    Example: redline rules show arms-supply-ukraine/south-korea-arms
    """
    rules = Rules(config)
    listed = rules.find(rule)
    found = listed.rule
    if json:
        print_line(found.model_dump_json(exclude_none=True))
        return
    out.print(f"[bold]{listed.name}[/bold]  {escape(found.title)}" + ("" if found.enabled else "  [dim]disabled[/dim]"))
    out.print(f"  severity  {found.severity}\n  from      {escape(rules.origin(listed))}\n  version   {found.version}")
    for what, by, at in (("added", found.author, found.created_at), ("changed", found.updated_by, found.updated_at)):
        if at is not None:
            out.print(f"  {what:<9} {at:%Y-%m-%d %H:%M} UTC" + (f" by {escape(by)}" if by else ""))
    if found.labels:
        out.print("  labels    " + escape(", ".join(f"{name}={value}" for name, value in found.labels.items())))
    out.print(f"  query\n    {escape(found.query)}")
    for heading, examples in (("must match", found.must_match), ("must not match", found.must_not_match)):
        if examples:
            out.print(f"  {heading}")
        for example in examples:
            out.print(f"    - {escape(example)}")


app.command()(rule_editing.add)
app.command()(rule_editing.edit)
app.command()(rule_editing.enable)
app.command()(rule_editing.disable)
app.command()(rule_editing.remove)
app.command()(rule_testing.test)
app.command()(rule_testing.explain)
app.command()(rule_testing.lint)
app.command("import")(rule_transfer.import_rules)
app.command()(rule_transfer.export)
