"""The inverted index of one field of one article: which words stand where."""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property

from services.domain.text.analyzer import analyze, spans, surfaces


class TokenIndex:
    """Positions of the words of one text, counted in words from 0; offsets are worked out only when asked for."""

    def __init__(self, text: str) -> None:
        self.text = text
        by_surface: defaultdict[str, list[int]] = defaultdict(list)
        for position, surface in enumerate(surfaces(text)):
            by_surface[surface].append(position)
        self._by_surface = by_surface
        self.by_key = _merged(
            (key, positions) for surface, positions in by_surface.items() for key in analyze(surface).keys
        )

    @cached_property
    def by_exact(self) -> Mapping[str, Sequence[int]]:
        """Positions by exact form: case and inflection kept."""
        return _merged(
            (form, positions) for surface, positions in self._by_surface.items() for form in analyze(surface).exact
        )

    @cached_property
    def by_folded(self) -> Mapping[str, Sequence[int]]:
        """Positions by folded surface, which is what wildcards match."""
        return _merged((analyze(surface).folded, at) for surface, at in self._by_surface.items())

    @cached_property
    def _sorted_folded(self) -> list[str]:
        return sorted(self.by_folded)

    def folded_with_prefix(self, prefix: str) -> Iterator[str]:
        """Yield the distinct folded words that begin with `prefix`."""
        words = self._sorted_folded
        for at in range(bisect_left(words, prefix), len(words)):
            if not words[at].startswith(prefix):
                return
            yield words[at]

    def with_prefix(self, prefix: str) -> Sequence[int]:
        """Return the positions of words whose folded surface begins with `prefix`."""
        found = [self.by_folded[word] for word in self.folded_with_prefix(prefix)]
        return found[0] if len(found) == 1 else sorted(at for positions in found for at in positions)

    @cached_property
    def spans(self) -> list[tuple[int, int]]:
        """Original offsets of each word, by position."""
        return spans(self.text)


def _merged(entries: Iterable[tuple[str, list[int]]]) -> dict[str, list[int]]:
    """Group sorted position lists by key; a list of one word alone is shared, not copied."""
    merged: dict[str, list[int]] = {}
    copied: set[str] = set()
    for key, positions in entries:
        present = merged.get(key)
        if present is None:
            merged[key] = positions
        elif key in copied:
            present.extend(positions)
        else:
            merged[key] = [*present, *positions]
            copied.add(key)
    for key in copied:
        merged[key].sort()
    return merged
