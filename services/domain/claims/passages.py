"""The sentences of an article: which begin inside a quotation, and which stand in a list that somebody introduced."""

import re
from typing import NamedTuple

from schemas.article import Article
from schemas.match import EvidenceField
from services.domain.text.sentences import sentences

_OPENING, _CLOSING, _EITHER = "“«„「『", "”»」』", '"'
# A quotation that was never closed does not swallow the rest of an article.
_MAX_QUOTED = 6
# A "sentence" longer than this is no sentence: a list, a table, a text without stops. It is coded by its beginning.
MAX_CHARS = 1_000
# A paragraph that begins so, after one that ends with a colon, is what somebody said or listed.
_ITEM = re.compile(r"\s*[–—•·*-]\s")
# Lists and statements end; a colon that opened none does not reach further.
_MAX_ITEM_SENTENCES = 40


class Passage(NamedTuple):
    """A sentence, at its offsets in the field; `continues_quote` if it begins inside a quotation, `open_quote` if it
    ends inside one.

    `introduced_by` is the number of the sentence with a colon that introduces the paragraph ("he told the agency:").
    """

    field: EvidenceField
    start: int
    end: int
    continues_quote: bool
    open_quote: bool
    introduced_by: int | None = None
    opens_paragraph: bool = False


def passages(article: Article) -> list[Passage]:
    """Return the sentences of the title and of the text, in order."""
    found: list[Passage] = []
    for field, text in ((EvidenceField.TITLE, article.title), (EvidenceField.TEXT, article.text)):
        inside, since, before = False, 0, 0
        introduced_by: int | None = None
        for span in sentences(text):
            begins = inside
            inside = _is_open(text[span.start : span.end], inside)
            since = since + 1 if inside else 0
            if since > _MAX_QUOTED:
                inside, since = False, 0
            opens = "\n" in text[before : span.start] or before == 0
            if opens:
                introduced_by = _introducer(text, found, span.start, introduced_by) if before else None
            elif introduced_by is not None and len(found) - introduced_by > _MAX_ITEM_SENTENCES:
                introduced_by = None
            end = min(span.end, span.start + MAX_CHARS)
            found.append(Passage(field, span.start, end, begins, inside, introduced_by, opens))
            before = span.end
    return found


def _introducer(text: str, found: list[Passage], start: int, introduced_by: int | None) -> int | None:
    """Return which sentence introduces the paragraph that begins at `start`, if it is an item of a list."""
    if _ITEM.match(text, start) is None:
        return None
    last = found[-1]
    return len(found) - 1 if text[: last.end].endswith(":") else introduced_by


def _is_open(text: str, inside: bool) -> bool:
    for char in text:
        if char in _OPENING:
            inside = True
        elif char in _CLOSING:
            inside = False
        elif char == _EITHER:
            inside = not inside
    return inside
