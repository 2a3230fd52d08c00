"""The synthetic world is the same at every run, and is made of what its docstrings say."""

from collections import Counter
from itertools import islice

import numpy as np
import pytest

from bench.rule_mix import HEAVY, MIXES, SELECTIVE, SHARES, AnyOf, Begins, Close, Kind, Mix, Shape, shapes
from bench.rule_world import Newsroom, actors, stands_as_it_is, vocabulary, zipf
from schemas.watch import Actor, WatchRule
from services.domain.rules.parser import parse
from services.domain.text.analyzer import surfaces

Words = tuple[str, ...]
Gazetteer = tuple[Actor, ...]


@pytest.fixture(scope="module")
def words() -> Words:
    return vocabulary()


@pytest.fixture(scope="module")
def gazetteer(words: Words) -> Gazetteer:
    return actors(words)


def test_words_are_the_same_each_time_and_none_is_changed_by_the_analyzer(words: Words) -> None:
    assert vocabulary(300) == words[:300]
    assert len(set(words)) == len(words) == 60_000
    assert all(stands_as_it_is(word) for word in words[::100])


def test_common_words_are_drawn_more_often() -> None:
    drawn = Counter(zipf(np.linspace(0, 0.999, 10_000), 1_000).tolist())
    assert drawn[0] > drawn[9] > drawn[99] > 0


def test_articles_are_the_same_each_time_and_of_the_size_stated(words: Words, gazetteer: Gazetteer) -> None:
    articles = list(Newsroom(words, gazetteer).articles(20))
    assert articles == list(Newsroom(words, gazetteer).articles(20))
    assert articles[7] == Newsroom(words, gazetteer).article(7)
    assert all(400 <= len(surfaces(article.text)) <= 1_000 for article in articles)
    assert all(8 <= len(surfaces(article.title)) <= 12 for article in articles)
    assert len({article.text for article in articles}) == 20


def test_articles_mention_actors_by_their_phrases(words: Words, gazetteer: Gazetteer) -> None:
    phrases = {alias for actor in gazetteer for alias in actor.aliases["en"] if " " in alias}
    text = " ".join(article.text.lower() for article in Newsroom(words, gazetteer).articles(20))
    pairs = {" ".join(pair) for pair in zip(text.split(), islice(text.split(), 1, None), strict=False)}
    assert len(phrases & pairs) > 20


@pytest.mark.parametrize("mix", MIXES.values(), ids=MIXES)
def test_rules_are_the_same_each_time_and_a_small_set_begins_a_large_one(
    mix: Mix, words: Words, gazetteer: Gazetteer
) -> None:
    small = list(shapes(mix, range(50), words, gazetteer))
    large = list(shapes(mix, range(10_010), words, gazetteer))
    assert large[:50] == small
    assert list(shapes(mix, range(9_995, 10_010), words, gazetteer)) == large[9_995:]
    assert [shape.number for shape in large] == list(range(10_010))


@pytest.mark.parametrize("mix", MIXES.values(), ids=MIXES)
def test_rules_have_the_shares_stated(mix: Mix, words: Words, gazetteer: Gazetteer) -> None:
    made = list(shapes(mix, range(4_000), words, gazetteer))
    kinds = Counter(shape.kind for shape in made)
    assert {kind: kinds[kind] / 4_000 for kind in Kind} == pytest.approx(SHARES, abs=0.025)
    compound = [shape for shape in made if shape.kind in {Kind.AND, Kind.NEAR}]
    assert sum(shape.excluded is not None for shape in compound) / len(compound) == pytest.approx(0.3, abs=0.03)
    assert all(shape.excluded is None for shape in made if shape not in compound)
    groups = Counter(len(shape.required) for shape in made if shape.kind is Kind.AND)
    assert set(groups) == {2, 3, 4}


def test_heavy_rules_ask_for_commoner_words() -> None:
    assert HEAVY.ranks < SELECTIVE.ranks
    assert HEAVY.group_ranks < SELECTIVE.group_ranks


def test_every_query_is_one_of_the_language(words: Words, gazetteer: Gazetteer) -> None:
    for shape in shapes(HEAVY, range(300), words, gazetteer):
        rule = WatchRule.model_validate_json(shape.serialised())
        assert rule.query == shape.query()
        parse(rule.query)


def test_a_rule_is_written_in_the_language_and_in_neutral_form() -> None:
    near = Close(AnyOf(("a", "b c")), AnyOf(("@d",)), 5)
    shape = Shape(7, Kind.NEAR, (near, AnyOf(("e", "f"), title=True), Begins("ghi")), AnyOf(("j", "k")))
    assert shape.query() == '(a OR "b c") NEAR/5 @d AND title:(e OR f) AND ghi* AND NOT (j OR k)'
    assert shape.neutral() == "7\tnear/5:a|b c~@d\ttitle:e|f\tprefix:ghi\tnot:j|k\n"
