"""What the planner keeps of the texts it has seen never shows in what is found."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.domain.rules import plan
from services.domain.text.analyzer import surfaces
from tests.unit.rules.builders import article, engine_of, rule

_TRICKY = "abUS.'’-1,2sl éй한글中あ\u0301\u00ad\u200d`_"


@given(st.text(st.sampled_from(_TRICKY), max_size=12) | st.text(max_size=12))
def test_a_word_of_a_phrase_is_the_same_word_alone(text: str) -> None:
    for surface in surfaces(text):
        assert surfaces(surface) == [surface]


@pytest.mark.parametrize("kept", [1, 3, 1_000])
def test_however_few_texts_are_kept_the_same_is_found(kept: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plan, "MAX_TEXTS", kept)
    queries = [
        "Seoul",
        '(Kyiv OR "arms deal" OR "Seoul arms")',
        '"arms deal" AND NOT ("arms supply" OR Moscow)',
        'title:(Seoul OR "arms deal")',
        "Suk-yeol (deals OR arms)",
        '(Seoul OR "arms deal") NEAR/3 (Moscow OR "Suk-yeol")',
        '"Suk yeol"',
        "arms AND NOT Seoul",
    ]
    engine = engine_of(*(rule(query, f"r{number}") for number, query in enumerate(queries * 2)))
    for number in range(len(queries)):
        engine.remove("topic", f"r{number}")

    def found(text: str, title: str = "") -> list[int]:
        numbers = (int(key.rule_id[1:]) - len(queries) for key in engine.satisfied_by(article(title, text)))
        return sorted(numbers)

    assert found("The arms deals of Yoon Suk-yeol") == [1, 2, 4, 5, 6, 7]
    assert found("Arms supply; an arms deal", "Seoul") == [0, 1, 3]
    assert found("Seoul tells Moscow") == [0, 5]


def test_a_phrase_too_long_for_a_row_among_others_is_read_word_by_word() -> None:
    long = "one two three four five six seven eight nine"
    queries = {"not": f'arms AND NOT ("{long}" OR Moscow)', "any": f'("{long}" OR Kyiv)', "all": f'"{long}"'}
    engine = engine_of(*(rule(query, rule_id) for rule_id, query in queries.items()))

    def found(text: str) -> list[str]:
        return sorted(key.rule_id for key in engine.satisfied_by(article("", text)))

    assert found("arms") == ["not"]
    assert found("arms from Moscow") == []
    assert found(f"arms {long}") == ["all", "any"]
    assert found("arms one two three four five six seven eight") == ["not"]
    assert found("arms for Kyiv") == ["any", "not"]
