"""The words that rules ask for, and how an article's words are turned into conditions at the cost of one look-up each.

A chunk is what stands between blanks; no word reaches across one. Each distinct chunk is cut into words and analysed
once, and gets a code; a table says which conditions the code makes true. A condition added later is put into the table
for the codes it concerns, so nothing is ever rebuilt.
"""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from enum import IntEnum
from itertools import accumulate
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from schemas.match import EvidenceField
from services.domain.rules.arrays import NO_INTS, WIDTH, Flags, IntArray, Ints
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
_BITS = {field: 1 << at for at, field in enumerate(_FIELDS)}
# In which fields a condition of each scope holds, a bit for each.
_FIELD_BITS = [sum(_BITS[field] for field, scopes in FIELD_SCOPES.items() if scope in scopes) for scope in Scope]
_CONTENT_BITS = _FIELD_BITS[Scope.CONTENT]


class Read(NamedTuple):
    """The conditions that the words of an article make true, each with the position of its word.

    `starts` says at which position each field begins. A condition is listed once for each word.
    """

    conditions: Ints
    positions: Ints
    starts: Mapping[EvidenceField, int]


Hashes: TypeAlias = NDArray[np.int64]
TableArrays: TypeAlias = tuple[Ints, Ints, Ints]
# Conditions, the position of the word of each, the position where each stretch begins, and that after the last word.
LookedUp: TypeAlias = tuple[Ints, Ints, Ints, int]
# Looks codes up in the table: codes; of each stretch of them where it ends, how far it is from the one before, and the
# bit of its field; the position to begin at; the table; and by condition the bits of the fields it looks in.
LookUp: TypeAlias = Callable[[Ints, Ints, int, TableArrays, Flags], LookedUp]
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

    __slots__ = ("_chunks", "_conditions", "_offsets")

    def __init__(self) -> None:
        self._chunks = IntArray()  # of each its number of words, and where its conditions begin and end
        self._conditions = IntArray()
        self._offsets = IntArray()

    def __len__(self) -> int:
        return len(self._chunks) // 3

    def append(self, length: int, conditions: Sequence[int], offsets: Sequence[int]) -> int:
        """Add a chunk of so many words; return its code."""
        begin = end = len(self._conditions)
        if conditions:
            self._conditions.extend(conditions)
            self._offsets.extend(offsets)
            end += len(conditions)
        return self._chunks.extend((length, begin, end)) // 3

    def insert(self, place: Place, condition: int) -> None:
        """Add a condition to a chunk that has its place already: what it had moves to the end."""
        code, word = divmod(place, WORDS_A_CHUNK)
        chunk = self._chunks.view.reshape(-1, 3)[code]
        conditions, offsets = self._conditions.view[chunk[1] : chunk[2]], self._offsets.view[chunk[1] : chunk[2]]
        chunk[1] = len(self._conditions)
        self._conditions.extend([*conditions.tolist(), condition])
        self._offsets.extend([*offsets.tolist(), word])
        chunk[2] = len(self._conditions)

    @property
    def arrays(self) -> TableArrays:
        """Return by code the number of words, and where its conditions begin and end; then all conditions, and the
        number of the word of each."""
        return self._chunks.view.reshape(-1, 3), self._conditions.view, self._offsets.view


class _Segment(NamedTuple):
    """Chunks of one field, or of a part of it."""

    field: EvidenceField
    chunks: list[str]


class Vocabulary:
    """The words asked for, as conditions: numbers that the caller hands out."""

    def __init__(self) -> None:
        self.fields: list[EvidenceField] = []  # those that any condition looks in
        self._in_use: set[Scope] = set()
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
            self._table.insert(place, condition)

    def read(self, texts: Mapping[EvidenceField, str], look_up: LookUp) -> Read:
        """Return the conditions that the words of these fields make true."""
        if not texts:
            return Read(NO_INTS, NO_INTS, {})
        segments = [_Segment(field, text.split()) for field, text in texts.items()]
        reading = _Reading()
        if sum(len(segment.chunks) for segment in segments) <= MAX_CHUNKS_AT_ONCE:
            self._read_part(segments, reading, look_up)
        else:
            for field, chunks in segments:
                for begin in range(0, max(len(chunks), 1), MAX_CHUNKS_AT_ONCE):
                    self._read_part([_Segment(field, chunks[begin : begin + MAX_CHUNKS_AT_ONCE])], reading, look_up)
        return reading.done()

    def _read_part(self, segments: Sequence[_Segment], reading: "_Reading", look_up: LookUp) -> None:
        if len(self) > MAX_CODES:
            self._forget_codes()
        chunks = segments[0].chunks
        for segment in segments[1:]:
            chunks = chunks + segment.chunks
        codes = self._codes_of(chunks)
        found = look_up(codes, reading.stretches(segments), reading.end, self._table.arrays, self._field_bits)
        reading.take(segments, found)

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
            self._unsorted.append((code, words))
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

    def _forget_codes(self) -> None:
        self._codes = _Codes()
        self._table = _Table()
        self._unsorted: list[tuple[int, Sequence[Analysis]]] = []
        self._by_form: tuple[defaultdict[str, list[Place]], ...] = (defaultdict(list), defaultdict(list))
        self._by_head: defaultdict[str, list[tuple[Place, str]]] = defaultdict(list)


class _Reading:
    """What was read so far of one article."""

    def __init__(self) -> None:
        self.end = 0
        self._found: list[LookedUp] = []
        self._starts: dict[EvidenceField, int] = {}

    def stretches(self, segments: Sequence[_Segment]) -> Ints:
        """Return for each segment where its chunks end, how far it is from the one before, and the bit of its field."""
        ends = accumulate(len(segment.chunks) for segment in segments)
        gaps = (0 if segment.field in self._starts else FIELD_GAP for segment in segments)
        bits = (_BITS[segment.field] for segment in segments)
        return np.array(list(zip(ends, gaps, bits, strict=True)), np.int32)

    def take(self, segments: Sequence[_Segment], found: LookedUp) -> None:
        """Add what was found in these segments."""
        self._found.append(found)
        self.end = found[3]
        for segment, begin in zip(segments, found[2].tolist(), strict=True):
            self._starts.setdefault(segment.field, begin)

    def done(self) -> Read:
        """Return all that was read."""
        if len(self._found) == 1:
            return Read(*self._found[0][:2], self._starts)
        return Read(
            np.concatenate([found[0] for found in self._found]),
            np.concatenate([found[1] for found in self._found]),
            self._starts,
        )
