"""The engine: what holds, what is refused, evidence, hot changes, and articles of any kind."""

import time

import pytest

from schemas.match import EvidenceField
from schemas.watch import Severity, WatchRule
from services.domain.rules.engine import RuleEngine, TopicHit
from services.domain.rules.errors import (
    RuleError,
    RuleExistsError,
    RuleMeaningError,
    RuleSetError,
    UnknownRuleError,
)
from tests.unit.rules.builders import (
    GAZETTEER,
    article,
    engine_of,
    found,
    found_in,
    matches,
    rule,
    words_found,
)
from tests.volume import volume

CHARS = volume(1_000_000, 5_000_000)  # of an article; bounds on its time grow with it


def ids(hits: tuple[TopicHit, ...]) -> list[tuple[str, str]]:
    return [(watch_topic, hit.rule_id) for watch_topic, hit in hits]


def test_a_hit_names_the_rule_its_version_and_what_it_carries() -> None:
    watched = WatchRule(
        id="arms", watch_topic="supply", query="weapon", severity=Severity.WARNING, labels={"region": "asia"}
    )
    ((watch_topic, hit),) = engine_of(watched).match(article("Weapons sent"))
    assert watch_topic == "supply"
    assert (hit.rule_id, hit.rule_version, hit.severity) == ("arms", watched.version, Severity.WARNING)
    assert hit.labels == {"region": "asia"}
    assert [(span.field, span.start, span.end, span.text) for span in hit.evidence] == [
        (EvidenceField.TITLE, 0, 7, "Weapons")
    ]


def test_hits_come_by_topic_and_rule_id_and_disabled_rules_never_hit() -> None:
    engine = engine_of(
        rule("arms", "z", "one"),
        rule("arms", "a", "two"),
        rule("arms", "a", "one"),
        rule("arms", "b", "one", enabled=False),
    )
    assert len(engine) == 4
    assert ids(engine.match(article("arms"))) == [("one", "a"), ("one", "z"), ("two", "a")]


def test_rules_come_and_go_without_a_rebuild() -> None:
    engine = engine_of(rule("arms OR weapo*", "a"), rule("=ROK", "b"))
    engine.remove("topic", "a")
    assert ids(engine.match_text("arms weapon", "ROK")) == [("topic", "b")]
    engine.add(rule("weapo*", "a"))
    engine.remove("topic", "b")
    assert ids(engine.match_text("arms weapon", "ROK")) == [("topic", "a")]
    with pytest.raises(UnknownRuleError, match="holds no rule 'b'"):
        engine.remove("topic", "b")


def test_an_id_is_taken_once_a_topic() -> None:
    engine = engine_of(rule("arms"))
    with pytest.raises(RuleExistsError, match="holds a rule 'rule' already"):
        engine.add(rule("weapon"))
    engine.add(rule("weapon", watch_topic="other"))
    assert ids(engine.match_text("weapon arms", "")) == [("other", "rule"), ("topic", "rule")]


def test_replace_all_names_every_fault_and_then_changes_nothing() -> None:
    engine = engine_of(rule("arms", "kept"))
    with pytest.raises(RuleSetError) as refused:
        engine.replace_all([rule("a AND", "one"), rule("fine", "two"), rule("@nobody", "three"), rule("again", "two")])
    assert [fault.rule_id for fault in refused.value.faults] == ["one", "three", "two"]
    assert "rule topic/one: expected" in str(refused.value)
    assert ids(engine.match_text("arms fine", "")) == [("topic", "kept")]
    engine.replace_all([rule("fine", "two")])
    assert ids(engine.match_text("arms fine", "")) == [("topic", "two")]


@pytest.mark.parametrize(
    ("query", "column"),
    [
        ("NOT arms", 1),
        ("-a -b", 1),
        ("a OR NOT b", 6),
        ("(a b) OR c OR -d", 15),
        ("NOT (a AND b)", 1),
        ("NOT NOT NOT a", 1),
        ("NOT title:a", 1),
        ("lang:ko -a", 1),
        ("a OR 2 OF (b, -c, -d)", 6),
        ("1 OF (a, -b)", 1),
        ("NOT 2 OF (a, -b, c)", 1),
    ],
)
def test_a_rule_or_an_alternative_that_needs_no_word_is_refused(query: str, column: int) -> None:
    with pytest.raises(RuleMeaningError, match="something that must be found") as refused:
        engine_of(rule(query))
    assert refused.value.column == column


@pytest.mark.parametrize(
    ("query", "column"), [("lang:ko", 1), ("a OR country:KOR lang:ko", 6), ("1 OF (outlet:a, country:KOR)", 1)]
)
def test_a_rule_or_an_alternative_of_codes_alone_is_refused(query: str, column: int) -> None:
    with pytest.raises(RuleMeaningError, match="this names no content, only") as refused:
        engine_of(rule(query))
    assert refused.value.column == column


@pytest.mark.parametrize("query", ["outlet:Yonhap", "author:kim lang:ko", "2 OF (a, b, -c)", "NOT 2 OF (-a, -b)"])
def test_a_rule_that_needs_some_word_is_fine(query: str) -> None:
    assert len(engine_of(rule(query))) == 1


def test_negation_that_cancels_out_is_fine() -> None:
    assert words_found("NOT (NOT arms OR NOT weapon)", "arms and weapons") == ["arms", "weapons"]


def test_an_unknown_actor_is_named_with_the_nearest_at_its_column() -> None:
    with pytest.raises(RuleMeaningError) as refused:
        engine_of(rule("arms AND @southkorea"))
    assert refused.value.column == 10
    assert "no actor has the id 'southkorea'; did you mean @south_korea" in str(refused.value)


def test_an_actor_without_aliases_cannot_be_watched() -> None:
    with pytest.raises(RuleMeaningError, match="'nameless' has no aliases"):
        engine_of(rule("@nameless"))


def test_a_faulty_rule_leaves_the_engine_as_it_was() -> None:
    engine = engine_of(rule("arms"))
    for query in ("(", "NOT a", "@nobody"):
        with pytest.raises(RuleError):
            engine.add(rule(query, "other"))
    assert len(engine) == 1


class TestNear:
    def test_counts_words_in_any_order(self) -> None:
        assert matches("arms NEAR/2 Kyiv", "arms for Kyiv")
        assert matches("arms NEAR/2 Kyiv", "Kyiv gets arms")
        assert not matches("arms NEAR/1 Kyiv", "arms for Kyiv")

    def test_counts_from_the_near_ends_of_phrases(self) -> None:
        assert matches('"South Korea" NEAR/1 "long range missile"', "long range missile South Korea")

    def test_never_crosses_from_title_to_text(self) -> None:
        assert not matches("arms NEAR/5 Kyiv", "Kyiv", title="arms")
        assert not matches('"arms Kyiv"', "Kyiv", title="arms")

    def test_a_group_finds_the_exact_aliases_of_its_actors(self) -> None:
        assert words_found("(@south_korea OR @ukraine) NEAR/3 arms", "ROK arms") == ["ROK", "arms"]

    def test_one_place_is_not_near_itself(self) -> None:
        assert not matches("@south_korea NEAR/5 Seoul", "Seoul spoke")
        assert matches("@south_korea NEAR/5 Seoul", "Seoul, South Korea")

    def test_in_order_only_when_asked(self) -> None:
        assert matches("arms BEFORE/2 Kyiv", "arms for Kyiv")
        assert not matches("arms BEFORE/2 Kyiv", "Kyiv gets arms")
        assert words_found("arms BEFORE/2 Kyiv", "Kyiv arms, Kyiv") == ["arms", "Kyiv"]

    def test_a_nested_one_stands_from_its_first_word_to_its_last(self) -> None:
        assert matches("(arms NEAR/3 Kyiv) BEFORE/1 Seoul", "arms for all Kyiv Seoul")
        assert not matches("(arms NEAR/3 Kyiv) BEFORE/1 Seoul", "arms Seoul for Kyiv")
        assert not matches("(arms NEAR/2 Kyiv) BEFORE/1 Seoul", "arms for all Kyiv Seoul")

    def test_a_stretch_is_not_lost_to_a_shorter_one_inside_it(self) -> None:
        assert matches("(arms NEAR/5 Kyiv) NEAR/3 Seoul", "arms arms Kyiv Kyiv x x Seoul")

    def test_a_nested_one_shows_its_words_and_not_what_is_between(self) -> None:
        text = "arms Kyiv " + "x " * 90 + "arms for Kyiv from Seoul"
        evidence = found("(arms NEAR/3 Kyiv) NEAR/3 Seoul", text)
        assert evidence is not None
        assert [span.text for span in evidence] == ["arms", "Kyiv", "Seoul"]
        assert evidence[0].start > 90

    def test_shows_only_the_pairs_that_are_near(self) -> None:
        text = "Arms talks. " + "word " * 30 + "The arms for Kyiv left. " + "word " * 30 + "Kyiv."
        evidence = found("arms NEAR/3 Kyiv", text)
        assert evidence is not None
        assert [(span.start, span.text) for span in evidence] == [
            (text.index("arms for"), "arms"),
            (text.index("Kyiv left"), "Kyiv"),
        ]


class TestSlop:
    def test_takes_any_order_and_so_many_other_words(self) -> None:
        assert words_found('"arms Kyiv Seoul"~1', "Seoul, arms for Kyiv") == ["Seoul", "arms", "Kyiv"]
        assert not matches('"arms Kyiv Seoul"~1', "Seoul has arms for Kyiv")

    def test_a_word_given_twice_must_be_there_twice(self) -> None:
        assert not matches('"arms arms"~5', "arms for Kyiv")
        assert matches('"arms arms"~5', "arms for arms")

    def test_shows_only_words_that_are_close_enough(self) -> None:
        assert words_found('"arms Kyiv"~1', "arms x x x arms x Kyiv arms") == ["arms", "Kyiv", "arms"]


class TestFields:
    def test_evidence_points_into_its_field(self) -> None:
        given = article("Arms", outlet="The Yonhap News", author="Kim Min", country="KOR", lang="ko-KR")
        query = 'arms outlet:"Yonhap News" author:Min country:KOR lang:ko'
        ((_, hit),) = engine_of(rule(query)).match(given)
        assert [(span.field, span.start, span.end, span.text) for span in hit.evidence] == [
            (EvidenceField.TITLE, 0, 4, "Arms"),
            (EvidenceField.OUTLET, 4, 15, "Yonhap News"),
            (EvidenceField.COUNTRY, 0, 3, "KOR"),
            (EvidenceField.LANG, 0, 2, "ko"),
            (EvidenceField.AUTHOR, 4, 7, "Min"),
        ]

    def test_a_word_without_a_field_is_not_looked_for_in_outlet_or_author(self) -> None:
        assert found_in("Yonhap OR Kim", article("arms", outlet="Yonhap", author="Kim")) is None

    def test_a_field_that_the_article_lacks_is_empty(self) -> None:
        given = article("arms")
        assert found_in("arms -author:Kim -lang:ko -country:KOR", given) == [("title", "arms")]
        assert found_in("arms lang:ko", given) is None

    def test_a_field_is_looked_at_alone(self) -> None:
        assert matches("title:arms", "", title="arms")
        assert not matches("title:arms", "arms")
        assert not matches("text:(arms OR Kyiv)", "", title="arms for Kyiv")

    def test_and_takes_one_from_each(self) -> None:
        assert words_found("arms Kyiv", "Kyiv", title="Arms") == ["Arms", "Kyiv"]


class TestEvidence:
    def test_shows_every_true_alternative_and_nothing_negative(self) -> None:
        assert words_found("(arms OR tank OR jet) -peace", "a tank, arms") == ["tank", "arms"]

    def test_merges_what_overlaps(self) -> None:
        assert words_found('"South Korea" "Korea sends arms"', "South Korea sends arms") == ["South Korea sends arms"]

    def test_stops_at_twenty_but_shows_every_part_of_the_proof(self) -> None:
        evidence = words_found("arms Kyiv", "arms, " * 50 + "Kyiv")
        assert evidence == ["arms"] * 19 + ["Kyiv"]

    def test_puts_the_title_first(self) -> None:
        assert words_found("arms OR Kyiv", "Kyiv", title="arms") == ["arms", "Kyiv"]


class TestAnyArticle:
    @pytest.mark.parametrize(
        "text", ["", "\x00", "\ud800", "\x00arms\ud800Kyiv\udfff", "\u0301arms", "🇰🇷" * 50, "'" * 99]
    )
    def test_odd_characters_do_no_harm(self, text: str) -> None:
        engine = engine_of(rule('arms OR "arms Kyiv" OR =ROK OR armsk*'))
        for _, hit in engine.match_text(text, text):
            assert all("\ud800" not in span.text for span in hit.evidence)

    def test_a_lone_surrogate_inside_evidence_is_replaced_in_place(self) -> None:
        assert words_found('"arms Kyiv"', "arms\ud800Kyiv") == ["arms\ufffdKyiv"]

    @pytest.mark.slow
    @pytest.mark.parametrize(
        "text",
        [
            "arms Kyiv " * (CHARS // 50),
            "a" * CHARS,
            "a." * (CHARS // 2),
            "1,111" * (CHARS // 5),
            "'a" * (CHARS // 2),
            "a\u0301\u00ad" * (CHARS // 3),
            "한국의" * (CHARS // 3),
            "\ud800" * CHARS,
            " " * CHARS,
            "".join("aA"[number >> bit & 1] for number in range(CHARS // 16) for bit in range(16)),
        ],
        ids=[
            "dense",
            "one-word",
            "acronym",
            "number",
            "apostrophes",
            "marks",
            "hangul",
            "surrogates",
            "blank",
            "cases",
        ],
    )
    def test_megabytes_take_bounded_time(self, text: str) -> None:
        engine = engine_of(rule('arms NEAR/100 Kyiv OR "arms Kyiv arms" OR =ROK OR arm* OR @south_korea'))
        started = time.process_time()
        engine.match_text("", text)
        assert time.process_time() - started < 6 * len(text) / 1_000_000

    def test_dense_text_costs_no_more_than_its_length(self) -> None:
        engine = engine_of(
            rule('arms NEAR/100 Kyiv OR "arms arms arms" OR "arms Kyiv"~50 OR (arms NEAR/100 Kyiv) BEFORE/9 Kyiv')
        )
        started = time.process_time()
        engine.match_text("", "arms " * 30_000 + "Kyiv " * 30_000)
        assert time.process_time() - started < 3


def test_a_shared_actor_is_looked_up_once_and_shared_leaves_do_not_mix() -> None:
    engine = RuleEngine(GAZETTEER)
    for number in range(50):
        engine.add(rule(f"@south_korea AND word{number}", f"r{number:02}"))
    hits = engine.match_text("Seoul", "word 7 and word 31")
    assert [hit.rule_id for _, hit in hits] == ["r07", "r31"]
