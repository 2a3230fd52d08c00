"""Folding brings spellings together, keeps letters that differ apart, and never loses the way back."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.domain.text.normalize import exact_form, fold, printable

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


def test_exact_form_keeps_case() -> None:
    assert exact_form("Ca\u00adfe\u0301’s") == "Café's"


def test_printable_replaces_lone_surrogates_one_for_one() -> None:
    assert printable("a\ud800\udfffb") == "a\ufffd\ufffdb"
