"""The documents keep up with the program."""

import re
from pathlib import Path

import pytest

from schemas.streams import STREAMS
from services.settings import setting_keys

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])
LINK = re.compile(r"\]\(([^)#]+)(?:#[^)]*)?\)")


def test_every_setting_is_explained() -> None:
    rows = re.findall(r"^\| `([a-z0-9_.]+)` \|", (ROOT / "docs" / "operations.md").read_text(), re.MULTILINE)
    assert set(rows) == set(setting_keys())


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
