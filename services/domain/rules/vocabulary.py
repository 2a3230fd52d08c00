"""The words that rules ask for, and how an article's words are turned into conditions at the cost of one look-up each.

What the words of a chunk make true is learned when it is first seen. A condition added later is added to what is known
of the chunks it concerns, so nothing is ever rebuilt.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from enum import IntEnum
from typing import NamedTuple

import numpy as np

from schemas.match import EvidenceField
from services.domain.rules.arrays import NO_INTS, WIDTH, Flags, Ints
from services.domain.rules.grammar import MAX_DISTANCE
from services.domain.rules.lexicon import Learned, Lexicon, LookedUp, Segment
from services.domain.text.analyzer import MAX_CACHED_CHARS, Analysis, analyze, surfaces

MAX_CODES = 1 << 17
# A longer text is read in parts, so that one text of nothing but new words cannot fill the memory.
MAX_CHUNKS_AT_ONCE = 1 << 14
# Words that no phrase or distance reaches across lie between two fields, and before the first.
FIELD_GAP = MAX_DISTANCE + WIDTH
HEAD_CHARS = 3


class Scope(IntEnum):
    """Where a condition looks: in the title and the text, or in one field."""

    CONTENT = 0
    TITLE = 1
    TEXT = 2
    OUTLET = 3
    COUNTRY = 4
    LANG = 5
    AUTHOR = 6


class Form(IntEnum):
    """What about a word decides."""

    KEY = 0  # any inflection
    EXACT = 1  # case and form
    PREFIX = 2  # how the folded word begins


CONTENT_FIELDS = (EvidenceField.TITLE, EvidenceField.TEXT)
FIELD_SCOPES = {
    field: ((Scope.CONTENT,) if field in CONTENT_FIELDS else ()) + (Scope[field.name],) for field in EvidenceField
}


_FIELDS = tuple(EvidenceField)
_BITS = {field: 1 << at for at, field in enumerate(_FIELDS)}
# In which fields a condition of each scope holds, a bit for each.
_FIELD_BITS = [sum(_BITS[field] for field, scopes in FIELD_SCOPES.items() if scope in scopes) for scope in Scope]
_CONTENT_BITS = _FIELD_BITS[Scope.CONTENT]


class Read(NamedTuple):
    """The conditions that the words of an article make true, each with the position of its word, in rising order.

    `starts` says at which position each field begins. A condition is listed once for each word.
    """

    conditions: Ints
    positions: Ints
    starts: Mapping[EvidenceField, int]


# Which word of which chunk: code * WORDS_A_CHUNK + word.
Place = int
WORDS_A_CHUNK = MAX_CACHED_CHARS


class Vocabulary:
    """The words asked for, as conditions: numbers that the caller hands out."""

    def __init__(self, lexicon: Lexicon) -> None:
        self.fields: list[EvidenceField] = []  # those that any condition looks in
        self._in_use: set[Scope] = set()
        self._asked: tuple[dict[str, tuple[int, ...]], ...] = tuple({} for _ in Form)
        self._heads: dict[str, list[str]] = {}  # the prefixes, by how they begin
        self._scopes: dict[int, Scope] = {}  # of the conditions that do not look in the whole content
        self._field_bits: Flags = np.full(1, _CONTENT_BITS, np.uint8)
        self.use(lexicon)

    def __len__(self) -> int:
        """Return how many chunks are known."""
        return len(self._lexicon)

    def use(self, lexicon: Lexicon) -> None:
        """Keep chunks in this lexicon, an empty one, from now on."""
        self._lexicon = lexicon
        self._unsorted: list[tuple[int, Sequence[Analysis]]] = []
        self._by_form: tuple[defaultdict[str, list[Place]], ...] = (defaultdict(list), defaultdict(list))
        self._by_head: defaultdict[str, list[tuple[Place, str]]] = defaultdict(list)

    def find(self, scope: Scope, form: Form, text: str) -> int | None:
        """Return the condition for this form of a word, if it was added."""
        for condition in self._asked[form].get(text, ()):
            if self._scopes.get(condition, Scope.CONTENT) is scope:
                return condition
        return None

    def add(self, scope: Scope, form: Form, text: str, condition: int) -> None:
        """Make `condition` the one for this form of a word; it must be new."""
        if scope is not Scope.CONTENT:
            self._scopes[condition] = scope
            if condition + 1 >= len(self._field_bits):  # the last one stands for all beyond
                grown = np.full(condition * 3 // 2 + 2, _CONTENT_BITS, np.uint8)
                grown[: len(self._field_bits)] = self._field_bits
                self._field_bits = grown
            self._field_bits[condition] = _FIELD_BITS[scope]
        if scope not in self._in_use:
            self._in_use.add(scope)
            self.fields = [field for field, scopes in FIELD_SCOPES.items() if not self._in_use.isdisjoint(scopes)]
        if self._unsorted:
            self._sort_words()
        self._asked[form][text] = (*self._asked[form].get(text, ()), condition)
        if form is Form.PREFIX:
            head = text[:HEAD_CHARS]
            begins = self._heads.setdefault(head, [])
            if text not in begins:
                begins.append(text)
            places = [place for place, folded in self._by_head.get(head, ()) if folded.startswith(text)]
        else:
            places = self._by_form[form].get(text, [])
        for place in places:
            self._lexicon.extend(*divmod(place, WORDS_A_CHUNK), condition)

    def read(self, texts: Mapping[EvidenceField, str]) -> Read:
        """Return the conditions that the words of these fields make true."""
        if not texts:
            return Read(NO_INTS, NO_INTS, {})
        segments = [Segment(field, text, FIELD_GAP, _BITS[field]) for field, text in texts.items()]
        if sum(map(len, texts.values())) <= 2 * MAX_CHUNKS_AT_ONCE:  # each has a character and a blank at least
            return _joined([(segments, self._look_up(segments, 0))])
        parts: list[tuple[list[Segment], LookedUp]] = []
        end = 0
        for segment in segments:
            for part in _parts(segment):
                parts.append(([part], self._look_up([part], end)))
                end = parts[-1][1].end
        return _joined(parts)

    def _look_up(self, segments: Sequence[Segment], position: int) -> LookedUp:
        if len(self._lexicon) > MAX_CODES:
            self.use(self._lexicon.emptied())
        return self._lexicon.read(segments, position, self._field_bits, self._learn)

    def _learn(self, chunk: str, code: int) -> Learned:
        words = [analyze(surface) for surface in surfaces(chunk)]
        if len(chunk) <= MAX_CACHED_CHARS:
            self._unsorted.append((code, words))
        if len(words) == 1:
            conditions = self._of(words[0])
            return Learned(1, conditions, [0] * len(conditions))
        conditions = []
        offsets: list[int] = []
        for at, word in enumerate(words):
            found = self._of(word)
            conditions += found
            offsets += [at] * len(found)
        return Learned(len(words), conditions, offsets)

    def _of(self, word: Analysis) -> list[int]:
        """Return the conditions that a word makes true, in whatever field."""
        keys, exact, prefixes = self._asked
        found = [condition for key in word.keys if key in keys for condition in keys[key]]
        if exact:
            found += [condition for form in word.exact if form in exact for condition in exact[form]]
        if prefixes:
            begins = self._heads.get(word.folded[:HEAD_CHARS], ())
            found += [each for prefix in begins if word.folded.startswith(prefix) for each in prefixes[prefix]]
        return found

    def _sort_words(self) -> None:
        """Note by word which codes stand for it, so that a condition added now finds them.

        Not when a code is given: where rules never change, that would be a quarter of what a new word costs.
        """
        by_key, by_exact = self._by_form
        for code, words in self._unsorted:
            for place, word in enumerate(words, start=code * WORDS_A_CHUNK):
                for key in word.keys:
                    by_key[key].append(place)
                for form in word.exact:
                    by_exact[form].append(place)
                self._by_head[word.folded[:HEAD_CHARS]].append((place, word.folded))
        self._unsorted.clear()


def _parts(segment: Segment) -> Iterator[Segment]:
    """Yield a segment in parts of so many chunks, each next to the one before."""
    chunks = segment.text.split()
    for begin in range(0, max(len(chunks), 1), MAX_CHUNKS_AT_ONCE):
        text = " ".join(chunks[begin : begin + MAX_CHUNKS_AT_ONCE])
        yield segment._replace(text=text, gap=0 if begin else segment.gap)


def _joined(parts: Sequence[tuple[Sequence[Segment], LookedUp]]) -> Read:
    """Return what was read in parts as one."""
    starts: dict[EvidenceField, int] = {}
    for segments, found in parts:
        for segment, begin in zip(segments, found.begins, strict=True):
            starts.setdefault(segment.field, begin)
    if len(parts) == 1:
        return Read(parts[0][1].conditions, parts[0][1].positions, starts)
    return Read(
        np.concatenate([found.conditions for _, found in parts]),
        np.concatenate([found.positions for _, found in parts]),
        starts,
    )
