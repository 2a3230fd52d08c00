"""Names and words that real articles spell in many ways, or that mean something else in another language."""

import pytest

from services.domain.text.analyzer import analyze, surfaces


def _finds(query: str, text: str) -> bool:
    """Say whether the words of a query stand in a row in a text, each in any inflection."""
    keys = [analyze(surface).key for surface in surfaces(query)]
    words = [analyze(surface).keys for surface in surfaces(text)]
    rows = (words[at : at + len(keys)] for at in range(len(words) - len(keys) + 1))
    return any(all(key in found for key, found in zip(keys, row, strict=True)) for row in rows)


@pytest.mark.parametrize(
    ("alias", "texts"),
    [
        ("Yoon Suk-yeol", ["Yoon Suk Yeol spoke", "Yoon Suk-yeol's office", "YOON SUK-YEOL", "Yoon Suk‐yeol"]),
        ("Yun Suk-yol", ["President Yun Suk Yol"]),
        ("Юн Сок Ёль", ["Юн Сок Ёля", "Юн Сок Елю", "Юн Сок-ёль", "Юн Сок Ёлем", "ЮН СОК ЁЛЬ"]),
        ("Юн Сок Йоль", ["Юн Сок Йоля", "Юн Сок Йолем"]),
        ("Юн Сок Йоль", ["Юн Сок Йолю"]),
        ("윤석열", ["윤석열 대통령", "윤석열이 말했다", "윤석열의"]),
        ("Cho Tae-yul", ["Cho Tae-yul's", "Cho Tae Yul"]),
        ("Kyiv", ["Kyiv's envoy", "KYIV", "Kyïv"]),
        ("Kiev", ["Kiev's envoy"]),
        ("Київ", ["у Києві", "з Києва", "Києвом"]),
        ("Киев", ["в Киеве", "из Киева", "Киеву"]),
        ("S. Korea", ["S. Korea said", "S.Korea said", "S Korea's"]),
        ("South Korea", ["South Korea's", "South\u00a0Korea", "SOUTH KOREA"]),
        ("Южная Корея", ["Южной Кореи", "Южную Корею", "Южной Корее", "Южной Кореей"]),
        ("Південна Корея", ["Південної Кореї", "Південній Кореї", "Південну Корею", "Південною Кореєю"]),
        ("Республика Корея", ["Республики Корея", "Республики Кореи"]),
        ("한국", ["한국은", "한국의", "한국에서는"]),
        ("Верховна Рада", ["Верховної Ради", "Верховній Раді", "Верховною Радою"]),
        ("министр обороны", ["министра обороны", "министру обороны"]),
        ("міністр оборони", ["міністра оборони", "міністром оборони"]),
        ("Рустем Умєров", ["Рустема Умєрова", "Рустемом Умєровим"]),
        ("Рустем Умеров", ["Рустема Умерова", "Рустему Умерову", "Рустемом Умеровым"]),
        ("Андрей Сибига", ["Андрея Сибиги", "Андрею Сибиге"]),
        ("Сергей Лавров", ["Сергея Лаврова", "Сергею Лаврову"]),
        ("155-mm", ["155 mm shells", "155mm shells", "155-mm"]),
        ("F-16", ["two F16s", "F-16s", "F 16"]),
        ("U.S.", ["the US said", "U.S.-led", "U.S.’s"]),
    ],
)
def test_an_alias_finds_the_spellings_and_cases_of_a_name(alias: str, texts: list[str]) -> None:
    assert [text for text in texts if not _finds(alias, text)] == []


@pytest.mark.parametrize(
    ("query", "text"),
    [
        ("러시아", "100만 달러를 냈다"),
        ("러", "달러"),
        ("대만", "대한민국은"),
        ("рок", "минулого року"),
        ("вон", "вона сказала"),
        ("Юн", "юная певица"),
        ("US", "told us."[:4]),
        ("U.S.", "it told us"),
        ("AIDS", "military aid"),
        ("поставка", "постановка пьесы"),
        ("Корея", "корь"),
        ("Грузия", "груз прибыл"),
        ("arms", "an arm and a leg"),
        ("new", "the news"),
    ],
)
def test_look_alikes_are_not_found(query: str, text: str) -> None:
    assert not _finds(query, text)


def test_rok_in_lower_case_is_a_matter_of_exact_terms() -> None:
    """Folding cannot tell Polish rok from ROK; `=ROK` does."""
    assert analyze("rok").exact == ("rok",)
    assert analyze("ROK").exact == ("ROK",)
