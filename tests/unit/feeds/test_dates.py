"""Dates as feeds write them, and what is no date."""

from datetime import UTC, datetime, timedelta, timezone
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.domain.feeds.dates import MAX_DATE_CHARS, parse_date

NINE = datetime(2024, 11, 27, 9, tzinfo=UTC)


@pytest.mark.parametrize(
    "text",
    [
        "Wed, 27 Nov 2024 09:00:00 GMT",
        "Wed, 27 Nov 2024 18:00:00 KST",
        "Wed, 27 Nov 2024 18:00:00 Asia/Seoul",
        "Wed, 27 Nov 2024 12:00:00 MSK",
        "Wed, 27 Nov 2024 04:00:00 EST",
        "Wed, 27 Nov 2024 14:30 IST",
        "27 November 2024 09:00",
        "Wed Nov 27 18:00:00 KST 2024",
        "Wed Nov 27 2024 18:00:00 GMT+0900 (Korean Standard Time)",
        "Wednesday, November 27th, 2024 at 4:00 a.m. EST",
        "2024-11-27T09:00:00Z",
        "2024-11-27T09:00:00.123456789Z",
        "2024-11-27 18:00:00 KST",
        "2024-11-27T18:00+09:00",
        "2024-11-27T04:00:00-05:00Z",
        "20241127T090000Z",
        "27.11.2024 09:00",
        "Wed, 27/11/2024 - 09:00",
        "11/27/2024 9:00 am",
        "Mi, 27 Nov 2024 10:00:00 CET",
        "mer., 27 nov. 2024 10:00:00 +0100",
        "ср, 27 ноября 2024 12:00:00 +0300",
        "27 листопада 2024 р. 11:00 EET",
        "śr., 27 lis 2024 10:00:00 +0100",
        "2024년 11월 27일 18:00:00",
        "1732698000",
        "1732698000000",
    ],
)
def test_one_moment_in_many_forms(text: str) -> None:
    assert parse_date(text) == NINE


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2024", datetime(2024, 1, 1, tzinfo=UTC)),
        ("2024-11", datetime(2024, 11, 1, tzinfo=UTC)),
        ("Nov 2024", datetime(2024, 11, 1, tzinfo=UTC)),
        ("Wed, 27 Nov 24 24:00:00 GMT", datetime(2024, 11, 28, tzinfo=UTC)),
        ("2016-12-31T23:59:60Z", datetime(2017, 1, 1, tzinfo=UTC)),
        ("Tue, 09 Apr 2024 09:00:00 +9900", datetime(2024, 4, 9, 9, tzinfo=UTC)),  # no such zone
        ("Thu, 04/11/2024", datetime(2024, 4, 11, tzinfo=UTC)),  # the weekday tells day from month
        ("mar., 02 avr. 2024", datetime(2024, 4, 2, tzinfo=UTC)),  # mardi, not mars
    ],
)
def test_what_is_missing_or_odd(text: str, expected: datetime) -> None:
    assert parse_date(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        None, "", " ", "yesterday", "27", "Wed, 99 Nov 2024 18:00:00 +0900", "2024-13-01", "2024-11-27T25:00:00Z",
        "04/11/2024", "2024-11-27T09:00:00+00:xx", "2024-xx-27", "Wed, 27 Foo 2024 09:00:00 GMT",
        "16 Dec 2012 1:2:3:4 GMT",
        "published by the ministry on 27 November 2024", "9999-12-31T23:59:59-12:00", "٣ ديسمبر ٢٠٢٤", "²0²4",
        "1" * (MAX_DATE_CHARS + 1),
    ],
)  # fmt: skip
def test_what_is_no_date_or_might_be_two(text: str | None) -> None:
    assert parse_date(text) is None


moments = st.datetimes(
    min_value=datetime(1990, 1, 2),  # noqa: DTZ001
    max_value=datetime(2089, 12, 30),  # noqa: DTZ001
    timezones=st.integers(-12 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes))),
).map(lambda moment: moment.replace(microsecond=0))


@given(moments)
def test_the_standard_forms_of_any_moment(moment: datetime) -> None:
    forms = [format_datetime(moment), moment.isoformat(), moment.isoformat(" "), moment.astimezone(UTC).isoformat()]
    forms += [moment.strftime("%A, %d %B %Y %I:%M:%S %p %z"), moment.strftime("%b %d, %Y %H:%M:%S %z")]
    assert {parse_date(form) for form in forms} == {moment.astimezone(UTC)}


@given(st.text(max_size=60) | st.text(alphabet="0123456789-:/. ,+TZMonNvJaupm", max_size=40))
def test_any_text_is_a_moment_in_utc_or_none(text: str) -> None:
    moment = parse_date(text)
    assert moment is None or moment.tzinfo is UTC
