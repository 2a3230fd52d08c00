"""What of a text an edit must touch to be news: its words, its numbers and its question marks.

White space, punctuation, case, how quotes and dashes are set, what an address is tracked by, and what software appends
to a text (who first published it, how many comments it has, when it was last touched) may change as they please.
"""

import re
import unicodedata

from schemas.ids import content_id

# What is appended is short, and stands at an end of the text.
_HEAD_CHARS, _TAIL_CHARS = 200, 700
_MAX_APPENDED = 6
# The words between the numbers of a date, in the languages of the stamps below.
_DATE_WORDS = (
    r"jan\w*|feb\w*|mar\w*|apr\w*|may|june?|july?|aug\w*|sep\w*|oct\w*|nov\w*|dec\w*|mon\w*|tue\w*|wed\w*|thu\w*"
    r"|fri\w*|sat\w*|sun\w*|today|at|on|by|the|of|um|uhr|à|am|pm|a\.m\.?|p\.m\.?|gmt|utc|bst|[ecmp][sd]?t|cest|kst|msk"
    r"|ist|eet|오전|오후|년|월|일"
)
_STAMP = (
    r"(?:(?:last |first )?(?:updated|modified|edited|published|posted)|aktualisiert|stand|mis à jour|publié|actualizado"
    r"|обновлено|опубликовано|оновлено|опубліковано|입력|수정|등록|송고)\b(?=[^\n]{0,60}\d)[: ]*"
    rf"(?:[\d \t\xa0:.,/|()+-]|{_DATE_WORDS})*+"
)
_AGO = (
    r"(?:(?:updated|published|posted)[:\s]*)?(?:\d+|an?)\s*"
    r"(?:seconds?|secs?|minutes?|mins?|hours?|hrs?|days?|weeks?)\s+ago"
    r"|\d+\s*(?:минут\w*|час\w*|хвилин\w*|годин\w*)\s+(?:назад|тому)|vor \d+ (?:minuten?|stunden?|tagen?)"
    r"|il y a \d+ (?:minutes?|heures?|jours?)|\d+\s*(?:분|시간|일)\s*전"
)
_COUNTS = (
    r"no comments|\d[\d.,]*\s*(?:comments?|replies|reply|views|shares|likes|kommentare?|commentaires?|comentarios"
    r"|комментари\w+|коментар\w+)"
    r"|(?:comments?|views|shares|likes|комментарии|коментарі|댓글|조회)\s*[:(]?\s*\d[\d.,]*\)?"
    r"|leave a (?:comment|reply)|add a comment"
)
_READ_ON = (
    r"(?:(?:click here to )?(?:read|view) (?:more|on|the (?:full|rest|whole|entire|original))\b"
    r"|(?:see|learn|find out) more\b|(?:continue|keep) reading|full (?:story|article|text)\b|more\b(?=\W*\Z)"
    r"|lire la suite|weiterlesen|mehr lesen|leer más|sigue leyendo|leggi tutto|czytaj (?:więcej|dalej)"
    r"|подробнее|читать (?:далее|полностью|дальше)|читати (?:далі|більше)|детальніше|докладніше"
    r"|자세히 ?보기|더 ?보기|기사 ?(?:더|전문) ?보기)[^.!?\n]{0,200}"
)
_CREDIT = (
    r"(?:the (?:post|article|story) [^\n]{1,400}?|this (?:post|article|story) (?:was )?(?:originally )?)\s?"
    r"(?:appeared first|first appeared|(?:was )?(?:first|originally) (?:published|appeared))[^\n]{1,200}"
    r"|(?:запись|сообщение|запис|допис)\s[^\n]{1,400}?\s(?:впервые появилась|появились сначала|спочатку з.явився)"
    r"[^\n]{1,200}"
    r"|l.article [^\n]{1,400}? est apparu en premier[^\n]{1,200}"
    r"|der beitrag [^\n]{1,400}? erschien zuerst[^\n]{1,200}"
    r"|link(?=\])|submitted by\s*/?u/[^\n]{1,100}"
)
_APPENDED = rf"[\s•·|\[(«»→>-]*+(?:{_STAMP}|{_AGO}|{_COUNTS}|{_READ_ON}|{_CREDIT})[\s.…»→>|)\]•·-]*+\Z"
_AT_END = re.compile(rf"[\n.!?…\]\")»|\[(•·→]{_APPENDED}", re.IGNORECASE)
_ALL_OF_IT = re.compile(_APPENDED, re.IGNORECASE)
_AT_START = re.compile(rf"\A[\s•·|\[(-]*+(?:{_STAMP}|{_AGO})[\s.|)\]•·-]*(?=\n)", re.IGNORECASE)

_TRACKED = re.compile(r"(https?://[^\s?#]+)[?#]\S*", re.IGNORECASE)
# In what follows, \x01 to \x05 stand for what of punctuation is material: the points in a number, the gap between two
# numbers, the sign before one.
_MINUS = re.compile(r"[-\u2012-\u2015\u2212](?<![\w)\]].)(?=[0-9])")
_POINT = re.compile(r"[.,:](?<=[0-9].)(?=[0-9])")
_POINTS = {".": "\x01", ",": "\x02", ":": "\x03"}
_KEPT = r"\w%?$€£¥₩₴₽\x01-\x05"
_BETWEEN_NUMBERS = re.compile(rf"[0-9][^{_KEPT}]+(?=\x05?[0-9])")
_IMMATERIAL = re.compile(rf"[^{_KEPT}]+|_+")
_TYPESETTING = "‘’‚“”„«»‹›‒–—―‐•"
_ASCII_IMMATERIAL = {code: None for code in range(128) if _IMMATERIAL.match(chr(code))}


def revision_id(title: str, text: str) -> str:
    """Return the identity of what an item says: another title word, number, negation or sentence is another one."""
    return content_id("revision", material(title), material(without_appended(text)))


def material(text: str) -> str:
    """Return what of a text is material: two texts of one value say the same."""
    if "://" in text:
        text = _TRACKED.sub(r"\1", text)
    text = _MINUS.sub("\x05", unicodedata.normalize("NFKC", text).casefold())
    if not text.isascii():
        for mark in _TYPESETTING:
            text = text.replace(mark, " ")
    text = _POINT.sub(lambda found: _POINTS[found.group()], text)
    text = _BETWEEN_NUMBERS.sub(lambda found: f"{found.group()[0]}\x04", text)
    # With typesetting gone most texts in Latin letters are ASCII, for which there is a way ten times as fast.
    return text.translate(_ASCII_IMMATERIAL) if text.isascii() else _IMMATERIAL.sub("", text)


def without_appended(text: str) -> str:
    """Return the text without what software puts before and after it."""
    for _ in range(_MAX_APPENDED):
        found = _AT_END.search(text, max(len(text) - _TAIL_CHARS, 0))
        if not found:
            break
        text = text[: found.start() + 1].rstrip(" \n[(|•·→")
    if len(text) <= _TAIL_CHARS and _ALL_OF_IT.match(text):
        return ""
    head = _AT_START.match(text[:_HEAD_CHARS])
    return text[head.end() :] if head else text
