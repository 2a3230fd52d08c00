"""Lint warns of what is probably not meant, and of nothing else."""

from pathlib import Path

import pytest
from hypothesis import given, settings

from schemas.article import Article
from schemas.watch import WatchRule
from services.domain.rules import ast
from services.domain.rules.ast import format_query
from services.domain.rules.errors import RuleError
from services.domain.rules.implication import Implication
from services.domain.rules.lint import LintCode, Linter, SameQueries, canonical
from tests.unit.rules.builders import GAZETTEER, rule
from tests.unit.rules.oracle import CODES, Oracle
from tests.unit.rules.random_rules import articles, trees

DOCUMENT = Path(__file__).resolve().parents[3] / "docs" / "operations.md"


def warnings(query: str) -> list[tuple[LintCode, int | None]]:
    return [(warning.code, warning.column) for warning in Linter(GAZETTEER).query(query)]


@pytest.mark.parametrize(
    ("query", "code", "column"),
    [
        ("tank OR howitzer OR tank", LintCode.REPEATED_PART, 21),
        ("tank OR tanks", LintCode.IMPLIED_PART, 1),
        ("supply OR suppl*", LintCode.IMPLIED_PART, 1),
        ('"artillery shell" OR shell', LintCode.IMPLIED_PART, 1),
        ("title:tank OR tank", LintCode.IMPLIED_PART, 1),
        ("tank AND (tank OR howitzer)", LintCode.IMPLIED_PART, 11),
        ("tank NEAR/5 howitzer AND tank", LintCode.IMPLIED_PART, 26),
        ("tank NEAR/5 howitzer OR howitzer NEAR/9 tank", LintCode.IMPLIED_PART, 1),
        ("tank -howitzer -(howitzer shell)", LintCode.IMPLIED_PART, 16),
        ("@south_korea OR @seoul_side", LintCode.IMPLIED_PART, 1),
        ("=tank OR tank", LintCode.IMPLIED_PART, 1),
        ("tank BEFORE/5 howitzer OR tank NEAR/9 howitzer", LintCode.IMPLIED_PART, 1),
        ("tank -tanks", LintCode.NEVER_MATCHES, 6),
        ('"heavy tank" -tank', LintCode.NEVER_MATCHES, 14),
        ("the", LintCode.COMMON_WORD, 1),
        ("Seoul-Moscow OR Seoul", LintCode.ACTOR_BY_NAME, 17),
        ("tank NEAR/31 howitzer", LintCode.WIDE_NEAR, 1),
        ("howitzer ROK", LintCode.ACRONYM_IN_ANY_CASE, 10),
        ("howitzer rok", LintCode.ACRONYM_IN_ANY_CASE, 10),
        ("howitzer EU", LintCode.ACRONYM_IN_ANY_CASE, 10),
    ],
)
def test_what_is_probably_not_meant_is_pointed_at(query: str, code: LintCode, column: int) -> None:
    assert (code, column) in warnings(query)


@pytest.mark.parametrize(
    "query",
    [
        "@south_korea AND (tank OR howitzer)",
        "tank NEAR/5 howitzer OR tank beforehand",
        '"heavy tank" OR "tank heavy"',
        "tank -(tank howitzer)",
        "title:tank howitzer",
        "title:(tank -howitzer) OR text:tank",
        "tank NEAR/9 howitzer OR tank shell",
        "weapon",
        "NATO",
        "=EU",
        "=ROK",
        "IT-tank",
        "tank lang:it country:ARE",
        '"heavy tank"~3 OR "heavy tank"',
        "tank BEFORE/5 howitzer OR howitzer BEFORE/5 tank",
        "ammun* OR munition",
        "переговоры OR переговори",
    ],
)
def test_what_may_well_be_meant_gives_no_warning(query: str) -> None:
    assert warnings(query) == []


def test_a_warning_says_what_and_where() -> None:
    (warning,) = Linter(GAZETTEER).query("Kyiv tank")
    assert str(warning) == "Kyiv is one of the names of @ukraine, at column 1 [actor-by-name]"


def test_a_rule_without_examples_is_told() -> None:
    bare = rule("tank")
    assert [each.code for each in Linter(GAZETTEER).rule(bare)] == [LintCode.NO_MUST_MATCH, LintCode.NO_MUST_NOT_MATCH]
    shown = WatchRule(id="r", watch_topic="t", query="tank", must_match=("tanks",), must_not_match=("bank",))
    assert Linter(GAZETTEER).rule(shown) == ()


def test_rules_of_one_topic_that_ask_the_same_are_told() -> None:
    same = SameQueries()
    rules = [
        rule("tank OR howitzer", "a"),
        rule('"howitzers" OR tanks', "b"),
        rule("tank howitzer", "c"),
        rule("tank OR howitzer", "d", watch_topic="other"),
    ]
    told = [(each.id, [warning.message for warning in same.add(each)]) for each in rules]
    assert told == [("a", []), ("b", ["asks the same as topic/a"]), ("c", []), ("d", [])]


def test_a_query_that_cannot_be_read_is_refused() -> None:
    with pytest.raises(RuleError):
        Linter(GAZETTEER).query("tank AND")


def test_a_thousand_alternatives_are_linted_in_time() -> None:
    query = " OR ".join(f"w{number}" for number in range(2000))
    assert warnings(query) == []


def test_every_code_is_explained() -> None:
    text = DOCUMENT.read_text()
    assert [code for code in LintCode if f"| `{code}` |" not in text] == []


@settings(max_examples=40, deadline=None)
@given(trees(), trees(), articles)
def test_what_is_implied_is_true_wherever_the_other_is(one: ast.Node, other: ast.Node, read: Article) -> None:
    oracle = Oracle.of_article(GAZETTEER, read)
    implication = Implication(GAZETTEER)
    # Codes are no words outside of their field.
    nodes = [*_in_prose(one), *_in_prose(other)]
    for first in nodes:
        for second in nodes:
            if implication.holds(first, second) and oracle.holds(first):
                assert oracle.holds(second), f"{format_query(first)} => {format_query(second)}"


@settings(max_examples=40, deadline=None)
@given(trees())
def test_the_order_of_parts_does_not_make_another_query(tree: ast.Node) -> None:
    assert canonical(_turned(tree)) == canonical(tree)


def _in_prose(node: ast.Node) -> list[ast.Node]:
    codes = [each.child for each in ast.walk(node) if isinstance(each, ast.InField) and each.field in CODES]
    inside = [id(each) for code in codes for each in ast.walk(code)]
    return [each for each in ast.walk(node) if id(each) not in inside]


def _turned(node: ast.Node) -> ast.Node:
    match node:
        case ast.And(children=parts):
            return ast.And(tuple(map(_turned, reversed(parts))))
        case ast.Or(children=parts):
            return ast.Or(tuple(map(_turned, reversed(parts))))
        case ast.AtLeast(count=count, children=parts):
            return ast.AtLeast(count, tuple(map(_turned, reversed(parts))))
        case ast.Not(child=child):
            return ast.Not(_turned(child))
        case ast.InField(field=field, child=child):
            return ast.InField(field, _turned(child))
        case _:
            return node
