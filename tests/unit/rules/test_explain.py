"""An explanation says why: what proves a hit by clause, and what comes closest to a miss."""

import pytest
from hypothesis import HealthCheck, assume, given, settings

from schemas.article import Article
from schemas.match import EvidenceField
from services.domain.rules import ast
from services.domain.rules.ast import format_query
from services.domain.rules.errors import RuleError, RuleMeaningError
from services.domain.rules.explain import Explainer, Explanation, Reason, explain
from services.domain.rules.near_miss import Closeness, NearMiss
from services.domain.text.analyzer import tokens
from tests.unit.rules.builders import GAZETTEER, article, engine_of, rule
from tests.unit.rules.oracle import CONTENT, Oracle
from tests.unit.rules.random_rules import articles, trees
from tests.volume import volume


def explained(query: str, text: str, title: str = "") -> Explanation:
    return explain(query, article(title, text), GAZETTEER)


def nearest(query: str, text: str, title: str = "") -> NearMiss:
    """Return the nearest miss of a query whose only missing part it is."""
    (missing,) = explained(query, text, title).missing()
    assert missing.nearest is not None
    return missing.nearest


def words(miss: NearMiss) -> list[str]:
    return [place.text for place in miss.places]


def test_a_hit_shows_the_places_of_each_part_of_it() -> None:
    found = explained("@ukraine AND (arms OR tank)", "Kyiv got arms, arms and more.", "Kyiv waits")
    assert found.holds
    actor, either = found.parts
    assert [(place.field, place.start, place.text) for place in actor.evidence] == [
        (EvidenceField.TITLE, 0, "Kyiv"),
        (EvidenceField.TEXT, 0, "Kyiv"),
    ]
    arms, tank = either.parts
    assert [place.start for place in arms.evidence] == [9, 15]
    assert (tank.holds, tank.reason) == (False, Reason.NOT_FOUND)
    assert found.missing() == ()


def test_a_part_is_named_in_canonical_form_with_its_field() -> None:
    found = explained('title:(Kyiv "arms") tank', "tank", "nothing")
    assert [part.clause for part in found.parts] == ['title:(Kyiv AND "arms")', "tank"]
    assert [part.clause for part in found.parts[0].parts] == ["title:Kyiv", 'title:"arms"']


def test_of_a_conjunction_the_failing_parts_are_missing() -> None:
    found = explained("Seoul AND Kyiv AND arms AND tank", "Seoul, Kyiv and a tank")
    assert (found.held, found.needed, found.reason) == (3, 4, Reason.TOO_FEW_PARTS)
    assert [part.clause for part in found.missing()] == ["arms"]


def test_of_alternatives_the_nearest_is_told() -> None:
    found = explained("(cobalt AND nickel AND iron) OR (Seoul AND Kyiv AND tank)", "Seoul and Kyiv")
    assert [part.clause for part in found.missing()] == ["tank"]


def test_of_a_violated_not_the_words_that_did_it_are_shown() -> None:
    found = explained("Seoul -(fashion OR marathon)", "Seoul fashion week and a marathon")
    (violated,) = found.missing()
    assert (violated.clause, violated.reason) == ("NOT (fashion OR marathon)", Reason.EXCLUDED_FOUND)
    assert [place.text for place in violated.all_evidence()] == ["fashion", "marathon"]


def test_a_not_that_holds_says_that_it_is_absent() -> None:
    absent = explained("Seoul -fashion", "Seoul").parts[1]
    assert (absent.holds, absent.reason) == (True, Reason.EXCLUDED_ABSENT)


def test_near_says_how_far_apart_its_sides_are_at_closest() -> None:
    miss = nearest("Seoul NEAR/3 arms", "Seoul one two three four five arms six seven eight nine Seoul")
    assert (miss.closeness, miss.words_apart, words(miss)) == (Closeness.TOO_FAR, 5, ["arms", "Seoul"])


def test_near_whose_sides_stand_in_different_fields() -> None:
    miss = nearest("Seoul NEAR/3 arms", "arms", "Seoul")
    assert (miss.closeness, words(miss)) == (Closeness.DIFFERENT_FIELDS, ["Seoul", "arms"])


def test_near_that_lacks_a_side_explains_the_side() -> None:
    found = explained("Seoul NEAR/3 arms", "Seoul")
    assert found.nearest == NearMiss(Closeness.SIDE_MISSING)
    assert [(side.clause, side.holds) for side in found.parts] == [("Seoul", True), ("arms", False)]


def test_near_shows_only_the_places_that_are_near() -> None:
    found = explained("Seoul NEAR/2 arms", "Seoul arms and then nothing for long until Seoul")
    assert [place.start for place in found.evidence] == [0, 6]


def test_the_wrong_order_of_before_is_told() -> None:
    miss = nearest("Seoul BEFORE/3 arms", "arms for Seoul, and Seoul one two three four five arms")
    assert (miss.closeness, miss.words_apart, words(miss)) == (Closeness.WRONG_ORDER, 2, ["arms", "Seoul"])
    miss = nearest("Seoul BEFORE/3 arms", "arms one two three Seoul one two three four arms")
    assert (miss.closeness, miss.words_apart, words(miss)) == (Closeness.TOO_FAR, 5, ["Seoul", "arms"])


def test_of_some_of_several_the_nearest_are_missing() -> None:
    found = explained("3 OF (Seoul, Kyiv, cobalt, howitzer)", "Seoul and a hovitzer at last, Kyiv")
    assert (found.held, found.needed) == (2, 3)
    assert [part.clause for part in found.missing()] == ["howitzer"]


def test_of_a_sloppy_phrase_the_closest_stretch_is_told() -> None:
    miss = nearest('"artillery shell"~2', "artillery of one and two shells")
    assert (miss.closeness, miss.words_apart, words(miss)) == (Closeness.NOT_IN_A_ROW, 4, ["artillery", "shells"])


def test_another_value_of_a_field_is_told() -> None:
    read = article("Kyiv", outlet="Daily Planet", country="KOR")
    (outlet, country, author) = explain("Kyiv outlet:tass country:UKR author:ann", read, GAZETTEER).missing()
    assert outlet.nearest == NearMiss(Closeness.OTHER_VALUE, outlet.nearest.places if outlet.nearest else ())
    assert [words(part.nearest) for part in (outlet, country) if part.nearest] == [["Daily Planet"], ["KOR"]]
    assert author.nearest == NearMiss(Closeness.NO_VALUE)


@pytest.mark.parametrize(
    ("query", "text", "closeness", "places"),
    [
        ('"artillery shell"', "shells for the artillery", Closeness.NOT_IN_A_ROW, ["shells", "artillery"]),
        ('"artillery shell"', "artillery and tanks", Closeness.SOME_WORDS, ["artillery"]),
        ("Suk-yeol", "Suk told Yeol", Closeness.NOT_IN_A_ROW, ["Suk", "Yeol"]),
        ("=ROK", "rok temu", Closeness.OTHER_CASE, ["rok"]),
        ('="Republic of Korea"', "the republic-of Korea", Closeness.OTHER_CASE, ["republic-of Korea"]),
        ("Zelensky", "Zelenskiy said", Closeness.SIMILAR_WORD, ["Zelenskiy"]),
        ("howitzer", "a hovitzer", Closeness.SIMILAR_WORD, ["hovitzer"]),
        ("weapon", "new weaponry", Closeness.SIMILAR_WORD, ["weaponry"]),
        ("무기", "무기체계 개발", Closeness.SIMILAR_WORD, ["무기체계"]),
        ("ammunt*", "ammunition", Closeness.SIMILAR_WORD, ["ammunition"]),
        ("tank", "a bank, a rank", Closeness.NOTHING, []),
        ("cat", "a car", Closeness.NOTHING, []),
        ("tank", "", Closeness.NOTHING, []),
    ],
)
def test_the_nearest_miss_of_a_leaf(query: str, text: str, closeness: Closeness, places: list[str]) -> None:
    miss = nearest(query, text)
    assert (miss.closeness, words(miss)) == (closeness, places)


def test_a_phrase_names_its_words_that_are_nowhere() -> None:
    miss = nearest('"heavy artillery shell"', "shells")
    assert (words(miss), miss.missing) == (["shells"], ("heavy", "artillery"))


def test_a_phrase_is_quoted_where_its_words_are_closest_together() -> None:
    miss = nearest('"artillery shell"', "shell one two artillery, and artillery of shells")
    assert ([place.start for place in miss.places], miss.words_apart) == ([29, 42], 1)


def test_what_stands_in_the_other_field_is_told() -> None:
    miss = nearest("title:tank", "A tank and tanks.", "Kyiv")
    assert (miss.closeness, [(place.field, place.start) for place in miss.places]) == (
        Closeness.OTHER_FIELD,
        [(EvidenceField.TEXT, 2)],
    )


def test_an_actor_counts_the_aliases_that_were_tried() -> None:
    assert nearest("@ukraine", "cobalt") == NearMiss(Closeness.NOTHING, aliases=6)
    miss = nearest("@south_korea", "zeszłego rok")
    assert (miss.closeness, words(miss), miss.aliases) == (Closeness.OTHER_CASE, ["rok"], 9)
    assert words(nearest("@ukraine", "Ukraina mówi")) == ["Ukraina"]


def test_a_query_that_cannot_be_matched_is_refused() -> None:
    with pytest.raises(RuleError):
        explained("NOT Seoul", "Seoul")


def test_one_explainer_serves_many_articles() -> None:
    explainer = Explainer(rule("Seoul tank"), GAZETTEER)
    assert [explainer.explain(article(text=text)).holds for text in ("Seoul tank", "Seoul", "tank in Seoul")] == [
        True,
        False,
        True,
    ]


def test_a_long_article_is_explained_in_time() -> None:
    text = " ".join(f"word{number} arms" for number in range(20_000))
    found = explained('"arms embargoes" OR (howitzers NEAR/3 arms) OR @yoon', text)
    assert not found.holds
    assert [part.clause for part in found.missing()] == ["howitzers NEAR/3 arms"]


def _explainer(tree: ast.Node) -> Explainer:
    try:
        return Explainer(format_query(tree), GAZETTEER)
    except RuleMeaningError:
        assume(False)
        raise


def _hits(tree: ast.Node, given_article: Article) -> bool:
    return bool(engine_of(rule(format_query(tree))).match(given_article))


@settings(max_examples=volume(25, 80), deadline=None, suppress_health_check=[HealthCheck.filter_too_much])
@given(trees(), articles)
def test_the_verdict_of_the_whole_and_of_each_part_is_the_engines(tree: ast.Node, read: Article) -> None:
    found = _explainer(tree).explain(read)
    assert found.holds == _hits(tree, read)
    oracle = Oracle.of_article(GAZETTEER, read)
    waiting = [found]
    while waiting:
        part = waiting.pop()
        assert part.holds == oracle.holds(part.node, (part.field,) if part.field else CONTENT)
        waiting.extend(part.parts)


@settings(max_examples=volume(25, 80), deadline=None, suppress_health_check=[HealthCheck.filter_too_much])
@given(trees(), articles)
def test_without_the_places_shown_a_hit_is_a_miss(tree: ast.Node, read: Article) -> None:
    read = read.model_copy(update={"lang": read.lang or "xx"})  # a language made out of the text has no place
    found = _explainer(tree).explain(read)
    for place in found.all_evidence():
        assert place.text == _text(read, place.field)[place.start : place.end]
    if found.holds:
        bared = {field.value: _without(found, field, _text(read, field)) for field in EvidenceField}
        assert not _hits(tree, read.model_copy(update={name: text or None for name, text in bared.items() if text}))


def _text(read: Article, field: EvidenceField) -> str:
    return str(getattr(read, field) or "")


def _without(found: Explanation, field: EvidenceField, text: str) -> str:
    """Put a word that nobody asks for in the place of each word shown."""
    spans = [(place.start, place.end) for place in found.all_evidence() if place.field is field]
    gone = {
        token.start: token
        for token in tokens(text)
        for start, end in spans
        if start <= token.start and token.end <= end
    }
    for start in sorted(gone, reverse=True):
        text = f"{text[:start]}gone{text[gone[start].end :]}"
    return text


@settings(max_examples=volume(25, 80), deadline=None, suppress_health_check=[HealthCheck.filter_too_much])
@given(trees(), articles)
def test_the_missing_parts_fail_and_would_be_enough(tree: ast.Node, read: Article) -> None:
    found = _explainer(tree).explain(read)
    missing = found.missing()
    assert bool(missing) != found.holds
    assert not any(part.holds for part in missing)
    assert _would_hold(found, {id(part) for part in missing})
    for part in missing:
        for place in part.nearest.places if part.nearest else ():
            assert place.text == _text(read, place.field)[place.start : place.end]


def _would_hold(part: Explanation, granted: set[int]) -> bool:
    """Say whether a part would hold if those granted did."""
    if id(part) in granted:
        return True
    match part.node:
        case ast.And() | ast.Or() | ast.AtLeast():
            return [_would_hold(inner, granted) for inner in part.parts].count(True) >= part.needed
        case ast.Not():
            return not _would_hold(part.parts[0], granted)
        case _:
            return part.holds


def test_a_language_made_out_of_the_text_has_no_place() -> None:
    korean = article(text="러시아와 회담했다. 한국은 거부했다.")
    found = Explainer("lang:ko AND 러시아", GAZETTEER).explain(korean)
    assert found.holds
    assert [place.field for place in found.all_evidence()] == [EvidenceField.TEXT]
    missed = Explainer("NOT lang:ko AND 러시아", GAZETTEER).explain(korean)
    assert not missed.holds
    assert len(missed.missing()) == 1
