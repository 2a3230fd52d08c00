"""Documents without a date are placed in time by the days that they name."""

from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.domain.text.days import named_days
from services.provisioning.article_files import ReadArticle, read_articles
from services.provisioning.undated import UndatedDocuments

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)


def seen(*texts: str) -> list[str]:
    undated = UndatedDocuments(NOW)
    return [f"{undated.seen_at(text):%Y-%m-%d}" for text in texts]


@pytest.mark.parametrize(
    ("text", "seen_at"),
    [
        ("The envoys met on 7 November 2024 and again on 12 November.", "2024-11-13"),
        ("Signed on 3 May 1999 by two kings; the pact of 2 March 2021 ended it.", "2021-03-03"),
        ("On 24 December 2024 he spoke. On 3 January he left.", "2025-01-04"),
        ("On 24 November 2024 he spoke, as on 9 May each year.", "2024-11-25"),
        ("The vote is set for 1 June 2031; talks were held on 2025-08-09.", "2025-08-10"),
        ("26 November 14:07. A delegation has left.", "2025-11-27"),
        ("2025년 3월 4일 외교부는 밝혔다.", "2025-03-05"),
        ("Встреча прошла 5 марта 2023 года.", "2023-03-06"),
        ("On 31 November 2024 and 30 February nothing happened.", "2026-05-01"),
        ("No day is named here.", "2026-05-01"),
    ],
)
def test_a_document_was_written_after_the_last_day_that_it_names(text: str, seen_at: str) -> None:
    assert seen(text) == [seen_at]


def test_a_day_without_a_year_is_taken_near_the_document_before() -> None:
    assert seen("It was 28 November 2024.", "26 November 14:07.") == ["2024-11-29", "2024-11-27"]


def test_a_document_with_a_date_keeps_it_and_is_what_those_after_it_go_by(tmp_path: Path) -> None:
    (tmp_path / "a.md").write_text("---\ntitle: A\ndate: 2022-03-01T10:00:00Z\n---\nOn 9 April 2019 it rained.\n")
    (tmp_path / "b.txt").write_text("27 February: the talks begin.\n")
    a, b = (item.article for item in read_articles([tmp_path], NOW) if isinstance(item, ReadArticle))
    assert a.event_at == datetime(2022, 3, 1, 10, tzinfo=UTC)
    assert (b.published_at, b.event_at) == (None, datetime(2022, 2, 28, tzinfo=UTC))


@given(st.lists(st.text(alphabet="0123456789 -,.thMayJune월일년марта\n", max_size=80), max_size=4))
def test_nothing_is_dated_later_than_now(texts: list[str]) -> None:
    undated = UndatedDocuments(NOW)
    assert all(undated.seen_at(text) <= NOW for text in texts)


@given(st.dates(date(2000, 1, 1), date(2099, 12, 31)))
def test_every_written_form_names_the_same_day(day: date) -> None:
    for form in ("%Y-%m-%d", "%d %B %Y", "%B %d, %Y", "%Y년 %m월 %d일"):
        text = f"it was {day:{form}} then"
        (found,) = named_days(text)
        assert (found.in_year(found.year or 0) or NOW).date() == day
        assert text[found.start : found.end] == f"{day:{form}}"
