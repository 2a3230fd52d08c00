"""Which open stories hold which terms."""

from collections.abc import Collection, Iterable

_NONE: tuple[int, ...] = ()


class Postings:
    """The stories that hold each term, by number; most terms are held by one, which then takes no set."""

    def __init__(self) -> None:
        self._one: dict[int, int] = {}
        self._several: dict[int, set[int]] = {}

    def add(self, terms: Iterable[int], story: int) -> None:
        """Say that a story holds these terms."""
        for term in terms:
            several = self._several.get(term)
            if several is not None:
                several.add(story)
            elif (one := self._one.setdefault(term, story)) != story:
                del self._one[term]
                self._several[term] = {one, story}

    def remove(self, terms: Iterable[int], story: int) -> None:
        """Say that a story holds these terms no more."""
        for term in terms:
            several = self._several.get(term)
            if several is None:
                if self._one.get(term) == story:
                    del self._one[term]
                continue
            several.discard(story)
            if len(several) == 1:
                self._one[term] = several.pop()
                del self._several[term]

    def count(self, term: int) -> int:
        """Return how many stories hold a term."""
        several = self._several.get(term)
        return len(several) if several is not None else int(term in self._one)

    def holders(self, term: int) -> Collection[int]:
        """Return the stories that hold a term."""
        several = self._several.get(term)
        if several is not None:
            return several
        one = self._one.get(term)
        return _NONE if one is None else (one,)
