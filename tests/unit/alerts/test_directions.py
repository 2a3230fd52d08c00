from unicodedata import bidirectional

import pytest
from hypothesis import given

from alerts.directions import direction, placed, side
from tests.unit.alerts.examples import nasty_text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Seoul reviews", "ltr"),
        ("سيول", "rtl"),
        ("סיאול", "rtl"),
        ("155 – סיאול", "rtl"),
        ("K9: سيول", "ltr"),
        ("무기 지원", "ltr"),
        ("27 · …", "ltr"),
        ("", "ltr"),
    ],
)
def test_the_first_letter_decides(text: str, expected: str) -> None:
    assert direction(text) == expected
    assert side(text) == {"ltr": "left", "rtl": "right"}[expected]


@given(nasty_text)
def test_only_what_could_turn_its_line_around_is_held_in_its_place(text: str) -> None:
    turns = any(bidirectional(char) in {"R", "AL", "AN"} for char in text)
    assert placed(text) == (f"\u200e{text}\u200e" if turns else text)
