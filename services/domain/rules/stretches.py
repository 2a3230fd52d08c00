"""Stretches of text in which several things stand: those near each other, and words within a window.

An occurrence is the first and last word position of one place. Everything here takes time linear in the occurrences,
apart from sorting them, so dense texts cost no more than long ones.
"""

from bisect import bisect_left, bisect_right
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TypeAlias

Occurrence: TypeAlias = tuple[int, int]
Occurrences: TypeAlias = Sequence[Occurrence]


def joined(left: Occurrences, right: Occurrences, distance: int, *, ordered: bool) -> Occurrences:
    """Return the stretches from a place of one side to one of the other, the shortest from and to each word.

    The sides are apart and at most `distance` words from each other, adjacent words being 1 apart; `ordered`, the left
    one comes first.
    """
    if not left or not right:
        return ()
    found = [*_shortest_joins(left, right, distance)]
    if not ordered:
        found += _shortest_joins(right, left, distance)
    return shortest(found)


def any_joined(left: Occurrences, right: Occurrences, distance: int, *, ordered: bool) -> bool:
    """Say whether `joined` would return any."""
    return _any_followed(left, right, distance) or (not ordered and _any_followed(right, left, distance))


def _any_followed(earlier: Occurrences, later: Occurrences, distance: int) -> bool:
    starts = [first for first, _ in later]
    for _, last in earlier:
        at = bisect_right(starts, last)
        if at < len(starts) and starts[at] - last <= distance:
            return True
    return False


def partners(
    places: Occurrences, others: Occurrences, distance: int, *, before: bool = True, after: bool = True
) -> list[Occurrence]:
    """Return the places that have one of `others` near: apart from them, and at most `distance` words away.

    `before` and `after` say where the place may stand, seen from the other.
    """
    starts = [first for first, _ in others]
    ends = sorted(last for _, last in others)
    near = []
    for first, last in places:
        following = bisect_right(starts, last) if before else len(starts)
        preceding = bisect_left(ends, first) - 1 if after else -1
        if (following < len(starts) and starts[following] - last <= distance) or (
            preceding >= 0 and first - ends[preceding] <= distance
        ):
            near.append((first, last))
    return near


def shortest(stretches: Iterable[Occurrence]) -> list[Occurrence]:
    """Return those that are the shortest from their first word or the shortest to their last one, sorted.

    No two of them begin and end alike, so that there are at most twice as many as words, and none is lost to a
    shorter one inside it that something else is too far away from.
    """
    last_by_first: dict[int, int] = {}
    first_by_last: dict[int, int] = {}
    for first, last in stretches:
        if last < last_by_first.get(first, last + 1):
            last_by_first[first] = last
        if first > first_by_last.get(last, first - 1):
            first_by_last[last] = first
    return sorted({*last_by_first.items(), *((first, last) for last, first in first_by_last.items())})


def within(places: Occurrences, others: Occurrences, distance: int) -> list[Occurrence]:
    """Return the places that begin at most `distance` words before one of `others`, or end so after it, or overlap."""
    reached = _merged((first - distance, last + distance) for first, last in others)
    starts = [first for first, _ in reached]
    found = []
    for first, last in places:
        at = bisect_right(starts, last) - 1
        if at >= 0 and reached[at][1] >= first:
            found.append((first, last))
    return found


def windows(positions: Mapping[str, Sequence[int]], counts: Mapping[str, int], width: int) -> list[Occurrence]:
    """Return the stretches of at most `width` words that hold every word as often as `counts` says, the shortest from
    and to each word. `positions` are sorted; each stretch begins and ends with one of the words.
    """
    events = sorted((at, word) for word, places in positions.items() for at in places)
    forwards = _closed(events, counts, width)
    backwards = _closed([(-at, word) for at, word in reversed(events)], counts, width)
    return shortest([*forwards, *((-last, -first) for first, last in backwards)])


def _shortest_joins(earlier: Occurrences, later: Occurrences, distance: int) -> Iterator[Occurrence]:
    """Yield what `joined` does for one order: first the best end for each start, then the best start for each end."""
    yield from _best_ends(earlier, later, distance)
    mirrored = _best_ends(_mirrored(later), _mirrored(earlier), distance)
    yield from ((-last, -first) for first, last in mirrored)


def _best_ends(earlier: Occurrences, later: Occurrences, distance: int) -> Iterator[Occurrence]:
    """Yield each earlier place, up to the end of the place that ends first of those following near enough.

    The window holds the later places within reach; one that ends no sooner than a place behind it never counts again.
    """
    window: deque[Occurrence] = deque()
    at = 0
    for first, last in sorted(earlier, key=_last):
        while at < len(later) and later[at][0] <= last + distance:
            while window and window[-1][1] >= later[at][1]:
                window.pop()
            window.append(later[at])
            at += 1
        while window and window[0][0] <= last:
            window.popleft()
        if window:
            yield first, window[0][1]


def _last(place: Occurrence) -> int:
    return place[1]


def _mirrored(places: Occurrences) -> Occurrences:
    """Return the places as they stand in the text read backwards."""
    return sorted((-last, -first) for first, last in places)


def _merged(places: Iterable[Occurrence]) -> list[Occurrence]:
    """Return the places sorted, overlapping ones as one."""
    merged: list[Occurrence] = []
    for first, last in sorted(places):
        if merged and first <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(last, merged[-1][1]))
        else:
            merged.append((first, last))
    return merged


def _closed(events: Sequence[tuple[int, str]], counts: Mapping[str, int], width: int) -> Iterator[Occurrence]:
    """Yield for each event the shortest stretch from it that holds all words as often as they count."""
    missing = dict(counts)
    lacking = len(missing)
    end = 0
    for first, word in events:
        while lacking and end < len(events):
            entering = events[end][1]
            missing[entering] -= 1
            lacking -= missing[entering] == 0
            end += 1
        if lacking:
            return
        if events[end - 1][0] - first < width:
            yield first, events[end - 1][0]
        missing[word] += 1
        lacking += missing[word] == 1
