"""Turn what a rule found into evidence: verbatim spans, each once, and not more than a reader can take in."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import NamedTuple

from schemas.match import Evidence, EvidenceField
from services.domain.rules.article_index import ArticleIndex
from services.domain.rules.compiler import Found
from services.domain.text.normalize import printable
from services.domain.text.token_index import TokenIndex

MAX_SPANS = 20


class _Span(NamedTuple):
    start: int
    end: int


def evidence(found: Iterable[Found], article: ArticleIndex, *, max_spans: int = MAX_SPANS) -> tuple[Evidence, ...]:
    """Return at most `max_spans` spans by field, title first, then in text order; overlapping ones are one span.

    A field that the article does not state has none, even if its language was identified. The cap takes the first
    occurrence of every leaf before the second of any, so that each part of the proof shows.
    """
    queues = [list(islice(_spans(places, article), max_spans)) for places in found]
    chosen: dict[EvidenceField, _Apart] = {name: _Apart() for name in article.texts}
    for name, span in _in_turns(queues):
        if chosen[name].would_grow(span) and sum(len(spans) for spans in chosen.values()) >= max_spans:
            continue
        chosen[name].add(span)
    return tuple(
        _evidence(name, span, article.texts[name])
        for name in EvidenceField
        if name in article.texts
        for span in chosen[name]
    )


def _spans(found: Found, article: ArticleIndex) -> Iterator[tuple[EvidenceField, _Span]]:
    """Yield the occurrences of one leaf, overlapping ones merged."""
    for name, places in found.items():
        if name in article.texts:
            for span in _merged(places, article.index(name)):
                yield name, span


def _merged(places: Sequence[tuple[int, int]], index: TokenIndex) -> Iterator[_Span]:
    """Yield character spans of sorted word positions; words shared by two places join them."""
    if not places:
        return
    first, last = places[0]
    for next_first, next_last in places[1:]:
        if next_first > last:
            yield _Span(index.spans[first][0], index.spans[last][1])
            first, last = next_first, next_last
        else:
            last = max(last, next_last)
    yield _Span(index.spans[first][0], index.spans[last][1])


def _in_turns(
    queues: Sequence[Sequence[tuple[EvidenceField, _Span]]],
) -> Iterator[tuple[EvidenceField, _Span]]:
    for turn in range(max(map(len, queues), default=0)):
        for queue in queues:
            if turn < len(queue):
                yield queue[turn]


class _Apart:
    """Sorted spans that never overlap: adding one merges it with those it overlaps."""

    def __init__(self) -> None:
        self._spans: list[_Span] = []

    def __len__(self) -> int:
        return len(self._spans)

    def __iter__(self) -> Iterator[_Span]:
        return iter(self._spans)

    def would_grow(self, span: _Span) -> bool:
        """Say whether adding `span` would make one span more."""
        begin, end = self._overlapped(span)
        return begin == end

    def add(self, span: _Span) -> None:
        """Add `span`, or widen what it overlaps."""
        begin, end = self._overlapped(span)
        touched = [span, *self._spans[begin:end]]
        self._spans[begin:end] = [_Span(min(each.start for each in touched), max(each.end for each in touched))]

    def _overlapped(self, span: _Span) -> tuple[int, int]:
        begin = bisect_right(self._spans, span.start, key=lambda each: each.end)
        end = bisect_left(self._spans, span.end, key=lambda each: each.start)
        return begin, max(begin, end)


def _evidence(name: EvidenceField, span: _Span, text: str) -> Evidence:
    return Evidence(field=name, start=span.start, end=span.end, text=printable(text[span.start : span.end]))
