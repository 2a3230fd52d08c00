"""The engine agrees with a brute-force evaluator on any rules and articles; its evidence is verbatim and needed."""

from itertools import pairwise

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from schemas.article import Article
from schemas.match import Evidence, EvidenceField
from services.domain.rules import ast
from services.domain.rules.article_index import CONTENT, of_article
from services.domain.rules.ast import format_query
from services.domain.rules.compiler import Clause, Compiler
from services.domain.rules.engine import RuleEngine
from services.domain.rules.errors import RuleMeaningError
from services.domain.rules.evidence import evidence
from services.domain.rules.parser import parse
from services.domain.rules.plain import PlainSteps
from services.domain.rules.steps import ArraySteps
from services.domain.text.analyzer import tokens
from tests.unit.rules.builders import GAZETTEER, rule
from tests.unit.rules.oracle import Oracle
from tests.unit.rules.random_rules import articles, nears, trees
from tests.volume import volume

COMPILER = Compiler(GAZETTEER)


def compiled(tree: ast.Node) -> Clause:
    return COMPILER.compile(tree, format_query(tree))


@settings(max_examples=volume(50, 150), deadline=None)
@given(trees())
def test_the_canonical_query_reads_back_as_the_same_tree(tree: ast.Node) -> None:
    assert parse(format_query(tree)) == tree


@settings(max_examples=volume(80, 250), deadline=None)
@given(trees(), articles)
def test_a_clause_holds_exactly_where_the_oracle_says(tree: ast.Node, article: Article) -> None:
    assert compiled(tree).holds(of_article(article)) == Oracle.of_article(GAZETTEER, article).holds(tree)


@settings(max_examples=volume(50, 150), deadline=None)
@given(nears(3), articles)
def test_near_stands_in_the_shortest_stretches_that_brute_force_finds(near: ast.Node, article: Article) -> None:
    oracle, index = Oracle.of_article(GAZETTEER, article), of_article(article)
    leaf = compiled(near).leaf  # type: ignore[attr-defined]
    for field in CONTENT:
        assert list(index.find(leaf, field)) == oracle.places(near, field)


@pytest.mark.parametrize("steps", [PlainSteps, ArraySteps])
@settings(max_examples=volume(25, 60), deadline=None, suppress_health_check=[HealthCheck.filter_too_much])
@given(trees(), articles)
def test_a_rule_hits_exactly_what_the_oracle_accepts(
    steps: type[PlainSteps] | type[ArraySteps], tree: ast.Node, article: Article
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("services.domain.rules.engine.PlainSteps", steps)
        engine = RuleEngine(GAZETTEER)
    try:
        engine.add(rule(format_query(tree)))
    except RuleMeaningError:
        assume(False)
    assert bool(engine.match(article)) == Oracle.of_article(GAZETTEER, article).holds(tree)


@settings(max_examples=80, deadline=None)
@given(trees(), articles)
def test_evidence_is_verbatim_apart_and_by_field(tree: ast.Node, article: Article) -> None:
    index = of_article(article)
    clause = compiled(tree)
    if not clause.holds(index):
        return
    spans = evidence(clause.proof(index), index)
    assert len(spans) <= 20
    for span in spans:
        assert span.text == getattr(article, span.field)[span.start : span.end]
    order = list(EvidenceField)
    for before, after in pairwise(spans):
        assert (order.index(before.field), before.end) <= (order.index(after.field), after.start or 0) or (
            before.field != after.field and order.index(before.field) < order.index(after.field)
        )


@settings(max_examples=volume(50, 150), deadline=None)
@given(trees(negation=False), articles)
def test_without_its_evidence_a_rule_no_longer_holds(tree: ast.Node, article: Article) -> None:
    article = article.model_copy(update={"lang": article.lang or "xx"})  # a language made out of the text has no span
    index = of_article(article)
    clause = compiled(tree)
    if clause.holds(index):
        spans = evidence(clause.proof(index), index, max_spans=10_000)
        assert spans
        assert not clause.holds(of_article(_without(spans, article)))


def _without(spans: tuple[Evidence, ...], article: Article) -> Article:
    """Return the article with one other word for each word of the evidence, so that no distance changes."""
    texts = {field: getattr(article, field) for field in EvidenceField}
    for span in reversed(spans):
        text = texts[span.field]
        words = len(list(tokens(span.text)))
        texts[span.field] = f"{text[: span.start]}{' '.join(['gone'] * words)}{text[span.end :]}"
    return article.model_copy(update={field.value: text for field, text in texts.items()})


@settings(max_examples=30, deadline=None)
@given(st.lists(trees(), min_size=2, max_size=8), st.lists(st.booleans(), min_size=8, max_size=8), articles)
def test_rules_do_not_disturb_one_another_as_they_come_and_go(
    several: list[ast.Node], kept: list[bool], article: Article
) -> None:
    engine = RuleEngine(GAZETTEER)
    expected = []
    for number, (tree, keep) in enumerate(zip(several, kept, strict=False)):
        try:
            engine.add(rule(format_query(tree), f"r{number}"))
        except RuleMeaningError:
            continue
        if keep and Oracle.of_article(GAZETTEER, article).holds(tree):
            expected.append(f"r{number}")
    for number, keep in enumerate(kept):
        if not keep and ("topic", f"r{number}") in engine:
            engine.remove("topic", f"r{number}")
    assert [found.hit.rule_id for found in engine.match(article)] == expected
