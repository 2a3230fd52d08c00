"""How Russian, Ukrainian and Korean texts name days: weekdays, days ago, and days of a month without the month."""

import re
from datetime import datetime, timedelta

_WEEKDAYS = {
    name: number
    for number, names in enumerate(
        (
            "понедельник понеділок 월요일", "вторник вівторок 화요일", "среду середу 수요일", "четверг четвер 목요일",
            "пятницу п'ятницю п’ятницю 금요일", "субботу суботу 토요일", "воскресенье неділю 일요일",
        )
    )
    for name in names.split()
}  # fmt: skip
_DAYS_AGO = {
    "позавчера": 2, "позавчора": 2, "накануне": 1, "напередодні": 1, "минулого тижня": 7, "на минулому тижні": 7,
    "минулого місяця": 30, "торік": 365, "в прошлом году": 365, "неделю назад": 7, "тиждень тому": 7,
    "그저께": 2, "그제": 2, "전날": 1, "지난해": 365, "작년": 365,
}  # fmt: skip
_NAMES = "|".join(sorted(_WEEKDAYS, key=len, reverse=True))
_WEEKDAY = re.compile(
    rf"(?:\b(?:во|в|у)\s+(?:прошлый\s+|прошлую\s+|минулий\s+|минулу\s+)?|지난\s*|\b)(?P<day>{_NAMES})(?!\w*[ая]ми)",
    re.IGNORECASE,
)
_AGO = re.compile("|".join(sorted(map(re.escape, _DAYS_AGO), key=len, reverse=True)), re.IGNORECASE)
# "11일 밝혔다": a day of the month in which, or just after which, it is written; "3일간" is how long.
_DAY = re.compile(
    r"(?<![\d월.,])(?<!월 )(?P<day>\d{1,2})일(?![간째차당정본선상반에]?부터|간|째|차|당|정|본|선|상|반|까지|\s?동안)"
)
_NEWS_DAYS = 7


def day_named(text: str, known_at: datetime) -> tuple[int, int, datetime] | None:
    """Return where a text names a day that is past or present, and its midnight; None where it names none."""
    if found := _WEEKDAY.search(text):
        back = (known_at.weekday() - _WEEKDAYS[found["day"].lower()]) % 7
        return (*found.span("day"), _midnight(known_at - timedelta(days=back)))
    if found := _AGO.search(text):
        return (*found.span(), _midnight(known_at - timedelta(days=_DAYS_AGO[found.group().lower()])))
    for found in _DAY.finditer(text):
        for back in range(_NEWS_DAYS):
            at = _midnight(known_at - timedelta(days=back))
            if at.day == int(found["day"]):
                return (*found.span(), at)
    return None


def _midnight(at: datetime) -> datetime:
    return at.replace(hour=0, minute=0, second=0, microsecond=0)
