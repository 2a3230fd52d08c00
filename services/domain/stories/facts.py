"""The facts of a text that can be compared across wordings: numbers, dates and quotations."""

import re
from collections.abc import Iterator
from typing import NamedTuple

from services.domain.stories.common_words import GRAMMAR_WORDS
from services.domain.text.analyzer import analyze, surfaces

MAX_CHARS = 20_000
_MAX_QUOTES = 6
_MAX_NUMBERS = 40
_MIN_QUOTE_WORDS = 4
_MAX_QUOTE_WORDS = 12


class Fact(NamedTuple):
    """`keys` are the same for every wording of a fact; it is known if most of them are. `shown` is for people."""

    keys: tuple[str, ...]
    shown: str


_MULTIPLIERS = {
    "hundred": 100, "thousand": 1_000, "million": 1_000_000, "mln": 1_000_000, "billion": 10**9, "bln": 10**9,
    "bn": 10**9, "trillion": 10**12, "тыс": 1_000, "тис": 1_000, "млн": 1_000_000, "млрд": 10**9, "трлн": 10**12,
    "천": 1_000, "만": 10_000, "백만": 1_000_000, "억": 10**8, "조": 10**12,
}  # fmt: skip
_STEMMED_MULTIPLIERS = {"тысяч": 1_000, "миллион": 10**6, "мільйон": 10**6, "миллиард": 10**9, "мільярд": 10**9}
_NUMBER = re.compile(
    r"(?<![\w.,])(?:\d{1,3}(?:[,\u00a0\u202f ]\d{3})++|\d{1,15})(?:[.,]\d{1,4})?+(?![\d])"
    r"(?:[\s-]?(?P<unit>%|[^\W\d_]{1,20}))?+"
)
_MONTHS = {
    name: month
    for month, names in enumerate(
        (
            "jan january янв января січня", "feb february фев февраля лютого", "mar march мар марта березня",
            "apr april апр апреля квітня", "may мая травня", "jun june июня червня", "jul july июля липня",
            "aug august авг августа серпня", "sep sept september сен сентября вересня",
            "oct october окт октября жовтня", "nov november ноя ноября листопада", "dec december дек декабря грудня",
        ),
        1,
    )
    for name in names.split()
}  # fmt: skip
_MONTH_NAMES = "|".join(sorted(_MONTHS, key=len, reverse=True))
_DATE = re.compile(
    rf"\b(?P<day>\d{{1,2}})(?:st|nd|rd|th)?\s+(?P<month>{_MONTH_NAMES})\b"
    rf"|\b(?P<month2>{_MONTH_NAMES})\.?\s+(?P<day2>\d{{1,2}})(?:st|nd|rd|th)?\b"
    r"|(?P<month3>\d{1,2})월\s?(?P<day3>\d{1,2})일",
    re.IGNORECASE,
)
_QUOTE = re.compile('"([^"\n]{15,400})"|“([^“”\n]{15,400})”|«([^«»\n]{15,400})»|‘([^‘’\n]{15,400})’(?!\\w)')
_DIGIT = re.compile(r"\d")
_OPENS_QUOTE = re.compile('["“«‘]')
_YEARS = range(1900, 2101)
# Numbers below this are said of everything; they count only with a unit of measure.
_TELLING_FROM = 13
_SMALL_UNITS = frozenset(("%", "percent", "mm", "km", "kg", "мм", "км", "кг", "процент"))


def facts_of(title: str, text: str) -> list[Fact]:
    """Return the numbers, dates and quotations of a text, each once, in order, from its first 20,000 characters."""
    whole = f"{title}\n{text}"[:MAX_CHARS]
    found: dict[tuple[str, ...], Fact] = {}
    dates, rest = _dates(whole) if _DIGIT.search(whole) else ([], "")
    for fact in (*dates, *_numbers(rest), *_quotes(whole)):
        found.setdefault(fact.keys, fact)
    return list(found.values())


def number_keys(facts: list[Fact]) -> frozenset[str]:
    """Return which of these are numbers, by their keys."""
    return frozenset(fact.keys[0] for fact in facts if fact.keys[0].startswith("#"))


def _dates(text: str) -> tuple[list[Fact], str]:
    """Return the days that a text names, and the text without them."""
    found: list[Fact] = []
    for match in _DATE.finditer(text):
        month = match["month"] or match["month2"]
        number = _MONTHS[month.lower()] if month else int(match["month3"])
        day = int(match["day"] or match["day2"] or match["day3"])
        if 1 <= day <= 31 and 1 <= number <= 12:
            found.append(Fact((f"d{number}-{day}",), f"date: {match.group().strip()}"))
    return found, _DATE.sub(" ", text) if found else text


def _numbers(text: str) -> Iterator[Fact]:
    for count, match in enumerate(_NUMBER.finditer(text)):
        if count == _MAX_NUMBERS:
            return
        unit = (match["unit"] or "").lower()
        raw = match.group()[: match.start("unit") - match.start()] if match["unit"] else match.group()
        value = _value(raw)
        value *= _multiplier(unit)
        small = value < _TELLING_FROM and unit not in _SMALL_UNITS
        if not small and not (value in _YEARS and not unit.startswith(("%", "$"))):
            yield Fact((f"#{value:.6g}",), f"number: {' '.join(match.group().split())}")


def _multiplier(unit: str) -> int:
    if unit in _MULTIPLIERS:
        return _MULTIPLIERS[unit]
    return next((factor for stem, factor in _STEMMED_MULTIPLIERS.items() if unit.startswith(stem)), 1)


def _value(digits: str) -> float:
    """Return the value of digits with a separator of thousands or of decimals, in either convention."""
    plain = re.sub(r"[^\d.,]", "", digits)  # blanks of any kind stand between digits and after them
    if re.fullmatch(r"\d{1,3}(?:,\d{3})+(?:\.\d+)?", plain):
        return float(plain.replace(",", ""))
    return float(plain.replace(",", "."))


def _quotes(text: str) -> Iterator[Fact]:
    if not _OPENS_QUOTE.search(text):
        return
    for count, match in enumerate(_QUOTE.finditer(text)):
        if count == _MAX_QUOTES:
            return
        quote = next(group for group in match.groups() if group)
        words = [analysis.key for word in surfaces(quote) if (analysis := analyze(word)).key not in GRAMMAR_WORDS]
        if len(words) >= _MIN_QUOTE_WORDS:
            keys = tuple(dict.fromkeys(f'"{word}' for word in words))[:_MAX_QUOTE_WORDS]
            yield Fact(keys, f"quotation: {quote[:60].strip()}{'…' if len(quote) > 60 else ''}")
