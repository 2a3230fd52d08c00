"""What makes an edit a revision, and what does not."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.domain.feeds.articles import identify, revision_id
from services.domain.feeds.material import material, without_appended
from services.domain.feeds.normalize import Draft

TEXT = (
    "Seoul said on Monday that it will not send 155-mm shells to Kyiv.\n"
    "Aid rose 3.5% to $10,000, from -5 in 2019-2020, “officials” said – again. See https://e.org/1?id=2 for the list"
)
KOREAN = "정부는 우크라이나에 무기를 지원하지 않는다는 입장을 유지한다고 27일 밝혔다"


def revision(text: str, title: str = "Title") -> str:
    return revision_id(Draft("g", "https://e.org/1", title, text))


APPENDED = [
    "The post Seoul says no appeared first on The Example.", "The post Seoul says no first appeared on The Example.",
    "This story was originally published on Example.org", "12 comments", "1,432 Comments »", "Comments (3)", "댓글 3",
    "Leave a comment", "Read more", "Read more: Seoul weighs shells", "Continue reading Seoul says no →", "Read More…",
    "Читать далее", "Читати далі", "자세히 보기", "Weiterlesen", "Updated 14:32", "Updated: 27 Nov 2024, 2:32 pm KST",
    "(Updated: Nov 27, 2024 14:32 GMT)", "Published on 27/11/2024 at 14:32", "3 minutes ago", "(an hour ago)",
    "Обновлено: 14:32", "Оновлено 27.11.2024", "수정 2024.11.27 14:32", "3분 전", "5 минут назад", "[…]",
    "[link] [3 comments]",
    "submitted by /u/example to r/news\n[link] [12 comments]",
]  # fmt: skip


@pytest.mark.parametrize("appended", APPENDED)
@pytest.mark.parametrize("text", [TEXT, KOREAN])
def test_what_software_appends_is_immaterial(text: str, appended: str) -> None:
    assert revision(f"{text}\n{appended}") == revision(f"{text}. {appended}") == revision(text)


@pytest.mark.parametrize(
    "stamp", ["Updated 14:32", "3 minutes ago", "Last updated: 27 Nov 2024, 14:32 KST", "입력 2024.11.27"]
)
def test_so_is_a_stamp_before_the_text(stamp: str) -> None:
    assert revision(f"{stamp}\n{TEXT}") == revision(TEXT)


def test_a_text_that_is_only_a_count_stays_itself() -> None:
    assert revision("12 comments") == revision("13 comments") == revision("")


@pytest.mark.parametrize(
    "same",
    [
        TEXT.upper(), TEXT.replace(" ", "\n  "), TEXT.replace(" ", "\u00a0"), TEXT + ".", TEXT.replace("–", "-"),
        TEXT.replace("“", '"').replace("”", '"'), TEXT.replace("“", "«").replace("”", "»"), TEXT.replace("-5", "−5"),
        TEXT.replace("2019-2020", "2019–2020"), TEXT.replace("?id=2", "?id=2&utm_source=rss"),
        TEXT.replace("155-mm", "155 mm"),
    ],
)  # fmt: skip
def test_typesetting_is_immaterial(same: str) -> None:
    assert revision(same) == revision(TEXT)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("not ", ""), ("will not", "won't"), ("155", "105"), ("3.5", "35"), ("3.5", "3,5"), ("10,000", "10.000"),
        ("-5", "5"), ("2019-2020", "20192020"), ("%", ""), ("$", "€"), ("Monday", "Tuesday"), ("again.", "again?"),
        ("again.", "again. It will decide in May."), ("Kyiv", "Kyiv and Warsaw"), ("e.org/1", "e.org/2"),
    ],
)  # fmt: skip
def test_words_numbers_and_negations_are_material(old: str, new: str) -> None:
    assert old in TEXT
    assert revision(TEXT.replace(old, new)) != revision(TEXT)
    assert revision("x", title=TEXT.replace(old, new)) != revision("x", title=TEXT)


def test_an_end_that_only_looks_appended_is_material() -> None:
    for end in ("The list was last updated in May by the ministry", "He said: no comment", "Read the treaty"):
        assert revision(f"{TEXT}. {end}") != revision(TEXT)


words = st.lists(st.from_regex(r"[a-zа-яї가-힣]{1,8}|[0-9]{1,4}", fullmatch=True), min_size=2, max_size=12)
gaps = st.sampled_from([" ", "  ", "\n", "\u00a0", " – ", " - ", ", ", "; ", " “", "” ", "… ", " • "])


@given(words, st.data())
def test_any_setting_of_the_same_words_is_the_same(parts: list[str], data: st.DataObject) -> None:
    once, again = ("".join(f"{part}{data.draw(gaps)}" for part in parts) for _ in range(2))
    # A dash right before a number would be its sign, and between digits stands what stands in a number.
    assert material(once) == material(again) == material(" ".join(parts))


@given(words, st.integers(0, 11), st.sampled_from(["not", "не", "않는다", "1", "?"]))
def test_one_more_word_number_or_question_is_another_text(parts: list[str], place: int, added: str) -> None:
    longer = [*parts[:place], added, *parts[place:]]
    assert material(" ".join(longer)) != material(" ".join(parts))


@given(st.text(max_size=300), st.sampled_from(APPENDED))
def test_what_is_left_is_a_part_of_the_text(text: str, appended: str) -> None:
    whole = f"{text}\n{appended}"
    assert without_appended(whole) in whole


def ids(*guids: str) -> list[str]:
    drafts = [Draft(guid, f"https://e.org/{number}", "T", "") for number, guid in enumerate(guids)]
    return [article_id for article_id, _, _ in identify("feed", drafts)]


def test_a_guid_that_counts_versions_names_one_article() -> None:
    assert ids("https://e.org/a#0") == ids("https://e.org/a#12") == ids("https://e.org/a")
    assert ids("https://e.org/?p=7&utm_source=rss") == ids("https://e.org/?p=7") != ids("https://e.org/?p=8")
    assert ids("a#1") != ids("a#2")


def test_guids_that_would_become_one_stay_as_they_are() -> None:
    one, two = ids("https://e.org/log#1", "https://e.org/log#2")
    assert one != two
    assert ids("https://e.org/a#section-1") != ids("https://e.org/a#section-2")


def test_a_guid_at_two_addresses_is_none() -> None:
    one, two = ids("x", "x")
    assert one != two
