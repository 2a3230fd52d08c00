"""The Russian dictionary: read by hand, it says what the package made for it says."""

from pathlib import Path

import pymorphy3_dicts_ru
import pytest
from dawg_python import RecordDAWG
from hypothesis import given, settings
from hypothesis import strategies as st

from services.domain.text.russian import russian_dictionary


@pytest.fixture(scope="module")
def reference() -> RecordDAWG:
    return RecordDAWG(">HH").load(str(Path(pymorphy3_dicts_ru.get_path()) / "words.dawg"))


@pytest.mark.parametrize(
    ("word", "lemmas"),
    [
        ("танками", ("танк",)),
        ("ружье", ("ружье",)),
        ("поновее", ("новый",)),
        ("наибольшая", ("больший",)),
        ("танкк", ()),
        ("", ()),
        ("\U0001f600е", ()),
    ],
)
def test_the_dictionary_forms_of_a_word(word: str, lemmas: tuple[str, ...]) -> None:
    assert russian_dictionary().lemmas(word) == lemmas


@settings(max_examples=100)
@given(beginning=st.text("аеиостнрвлкмдпуяё", min_size=1, max_size=3), ending=st.text("аеиовйь", max_size=2))
def test_every_word_has_the_entries_that_it_is_stored_with(reference: RecordDAWG, beginning: str, ending: str) -> None:
    words = {f"{beginning}{ending}".replace("ё", "е")}
    for number, word in enumerate(reference.iterkeys(beginning)):
        words.add(word.replace("ё", "е"))
        if number > 5:
            break
    replaces = RecordDAWG.compile_replaces({"е": "ё"})
    for word in words:
        stored = {form: tuple(entries) for form, entries in reference.similar_items(word, replaces)}
        assert dict(russian_dictionary().words.entries(word)) == stored
