"""The words that rules ask for, and how an article's words are turned into conditions at the cost of one look-up each.

What the words of a chunk make true is learned when it is first seen. A condition added later is added to what is known
of the chunks it concerns, so nothing is ever rebuilt.
"""

from bisect import insort
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from enum import IntEnum
from typing import NamedTuple

import numpy as np

from schemas.match import EvidenceField
from services.domain.rules.arrays import NO_INTS, WIDTH, Flags, Ints
from services.domain.rules.grammar import MAX_DISTANCE
from services.domain.rules.lexicon import Learned, Lexicon, LookedUp, Segment
from services.domain.text.analyzer import MAX_CACHED_CHARS, analyze, plain_keys, surfaces

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
        self.languages: set[str] = set()  # those that any condition asks for
        self._in_use: set[Scope] = set()
        self._asked: tuple[dict[str, tuple[int, ...]], ...] = tuple({} for _ in Form)
        self._prefix_chars: list[int] = []  # how long the prefixes are, each length once, rising
        self._head_chars = 0  # the first of these
        self._heads: set[str] = set()  # how prefixes begin, of so many characters: of most words none does
        self._scopes: dict[int, Scope] = {}  # of the conditions that do not look in the whole content
        self._field_bits: Flags = np.full(1, _CONTENT_BITS, np.uint8)
        self.use(lexicon)

    def __len__(self) -> int:
        """Return how many chunks are known."""
        return len(self._lexicon)

    def use(self, lexicon: Lexicon) -> None:
        """Keep chunks in this lexicon, an empty one, from now on."""
        self._lexicon = lexicon
        self._unsorted: list[tuple[int, Sequence[str]]] = []  # chunks, each with the code of the first
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
        if scope is Scope.LANG:
            self.languages.add(text)
        if scope not in self._in_use:
            self._in_use.add(scope)
            self.fields = [field for field, scopes in FIELD_SCOPES.items() if not self._in_use.isdisjoint(scopes)]
        if self._unsorted:
            self._sort_words()
        self._asked[form][text] = (*self._asked[form].get(text, ()), condition)
        if form is Form.PREFIX:
            self._add_prefix(text)
            places = [place for place, folded in self._by_head.get(text[:HEAD_CHARS], ()) if folded.startswith(text)]
        else:
            places = self._by_form[form].get(text, [])
        for place in places:
            self._lexicon.extend(*divmod(place, WORDS_A_CHUNK), condition)

    def _add_prefix(self, text: str) -> None:
        if len(text) not in self._prefix_chars:
            insort(self._prefix_chars, len(text))
        if self._head_chars != self._prefix_chars[0]:
            self._head_chars = self._prefix_chars[0]
            self._heads = {prefix[: self._head_chars] for prefix in self._asked[Form.PREFIX]}
        self._heads.add(text[: self._head_chars])

    def read(self, texts: Mapping[EvidenceField, str]) -> Read:
        """Return the conditions that the words of these fields make true."""
        if not texts:
            return Read(NO_INTS, NO_INTS, {})
        segments = [Segment(field, text, FIELD_GAP, _BITS[field]) for field, text in texts.items()]
        if sum(map(len, texts.values())) <= 2 * MAX_CHUNKS_AT_ONCE:  # each has a character and a blank at least
            found = self._look_up(segments, 0)
            return Read(found.conditions, found.positions, dict(zip(texts, found.begins, strict=True)))
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

    def _learn(self, chunks: Sequence[str], first: int) -> list[Learned]:
        """Say what chunks make true, and keep those that may be seen again for conditions added later."""
        learned: list[Learned] = []
        too_long: set[int] = set()
        for at, chunk in enumerate(chunks):
            keys = plain_keys(chunk)
            if keys is None:
                learned.append(self._learn_words(at, chunk))
                if len(chunk) > MAX_CACHED_CHARS:
                    too_long.add(at)
                continue
            found = self._of(keys, (chunk,), chunk.lower())
            if found:
                learned.append(Learned(at, 1, [number for condition in found for number in (condition, 0)]))
        if too_long:
            chunks = ["" if at in too_long else chunk for at, chunk in enumerate(chunks)]
        self._unsorted.append((first, chunks))
        return learned

    def _learn_words(self, at: int, chunk: str) -> Learned:
        """Return what all words of a chunk make true, whatever they are."""
        words = list(_words(chunk))
        held: list[int] = []
        for number, word in enumerate(words):
            for condition in self._of(*word):
                held += condition, number
        return Learned(at, len(words), held)

    def _of(self, keys: Sequence[str], exact_forms: Sequence[str], folded: str) -> tuple[int, ...]:
        """Return the conditions that a word makes true, in whatever field."""
        asked, exact, prefixes = self._asked
        found: tuple[int, ...] = ()  # and no list, as most make none true
        for key in keys:
            if key in asked:
                found += asked[key]
        if exact:
            for form in exact_forms:
                found += exact.get(form, ())
        if prefixes and folded[: self._head_chars] in self._heads:
            for chars in self._prefix_chars:
                found += prefixes.get(folded[:chars], ()) if chars <= len(folded) else ()
        return found

    def _sort_words(self) -> None:
        """Note by word which codes stand for it, so that a condition added now finds them.

        Not when a code is given: where rules never change, that would be most of what a new word costs.
        """
        by_key, by_exact = self._by_form
        for first, chunks in self._unsorted:
            for code, chunk in enumerate(chunks, first):
                for place, (keys, exact_forms, folded) in enumerate(_words(chunk), code * WORDS_A_CHUNK):
                    for key in keys:
                        by_key[key].append(place)
                    for form in exact_forms:
                        by_exact[form].append(place)
                    self._by_head[folded[:HEAD_CHARS]].append((place, folded))
        self._unsorted.clear()


def _words(chunk: str) -> Iterator[tuple[tuple[str, ...], tuple[str, ...], str]]:
    """Yield the keys, the exact forms and the folded form of each word of a chunk."""
    keys = plain_keys(chunk)
    if keys is not None:
        yield keys, (chunk,), chunk.lower()
        return
    for word in map(analyze, surfaces(chunk)):
        yield word.keys, word.exact, word.folded


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
    return Read(
        np.concatenate([found.conditions for _, found in parts]),
        np.concatenate([found.positions for _, found in parts]),
        starts,
    )
