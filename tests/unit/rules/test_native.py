"""The compiled steps decide as the ones in numpy do, and both as brute force does."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from schemas.article import Article
from services.domain.rules import ast, postings
from services.domain.rules.ast import format_query
from services.domain.rules.engine import RuleEngine
from services.domain.rules.errors import RuleMeaningError
from services.domain.rules.native import native_steps
from tests.unit.rules import builders
from tests.unit.rules.builders import GAZETTEER, article
from tests.unit.rules.oracle import Oracle
from tests.unit.rules.random_rules import articles, texts, trees

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("compiled_steps")]


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(trees(), min_size=1, max_size=8), st.integers(0, 8), st.lists(articles, min_size=1, max_size=3))
def test_compiled_steps_agree_with_brute_force(asked: list[ast.Node], settled: int, read: list[Article]) -> None:
    """Rules added before and after the arrays were sorted, and one removed in between."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(postings, "MIN_SORTED", 0)
        engine, held = RuleEngine(GAZETTEER), dict[str, ast.Node]()
        engine.compact()
        for number, tree in enumerate(asked):
            if number == settled:
                engine.compact()
                if "r0" in held:
                    engine.remove("topic", "r0")
                    del held["r0"]
            try:
                engine.add(builders.rule(format_query(tree), f"r{number}"))
            except RuleMeaningError:
                continue
            held[f"r{number}"] = tree
        for each in read:
            oracle = Oracle.of_article(GAZETTEER, each)
            expected = sorted(name for name, tree in held.items() if oracle.holds(tree))
            assert sorted(key.rule_id for key in engine.satisfied_by(each)) == expected


NEARS = ["@south_korea", '"South Korea"', "Seoul", "@arms", "(Kyiv OR weapons)", "sup*", '="U.S."']


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(texts(40), min_size=1, max_size=4))
def test_compiled_steps_agree_with_numpy_on_dense_texts(given_texts: list[str]) -> None:
    rules = [
        builders.rule(f"{left} {operator}/{distance} {right}", f"r{at}")
        for at, (left, right, operator, distance) in enumerate(
            (left, right, operator, distance)
            for left in NEARS
            for right in NEARS
            for operator in ("NEAR", "BEFORE")
            for distance in (1, 2, 7)
        )
    ]
    plain = RuleEngine(GAZETTEER)
    for each in rules:
        plain.add(each)
    compiled = RuleEngine(GAZETTEER)
    compiled.replace_all(rules)
    for text in given_texts:
        read = article(text=text)
        assert sorted(plain.satisfied_by(read)) == sorted(compiled.satisfied_by(read))


def test_engines_share_no_scratch_memory() -> None:
    """Compiled loops run without the interpreter's lock, so two engines may be at it at the same moment."""
    assert native_steps() is not native_steps()


def test_without_numba_nobody_asks_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("services.domain.rules.engine.native_steps", lambda: None)
    engine = RuleEngine(GAZETTEER)
    engine.add(builders.rule("Seoul"))
    before = engine.needs_compaction
    engine.compact()
    assert (before, engine.needs_compaction) == (True, False)
    assert len(engine.satisfied_by(article(text="Seoul"))) == 1
