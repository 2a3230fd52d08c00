"""Folding brings spellings together, keeps letters that differ apart, and never loses the way back."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.domain.text.normalize import exact_form, fold, fold_mapped, printable

letters = st.text(
    alphabet=st.sampled_from("aZéÉßİıøŁёЁйЙіїєґ'’ʼ`\u0301\u0306\u00ad한각ᄒ\u1161\u11abǆﬁＡ—1 \n\ud800Ω"), max_size=20
)


@pytest.mark.parametrize(
    ("text", "folded"),
    [
        ("SEOUL", "seoul"),
        ("Kyïv", "kyiv"),
        ("Łódź", "lodz"),
        ("Straße", "strasse"),
        ("İstanbul", "istanbul"),
        ("Ёлка", "елка"),
        ("Йорк", "йорк"),
        ("Їжак Єва Ґанок і", "їжак єва ґанок і"),
        ("за\u0301мок", "замок"),
        ("и\u0306", "й"),
        ("ʼ’‘`´", "'''''"),
        ("wea\u00adpons\u200d", "weapons"),
        (unicodedata.normalize("NFD", "한국"), "한국"),
        ("ＮＡＴＯ", "nato"),
        ("Ά", "α"),
        ("", ""),
    ],
)
def test_fold(text: str, folded: str) -> None:
    assert fold(text) == folded


@given(letters)
def test_folding_twice_changes_nothing(text: str) -> None:
    assert fold(fold(text)) == fold(text)


@given(letters)
def test_case_and_composition_do_not_matter(text: str) -> None:
    assert fold(unicodedata.normalize("NFD", text)) == fold(text)


@given(letters)
def test_the_map_leads_back_to_the_original(text: str) -> None:
    mapped = fold_mapped(text)
    assert mapped.text == fold(text)
    assert list(mapped.starts) == sorted(mapped.starts)
    for at, char in enumerate(mapped.text):
        start, end = mapped.span(at, at + 1)
        assert char in fold(text[start:end])


def test_the_map_spans_what_folded_away() -> None:
    mapped = fold_mapped("the Cafe\u0301 ß")
    assert mapped.text == "the cafe ss"
    assert mapped.span(4, 8) == (4, 9)
    assert mapped.span(9, 10) == mapped.span(10, 11) == (10, 11)
    with pytest.raises(ValueError, match="no folded characters from 3 to 3"):
        mapped.span(3, 3)


def test_exact_form_keeps_case() -> None:
    assert exact_form("Ca\u00adfe\u0301’s") == "Café's"


def test_printable_replaces_lone_surrogates_one_for_one() -> None:
    assert printable("a\ud800\udfffb") == "a\ufffd\ufffdb"
