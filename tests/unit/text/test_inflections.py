"""A query finds the inflections of its word, and no other word: families and traps of four languages.

`inflections/*.txt` hold them. "send: sends sent" is a dictionary form and forms that a query for it finds;
"| arms arm" is a word that a query for the other one must not find.
"""

from pathlib import Path

import pytest

from services.domain.text.analyzer import analyze

_LISTS = sorted((Path(__file__).parent / "inflections").glob("*.txt"))


def _finds(query: str, word: str) -> bool:
    return analyze(query).key in analyze(word).keys


def _lines(path: Path) -> list[str]:
    return [line for line in path.read_text("utf-8").splitlines() if line and not line.startswith("#")]


def _families(path: Path) -> list[tuple[str, str]]:
    families = (line.partition(":") for line in _lines(path) if not line.startswith("|"))
    return [(head, form) for head, _, forms in families for form in (head, *forms.split())]


def _traps(path: Path) -> list[tuple[str, str]]:
    pairs = (line.removeprefix("|").split() for line in _lines(path) if line.startswith("|"))
    return [(word, query) for word, query in pairs]


def test_there_are_lists_for_the_four_languages() -> None:
    assert [path.stem for path in _LISTS] == ["english", "korean", "russian", "ukrainian"]
    assert all(len(_families(path)) + len(_traps(path)) >= 150 for path in _LISTS)


@pytest.mark.parametrize("path", _LISTS, ids=lambda path: path.stem)
def test_a_dictionary_form_finds_its_inflections(path: Path) -> None:
    assert [pair for pair in _families(path) if not _finds(*pair)] == []


@pytest.mark.parametrize("path", _LISTS, ids=lambda path: path.stem)
def test_a_word_is_not_found_by_a_query_for_another(path: Path) -> None:
    assert [(word, query) for word, query in _traps(path) if _finds(query, word)] == []


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("meeting", "meeting meetings"),
        ("meet", "meeting met"),
        ("shot", "shot shots"),
        ("shoot", "shot shooting"),
        ("arms", "arms ARMS Arms"),
        ("sanctions", "sanction sanctions"),
        ("санкции", "санкция санкций"),
        ("южная", "Южная Южной Южную"),
        ("південна", "Південної Південну Південній"),
        ("сполучені", "Сполучених Сполученими"),
        ("поставлен", "поставил поставлены"),
        ("지원하다", "지원 지원을 지원했다"),
        ("대통령실", "대통령실이 대통령실은"),
    ],
)
def test_a_query_need_not_be_in_the_dictionary_form(query: str, words: str) -> None:
    assert [word for word in words.split() if not _finds(query, word)] == []


@pytest.mark.parametrize("query", ["meeting", "building", "training"])
def test_a_query_for_a_thing_done_does_not_find_the_other_forms_of_the_verb(query: str) -> None:
    verb = query.removesuffix("ing")
    assert _finds(verb, query)
    assert not _finds(query, verb + "s")


@pytest.mark.parametrize(
    ("word", "query"),
    [("dans", "Dan"), ("sans", "San"), ("alles", "alle")],
)
def test_english_endings_are_not_seen_in_the_commonest_words_of_other_languages(word: str, query: str) -> None:
    assert not _finds(query, word)


@pytest.mark.parametrize(
    "name", ["Лавров", "Умеров", "Юн", "Ким", "Мун", "Ли", "Чо", "Сибига", "윤석열", "김정은", "James"]
)
def test_a_name_is_looked_up_as_it_stands(name: str) -> None:
    assert analyze(name).key == name.lower()
    assert analyze(name).key in analyze(name.upper()).keys
