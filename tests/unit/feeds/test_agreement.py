"""Agreement with what the test suites of other feed readers state."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from services.domain.feeds.dates import parse_date
from services.domain.feeds.normalize import read_feed
from services.domain.feeds.parser import FeedParseError
from tests.unit.feeds.stated import ARCHIVE, Statement, feedparser_cases, files, reader_cases, rss_parser_cases

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not ARCHIVE.exists(), reason="the test suites of other readers are not part of the project"),
]


def agreement(cases: Iterator[tuple[str, dict[str, Any], list[Statement]]]) -> tuple[float, list[str]]:
    """Return the share of cases in which everything holds, and the names of the others."""
    verdicts = {name: all(one.holds(document) for one in statements) for name, document, statements in cases}
    others = [name for name, holds in verdicts.items() if not holds]
    return 1 - len(others) / len(verdicts), others


def test_98_of_100_feedparser_cases_agree() -> None:
    share, others = agreement(feedparser_cases())
    assert share >= 0.98, others


def test_97_of_100_statements_of_reader_and_rss_parser_hold() -> None:
    cases = [*reader_cases(), *rss_parser_cases()]
    verdicts = [
        (name, statement, statement.holds(document)) for name, document, statements in cases for statement in statements
    ]
    others = [(name, statement.field) for name, statement, holds in verdicts if not holds]
    assert len(verdicts) > 4000
    assert 1 - len(others) / len(verdicts) >= 0.97, others


def test_every_stated_date_is_read() -> None:
    for case in json.loads(files()["date_strings.json"]):
        expected, found = case["expected_utc"], parse_date(case["input"])
        if expected == "parses":
            assert found is not None, case
        elif expected is not None:
            year, month, day, hour, minute, second = expected
            assert found == datetime(year, month, day, hour, minute, second, tzinfo=UTC), case


def test_every_document_is_read_or_refused() -> None:
    refused = 0
    for name, body in files().items():
        try:
            read_feed(body, base_url=f"https://example.org/{name}")
        except FeedParseError:
            refused += 1
    assert refused < len(files()) / 5  # the lists of feeds, the pages, the licences
