"""Numbers, dates and quotations are the same facts in other words."""

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.story import Novelty
from services.domain.stories.facts import facts_of
from services.domain.stories.novelty import fact_ids, judge
from services.domain.stories.signatures import bands, likeness, signature


def keys(text: str) -> set[str]:
    return {fact.keys[0] for fact in facts_of("", text) if fact.keys[0][0] in "#d"}


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("10,000 troops", "10 000 солдат"),
        ("10,000 shells", "포탄 1만 발"),
        ("2.5 million tons", "2,5 млн тонн"),
        ("155-mm shells", "155mm 포탄"),
        ("on 27 November", "Nov. 27"),
        ("27 ноября", "11월 27일"),
    ],
)
def test_the_same_fact_in_other_words(one: str, other: str) -> None:
    assert keys(one) == keys(other) != set()


@pytest.mark.parametrize("text", ["in 2024", "3 people", "no number", "page 7 of 9"])
def test_what_is_no_telling_number(text: str) -> None:
    assert keys(text) == set()


def test_a_quotation_cut_short_is_not_new() -> None:
    said = "“We will never allow the harbour board to close the old grain pier”"
    seen = set(fact_ids(facts_of("", said)))
    cut = facts_of("", "“never allow the harbour board to close the pier”")
    other = facts_of("", "“Nobody asked the dock workers what they want here”")
    assert judge(cut, seen, new_outlet=True, copy=False).novelty is Novelty.OUTLET
    assert judge(other, seen, new_outlet=True, copy=False).novelty is Novelty.FACTS
    assert judge(other, seen, new_outlet=False, copy=True).novelty is Novelty.NOTHING


@settings(max_examples=25, deadline=None)
@given(st.lists(st.sampled_from("abcdefghijklmnop"), min_size=30, max_size=60), st.integers(0, 29))
def test_likeness_is_near_the_true_share(words: list[str], cut: int) -> None:
    other = words[cut:]
    one_pairs, other_pairs = ({*pairwise(text)} for text in (words, other))
    true = len(one_pairs & other_pairs) / len(one_pairs | other_pairs)
    assert abs(likeness(signature(words), signature(other)) - true) < 0.35
    assert likeness(signature(words), signature(words)) == 1.0


def test_texts_too_short_are_like_nothing() -> None:
    assert signature(["two", "words"]) == b""
    assert (likeness(b"", b""), bands(b"")) == (0.0, ())


@settings(max_examples=30, deadline=None)
@given(st.text(max_size=400))
def test_any_text_has_facts(text: str) -> None:
    assert all(fact.keys and fact.shown for fact in facts_of(text, text))
