"""A position over time as a picture: what is in it, and how it looks on a terminal."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple
from unicodedata import combining, east_asian_width

from schemas.claim import Attribution, Claim, Modality
from schemas.ladder import Ladder
from schemas.position import PositionStep, Track
from schemas.shift import Direction, Position, ShiftStatus
from services.domain.positions.claims import effective_modality

MIN_WIDTH = 40
_MAX_LABEL = 28
_LEAST_SPAN = timedelta(days=1)


class _Pen(NamedTuple):
    """What a line is drawn with; `up` and `down` are the corners where it leaves a rung and where it arrives."""

    flat: str
    up: tuple[str, str]
    down: tuple[str, str]
    riser: str


_HEAVY = _Pen("━", ("┛", "┏"), ("┓", "┗"), "┃")
_LIGHT = _Pen("╌", ("╯", "╭"), ("╮", "╰"), "╎")


@dataclass(frozen=True)
class Dot:
    """A claim that may move the position: when, for which rung, and whether it is the actor's own word."""

    at: datetime
    rung: int
    own: bool
    says: str


@dataclass(frozen=True)
class Mark:
    """A shift on the ladder."""

    at: datetime
    from_rung: int
    to_rung: int
    track: Track
    status: ShiftStatus

    @property
    def direction(self) -> Direction:
        """Which way it went."""
        return Direction.UP if self.to_rung > self.from_rung else Direction.DOWN


@dataclass(frozen=True)
class Timeline:
    """What a picture shows. `rungs` are titles from the lowest up; steps, dots and marks are within begin and end."""

    title: str
    rungs: tuple[str, ...]
    declared: tuple[PositionStep, ...]
    reported: tuple[PositionStep, ...]
    dots: tuple[Dot, ...]
    marks: tuple[Mark, ...]
    begin: datetime
    end: datetime

    def share(self, at: datetime) -> float:
        """Return how far between begin and end a moment is, from 0 to 1."""
        return min(max((at - self.begin) / (self.end - self.begin), 0.0), 1.0)

    def summary(self) -> str:
        """Return in a sentence what the picture shows."""
        if not self.declared and not self.reported:
            return f"{self.title}: no position known."
        parts = []
        for name, steps in (("declared", self.declared), ("reported", self.reported)):
            if steps:
                way = ", then ".join(f"{self.rungs[step.rung]} from {step.at:%Y-%m-%d}" for step in steps)
                parts.append(f"{name}: {way}")
        return f"{self.title}. {'; '.join(parts)}."


def timeline_of(
    position: Position,
    claims: Iterable[Claim],
    ladder: Ladder,
    *,
    title: str,
    until: datetime,
    since: datetime | None = None,
) -> Timeline:
    """Return the picture of a position between `since` (else its first claim or step) and `until`."""
    index = {rung.id: at for at, rung in enumerate(ladder.rungs)}
    dots = [
        Dot(claim.event_at, index[claim.rung], claim.attribution is Attribution.SELF, claim.evidence.text)
        for claim in claims
        if _is_shown(claim) and claim.rung in index and claim.event_at <= until
    ]
    moments = [dot.at for dot in dots] + [step.at for step in (*position.declared.steps, *position.reported.steps)]
    begin = since or min(moments, default=until)
    begin = min(begin, until - _LEAST_SPAN)
    marks = [
        Mark(shift.decided_at, index[shift.from_rung], index[shift.to_rung], shift.track, shift.status)
        for shift in position.shifts
        if shift.side_channel is None and begin <= shift.decided_at <= until
    ]
    return Timeline(
        title=_printable(title),
        rungs=tuple(_printable(rung.title) for rung in ladder.rungs),
        declared=_within(position.declared.steps, begin, until),
        reported=_within(position.reported.steps, begin, until),
        dots=tuple(dot for dot in sorted(dots, key=lambda dot: dot.at) if dot.at >= begin),
        marks=tuple(marks),
        begin=begin,
        end=until,
    )


def _is_shown(claim: Claim) -> bool:
    return claim.eligible and not claim.side_channel and effective_modality(claim) is not Modality.DENIED


def draw(timeline: Timeline, width: int = 80) -> tuple[str, ...]:
    """Return the picture as lines of at most `width` columns, the highest rung on top.

    ━ is the declared position, ╌ the reported one where it differs, ● the actor's own words, ○ those of others; under
    the chart, ▲▼ are declared shifts, △▽ reported ones.
    """
    width = max(width, MIN_WIDTH)
    labels = [_shorten(title, min(_MAX_LABEL, width // 3)) for title in timeline.rungs]
    indent = max(map(_columns, labels))
    chart = _Chart(timeline, width - indent - 2)
    chart.trace(timeline.reported, _LIGHT)
    chart.trace(timeline.declared, _HEAVY)
    chart.dot(timeline.dots)
    pad = " " * (indent + 2)
    rows = [
        f"{' ' * (indent - _columns(label))}{label} │{''.join(row)}".rstrip()
        for label, row in zip(reversed(labels), reversed(chart.rows), strict=True)
    ]
    begin, end = f"{timeline.begin:%Y-%m-%d}", f"{timeline.end:%Y-%m-%d}"
    axis = begin + end.rjust(chart.columns - len(begin))
    return (_shorten(timeline.title, width), *rows, f"{pad}{chart.marks(timeline.marks)}".rstrip(), f"{pad}{axis}")


class _Chart:
    def __init__(self, timeline: Timeline, columns: int) -> None:
        self._timeline = timeline
        self.columns = columns
        self.rows = [[" "] * columns for _ in timeline.rungs]

    def trace(self, steps: Sequence[PositionStep], pen: _Pen) -> None:
        """Draw steps over whatever is there; those in one column show the last of them only."""
        before: int | None = None
        by_column = {self._column(step.at): step.rung for step in steps}
        columns = sorted(by_column)
        for number, at in enumerate(columns):
            end = columns[number + 1] if number + 1 < len(columns) else self.columns
            rung = by_column[at]
            self.rows[rung][at:end] = pen.flat * (end - at)
            if before is not None and before != rung:
                self._rise(at, before, rung, pen)
            before = rung

    def _rise(self, at: int, before: int, after: int, pen: _Pen) -> None:
        leave, arrive = pen.up if after > before else pen.down
        self.rows[before][at], self.rows[after][at] = leave, arrive
        for rung in range(min(before, after) + 1, max(before, after)):
            self.rows[rung][at] = pen.riser

    def dot(self, dots: Iterable[Dot]) -> None:
        """Put dots over the lines; the actor's own words hide those of others."""
        for dot in sorted(dots, key=lambda dot: dot.own):
            self.rows[dot.rung][self._column(dot.at)] = "●" if dot.own else "○"

    def marks(self, marks: Iterable[Mark]) -> str:
        """Return the line under the chart; declared shifts hide reported ones."""
        line = [" "] * self.columns
        for mark in sorted(marks, key=lambda mark: mark.track is Track.DECLARED):
            signs = "▲▼" if mark.track is Track.DECLARED else "△▽"
            line[self._column(mark.at)] = signs[mark.direction is Direction.DOWN]
        return "".join(line)

    def _column(self, at: datetime) -> int:
        return min(int(self._timeline.share(at) * self.columns), self.columns - 1)


def _within(steps: Sequence[PositionStep], begin: datetime, end: datetime) -> tuple[PositionStep, ...]:
    """Return the steps up to `end`, beginning with the one that was stood on at `begin`."""
    standing = [step for step in steps if step.at <= begin][-1:]
    later = [step for step in steps if begin < step.at <= end]
    return (*(PositionStep(at=begin, rung=step.rung) for step in standing), *later)


def _printable(text: str) -> str:
    return " ".join("".join(char if char.isprintable() else " " for char in text).split())


def _columns(text: str) -> int:
    """Return how many columns a text takes: two for East Asian wide characters, none for marks above others."""
    return sum(0 if combining(char) else 2 if east_asian_width(char) in "WF" else 1 for char in text)


def _shorten(text: str, columns: int) -> str:
    if _columns(text) <= columns:
        return text
    while _columns(text) > columns - 1:
        text = text[:-1]
    return f"{text.rstrip()}…"
