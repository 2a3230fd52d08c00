"""The outlet an article says it has its news from, in four languages."""

from time import process_time

import pytest

from services.domain.stories.origins import cited_outlet, outlet_key


@pytest.mark.parametrize(
    ("text", "outlet"),
    [
        ("The ferry ran aground, Yonhap reported on Tuesday.", "yonhap"),
        ("According to Reuters, the ferry ran aground.", "reuters"),
        ("SKAGEN (Reuters) - The ferry ran aground.", "reuters"),
        ("AP - The ferry ran aground.", "ap"),
        ("The minister told the BBC that it ran aground.", "bbc"),
        ("The Harbour Gazette newspaper reported that it ran aground.", "harbourgazette"),
        ("Як повідомляє Укрінформ, пором сів на мілину.", "ukrinform"),
        ("Про це пише газета «Вісник порту».", "вісникпорту"),
        ("Об этом сообщает РИА Новости.", "ria"),
        ("Паром сел на мель, со ссылкой на агентство «Рёнхап» пишет газета.", "yonhap"),
        ("연합뉴스에 따르면 여객선이 좌초했다.", "yonhap"),
        ("로이터통신은 17일 여객선이 좌초했다고 보도했다.", "reuters"),
        ("항만신문에 따르면 여객선이 좌초했다.", "항만신문"),
        ("The ferry ran aground, the harbour office said.", None),
        ("A Reuters/Ipsos poll asked about ferries.", None),
        ("Снаряды передали Киеву.", None),
        ("", None),
    ],
)
def test_who_is_cited(text: str, outlet: str | None) -> None:
    assert cited_outlet("", text) == outlet
    assert cited_outlet(text, "") == outlet


def test_the_first_of_several_is_the_one() -> None:
    assert cited_outlet("Aground", "According to TASS, citing Interfax, it ran aground.") == "tass"


def test_a_credit_at_the_end_counts_and_one_in_the_middle_does_not() -> None:
    assert cited_outlet("Aground", "Words. " * 900 + "Reported by Kyodo.") == "kyodo"
    assert cited_outlet("Aground", "Words. " * 900 + "Reported by Kyodo." + " Words." * 900) is None


@pytest.mark.parametrize(
    ("one", "other"),
    [("Yonhap News Agency", "연합뉴스"), ("The New York Times", "New York Times"), ("ТАСС", "TASS"), ("A-B", "a b")],
)
def test_spellings_of_an_outlet_have_one_key(one: str, other: str) -> None:
    assert outlet_key(one) == outlet_key(other)


def test_other_outlets_have_other_keys() -> None:
    assert len({outlet_key(name) for name in ("Korea Times", "The Times", "Financial Times", "")}) == 4


@pytest.mark.parametrize("part", ["Reuters ", "according to ", "«", "A B ", "로이터", "(", "\x00", "сообщает "])
def test_any_text_takes_bounded_time(part: str) -> None:
    started_at = process_time()
    cited_outlet(part * 20_000, part * 20_000)
    assert process_time() - started_at < 1
