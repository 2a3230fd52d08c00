"""The words that rules ask for, and how an article's words are turned into conditions at the cost of one look-up each.

A chunk is what stands between blanks; no word reaches across one. Each distinct chunk is cut into words and analysed
once, and gets a code; a table says which conditions the code makes true. A condition added later is put into the table
for the codes it concerns, so nothing is ever rebuilt.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from enum import IntEnum
from itertools import chain
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from schemas.match import EvidenceField
from services.domain.rules.arrays import WIDTH, Flags, IntArray, Ints, stretch
from services.domain.rules.grammar import MAX_DISTANCE
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
# In which fields a condition of each scope holds, a bit for each.
_FIELD_BITS = [
    sum(1 << _FIELDS.index(field) for field, scopes in FIELD_SCOPES.items() if scope in scopes) for scope in Scope
]
_CONTENT_BITS = _FIELD_BITS[Scope.CONTENT]


class Read(NamedTuple):
    """The conditions that the words of an article make true, each with the position of its word.

    `starts` says at which position each field begins. A condition is listed once for each word.
    """

    conditions: Ints
    positions: Ints
    starts: Mapping[EvidenceField, int]


Hashes: TypeAlias = NDArray[np.int64]
# Which word of which code: code * WORDS_A_CHUNK + word.
Place = int
WORDS_A_CHUNK = MAX_CACHED_CHARS
LONG = -1  # in place of the code of a chunk not seen before
_PLACES = 4 * MAX_CODES


class _Codes:
    """Codes by chunk. Looks up all chunks of an article in a few array steps.

    A chunk is known by its 64-bit hash alone. Each process keys it anew, so that nobody can make two chunks collide,
    and by chance any two of a full table do so once in two billion.
    """

    __slots__ = ("_codes", "_displaced", "_hashes")

    def __init__(self) -> None:
        self._hashes = np.zeros(_PLACES, np.int64)
        self._codes = np.full(_PLACES, LONG, np.int32)
        self._displaced: dict[int, int] = {}  # codes of those whose place another had before

    def find(self, hashes: Hashes) -> tuple[Ints, list[int]]:
        """Return the code of each hash, and the indices of those that have none."""
        places = hashes & (_PLACES - 1)
        codes = self._codes.take(places)
        others = (self._hashes.take(places) != hashes).nonzero()[0]
        if not others.size:
            return codes, []
        found = [self._displaced.get(each, LONG) for each in hashes.take(others).tolist()]
        codes[others] = found
        return codes, [at for at, code in zip(others.tolist(), found, strict=True) if code == LONG]

    def add(self, chunk: str, code: int) -> None:
        """Give a code to a chunk that has none."""
        key = hash(chunk)
        place = key & (_PLACES - 1)
        if self._codes[place] == LONG:
            self._codes[place], self._hashes[place] = code, key
        else:
            self._displaced[key] = code


class _Table:
    """By code, the conditions that a chunk makes true, with the number of the word within the chunk."""

    __slots__ = ("_conditions", "_counts", "_lengths", "_offsets", "_starts")

    def __init__(self) -> None:
        self._lengths = IntArray()
        self._starts = IntArray()
        self._counts = IntArray()
        self._conditions = IntArray()
        self._offsets = IntArray()

    def __len__(self) -> int:
        return len(self._lengths)

    def append(self, length: int, conditions: Sequence[int], offsets: Sequence[int]) -> int:
        """Add a chunk of so many words; return its code."""
        self._starts.append(self._conditions.extend(conditions))
        self._offsets.extend(offsets)
        self._counts.append(len(conditions))
        return self._lengths.append(length)

    def insert(self, place: Place, condition: int) -> None:
        """Add a condition to a chunk that has its place already: what it had moves to the end."""
        code, word = divmod(place, WORDS_A_CHUNK)
        start, count = int(self._starts.view[code]), int(self._counts.view[code])
        conditions, offsets = self._conditions.view[start : start + count], self._offsets.view[start : start + count]
        self._starts.view[code] = len(self._conditions)
        self._counts.view[code] = count + 1
        self._conditions.extend([*conditions.tolist(), condition])
        self._offsets.extend([*offsets.tolist(), word])

    def lengths(self, codes: Ints) -> Ints:
        """Return how many words each chunk has."""
        return self._lengths.view.take(codes)

    def read(self, codes: Ints, positions: Ints) -> tuple[Ints, Ints]:
        """Return the conditions of these chunks in a row, and the position of the word of each."""
        counts = self._counts.view.take(codes)
        some = counts.nonzero()[0]
        at, owners = stretch(self._starts.view.take(codes.take(some)), counts.take(some))
        return self._conditions.view.take(at), positions.take(some).take(owners) + self._offsets.view.take(at)


class _Segment(NamedTuple):
    """Chunks of one field, or of a part of it."""

    field: EvidenceField
    chunks: list[str]


class Vocabulary:
    """The words asked for, as conditions: numbers that the caller hands out."""

    def __init__(self) -> None:
        self.fields: list[EvidenceField] = []  # those that any condition looks in
        self._asked: tuple[dict[str, tuple[int, ...]], ...] = tuple({} for _ in Form)
        self._heads: dict[str, list[str]] = {}  # the prefixes, by how they begin
        self._scopes: dict[int, Scope] = {}  # of the conditions that do not look in the whole content
        self._field_bits: Flags = np.full(1, _CONTENT_BITS, np.uint8)
        self._forget_codes()

    def __len__(self) -> int:
        """Return how many chunks have a code."""
        return len(self._table)

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
        bits = _FIELD_BITS[scope]
        self.fields = [each for at, each in enumerate(_FIELDS) if each in self.fields or bits >> at & 1]
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
            self._table.insert(place, condition)

    def read(self, texts: Mapping[EvidenceField, str]) -> Read:
        """Return the conditions that the words of these fields make true."""
        segments = [_Segment(field, text.split()) for field, text in texts.items()]
        reading = _Reading()
        if sum(len(segment.chunks) for segment in segments) <= MAX_CHUNKS_AT_ONCE:
            self._read_part(segments, reading)
        else:
            for field, chunks in segments:
                for begin in range(0, max(len(chunks), 1), MAX_CHUNKS_AT_ONCE):
                    self._read_part([_Segment(field, chunks[begin : begin + MAX_CHUNKS_AT_ONCE])], reading)
        return reading.done()

    def _read_part(self, segments: Sequence[_Segment], reading: "_Reading") -> None:
        if len(self) > MAX_CODES:
            self._forget_codes()
        chunks = (
            segments[0].chunks if len(segments) == 1 else list(chain.from_iterable([each.chunks for each in segments]))
        )
        codes = self._codes_of(chunks)
        lengths = self._table.lengths(codes)
        ends = lengths.cumsum(dtype=np.int32)
        positions = ends - lengths
        bounds = reading.place(segments, positions, int(ends[-1]) if len(ends) else 0)
        conditions, positions = self._table.read(codes, positions)
        reading.take(*(self._in_scope(conditions, positions, bounds) if self._scopes else (conditions, positions)))

    def _in_scope(
        self, conditions: Ints, positions: Ints, bounds: Sequence[tuple[EvidenceField, int]]
    ) -> tuple[Ints, Ints]:
        """Leave out what holds in a field where its condition does not look."""
        begins = np.array([begin for _, begin in bounds], np.int32)
        fields = np.array([1 << _FIELDS.index(field) for field, _ in bounds], np.uint8)
        here = fields.take(begins.searchsorted(positions, "right") - 1)
        # Those beyond the end of the array look in the whole content.
        asked = self._field_bits.take(conditions, mode="clip")
        kept = (asked & here).nonzero()[0]
        return conditions.take(kept), positions.take(kept)

    def _codes_of(self, chunks: list[str]) -> Ints:
        """Return the codes of chunks, new ones for those not seen before."""
        codes, missing = self._codes.find(np.fromiter(map(hash, chunks), np.int64, len(chunks)))
        fresh: dict[str, int] = {}
        for at in missing:
            chunk = chunks[at]
            if chunk not in fresh:
                fresh[chunk] = self._new_code(chunk)
            codes[at] = fresh[chunk]
        return codes

    def _new_code(self, chunk: str) -> int:
        words = [analyze(surface) for surface in surfaces(chunk)]
        if len(words) == 1:
            conditions = self._of(words[0])
            code = self._table.append(1, conditions, (0,) * len(conditions))
        else:
            entries = [(condition, at) for at, word in enumerate(words) for condition in self._of(word)]
            code = self._table.append(len(words), [each for each, _ in entries], [at for _, at in entries])
        if len(chunk) <= MAX_CACHED_CHARS:  # a longer one is hardly ever seen again
            self._codes.add(chunk, code)
            self._remember(words, code)
        return code

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

    def _remember(self, words: Sequence[Analysis], code: int) -> None:
        """Note which words a code stands for, so that a condition added later finds it."""
        by_key, by_exact = self._by_form
        for place, word in enumerate(words, start=code * WORDS_A_CHUNK):
            for key in word.keys:
                by_key[key].append(place)
            for form in word.exact:
                by_exact[form].append(place)
            self._by_head[word.folded[:HEAD_CHARS]].append((place, word.folded))

    def _forget_codes(self) -> None:
        self._codes = _Codes()
        self._table = _Table()
        self._by_form: tuple[defaultdict[str, list[Place]], ...] = (defaultdict(list), defaultdict(list))
        self._by_head: defaultdict[str, list[tuple[Place, str]]] = defaultdict(list)


class _Reading:
    """What was read so far of one article."""

    def __init__(self) -> None:
        self._conditions: list[Ints] = []
        self._positions: list[Ints] = []
        self._starts: dict[EvidenceField, int] = {}
        self._end = 0

    def place(self, segments: Sequence[_Segment], positions: Ints, words: int) -> list[tuple[EvidenceField, int]]:
        """Move positions, which count words from 0, behind what was read before; say where each field begins."""
        bounds: list[tuple[EvidenceField, int]] = []
        begin = 0
        positions += np.int32(self._end)
        self._end += words
        for field, chunks in segments:
            if field not in self._starts:
                positions[begin:] += np.int32(FIELD_GAP)
                self._end += FIELD_GAP
                self._starts[field] = int(positions[begin]) if chunks else self._end
            if chunks:
                bounds.append((field, int(positions[begin])))
            begin += len(chunks)
        return bounds

    def take(self, conditions: Ints, positions: Ints) -> None:
        """Add conditions and where they hold."""
        self._conditions.append(conditions)
        self._positions.append(positions)

    def done(self) -> Read:
        """Return all that was read."""
        if len(self._conditions) == 1:
            return Read(self._conditions[0], self._positions[0], self._starts)
        return Read(np.concatenate(self._conditions), np.concatenate(self._positions), self._starts)
