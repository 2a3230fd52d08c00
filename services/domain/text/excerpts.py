"""Choose the sentences that show the evidence of a match, verbatim."""

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from schemas.alert import Excerpt
from schemas.match import Evidence, EvidenceField
from services.domain.text.analyzer import surfaces
from services.domain.text.normalize import fold, printable
from services.domain.text.sentences import Span, sentences, trimmed

MAX_EXCERPTS = 3
MAX_CHARS = 400


@dataclass(frozen=True)
class _Passage:
    """One sentence, or the few that one piece of evidence runs across, with the evidence in it."""

    span: Span
    marks: tuple[Span, ...]


def excerpts(
    title: str,
    text: str,
    evidence: Iterable[Evidence],
    *,
    max_excerpts: int = MAX_EXCERPTS,
    max_chars: int = MAX_CHARS,
) -> tuple[Excerpt, ...]:
    """Return the sentences of `text` that hold the most distinct evidence, in text order, each at most `max_chars`.

    Evidence in the title gives no excerpt, nor does a sentence that repeats the title or another one: a reader has
    seen it. Offsets index `text`; marks index the excerpt.
    """
    marks = _marks(text, evidence)
    if not marks or max_excerpts < 1 or max_chars < 1:
        return ()
    passages = list(_unseen(_passages(sentences(text), marks), title, text))
    passages.sort(key=lambda passage: (-_distinct(passage, text), passage.span.start))
    chosen = sorted(passages[:max_excerpts], key=lambda passage: passage.span.start)
    return tuple(_excerpt(_cut(passage, text, max_chars), text) for passage in chosen)


def _marks(text: str, evidence: Iterable[Evidence]) -> list[Span]:
    """Return the spans of the evidence in the text, sorted, without blanks at their ends; overlapping ones are one."""
    in_text = (Span(item.start, item.end) for item in evidence if item.field is EvidenceField.TEXT)
    spans = sorted(span for given in in_text if (span := trimmed(text, given)))
    merged: list[Span] = []
    for span in spans:
        if merged and span.start < merged[-1].end:
            merged[-1] = Span(merged[-1].start, max(span.end, merged[-1].end))
        else:
            merged.append(span)
    return merged


def _passages(found: Sequence[Span], marks: Sequence[Span]) -> Iterator[_Passage]:
    """Yield the sentences that hold a mark; sentences that one mark runs across are one passage."""
    waiting = deque(marks)
    following = iter(found)
    for sentence in following:
        if not waiting or waiting[0].start >= sentence.end:
            continue
        start, end = min(sentence.start, waiting[0].start), sentence.end
        held: list[Span] = []
        while waiting and waiting[0].start < end:
            held.append(waiting.popleft())
            while held[-1].end > end:
                end = max(end + 1, next(following, held[-1]).end)
        yield _Passage(Span(start, end), tuple(held))


def _unseen(passages: Iterable[_Passage], title: str, text: str) -> Iterator[_Passage]:
    shown_title = f" {_words(title)} "
    seen: set[str] = set()
    for passage in passages:
        words = _words(text[passage.span.start : passage.span.end])
        if f" {words} " not in shown_title and words not in seen:
            seen.add(words)
            yield passage


def _words(text: str) -> str:
    return " ".join(fold(surface) for surface in surfaces(text))


def _distinct(passage: _Passage, text: str) -> int:
    return len({fold(text[mark.start : mark.end]) for mark in passage.marks})


def _cut(passage: _Passage, text: str, max_chars: int) -> _Passage:
    """Return the passage, or its part of at most `max_chars` around the most marks, cut between words."""
    whole = passage.span
    if whole.end - whole.start <= max_chars:
        return passage
    core = _densest(passage.marks, max_chars)
    spare = max_chars - (core.end - core.start)
    start = max(whole.start, min(core.start - spare // 2, whole.end - max_chars))
    end = min(whole.end, start + max_chars)
    while start < core.start and start > whole.start and not text[start - 1].isspace():
        start += 1
    while end > core.end and end < whole.end and not text[end].isspace():
        end -= 1
    marks = (Span(max(mark.start, start), min(mark.end, end)) for mark in passage.marks)
    return _Passage(Span(start, end), tuple(mark for mark in marks if mark.start < mark.end))


def _densest(marks: Sequence[Span], max_chars: int) -> Span:
    """Return the stretch of at most `max_chars` that holds the most marks whole; the first mark if none fits."""
    best, most, last = Span(marks[0].start, min(marks[0].end, marks[0].start + max_chars)), 0, 0
    for first, mark in enumerate(marks):
        last = max(last, first)
        while last < len(marks) and marks[last].end - mark.start <= max_chars:
            last += 1
        if last - first > most:
            best, most = Span(mark.start, marks[last - 1].end), last - first
    return best


def _excerpt(passage: _Passage, text: str) -> Excerpt:
    start, end = trimmed(text, passage.span) or passage.span
    marks = tuple((max(mark.start, start) - start, min(mark.end, end) - start) for mark in passage.marks)
    return Excerpt(
        field=EvidenceField.TEXT,
        start=start,
        end=end,
        text=printable(text[start:end]),
        marks=tuple(mark for mark in marks if mark[0] < mark[1]),
    )
