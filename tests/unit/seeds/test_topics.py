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


@pytest.mark.parametrize(
    ("title", "text"),
    [
        (
            "Chipmaker's profit doubles",
            "SEOUL, Nov. 7 (Yonhap) -- The company credited servers, and Russia played no part.",
        ),
        ("Pianist wins", "MOSCOW (AP) -- A South Korean pianist won the Tchaikovsky competition on Thursday."),
        ("Музыкальный вечер", "СЕУЛ, 7 ноября. /ТАСС/. Украинский хор выступил перед тысячей зрителей."),
        ("음악회", "(모스크바=연합뉴스) 김기자 = 한국 발레단이 모스크바에서 공연했다."),
        ("Photo: drill", "South Korean K2 tanks fire near Pocheon. More pictures: floods in Ukraine."),
        ("사진", "사진은 한국 전시장에 놓인 자주포. 우크라이나 대사도 전시장을 찾았다."),
        (
            "Your Thursday briefing",
            "Seoul's mourning, Ukraine's blackouts and Putin's speech, and a sale of arms at auction.",
        ),
        ("Runners' weekend", "A Moscow marathon for 30,000, a Kyiv restaurant on wheels and Seoul Fashion Week."),
        ("Warsaw's tanks", "Poland took delivery of 20 more K2 tanks from South Korea, and sent old ones to Ukraine."),
        ("Berlin's package", "Germany will send Ukraine two more Patriot batteries, the chancellor said."),
        (
            "Pyongyang's shells",
            "North Korea sent Russia a million shells for its war in Ukraine, Seoul's spy agency said.",
        ),
    ],
)
def test_what_only_names_the_actors_is_left_out(title: str, text: str) -> None:
    assert hits(title, text) == {}


def test_a_warning_over_arms_belongs_to_both_topics_and_one_over_sanctions_to_relations() -> None:
    assert set(hits("", "Putin warned Seoul that sending weapons to Ukraine would be a very big mistake.")) == BOTH
    assert set(hits("", "Putin warned Seoul that new sanctions would be a very big mistake.")) == {
        "seoul-moscow-relations"
    }


@pytest.mark.parametrize("name", ["President Moon", "Cho Tae-yong", "Cho Tae-yul"])
def test_people_who_are_taken_for_one_another_are_found_either_way(name: str) -> None:
    assert "arms-supply-ukraine" in hits("", f"{name} ruled out weapons for Ukraine.")


def test_rules_on_other_suppliers_are_there_but_off() -> None:
    off = {rule.id for rule in RULES if not rule.enabled}
    assert off == {"third-country-arms", "third-country-refusal"}
