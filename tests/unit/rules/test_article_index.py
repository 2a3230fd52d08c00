"""The fields of an article, as rules see them."""

from collections.abc import Collection

import pytest

from schemas.match import EvidenceField
from services.domain.rules.article_index import CONTENT, ArticleIndex, of_article
from services.domain.rules.compiler import Compiler
from services.domain.rules.evidence import evidence
from services.domain.rules.parser import parse
from tests.unit.rules.builders import GAZETTEER, article


class CountingIdentifier:
    """Takes every text to be Korean, and remembers what it was asked."""

    def __init__(self, answer: str | None = "ko") -> None:
        self.asked: list[str] = []
        self._answer = answer

    def __call__(self, text: str, among: Collection[str] | None = None) -> str | None:
        self.asked.append(text)
        return self._answer if among is None or self._answer in among else None


def holds(query: str, index: ArticleIndex) -> bool:
    return Compiler(GAZETTEER).compile(parse(query), query).holds(index)


def test_a_language_that_is_not_stated_is_identified_once_and_only_when_asked_for() -> None:
    identify = CountingIdentifier()
    index = of_article(article("Arms", "Kyiv"), identify)
    assert holds("arms", index)
    assert identify.asked == []
    assert holds("lang:ko", index)
    assert not holds("lang:ru", index)
    assert index.searched(EvidenceField.LANG) == "ko"
    assert identify.asked == ["Arms\nKyiv"]


def test_a_language_that_is_none_of_those_asked_for_may_be_another() -> None:
    index = of_article(article("Arms", "Kyiv"), CountingIdentifier())
    assert index.searched(EvidenceField.LANG, {"ru", "uk"}) == ""
    assert index.searched(EvidenceField.LANG, {"ru", "ko"}) == "ko"
    assert index.searched(EvidenceField.LANG, {"ru"}) == "ko"  # as it is known by now


def test_an_identified_language_is_no_evidence() -> None:
    index = of_article(article("Arms"), CountingIdentifier())
    clause = Compiler(GAZETTEER).compile(parse("arms lang:ko"), "")
    assert [span.text for span in evidence(clause.proof(index), index)] == ["Arms"]


def test_a_stated_language_is_believed_and_an_unknown_one_is_none() -> None:
    stated, unknown = CountingIdentifier(), CountingIdentifier(None)
    assert not holds("lang:ko", of_article(article("Arms", lang="ru"), stated))
    assert not holds("lang:ko", of_article(article("Arms"), unknown))
    assert (stated.asked, unknown.asked) == ([], ["Arms\n"])


@pytest.mark.parametrize(
    ("query", "lang", "country", "expected"),
    [
        ("lang:ko", "ko-KR", None, True),
        ("lang:ko", "KO", None, True),
        ("lang:ko", "ko_KR", None, True),
        ("lang:ko", "kok", None, False),
        ("lang:kr", "ko-KR", None, False),
        ("lang:ko", "", None, False),
        ("country:KOR", None, "kor", True),
        ("country:KOR", None, "PRK", False),
        ("country:(PRK OR KOR)", None, "KOR", True),
    ],
)
def test_codes_are_compared_whole_and_in_any_case(
    query: str, lang: str | None, country: str | None, expected: bool
) -> None:
    assert holds(query, of_article(article("Arms", lang=lang, country=country))) is expected


def test_the_offsets_of_evidence_are_those_of_the_article_even_where_its_case_is_another() -> None:
    index = of_article(article("Arms", country="kor", lang="KO-kr"))
    clause = Compiler(GAZETTEER).compile(parse("country:KOR lang:ko"), "")
    spans = evidence(clause.proof(index), index)
    assert [(span.field.value, span.start, span.end, span.text) for span in spans] == [
        ("country", 0, 3, "kor"),
        ("lang", 0, 2, "KO"),
    ]


def test_keys_are_those_of_the_fields_asked_for() -> None:
    index = of_article(article("Arms", "Kyiv", outlet="Reuters"))
    assert {"arms", "kyiv"} == set(index.keys(CONTENT))
    assert len(index.keys((EvidenceField.OUTLET,))) == 1
