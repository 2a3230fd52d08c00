"""The documents keep up with the program."""

import re
from importlib import import_module
from pathlib import Path

import pytest
from prometheus_client import REGISTRY

from schemas.feed import Feed
from schemas.streams import STREAMS
from services.settings import setting_keys

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])
METERED = {
    "services.runtime.metrics",
    "services.fetcher.metrics",
    "services.alerter.metrics",
    "services.tracker.metrics",
    "services.api.websub",
    "services.api.slack_actions",
}
LINK = re.compile(r"\]\(([^)#]+)(?:#[^)]*)?\)")


def rows_of(heading: str) -> list[str]:
    """Return the names that the tables of one section of operations.md explain."""
    section = (ROOT / "docs" / "operations.md").read_text().partition(f"## {heading}\n")[2].partition("\n## ")[0]
    return re.findall(r"^\| `([a-z0-9_.]+)` \|", section, re.MULTILINE)


def test_every_setting_is_explained() -> None:
    assert sorted(rows_of("Settings")) == sorted(setting_keys())


def test_every_key_of_a_feed_is_explained() -> None:
    section = (ROOT / "docs" / "feeds.md").read_text().partition("## A file of feeds\n")[2].partition("\n## ")[0]
    named = {
        key for cells in re.findall(r"^\| (`[^|]+) \|", section, re.MULTILINE) for key in re.findall("`(.+?)`", cells)
    }
    assert named == set(Feed.model_fields)


def test_every_metric_is_explained() -> None:
    for module in METERED:
        import_module(module)
    kinds = {"counter": "_total"}
    metrics = [metric for metric in REGISTRY.collect() if metric.name.startswith("redline_")]
    assert sorted(rows_of("Metrics")) == sorted(metric.name + kinds.get(metric.type, "") for metric in metrics)


def test_every_module_that_counts_is_known_here() -> None:
    counting = {path for path in ROOT.glob("services/**/*.py") if "from prometheus_client import" in path.read_text()}
    assert {".".join(path.relative_to(ROOT).with_suffix("").parts) for path in counting} == METERED


@pytest.mark.parametrize("document", ["README.md", "docs/architecture.md"])
def test_the_stream_table_is_that_of_the_code(document: str) -> None:
    rows = re.findall(r"^\| `(redline\.[a-z_]+\.v\d)` \| ([a-z ]+) \|", (ROOT / document).read_text(), re.MULTILINE)
    assert rows == [(stream.name, stream.key_name) for stream in STREAMS]


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_to_files_lead_somewhere(document: Path) -> None:
    broken = [
        link
        for link in LINK.findall(document.read_text())
        if "://" not in link and not (document.parent / link).exists()
    ]
    assert broken == []


def test_every_decision_has_the_shape_of_one() -> None:
    for record in (ROOT / "docs" / "adr").glob("*.md"):
        text = record.read_text()
        for heading in ("## Context", "## Decision", "## Consequences"):
            assert heading in text, f"{record.name} has no {heading}"
