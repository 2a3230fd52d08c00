"""How an actor came to stand where it stands: a step chart of rungs over time, as cells and as text. Pure.

Mail clients strip images from elsewhere and drawings alike, so the chart is a table whose borders are the line; the
template `macros.html.j2` draws it. The plain part of a mail has the same in box-drawing characters.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo
from itertools import pairwise
from unicodedata import combining, east_asian_width

from alerts.card import day_text, in_zone, rung_title, shorten
from schemas.position import PositionChange

MAX_PLATEAUS = 14  # more steps than this are a hatching, not a history
MAX_ROWS = 12
LABEL_CELLS = 26
TITLE_CHARS = 48  # of a rung in the drawn chart, where labels may take several lines
LINE_CELLS = 42  # with the labels, it stays under the 72 columns of a mail
MIN_CELLS = 2


@dataclass(frozen=True)
class Plateau:
    """A span of time on one row of the chart, counted from the top; `cells` is its share of the width."""

    row: int
    since: datetime
    cells: int


@dataclass(frozen=True)
class Cell:
    """One field of the drawn table: whether the line runs along its bottom and up its left side.

    `shifted` is the part after the change that the alert is about.
    """

    cells: int
    level: bool
    rise: bool
    shifted: bool


@dataclass(frozen=True)
class StepChart:
    """Rows from the highest rung to the lowest, plateaus from the oldest; the last begins with the change itself.

    Each row has a label that keeps to its columns, and a title with more of the rung's own.
    `left_out` counts the steps that were too short to show, or led to a rung there was no row for.
    """

    labels: tuple[str, ...]
    titles: tuple[str, ...]
    plateaus: tuple[Plateau, ...]
    left_out: int

    @property
    def began(self) -> str:
        """The day with which the chart begins."""
        return day_text(self.plateaus[0].since)

    @property
    def shifted(self) -> str:
        """The day of the change."""
        return day_text(self.plateaus[-1].since)

    @property
    def cells_before(self) -> int:
        """The width of all that was before the change."""
        return sum(plateau.cells for plateau in self.plateaus[:-1])

    @property
    def cells(self) -> int:
        """The whole width."""
        return sum(plateau.cells for plateau in self.plateaus)

    @property
    def wide(self) -> int:
        """How many columns the lines take at most."""
        return max(_width(line) for line in self.lines())

    def rows(self) -> tuple[tuple[str, tuple[Cell, ...]], ...]:
        """Return the title of every row with its cells."""
        return tuple((title, tuple(self._cells(row))) for row, title in enumerate(self.titles))

    def _cells(self, row: int) -> Sequence[Cell]:
        cells = []
        before: int | None = None
        for plateau in self.plateaus:
            rise = before is not None and min(before, plateau.row) < row <= max(before, plateau.row)
            cells.append(Cell(plateau.cells, plateau.row == row, rise, plateau is self.plateaus[-1]))
            before = plateau.row
        return cells

    def lines(self) -> tuple[str, ...]:
        """Return the chart in characters, under its last row the days of its beginning and of the change."""
        grid = [[" "] * self.cells for _ in self.labels]
        at, before = 0, None
        for plateau in self.plateaus:
            heavy = plateau is self.plateaus[-1]
            grid[plateau.row][at : at + plateau.cells] = ("━" if heavy else "─") * plateau.cells
            if before is not None:
                _connect(grid, at, before, plateau.row, heavy=heavy)
            at, before = at + plateau.cells, plateau.row
        wide = max(_width(label) for label in self.labels)
        drawn = [
            f"{label}{' ' * (wide - _width(label))} |{''.join(row).rstrip()}"
            for label, row in zip(self.labels, grid, strict=True)
        ]
        return (*drawn, " " * (wide + 2) + self._axis())

    def _axis(self) -> str:
        room = self.cells_before - len(self.began)
        if room < 1:
            return f"{self.began} · {self.shifted}"
        # Under the change itself, or as far to the left as the line has room for.
        return f"{self.began}{' ' * min(room, max(self.cells - len(self.began) - len(self.shifted), 1))}{self.shifted}"


def step_chart(change: PositionChange, decided_at: datetime, zone: tzinfo) -> StepChart | None:
    """Return the way to the position that the change led to; None where nothing is known of what was before.

    Steps may come in any order, and lead to rungs that the ladder has not.
    """
    steps = _history(change, decided_at)
    if len(steps) < 2:
        return None
    thinned = _thin(_on_rows(steps))
    if len(thinned) < 2:
        return None
    shown = sorted({rung for _, rung in thinned}, reverse=True)
    row_of = {rung: row for row, rung in enumerate(shown)}
    widths = _widths([at for at, _ in thinned], decided_at)
    return StepChart(
        labels=tuple(_label(change, rung) for rung in shown),
        titles=tuple(shorten(rung_title(change, rung), TITLE_CHARS) for rung in shown),
        plateaus=tuple(
            Plateau(row_of[rung], in_zone(at, zone), cells) for (at, rung), cells in zip(thinned, widths, strict=True)
        ),
        left_out=len(steps) - len(thinned),
    )


_Steps = list[tuple[datetime, int]]


def _history(change: PositionChange, decided_at: datetime) -> _Steps:
    steps = sorted((step.at, step.rung) for step in change.steps if step.rung < len(change.rungs))
    if change.to_rung >= len(change.rungs):
        return []
    if not steps and change.from_rung is not None and change.since is not None:
        steps = [(change.since, change.from_rung)] if change.from_rung < len(change.rungs) else []
    if steps and steps[-1][1] != change.to_rung:
        steps.append((max(decided_at, steps[-1][0]), change.to_rung))
    return _merged(steps)


def _merged(steps: _Steps) -> _Steps:
    """Return the steps without those that stay where they are."""
    return [step for before, step in pairwise([None, *steps]) if step and (before is None or before[1] != step[1])]


def _on_rows(steps: _Steps) -> _Steps:
    """Return the steps among the rungs that there are rows for: those that were stood on last."""
    latest: list[int] = []
    for _, rung in reversed(steps):
        if rung not in latest and len(latest) < MAX_ROWS:
            latest.append(rung)
    return _merged([step for step in steps if step[1] in latest])


def _thin(steps: _Steps) -> _Steps:
    """Return at most MAX_PLATEAUS steps: the shortest stays are left out, never the first, or the change itself."""
    while len(steps) > MAX_PLATEAUS:
        stays = [(after[0] - at, number) for number, ((at, _), after) in enumerate(pairwise(steps))]
        _, shortest = min(stays[1:-1])
        steps = _merged(steps[:shortest] + steps[shortest + 1 :])
    return steps


def _widths(begins: Sequence[datetime], decided_at: datetime) -> list[int]:
    """Return each plateau's share of the width by its time, and never so little that it cannot be seen."""
    end = max(decided_at, begins[-1])
    # The last is still going on: it gets a seventh at least, so that where things stand is plain to see.
    spans = [(after - at).total_seconds() for at, after in pairwise([*begins, end])]
    free = LINE_CELLS - MIN_CELLS * len(spans) - LINE_CELLS // 7
    whole = sum(spans) or 1.0
    widths = [MIN_CELLS + int(free * span / whole) for span in spans]
    widths[-1] += LINE_CELLS - sum(widths)
    return widths


def _label(change: PositionChange, rung: int) -> str:
    label = shorten(rung_title(change, rung), LABEL_CELLS)
    while _width(label) > LABEL_CELLS:
        label = shorten(label.removesuffix("…"), len(label) - 2 if label.endswith("…") else len(label) - 1)
    return label


def _width(text: str) -> int:
    """Return how many columns a text takes: two for East Asian wide characters, none for marks above others."""
    return sum(0 if combining(char) else 2 if east_asian_width(char) in "WF" else 1 for char in text)


def _connect(grid: list[list[str]], at: int, before: int, after: int, *, heavy: bool) -> None:
    """Draw the riser between two rows in the column `at`."""
    up = after < before
    corners = (("┛", "┏") if heavy else ("┘", "┌")) if up else (("┓", "┗") if heavy else ("┐", "└"))
    grid[before][at], grid[after][at] = corners
    for row in range(min(before, after) + 1, max(before, after)):
        grid[row][at] = "┃" if heavy else "│"
