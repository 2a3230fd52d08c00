"""Dates as feeds write them: RFC 822, ISO 8601, and what people make of either in a dozen languages.

A date that could be read in two ways is read as none: an article without a date is dated by when it was seen.
"""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from functools import lru_cache
from itertools import permutations
from zoneinfo import ZoneInfo

from feedparser.datetimes.asctime import _parse_date_asctime
from feedparser.datetimes.greek import _parse_date_greek
from feedparser.datetimes.hungarian import _parse_date_hungarian
from feedparser.datetimes.iso8601 import _parse_date_iso8601
from feedparser.datetimes.korean import _parse_date_nate, _parse_date_onblog
from feedparser.datetimes.perforce import _parse_date_perforce

# Longer texts are no dates, and slow to prove so.
MAX_DATE_CHARS = 100
# The formats nobody else would guess; each answers None for the others' dates.
_RARE_FORMATS = (
    _parse_date_onblog,
    _parse_date_nate,
    _parse_date_greek,
    _parse_date_hungarian,
    _parse_date_perforce,
    _parse_date_asctime,
)
# feedparser fills what is missing in other texts from today's date.
_ISO_CLIPPED = re.compile(r"-?\d[-\d]{3,10}(?:T[\d:.,]+)?\s*(?:Z|[+-][\d:]+)?")
# Hours east of Greenwich, and what RFC 822 readers take the short American names for.
# fmt: off
_ZONES = {
    "Z": 0, "UT": 0, "UTC": 0, "GMT": 0, "WET": 0, "A": -1, "N": 1, "M": -12, "Y": 12,
    "ADT": -3, "AST": -4, "AT": -4, "EDT": -4, "EST": -5, "ET": -5, "CDT": -5, "CST": -6, "CT": -6, "MDT": -6,
    "MST": -7, "MT": -7, "PDT": -7, "PST": -8, "PT": -8, "AKDT": -8, "AKST": -9, "HST": -10, "BRT": -3, "ART": -3,
    "BST": 1, "IST": 5.5, "WEST": 1, "CET": 1, "MET": 1, "MEZ": 1, "WAT": 1, "CEST": 2, "MEST": 2, "MESZ": 2,
    "CAT": 2, "SAST": 2, "EET": 2, "EEST": 3, "EAT": 3, "MSK": 3, "TRT": 3, "MSD": 4, "GST": 4, "PKT": 5,
    "NPT": 5.75, "ICT": 7, "WIB": 7, "HKT": 8, "SGT": 8, "MYT": 8, "PHT": 8, "AWST": 8, "KST": 9, "JST": 9,
    "ACST": 9.5, "AEST": 10, "AEDT": 11, "NZST": 12, "NZDT": 13,
}
# The beginnings of month names, lower case: English, German, French, Spanish, Portuguese, Italian, Dutch, Polish,
# Ukrainian, Russian. Where one begins another, the longer comes first.
_MONTHS = (
    ("jan", "jän", "ene", "gen", "sty", "січ", "янв"),
    ("feb", "fév", "fev", "lut", "лют", "фев"),
    ("mar", "mär", "mrz", "mrt", "maa", "бер", "мар"),
    ("apr", "avr", "abr", "kwi", "кві", "апр"),
    ("may", "mai", "mei", "mag", "maj", "тра", "май", "мая"),
    ("jun", "juin", "giu", "cze", "чер", "июн"),
    ("jul", "juil", "lug", "lip", "лип", "июл"),
    ("aug", "aoû", "aou", "ago", "sie", "сер", "авг"),
    ("sep", "set", "wrz", "вер", "сен"),
    ("oct", "okt", "out", "ott", "paź", "жов", "окт"),
    ("nov", "lis", "лис", "ноя"),
    ("dec", "dez", "déc", "dic", "gru", "гру", "дек"),
)
# fmt: on
_MONTH_OF = {name: number for number, names in enumerate(_MONTHS, start=1) for name in names}
_WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_OFFSET = r"[+-]\d{1,2}(?::?\d\d)?"
_ISO = re.compile(
    r"(\d{4})(?:-(\d\d?))?(?:-(\d\d?))?(?:[T ]\s*(\d\d?):(\d\d)(?::(\d\d)(?:[.,]\d+)?)?)?\s*(Z|"
    + _OFFSET
    + r"|[A-Z]{2,4})?Z?"
)
_ISO_BASIC = re.compile(rf"(\d{{4}})(\d\d)(\d\d)(?:T(\d\d)(\d\d)(\d\d)?(?:[.,]\d+)?\s*(Z|{_OFFSET})?)?")
_RFC_822 = re.compile(
    r"(?:[A-Za-z]{3,9}\.?,?\s*)?(\d\d?)[\s-]+([A-Za-z]{3})[a-z]{0,6}[\s-]+(\d{4})\s+(\d\d?):(\d\d)(?::(\d\d))?\s*"
    r"([A-Z]{1,4}|" + _OFFSET + r")?"
)
_EPOCH = re.compile(r"1\d{9}(\d{3})?")
_TIME = re.compile(
    r"(?:(?:\bat|\bum|\bà|-|(?<=\d)t)\s*)?\b(\d\d?):(\d\d)(?::(\d\d)(?:\.\d+)?)?(?![\d:])\s*([ap]\.?m\b\.?)?",
    re.IGNORECASE,
)
_ZONE = re.compile(
    r"\b(?P<region>[A-Z][A-Za-z_]+/[A-Z][A-Za-z_/+-]+\d*)\b|(?:\b(?:GMT|UTC)|(?<![\w.]))(?P<offset>"
    + _OFFSET
    + r")(?!\S)"
    r"|(?<![\w.])(?P<name>[A-Z]{1,4})(?![\w.])"
)
_BRACKETED = re.compile(r"\([^()]*\)")
_PIECE = re.compile(r"[^\W\d_]+|\d+(?:st|nd|rd|th|er|º)?\b|[\s.,/'-]+")
_NEUTRAL_WORDS = frozenset({"at", "de", "del", "of", "um", "le", "à", "г", "р", "года", "року"})
_FARTHEST_EAST, _FARTHEST_WEST = timedelta(hours=14), timedelta(hours=-12)


@lru_cache(maxsize=1024)
def parse_date(text: str | None) -> datetime | None:
    """Return the moment in UTC, a time without a zone being UTC; None for what is not, or not certainly, a date."""
    text = " ".join((text or "").split())
    if not text or len(text) > MAX_DATE_CHARS:
        return None
    try:
        return _rfc_822(text) or _iso(text) or _epoch(text) or _worded(text) or _rare(text)
    except (ValueError, OverflowError):  # no such day, or no such moment in UTC
        return None


def _rfc_822(text: str) -> datetime | None:
    found = _RFC_822.fullmatch(text)
    if not found:
        return None
    day, name, year, hour, minute, second, zone = found.groups()
    month = _MONTH_OF.get(name.lower())
    if month is None:
        return None
    return _moment((int(year), month, int(day)), (int(hour), int(minute), int(second or 0)), _zone(zone))


def _iso(text: str) -> datetime | None:
    found = _ISO.fullmatch(text) or _ISO_BASIC.fullmatch(text)
    if not found:
        return None
    year, month, day, hour, minute, second = (int(part or 0) for part in found.groups()[:6])
    return _moment((year, month or 1, day or 1), (hour, minute, second), _zone(found.group(7)))


def _epoch(text: str) -> datetime | None:
    found = _EPOCH.fullmatch(text)
    return datetime.fromtimestamp(int(text) / (1000 if found.group(1) else 1), UTC) if found else None


def _worded(text: str) -> datetime | None:
    """Read a date of a month's name or three numbers, a time and a zone, in any order; all of it must be understood."""
    text = _BRACKETED.sub(" ", text)
    hour = minute = second = 0
    if time := _TIME.search(text):
        hour, minute, second = (int(part or 0) for part in time.groups()[:3])
        hour = _hour_of_24(hour, time.group(4))
        text = f"{text[: time.start()]} {text[time.end() :]}"
    zone: tzinfo = UTC
    for found in _ZONE.finditer(text):
        if found.group("region") or found.group("offset") or found.group("name") in _ZONES:
            zone = _zone(found.group().removeprefix("GMT").removeprefix("UTC") or "UTC")
            text = f"{text[: found.start()]} {text[found.end() :]}"
            break
    days = set(_days(text))
    if len(days) != 1:
        return None
    return _moment(days.pop(), (hour, minute, second), zone)


def _days(text: str) -> Iterator[tuple[int, int, int]]:
    """Yield the year, month and day that this can mean: none, one, or several."""
    if _PIECE.sub("", text):
        return
    pieces = _PIECE.findall(text.lower())
    words = [piece for piece in pieces if piece[0].isalpha() and piece not in _NEUTRAL_WORDS]
    numbers = [re.sub(r"\D", "", piece) for piece in pieces if piece[0].isdigit()]
    months = [month for word in words if (month := _month(word))]
    if len(words) - min(len(months), 1) > 1:
        return  # one more word can be a weekday; two are prose
    if months:
        # The last, because « mar., 01 avr. » begins with a Tuesday.
        yield from _with_month(months[-1], numbers)
    else:
        yield from _of_three_numbers(numbers, _weekday(words), is_dotted="." in text)


def _month(word: str) -> int | None:
    return _MONTH_OF.get(word[:4]) or _MONTH_OF.get(word[:3])


def _weekday(words: list[str]) -> int | None:
    return _WEEKDAYS.index(words[0][:3]) if words and words[0][:3] in _WEEKDAYS else None


def _with_month(month: int, numbers: list[str]) -> Iterator[tuple[int, int, int]]:
    years = [number for number in numbers if len(number) == 4]
    match numbers:
        case [year] if years:
            yield int(year), month, 1
        case [day, year] if len(day) <= 2 and len(year) in {2, 4}:
            yield _full_year(year), month, int(day)
        case [year, day] if len(day) <= 2 and len(year) == 4:
            yield int(year), month, int(day)


def _of_three_numbers(numbers: list[str], weekday: int | None, *, is_dotted: bool) -> Iterator[tuple[int, int, int]]:
    if len(numbers) != 3 or len(numbers[0]) > 2 or len(numbers[1]) > 2 or len(numbers[2]) not in {2, 4}:
        return
    year = _full_year(numbers[2])
    for place, (day, month) in enumerate(permutations((int(numbers[0]), int(numbers[1])))):
        if is_dotted and place:
            return  # only Europe writes dots, the day first
        try:
            date = datetime(year, month, day, tzinfo=UTC)
        except ValueError:
            continue
        if weekday in {None, date.weekday()}:
            yield year, month, day


def _full_year(digits: str) -> int:
    year = int(digits)
    return year if len(digits) > 2 else year + (2000 if year < 90 else 1900)


def _hour_of_24(hour: int, half: str | None) -> int:
    if not half:
        return hour
    if not 1 <= hour <= 12:
        return hour  # 13:05 pm
    return hour % 12 + (12 if half[0] in "pP" else 0)


def _zone(text: str | None) -> tzinfo:
    """Return the zone of an offset, an abbreviation or a region; UTC if that is none on earth."""
    if not text:
        return UTC
    if text[0] in "+-":
        digits = text[1:].replace(":", "")
        hours, minutes = (digits[:-2], digits[-2:]) if len(digits) > 2 else (digits, "0")
        if int(minutes) > 61:  # -01:01 is one minute off, -99:99 is no offset
            raise ValueError(f"{text} is no offset")
        east = timedelta(hours=int(hours), minutes=int(minutes)) * (-1 if text[0] == "-" else 1)
        return timezone(east) if _FARTHEST_WEST <= east <= _FARTHEST_EAST else UTC
    if "/" in text:
        try:
            return ZoneInfo(text.removeprefix("Etc/") if text in {"Etc/GMT", "Etc/UTC"} else text)
        except (KeyError, ValueError, OSError):  # no such region, or no such file on this machine
            return UTC
    return timezone(timedelta(hours=_ZONES.get(text, 0)))


def _moment(day: tuple[int, int, int], clock: tuple[int, int, int], zone: tzinfo) -> datetime:
    """Return the moment of (year, month, day) and (hour, minute, second), which may be 24:00:00 or a leap second."""
    if clock == (24, 0, 0):
        return datetime(*day, tzinfo=zone).astimezone(UTC) + timedelta(days=1)
    hour, minute, second = clock
    is_leap = second == 60
    moment = datetime(*day, hour, minute, second - is_leap, tzinfo=zone)
    return moment.astimezone(UTC) + timedelta(seconds=is_leap)


def _rare(text: str) -> datetime | None:
    is_clipped = _ISO_CLIPPED.fullmatch(text) is not None
    for reader in (_parse_date_iso8601,) if is_clipped else _RARE_FORMATS:
        try:
            found = reader(text)
        except (KeyError, AttributeError, TypeError, ValueError, OverflowError):
            continue
        if found is not None:
            year, month, day, hour, minute, second = found[:6]
            return datetime(year, month, day, hour, minute, second, tzinfo=UTC)
    return None
