"""A rule's examples are checked, and a failure says why."""

import pytest

from schemas.watch import WatchRule
from services.domain.rules.errors import RuleError
from services.domain.rules.examples import Expectation, check_examples
from tests.unit.rules.builders import GAZETTEER, rule


def with_examples(query: str, *, must: tuple[str, ...] = (), must_not: tuple[str, ...] = ()) -> WatchRule:
    return WatchRule(id="r", watch_topic="t", query=query, must_match=must, must_not_match=must_not)


def test_examples_that_hold_give_no_failure() -> None:
    watched = with_examples(
        "title:@ukraine AND arms", must=("Arms for Kyiv", "Kyiv\nArms came."), must_not=("Arms\nKyiv", "Kyiv")
    )
    assert check_examples(watched, GAZETTEER) == ()


def test_a_missed_example_names_the_smallest_parts_that_do_not_hold() -> None:
    watched = with_examples("(@ukraine (arms OR tank)) -peace", must=("Kyiv", "Kyiv arms", "Kyiv tank peace"))
    first, second = check_examples(watched, GAZETTEER)
    assert (first.expectation, first.number, first.missing) == (Expectation.MUST_MATCH, 1, ("arms OR tank",))
    assert (second.number, second.missing) == (3, ("NOT peace",))
    assert str(first) == 'must_match 1 "Kyiv" does not match, because this does not hold: arms OR tank'


def test_an_example_that_should_not_match_shows_what_let_it_in() -> None:
    (failure,) = check_examples(with_examples("@ukraine arms", must_not=("Arms for Kyiv",)), GAZETTEER)
    assert failure.expectation is Expectation.MUST_NOT_MATCH
    assert {span.text for span in failure.evidence} == {"Arms", "Kyiv"}
    assert str(failure) == "must_not_match 1 \"Arms for Kyiv\" matches, because of 'Arms', 'Kyiv'"


def test_a_long_example_is_cut_in_the_message() -> None:
    (failure,) = check_examples(with_examples("arms", must=("word " * 60,)), GAZETTEER)
    assert len(str(failure)) < 160


def test_an_example_may_state_other_fields_before_its_title() -> None:
    stated = "outlet: Yonhap News\nlang: ko\nArms"
    watched = with_examples("arms outlet:yonhap lang:ko", must=(stated,), must_not=("Arms\noutlet: Yonhap News",))
    assert check_examples(watched, GAZETTEER) == ()


def test_a_wrong_rule_is_refused() -> None:
    with pytest.raises(RuleError):
        check_examples(rule("@nobody"), GAZETTEER)
