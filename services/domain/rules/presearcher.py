"""The presearcher: which rules an article could satisfy, judged by the words it holds.

Each rule waits under the keys of its cheapest required clause, so an article costs as much as it has candidates, not
as much as there are rules. Idea and name from Luwak, now Lucene Monitor.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Generic, TypeVar

from services.domain.rules.leaves import Requirement
from services.domain.text.token_index import TokenIndex

Entry = TypeVar("Entry")


class Presearcher(Generic[Entry]):
    """Hashable entries by what they require. Adding and removing one touches only its own keys."""

    def __init__(self) -> None:
        self._words: dict[str, set[Entry]] = {}
        self._exact: dict[str, set[Entry]] = {}
        self._prefixes: dict[int, dict[str, set[Entry]]] = {}  # by length, then prefix

    def add(self, entry: Entry, requirement: Requirement) -> None:
        """Let `entry` wait for any key of the requirement."""
        for table, key in self._slots(requirement):
            table.setdefault(key, set()).add(entry)

    def remove(self, entry: Entry, requirement: Requirement) -> None:
        """Undo `add` with the same arguments."""
        for table, key in self._slots(requirement):
            table[key].discard(entry)
            if not table[key]:
                del table[key]
        self._prefixes = {length: table for length, table in self._prefixes.items() if table}

    def candidates(self, *fields: TokenIndex) -> set[Entry]:
        """Return every entry whose requirement these fields meet: some too many, none too few."""
        found: set[Entry] = set()
        for index in fields:
            found.update(*_present(self._words, index.by_key))
            if self._exact:
                found.update(*_present(self._exact, index.by_exact))
            if self._prefixes:
                found.update(*self._with_prefix(index))
        return found

    def _with_prefix(self, index: TokenIndex) -> Iterator[set[Entry]]:
        for length, table in self._prefixes.items():
            for prefix in {word[:length] for word in index.by_folded} & table.keys():
                yield table[prefix]

    def _slots(self, requirement: Requirement) -> Iterator[tuple[dict[str, set[Entry]], str]]:
        for word in requirement.words:
            yield self._words, word
        for form in requirement.exact:
            yield self._exact, form
        for prefix in requirement.prefixes:
            yield self._prefixes.setdefault(len(prefix), {}), prefix


def _present(waiting: Mapping[str, set[Entry]], held: Mapping[str, object]) -> Iterable[set[Entry]]:
    """Return the entries under the keys that both sides have; the shorter side is walked."""
    return [waiting[key] for key in waiting.keys() & held.keys()]
