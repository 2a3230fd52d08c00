"""The seed rules find lone statements, in every language of the feeds, and leave alone what only looks like them."""

from pathlib import Path

import pytest

from tests.unit.seeds.files import load_text
from tests.unit.seeds.test_topics import hits

STATEMENTS = load_text(Path(__file__).with_name("statements.yaml").read_text(encoding="utf-8"))
ARMS, RELATIONS = "arms-supply-ukraine", "seoul-moscow-relations"


@pytest.mark.parametrize("text", STATEMENTS["arms"])
def test_a_statement_on_arms_is_found(text: str) -> None:
    assert ARMS in hits("", text)


@pytest.mark.parametrize("text", STATEMENTS["relations"])
def test_a_statement_on_relations_is_found_and_is_not_about_arms(text: str) -> None:
    assert set(hits("", text)) == {RELATIONS}


@pytest.mark.parametrize("text", STATEMENTS["both"])
def test_a_statement_on_both_is_found_for_both(text: str) -> None:
    assert set(hits("", text)) == {ARMS, RELATIONS}


@pytest.mark.parametrize("text", STATEMENTS["neither"])
def test_a_statement_on_something_else_is_left_out(text: str) -> None:
    assert hits("", text) == {}


@pytest.mark.parametrize("text", STATEMENTS["neither"])
def test_it_is_left_out_as_a_title_too(text: str) -> None:
    assert hits(text, text) == {}


def test_korea_is_the_south_only_until_the_north_is_named() -> None:
    statement = "Korean rockets have reached a brigade in Ukraine, its commander said."
    assert ARMS in hits("", statement)
    assert hits("", f"{statement} Pyongyang had shown them at a parade.") == {}
