"""However rules come and go, the engine holds exactly those that are there."""

from concurrent.futures import ThreadPoolExecutor
from itertools import count

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from schemas.article import Article
from schemas.watch import WatchRule
from services.domain.rules import ast, engine, postings
from services.domain.rules.ast import format_query
from services.domain.rules.engine import RuleEngine
from services.domain.rules.errors import RuleExistsError, RuleMeaningError, RuleSetError, UnknownRuleError
from tests.unit.rules import builders
from tests.unit.rules.builders import GAZETTEER, article, engine_of
from tests.unit.rules.oracle import Oracle
from tests.unit.rules.random_rules import articles, trees


class Changes(RuleBasedStateMachine):
    """Adds, removes, replaces and compacts in any order, and compares every article with brute force."""

    def __init__(self) -> None:
        super().__init__()
        self.patch = pytest.MonkeyPatch()
        # So that a handful of rules goes through what a million do.
        self.patch.setattr(postings, "MIN_SORTED", 0)
        self.patch.setattr(engine, "MIN_DROPPED", 2)
        self.engine = RuleEngine(GAZETTEER)
        self.held: dict[str, ast.Node] = {}
        self.numbers = count()

    def teardown(self) -> None:
        self.patch.undo()

    @rule(tree=trees(), enabled=st.booleans() | st.just(True))
    def add(self, tree: ast.Node, enabled: bool) -> None:
        name = f"r{next(self.numbers)}"
        try:
            self.engine.add(builders.rule(format_query(tree), name, enabled=enabled))
        except RuleMeaningError:
            assert ("topic", name) not in self.engine
            return
        self.held[name] = tree if enabled else ast.And((tree, ast.Not(tree)))

    @rule(data=st.data())
    def remove(self, data: st.DataObject) -> None:
        if self.held:
            name = data.draw(st.sampled_from(sorted(self.held)))
            self.engine.remove("topic", name)
            del self.held[name]

    @rule()
    def compact(self) -> None:
        self.engine.compact()

    @rule(article=articles)
    def match(self, article: Article) -> None:
        oracle = Oracle.of_article(GAZETTEER, article)
        expected = sorted(name for name, tree in self.held.items() if oracle.holds(tree))
        assert sorted(key.rule_id for key in self.engine.satisfied_by(article)) == expected
        assert sorted(hit.hit.rule_id for hit in self.engine.match(article)) == expected

    @invariant()
    def counts(self) -> None:
        assert len(self.engine) == len(self.held)


TestChanges = Changes.TestCase
TestChanges.settings = settings(max_examples=25, stateful_step_count=25, deadline=None)

SEOUL = article(text="Seoul will supply weapons to Kyiv.")


def ids(held: RuleEngine, given: Article = SEOUL) -> list[str]:
    return sorted(key.rule_id for key in held.satisfied_by(given))


def many(size: int, query: str = "Seoul NEAR/9 (Kyiv OR w{})") -> list[WatchRule]:
    return [builders.rule(query.format(number), f"r{number}") for number in range(size)]


def test_rules_that_were_never_compacted_and_those_that_were_match_alike() -> None:
    held = RuleEngine(GAZETTEER)
    held.replace_all(many(3_000))
    late = [builders.rule("supply AND weapon", f"late{number}") for number in range(3_000)]
    for each in late:
        held.add(each)
    assert len(ids(held)) == 6_000
    before = held.needs_compaction
    held.compact()
    assert (before, held.needs_compaction) == (True, False)
    assert len(ids(held)) == 6_000


def test_a_removed_rule_never_comes_back() -> None:
    held = engine_of(*many(20))
    held.compact()
    for number in range(20):
        held.remove("topic", f"r{number}")
        held.add(builders.rule("Busan", f"other{number}"))
    assert ids(held) == []
    held.compact()
    assert ids(held) == []


def test_a_disabled_rule_can_be_removed_after_compaction() -> None:
    held = engine_of(builders.rule("Seoul", "off", enabled=False), builders.rule("Seoul", "on"))
    held.compact()
    held.remove("topic", "off")
    assert ids(held) == ["on"]


def test_memory_of_removed_rules_is_given_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "MIN_DROPPED", 100)
    held = engine_of(builders.rule("Seoul", "stays"))
    for number in range(500):
        held.add(builders.rule(f"a{number} AND b", f"r{number}"))
        held.remove("topic", f"r{number}")
        if held.needs_compaction:
            held.compact()
    assert held.conditions <= 2 + 3 * 101
    assert ids(held) == ["stays"]


def test_rules_hold_from_the_moment_they_are_added_whatever_words_were_seen() -> None:
    held = engine_of(builders.rule("Busan"))
    assert ids(held) == []
    for query in ("weapon", "weap*", "=Kyiv", '"supply weapon"', "@ukraine", "title:Seoul OR text:Seoul"):
        held.add(builders.rule(query, "new"))
        assert ids(held) == ["new"], query
        held.remove("topic", "new")


def test_a_faulty_change_changes_nothing() -> None:
    held = engine_of(builders.rule("Seoul", "good"))
    with pytest.raises(RuleExistsError):
        held.add(builders.rule("Kyiv", "good"))
    with pytest.raises(UnknownRuleError):
        held.remove("topic", "other")
    with pytest.raises(RuleSetError) as caught:
        held.replace_all([builders.rule("Kyiv", "a"), builders.rule("NOT Kyiv", "b"), builders.rule("Kyiv", "a")])
    assert [(fault.rule_id, type(fault.error)) for fault in caught.value.faults] == [
        ("b", RuleMeaningError),
        ("a", RuleExistsError),
    ]
    assert ids(held) == ["good"]


def test_every_fault_is_told_however_many_rules_are_loaded_with_it() -> None:
    """Rules are loaded in batches; a fault is told in its place, and only that rule is at fault."""
    wrong = {300: builders.rule("Kyiv AND", "r300"), 301: builders.rule("@nobody", "r301"), 700: many(2)[1]}
    rules = [wrong.get(at, rule) for at, rule in enumerate(many(900))]
    held = engine_of(builders.rule("Seoul", "good"))
    with pytest.raises(RuleSetError) as caught:
        held.replace_all(rules)
    assert [fault.rule_id for fault in caught.value.faults] == ["r300", "r301", rules[700].id]
    assert ids(held) == ["good"]
    held.replace_all(rule for at, rule in enumerate(rules) if at not in wrong)
    assert len(held) == 897


def test_rules_added_together_stay_though_all_is_built_anew_meanwhile(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "MIN_DROPPED", 100)
    held = engine_of(*many(1_500))
    for number in range(1_000):
        held.remove("topic", f"r{number}")
    with ThreadPoolExecutor(1) as pool:
        compacted = pool.submit(held.compact)
        for batch in range(20):
            late = [builders.rule(f"Seoul AND (weapon OR x{number})", f"b{batch}n{number}") for number in range(10)]
            faults = held.add_all([*late, builders.rule("NOT Kyiv", "wrong"), late[0]])
            assert [fault.rule_id for fault in faults] == ["wrong", f"b{batch}n0"]
        compacted.result()
    assert len(held) == len(ids(held)) == 500 + 200


def test_satisfied_rules_are_a_sequence() -> None:
    satisfied = engine_of(builders.rule("Seoul", "a"), builders.rule("Kyiv", "b")).satisfied_by(SEOUL)
    assert len(satisfied) == 2
    assert {satisfied[0], satisfied[-1]} == set(satisfied) == set(satisfied[0:2])
    assert satisfied[0].watch_topic == "topic"


def test_matching_goes_on_while_rules_change() -> None:
    """Every match sees all the rules that stay, and none that was removed before it began."""
    held = engine_of(*many(50))
    held.compact()

    def change() -> None:
        for number in range(150):
            held.add(builders.rule(f"Seoul AND (weapon OR x{number})", f"late{number}"))
            if number % 10 == 0:
                held.compact()
            held.remove("topic", f"late{number}")

    def match() -> None:
        for _ in range(150):
            found = ids(held)
            assert len([name for name in found if name.startswith("r")]) == 50
            assert len(found) <= 51

    with ThreadPoolExecutor(4) as pool:
        for future in [pool.submit(change), *(pool.submit(match) for _ in range(3))]:
            future.result()
    assert len(ids(held)) == 50
