"""The compiled steps, and those for few rules, decide as the ones in numpy do, and all as brute force does."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from schemas.article import Article
from services.domain.rules import ast, engine, postings
from services.domain.rules.article_index import ArticleIndex
from services.domain.rules.ast import format_query
from services.domain.rules.engine import RuleEngine
from services.domain.rules.errors import RuleMeaningError
from services.domain.rules.native import native_steps
from services.domain.rules.steps import ArraySteps
from tests.unit.rules import builders
from tests.unit.rules.builders import GAZETTEER, article
from tests.unit.rules.oracle import Oracle
from tests.unit.rules.random_rules import articles, texts, trees
from tests.volume import volume

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("other_steps")]


@settings(max_examples=volume(60, 200), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(trees(), min_size=1, max_size=8), st.integers(0, 8), st.lists(articles, min_size=1, max_size=3))
def test_all_steps_agree_with_brute_force(asked: list[ast.Node], settled: int, read: list[Article]) -> None:
    """Rules added before and after the arrays were sorted, with articles read in between, and one removed."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(postings, "MIN_SORTED", 0)
        changed, held = RuleEngine(GAZETTEER), dict[str, ast.Node]()
        changed.compact()
        for number, tree in enumerate(asked):
            changed.satisfied_by(read[number % len(read)])
            if number == settled:
                changed.compact()
                if "r0" in held:
                    changed.remove("topic", "r0")
                    del held["r0"]
            try:
                changed.add(builders.rule(format_query(tree), f"r{number}"))
            except RuleMeaningError:
                continue
            held[f"r{number}"] = tree
        for each in read:
            oracle = Oracle.of_article(GAZETTEER, each)
            expected = sorted(name for name, tree in held.items() if oracle.holds(tree))
            assert sorted(key.rule_id for key in changed.satisfied_by(each)) == expected


NEARS = ["@south_korea", '"South Korea"', "Seoul", "@arms", "(Kyiv OR weapons)", "sup*", '="U.S."']


@settings(max_examples=volume(20, 60), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(texts(40), min_size=1, max_size=4))
def test_all_steps_agree_with_numpy_on_dense_texts(given_texts: list[str]) -> None:
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
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(engine, "PlainSteps", ArraySteps)
        in_numpy = RuleEngine(GAZETTEER)
    for each in rules:
        in_numpy.add(each)
    other = RuleEngine(GAZETTEER)
    other.replace_all(rules)
    for text in given_texts:
        read = article(text=text)
        assert sorted(in_numpy.satisfied_by(read)) == sorted(other.satisfied_by(read))


@pytest.mark.parametrize("distance", [2, 16, 37, 100])
def test_what_is_near_is_found_wherever_it_stands_in_an_article_of_any_length(distance: int) -> None:
    """Articles are divided into zones, larger ones the longer they are; what crosses them is found all the same."""
    rules = [
        builders.rule(f'"South Korea" NEAR/{distance} Kyiv', "near"),
        builders.rule(f'"South Korea" NEAR/{distance - 1} Kyiv', "nearer"),
        builders.rule(f'Kyiv BEFORE/{distance} "South Korea"', "other_order"),
        builders.rule('"South Korea"', "phrase"),
    ]
    engine = RuleEngine(GAZETTEER)
    engine.replace_all(rules)
    for length in (150, 900, 1_300, 5_000, 20_000):
        for begin in range(0, length, length // 29):
            words = ["filler"] * (length + distance + 2)
            words[begin : begin + 2], words[begin + 1 + distance] = ["South", "Korea"], "Kyiv"
            found = sorted(key.rule_id for key in engine.satisfied_by(article(text=" ".join(words))))
            assert found == ["near", "phrase"], (length, begin)


def test_rules_for_words_seen_before_find_them_at_either_end_of_an_article() -> None:
    """Of words glued together, the one in front is asked for last."""
    changed = RuleEngine(GAZETTEER)
    changed.add(builders.rule("weapons", "second_word"))
    changed.compact()
    assert len(changed.satisfied_by(article(title="", text="Kyiv-weapons"))) == 1
    changed.add(builders.rule("Kyiv", "first_word"))
    changed.add(builders.rule('"Kyiv weapons"', "phrase"))
    changed.add(builders.rule("Kyiv BEFORE/1 weapons", "near"))
    for fillers in (0, *range(60, 67)):
        for words in (["Kyiv-weapons", *["filler"] * fillers], [*["the"] * fillers, "Kyiv-weapons"]):
            found = sorted(key.rule_id for key in changed.satisfied_by(article(title="", text=" ".join(words))))
            assert found == ["first_word", "near", "phrase", "second_word"], words


def test_an_article_that_could_not_be_matched_leaves_nothing_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    """Memory may give out while one is read; what was found by then must not count for the next one."""
    engine = RuleEngine(GAZETTEER)
    engine.replace_all([builders.rule('="South Korea" NEAR/3 Kyiv', "near"), builders.rule("weapons", "word")])
    read = article(title="", text="weapons for South Korea, Kyiv")

    def fails(*_arguments: object) -> None:
        raise MemoryError

    with monkeypatch.context() as patch:
        patch.setattr(ArticleIndex, "find", fails)
        with pytest.raises(MemoryError):
            engine.satisfied_by(read)
    assert [key.rule_id for key in engine.satisfied_by(article(title="", text="Kyiv"))] == []
    assert sorted(key.rule_id for key in engine.satisfied_by(read)) == ["near", "word"]


@pytest.mark.usefixtures("compiled_steps")
def test_engines_share_no_scratch_memory() -> None:
    """Compiled loops run without the interpreter's lock, so two engines may be at it at the same moment."""
    assert native_steps() is not native_steps()


@pytest.mark.usefixtures("compiled_steps")
def test_without_numba_nobody_asks_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("services.domain.rules.engine.native_steps", lambda: None)
    one = RuleEngine(GAZETTEER)
    one.add(builders.rule("Seoul"))
    before = one.needs_compaction
    one.compact()
    assert (before, one.needs_compaction) == (True, False)
    assert len(one.satisfied_by(article(text="Seoul"))) == 1
