"""What the documentation and the seeds say is true of the code."""

import json
import re
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import SecretStr

from alerts.channels.assemble import open_channels
from alerts.channels.webhook import KIND_HEADER, SIGNATURE_HEADER, sign
from alerts.route_options import DEFAULT_INHIBITION, GroupPolicy, Route
from alerts.routing import Routes, route, targets
from schemas.watch import Severity
from tests.unit.alerts.examples import an_alert, article
from tests.unit.alerts.timeline import routes_of

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs" / "alerts.md").read_text()


def load(text: str) -> Routes:
    return Routes.model_validate_json(json.dumps(yaml.safe_load(text)))


def example(language: str, marker: str) -> str:
    (found,) = [code for code in re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL) if marker in code]
    return str(found)


def example_of(section: str) -> str:
    """The one YAML example of a section."""
    (found,) = re.findall(r"```yaml\n(.*?)```", PAGE.split(f"\n## {section}\n")[1].split("\n## ")[0], re.DOTALL)
    return str(found)


def test_signature_example_accepts_ours_and_nothing_else() -> None:
    scope: dict[str, Any] = {}
    exec(example("python", "def is_from_redline"), scope)
    check = scope["is_from_redline"]
    body, now = b'{"a": "\xc3\xa9"}', datetime.now(UTC)
    signature = sign(body, "key", now)
    assert check(body, signature, "key")
    assert not check(body + b" ", signature, "key")
    assert not check(body, signature, "other key")
    assert not check(body, signature.replace("t=", "t=1"), "key")
    assert not check(body, "", "key")
    assert not check(body, sign(body, "key", now - timedelta(hours=1)), "key")
    assert int(signature.split(",")[0].removeprefix("t=")) == pytest.approx(time.time(), abs=5)


def test_headers_of_the_table_are_those_sent() -> None:
    assert f"`{SIGNATURE_HEADER}`" in PAGE
    assert f"`{KIND_HEADER}`" in PAGE
    assert "`Idempotency-Key`" in PAGE


@pytest.mark.parametrize(
    "marker", ["webhook_url", "bot_token", "type: email", "type: webhook", "type: console", "type: apprise"]
)
def test_channel_examples_of_the_page_are_valid(marker: str) -> None:
    channels = yaml.safe_load(example("yaml", marker))
    tree = {"route": {"receiver": "a"}, "receivers": [{"name": "a", "channels": channels}]}
    Routes.model_validate_json(json.dumps(tree))


@pytest.mark.parametrize("section", ["Routing", "Groups", "Inhibition", "Mute times", "Budget and digest"])
def test_route_examples_of_the_page_are_valid(section: str) -> None:
    assert routes_of(example_of(section)).route.receiver == "desk"


def test_route_example_of_the_page_sends_alerts_where_it_says() -> None:
    text = example_of("Routing")
    korean = article(lang="ko")
    urgent = an_alert(severity=Severity.CRITICAL, article=korean, labels={"beat": "economy"})
    found = [(target.receiver, target.label, target.policy.digest) for target in targets(urgent, routes_of(text))]
    assert found == [("night-desk", "root / 1", False), ("seoul", "root / 2 / 1", True)]
    assert route(an_alert(), routes_of(text)) == ("desk",)


def test_table_of_group_options_tells_the_defaults() -> None:
    told = dict(re.findall(r"^\| `(\w+)` \| `?(.*?)`? \|", PAGE.split("\n## Groups\n")[1], re.MULTILINE)[:4])
    defaults = GroupPolicy()
    assert told.pop("group_by") == f"[{', '.join(defaults.group_by)}]"
    assert (told.pop("repeat_interval"), defaults.repeat_interval) == ("none", None)
    said = Route.model_validate_json(json.dumps(told))
    assert (said.group_wait, said.group_interval) == (defaults.group_wait, defaults.group_interval)


def test_inhibition_example_is_the_default() -> None:
    assert routes_of(example_of("Inhibition")).inhibit_rules == DEFAULT_INHIBITION


def test_seed_routes_need_no_secret() -> None:
    routes = load((ROOT / "seeds" / "routes.yaml").read_text())
    assert [str(opened.lane) for opened in open_channels(routes, {})] == ["desk/console"]
    with_slack = open_channels(routes, {"SLACK_WEBHOOK_URL": SecretStr("https://hooks.example.org/x")})
    assert [str(opened.lane) for opened in with_slack] == ["desk/console", "desk/slack"]
    assert route(an_alert(), routes) == ("desk",)


def test_seed_routes_are_valid_with_their_examples_taken_in() -> None:
    text = (ROOT / "seeds" / "routes.yaml").read_text()
    tree = text.replace("  # For example:\n  #\n", "").replace(
        "  # Further channels; take out the comment signs", "  ## "
    )
    lines = [re.sub(r"^  # (routes:|  .*|- name.*)$", r"  \1", line) for line in tree.splitlines()]
    lines = [re.sub(r"^# (time_intervals:|inhibit_rules:|  .*)$", r"\1", line) for line in lines]
    start = next(number for number, line in enumerate(lines) if line.startswith("  routes:"))
    head = [line for line in lines[:start] if not line.startswith("    ")]
    routes = load("\n".join([*head, *lines[start:]]))
    assert len(routes.route.routes) == 2
    assert [interval.name for interval in routes.time_intervals] == ["nights"]
    assert routes.inhibit_rules == DEFAULT_INHIBITION
    assert {receiver.name for receiver in routes.receivers} == {"desk", "seoul", "seoul-mail", "night-desk"}


def test_compose_routes_mail_to_mailpit() -> None:
    routes = load((ROOT / "seeds" / "routes.compose.yaml").read_text())
    assert [str(opened.lane) for opened in open_channels(routes, {})] == ["desk/email/desk@example.org"]
