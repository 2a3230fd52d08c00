"""Words that are nearly the one asked for: a slip of the pen, another transliteration, an irregular form."""

from collections.abc import Iterable, Sequence
from itertools import takewhile

from schemas.match import Evidence
from services.domain.rules.lookup import FieldWords
from services.domain.text.normalize import fold

_HANGUL_OR_HAN = "\u1100"
# Shorter words have too many neighbours that mean something else.
MIN_CHARS, MIN_CHARS_HANGUL = 4, 3
LONG_CHARS = 8  # from here on two letters may differ
MIN_COMMON_CHARS = 5  # of the beginnings of a word and its derivation: weapon, weaponry
_DERIVED = 10  # a derivation is less like a word than any slip of the pen


def most_similar(words: Iterable[str], fields: Sequence[FieldWords], *, prefix: bool = False) -> Evidence | None:
    """Return the first place of the word in these fields that is most like one of `words`, or None if none is.

    With `prefix`, only their beginnings count.
    """
    best: tuple[int, Evidence] | None = None
    for word in dict.fromkeys(map(fold, words)):
        for field in fields:
            # People rarely mistake the first letter, and it keeps long articles cheap.
            for candidate, token in field.by_first.get(word[:1], ()):
                unlikeness = _unlikeness(word, candidate[: len(word)] if prefix else candidate)
                if unlikeness is not None and (best is None or unlikeness < best[0]):
                    best = (unlikeness, field.evidence(token))
    return best[1] if best else None


def _unlikeness(word: str, candidate: str) -> int | None:
    """Return how much two words differ, or None if they are not alike at all."""
    hangul = word >= _HANGUL_OR_HAN
    if len(word) >= (MIN_CHARS_HANGUL if hangul else MIN_CHARS):
        distance = _distance(word, candidate, 2 if len(word) >= LONG_CHARS else 1)
        if distance is not None:
            return distance
    common = _common_chars(word, candidate)
    if common >= (max(2, len(word)) if hangul else max(MIN_COMMON_CHARS, len(word) - 2)):
        return _DERIVED + len(candidate) - common
    return None


def _distance(one: str, other: str, limit: int) -> int | None:
    """Return how many letters to add, drop, change or swap make one word the other; None if more than `limit`."""
    if abs(len(one) - len(other)) > limit:
        return None
    before: list[int] = []
    row = list(range(len(other) + 1))
    for at, char in enumerate(one, start=1):
        following = [at]
        for beside, opposite in enumerate(other, start=1):
            cost = min(row[beside] + 1, following[-1] + 1, row[beside - 1] + (char != opposite))
            if at > 1 and beside > 1 and char == other[beside - 2] and one[at - 2] == opposite:
                cost = min(cost, before[beside - 2] + 1)
            following.append(cost)
        if min(following) > limit:
            return None
        before, row = row, following
    return row[-1] if row[-1] <= limit else None


def _common_chars(one: str, other: str) -> int:
    """Return how many letters two words begin with in common."""
    same = takewhile(lambda pair: pair[0] == pair[1], zip(one, other, strict=False))
    return sum(1 for _ in same)
