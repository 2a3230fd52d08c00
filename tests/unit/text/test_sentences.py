"""Sentences end where a reader would end them; excerpts are verbatim and marked."""

import time
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.alert import Excerpt
from schemas.match import Evidence, EvidenceField
from services.domain.text.excerpts import excerpts
from services.domain.text.sentences import sentences


def split(text: str) -> list[str]:
    return [text[start:end] for start, end in sentences(text)]


@pytest.mark.parametrize(
    "parts",
    [
        ["President Yoon met Mr. Kim in the U.S.", "The talks went on."],
        ["The U.S. Embassy spoke.", "S. Korea's Gen. Lee paid 3.5 mln."],
        ["J. R. Smith left.", '"Is it?" he asked.', "No. 5 stayed!"],
        ["He said “No.”", "They agreed..."],
        ["Is it over?!", "(Yes.)", "Good."],
        ["Встреча прошла в 2022 г. Россия и С. Корея.", "В. В. Путин сказал: «Да!» — и ушёл."],
        ["Це вул. Банкова.", "Так, 5 млн. грн."],
        ["한국은 무기를 보냈다.", "러시아는 2024. 11. 27. 반발했다.", "“그렇다.”"],
        ["首尔表示反对。", "莫斯科同意！"],
    ],
)
def test_splits_into(parts: list[str]) -> None:
    joined = "".join(parts) if parts[0].endswith("。") else " ".join(parts)
    assert split(joined) == parts


def test_paragraphs_and_lines_end_sentences_but_wrapping_does_not() -> None:
    wrapped = (
        "The government said that it would not send any of its older\nWestern tanks to the front this year. It stayed."
    )
    assert split(f"A headline\n\n{wrapped}") == ["A headline", wrapped[: wrapped.index(" It")], "It stayed."]
    assert split("A caption\nThe text.") == ["A caption", "The text."]
    assert split("a line that\nruns on") == ["a line that\nruns on"]


@given(st.text(alphabet='aZ.!? \n"”(г한1—\x00\ud800', max_size=60))
def test_sentences_are_apart_trimmed_and_leave_out_only_blanks(text: str) -> None:
    found = sentences(text)
    rest = text
    for start, end in reversed(found):
        assert text[start:end] == text[start:end].strip() != ""
        rest = rest[:start] + rest[end:]
    assert not rest.strip()
    assert all(before.end <= after.start for before, after in pairwise(found))


@pytest.mark.parametrize(
    "text",
    [" " * 400_000, "." * 400_000, ". " * 200_000, "\n" * 400_000, '."' * 200_000, "A." * 200_000, "x" * 400_000],
)
def test_any_text_takes_linear_time(text: str) -> None:
    started = time.process_time()
    sentences(text)
    assert time.process_time() - started < 4


TEXT = (
    "Seoul said nothing. Kyiv asked for arms from Seoul. The weather was fine. "
    "Arms were sent, arms were paid for. Kyiv thanked."
)


def evidence_for(text: str, *words: str, title: str = "") -> list[Evidence]:
    found = []
    for field, whole in ((EvidenceField.TITLE, title), (EvidenceField.TEXT, text)):
        for word in words:
            at = whole.find(word)
            while at >= 0:
                found.append(Evidence(field=field, start=at, end=at + len(word), text=word))
                at = whole.find(word, at + 1)
    return found


def shown(text: str, *words: str, title: str = "", max_excerpts: int = 3, max_chars: int = 400) -> list[str]:
    found = excerpts(
        title, text, evidence_for(text, *words, title=title), max_excerpts=max_excerpts, max_chars=max_chars
    )
    assert_sound(text, found)
    return [excerpt.text for excerpt in found]


def assert_sound(text: str, found: tuple[Excerpt, ...]) -> None:
    for excerpt in found:
        assert excerpt.text == text[excerpt.start : excerpt.end].replace("\ud800", "\ufffd")
        assert all(0 <= start < end <= len(excerpt.text) for start, end in excerpt.marks)
        assert all(before[1] <= after[0] for before, after in pairwise(excerpt.marks))
        assert excerpt.marks
    assert all(before.end <= after.start for before, after in pairwise(found))


def test_sentences_with_more_distinct_evidence_come_first_in_text_order() -> None:
    assert shown(TEXT, "Seoul", "Kyiv", "arms", max_excerpts=1) == ["Kyiv asked for arms from Seoul."]
    assert shown(TEXT, "Seoul", "Kyiv", "arms", "Arms", max_excerpts=2) == [
        "Seoul said nothing.",
        "Kyiv asked for arms from Seoul.",
    ]
    assert shown(TEXT, "Kyiv", "arms", "paid") == [
        "Kyiv asked for arms from Seoul.",
        "Arms were sent, arms were paid for.",
        "Kyiv thanked.",
    ]


def test_marks_are_the_evidence_within_the_excerpt() -> None:
    (excerpt,) = excerpts("", TEXT, evidence_for(TEXT, "paid"))
    assert [excerpt.text[start:end] for start, end in excerpt.marks] == ["paid"]


def test_overlapping_evidence_is_one_mark() -> None:
    spans = [Evidence(field=EvidenceField.TEXT, start=a, end=b, text=TEXT[a:b]) for a, b in ((0, 5), (3, 10), (3, 10))]
    (excerpt,) = excerpts("", TEXT, spans)
    assert excerpt.marks == ((0, 10),)


def test_the_title_is_not_shown_twice() -> None:
    assert shown("Kyiv gets arms\n\nNothing else.", "arms", title="Kyiv gets arms!") == []
    assert shown("Nothing.", "arms", title="Kyiv gets arms") == []
    assert shown("More arms. More arms.", "arms") == ["More arms."]


def test_evidence_across_sentences_shows_both() -> None:
    text = "It met Mr Kim. Seoul was there. Then all left."
    span = Evidence(field=EvidenceField.TEXT, start=text.index("Kim"), end=text.index(" was"), text="Kim. Seoul")
    assert [excerpt.text for excerpt in excerpts("", text, [span])] == ["It met Mr Kim. Seoul was there."]


def test_a_long_sentence_is_cut_around_its_evidence_between_words() -> None:
    text = "first " * 100 + "Seoul sent arms today " + "last " * 100
    (excerpt,) = shown(text, "Seoul", "arms", max_chars=60)
    assert "Seoul sent arms today" in excerpt
    assert len(excerpt) <= 60
    assert set(excerpt.split()) <= {"first", "Seoul", "sent", "arms", "today", "last"}


def test_evidence_longer_than_an_excerpt_is_cut_too() -> None:
    text = "x" * 1000
    (excerpt,) = excerpts(
        "", text, [Evidence(field=EvidenceField.TEXT, start=100, end=900, text=text[100:900])], max_chars=50
    )
    assert (excerpt.start, excerpt.end, excerpt.marks) == (100, 150, ((0, 50),))


def test_no_evidence_gives_no_excerpt() -> None:
    assert excerpts("title", TEXT, []) == ()
    assert excerpts("title", "", []) == ()
    assert shown(TEXT, "Seoul", max_excerpts=0) == []


@settings(deadline=None)
@given(
    st.text(alphabet="ab. \n\ud800한", max_size=80),
    st.lists(st.tuples(st.integers(0, 80), st.integers(1, 20)), max_size=6),
    st.integers(1, 30),
)
def test_excerpts_of_anything_are_sound(text: str, places: list[tuple[int, int]], max_chars: int) -> None:
    spans = [
        Evidence(field=EvidenceField.TEXT, start=at, end=at + width, text="x")
        for at, width in places
        if text[at : at + width].strip()
    ]
    found = excerpts("", text, spans, max_chars=max_chars)
    assert_sound(text, found)
    assert all(len(excerpt.text) <= max_chars for excerpt in found)
