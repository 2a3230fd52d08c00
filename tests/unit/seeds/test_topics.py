"""The seed rules catch what their examples say, and both source documents."""

from functools import cache

import pytest

from schemas.watch import WatchRule
from services.domain.rules.engine import RuleEngine
from services.domain.rules.examples import check_examples
from services.domain.text.gazetteer import Gazetteer
from tests.unit.seeds.files import SEEDS, front_matter
from tests.unit.seeds.test_contracts import TOPIC_FILES, actors, topic

ARTICLES = ["asmolov-umerov-seoul-visit", "komersant-umerov-arms-talks"]
ORIGINALS = SEEDS.parent.parent / "shared" / "seeds"
RULES = [rule for name in TOPIC_FILES for rule in topic(name).rules]
BOTH = {"arms-supply-ukraine", "seoul-moscow-relations"}


@cache
def gazetteer() -> Gazetteer:
    return Gazetteer.from_actors(actors())


@cache
def engine() -> RuleEngine:
    built = RuleEngine(gazetteer())
    built.replace_all(RULES)
    return built


def hits(title: str, text: str) -> dict[str, set[str]]:
    """The rules that an article satisfies, by watch topic."""
    found: dict[str, set[str]] = {}
    for watch_topic, hit in engine().match_text(title, text):
        found.setdefault(watch_topic, set()).add(hit.rule_id)
    return found


@pytest.mark.parametrize("rule", RULES, ids=[f"{rule.watch_topic}/{rule.id}" for rule in RULES])
def test_examples_hold(rule: WatchRule) -> None:
    assert [str(failure) for failure in check_examples(rule, gazetteer())] == []


@pytest.mark.parametrize("name", ARTICLES)
def test_both_retold_articles_match_both_topics(name: str) -> None:
    head, body = front_matter(SEEDS / "articles" / f"{name}.md")
    found = hits(head["title"], body)
    assert set(found) == BOTH
    assert "south-korea-arms" in found["arms-supply-ukraine"]
    assert "ukraine-asks-seoul" in found["arms-supply-ukraine"]
    assert "moscow-seoul-warnings" in found["seoul-moscow-relations"]


def test_the_scholars_article_matches_indirect_supply_and_the_state_of_relations() -> None:
    head, body = front_matter(SEEDS / "articles" / f"{ARTICLES[0]}.md")
    found = hits(head["title"], body)
    assert "south-korea-indirect-supply" in found["arms-supply-ukraine"]
    assert {"state-of-relations", "north-korean-troops-lever"} <= found["seoul-moscow-relations"]


def test_the_newspapers_article_matches_resistance_at_home_and_non_lethal_aid() -> None:
    head, body = front_matter(SEEDS / "articles" / f"{ARTICLES[1]}.md")
    found = hits(head["title"], body)
    assert {"south-korea-domestic-resistance", "south-korea-non-lethal-aid"} <= found["arms-supply-ukraine"]


@pytest.mark.skipif(not ORIGINALS.is_dir(), reason="the original documents are not beside this checkout")
def test_both_originals_match_both_topics() -> None:
    for original in ORIGINALS.glob("*.txt"):
        title, _, text = original.read_text(encoding="utf-8").partition("\n")
        assert set(hits(title, text)) == BOTH, original.name


@pytest.mark.parametrize(
    "name", ["Yoon Suk Yeol", "Yun Suk-yol", "Yun Sok Yel", "윤석열", "Юн Сок Ёль", "Юн Сок Йоль", "Юн Сук Йоль"]
)
def test_every_spelling_of_a_president_is_one_person(name: str) -> None:
    found = hits("", f"{name}: weapons for Ukraine")
    assert "south-korea-arms" in found["arms-supply-ukraine"]


def test_polish_years_are_not_korea() -> None:
    assert hits("Rok wojny: broń dla Ukrainy, rok później czołgi", "Rok temu Polska wysłała broń Ukrainie.") == {}
