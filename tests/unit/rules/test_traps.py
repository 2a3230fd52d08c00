"""Traps that real news set for keyword matching; each cost precision or recall once."""

import pytest

from tests.unit.rules.builders import matches, words_found


@pytest.mark.parametrize(
    ("query", "text"),
    [
        # Names vary.
        ('"Yoon Suk Yeol"', "President Yoon Suk-yeol said"),
        ("Suk-yeol", "Yoon Suk Yeol"),
        ("@yoon", "Юн Сок Ель заявил"),
        ("@yoon", "윤석열은 말했다"),
        ("@south_korea", "S. Korea's army"),
        ("@south_korea", "N. and S. Korea"),
        ("@south_korea", "власти Южной Кореи"),
        ("@south_korea", "поставки из Южной Корее"),
        ("@south_korea", "в Сеуле"),
        ("@south_korea", "the ROK's army"),
        ("@ukraine", "у Києві"),
        ("@ukraine", "под Киевом"),
        # Korean glues particles to nouns, and to foreign acronyms.
        ("러시아", "러시아와 회담"),
        ("@russia", "러시아에서는"),
        ("한국", "한국의 무기"),
        ("한국", "한국이"),
        ("한국", "한국은"),
        ("한국", "한국에서"),
        ("국가", "국가들은"),
        ("NATO", "NATO가 밝혔다"),
        # Inflection.
        ("weapon", "weapons"),
        ("supply", "supplies"),
        ("supply", "supplied"),
        ("supply", "supplying"),
        ("поставка", "поставок"),
        ("поставка", "поставками"),
        ("оружие", "оружием"),
        ("Лавров", "с Лавровым"),
        # Spellings.
        ("Kyïv", "Kyiv"),
        ("Зеленский Ёлка", "ЗЕЛЕНСКИЙ елка"),
        ("об'єднання", "об’єднання"),
        ("ukraine's", "Ukraine’s"),
        ("155mm", "155-mm shells"),
        ("155-mm", "155 mm shells"),
        ("F-16", "F16s"),
        ("U.S.", "the US said"),
        ("US", "the U.S. said"),
        ("café", "cafe\u0301"),
        ("weapon", "wea\u00adpons"),
        # Wildcards see the surface, not the stem.
        ("supplies*", "supplies"),
        ("suppl*", "supplied"),
        ("поста*", "поставок"),
    ],
)
def test_is_found(query: str, text: str) -> None:
    assert matches(query, text)


@pytest.mark.parametrize(
    ("query", "text"),
    [
        ("러", "100만 달러"),
        ("달", "100만 달러"),
        ("대", "대만은"),
        ("@south_korea", "W przyszłym roku, rok temu"),  # ROK is not the Polish year
        ("=ROK", "rok"),
        ("=Seoul", "SEOUL"),
        ("=weapons", "weapon"),
        ("U.S.", "tell us more"),
        ("aid", "AIDS research"),
        ("new", "news"),
        ("plan", "planes"),
        ("arm", "arms"),
        ("unit", "united"),
        ("груз", "Грузия"),
        ("кит", "Китая"),
        ("мир", "мировой"),
        ("й", "и"),
        ("рій", "рии"),
        ("suppli", "supplicant"),
        ("suppli*", "supplies" and "supply"),
        ("weapon*", "we a pon"),
        ("Ukraine", "ukrainian"),
        ('"South Korea"', "South, said Korea"),
        ('="South Korea"', "South-Korea"),
    ],
)
def test_is_not_found(query: str, text: str) -> None:
    assert not matches(query, text)


def test_evidence_covers_the_word_as_printed() -> None:
    assert words_found("@south_korea NEAR/9 @arms", "Южной Корее и 한국은 무기를") == [
        "Южной Корее",
        "한국은",
        "무기를",
    ]


def test_an_exact_phrase_may_be_wrapped_over_lines() -> None:
    assert matches('="Republic of Korea"', "the Republic of\n  Korea")
