"""A position over time as SVG: one file that needs nothing else, readable on light and dark ground, and aloud."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import blake2b
from html import escape

from schemas.position import PositionStep, Track
from schemas.shift import Direction
from services.domain.positions.timeline import Dot, Mark, Timeline

MIN_WIDTH = 300
_WIDE = 560  # from here on there is room for labels beside the chart; on a phone they stand over its lines
_CHAR = 6.6  # of a 12 px sans serif, on average
_TICK = 110  # a day and the room around it
_LEGEND_ROW = 18
_SAYS = 240  # characters of the sentence behind a dot
_SHAPES = """\
.{0} .g{{stroke:var(--line);stroke-width:1}}
.{0} .bg{{fill:var(--ground)}}
.{0} .d{{fill:none;stroke:var(--own);stroke-width:3}}
.{0} .r{{fill:none;stroke:var(--others);stroke-width:2;stroke-dasharray:5 4}}
.{0} .o,.{0} .sd{{fill:var(--own)}}
.{0} .h{{fill:var(--ground);stroke:var(--others);stroke-width:1.5}}
.{0} .sr{{fill:var(--others)}}
.{0} text{{font:12px system-ui,sans-serif;fill:var(--ink)}}
.{0} .t{{font-weight:600;font-size:14px}}
.{0} .l{{paint-order:stroke;stroke:var(--ground);stroke-width:4px}}
.{0} .m{{fill:var(--faint)}}"""
# Colours that hold 4.5:1 on white and on near-black; shapes and dashes say the same as colours do.
_LIGHT = {
    "ink": "#1f2328", "faint": "#59636e", "line": "#d1d9e0", "ground": "#fff", "own": "#0550ae", "others": "#9a5b00"
}  # fmt: skip
_DARK = {
    "ink": "#f0f6fc", "faint": "#9198a1", "line": "#3d444d", "ground": "#0d1117", "own": "#79c0ff", "others": "#e3b341"
}  # fmt: skip
FIGURE_CLASS = "timeline"
# For a page that holds figures: it sets the colours --ink, --faint, --line, --ground, --own and --others.
FIGURE_STYLE = _SHAPES.format(FIGURE_CLASS)


@dataclass(frozen=True)
class _Frame:
    """Where things stand; `labels` says whether rungs are named beside the chart or over their lines."""

    width: int
    left: int
    right: int
    top: int
    row: int
    labels_beside: bool

    @classmethod
    def of(cls, width: int, *, titled: bool) -> "_Frame":
        """Return the frame of a picture this wide, with room on top for its title."""
        width = max(width, MIN_WIDTH)
        if width >= _WIDE:
            return cls(width, left=200, right=24, top=44 if titled else 8, row=38, labels_beside=True)
        return cls(width, left=10, right=12, top=44 if titled else 8, row=46, labels_beside=False)


def svg(timeline: Timeline, width: int = 760) -> str:
    """Return the picture as an SVG document; the same timeline gives the same text, so it may be cached."""
    name = _name(timeline, width)
    light, dark = (_style(name, colours) for colours in (_LIGHT, _DARK))
    style = f"{light}\n@media (prefers-color-scheme:dark){{\n{dark}\n}}"
    drawing = _Drawing(timeline, _Frame.of(width, titled=True), name, name)
    return "\n".join(drawing.parts(style)) + "\n"


def figure(timeline: Timeline, width: int) -> str:
    """Return the picture as an SVG element for an HTML page with FIGURE_STYLE in its style sheet.

    It has no title of its own but the one that is read aloud.
    """
    drawing = _Drawing(timeline, _Frame.of(width, titled=False), _name(timeline, width), FIGURE_CLASS)
    return "\n".join(drawing.parts(None))


def _style(name: str, colours: Mapping[str, str]) -> str:
    """Return the style with its colours written out: programs that draw files know no variables."""
    style = _SHAPES.format(name)
    for colour, value in colours.items():
        style = style.replace(f"var(--{colour})", value)
    return style


def _name(timeline: Timeline, width: int) -> str:
    # Several pictures may stand in one page, where ids and styles are everybody's.
    mark = f"{timeline.title}\0{timeline.begin}\0{timeline.end}\0{width}".encode("utf-8", "replace")
    return f"tl{blake2b(mark, digest_size=4).hexdigest()}"


class _Drawing:
    def __init__(self, timeline: Timeline, frame: _Frame, name: str, css_class: str) -> None:
        self._timeline = timeline
        self._frame = frame
        self._name = name
        self._class = css_class
        self._legend, legend_rows = _legend(frame.width)
        self._axis_y = frame.top + frame.row * len(timeline.rungs) + 24
        self._height = self._axis_y + 14 + _LEGEND_ROW * legend_rows + 4

    def parts(self, style: str | None) -> Iterator[str]:
        """Yield the document's lines, with its own style and title or with neither."""
        name, frame, height, timeline = self._name, self._frame, self._height, self._timeline
        yield (
            f'<svg xmlns="http://www.w3.org/2000/svg" class="{self._class}" role="img" '
            f'aria-labelledby="{name}-t {name}-d" viewBox="0 0 {frame.width} {height}" '
            f'width="{frame.width}" height="{height}">'
        )
        yield f'<title id="{name}-t">{_text(timeline.title)}</title>'
        yield f'<desc id="{name}-d">{_text(timeline.summary())}</desc>'
        if style is not None:
            yield f"<style>{style}</style>"
            yield f'<rect class="bg" width="{frame.width}" height="{height}"/>'
            yield f'<text class="t" x="16" y="24">{_text(_cut(timeline.title, frame.width - 32))}</text>'
        yield from self._grid()
        yield from self._days()
        yield from self._line("r", timeline.reported)
        yield from self._line("d", timeline.declared)
        yield from self._labels()
        yield from map(self._dot, timeline.dots)
        yield from map(self._mark, timeline.marks)
        yield from (
            f'<g transform="translate({x:g} {self._axis_y + 14 + _LEGEND_ROW * row})">{sign}'
            f'<text class="m" x="30" y="12">{says}</text></g>'
            for x, row, sign, says in self._legend
        )
        yield "</svg>"

    def _grid(self) -> Iterator[str]:
        frame = self._frame
        for rung in range(len(self._timeline.rungs)):
            y = self._y(rung)
            yield f'<line class="g" x1="{frame.left}" y1="{y:g}" x2="{frame.width - frame.right}" y2="{y:g}"/>'

    def _labels(self) -> Iterator[str]:
        frame = self._frame
        for rung, title in enumerate(self._timeline.rungs):
            y = self._y(rung)
            if frame.labels_beside:
                label = _text(_cut(title, frame.left - 28))
                yield f'<text x="{frame.left - 12}" y="{y + 4:g}" text-anchor="end">{label}</text>'
            else:
                label = _text(_cut(title, frame.width - frame.left - frame.right))
                yield f'<text class="l" x="{frame.left}" y="{y - 10:g}">{label}</text>'

    def _days(self) -> Iterator[str]:
        frame, timeline = self._frame, self._timeline
        room = frame.width - frame.left - frame.right
        ticks = max(min(room // _TICK, 4), 1)
        moments = (timeline.begin + (timeline.end - timeline.begin) * n / ticks for n in range(ticks + 1))
        days = list(dict.fromkeys(f"{moment:%Y-%m-%d}" for moment in moments))
        for n, day in enumerate(days):
            x = frame.left + room * n / max(len(days) - 1, 1)
            anchor = "start" if n == 0 else "end" if n == len(days) - 1 else "middle"
            yield f'<text class="m" x="{x:.1f}" y="{self._axis_y:g}" text-anchor="{anchor}">{day}</text>'

    def _line(self, kind: str, steps: Sequence[PositionStep]) -> Iterator[str]:
        if not steps:
            return
        path = [f"M{self._x(steps[0].at):.1f} {self._y(steps[0].rung):g}"]
        path += [f"H{self._x(step.at):.1f}V{self._y(step.rung):g}" for step in steps[1:]]
        yield f'<path class="{kind}" d="{"".join(path)}H{self._frame.width - self._frame.right}"/>'

    def _dot(self, dot: Dot) -> str:
        kind, radius = ("o", 4) if dot.own else ("h", 3.5)
        says = _text(f"{dot.at:%Y-%m-%d}: {dot.says if len(dot.says) <= _SAYS else f'{dot.says[:_SAYS]}…'}")
        return (
            f'<circle class="{kind}" cx="{self._x(dot.at):.1f}" cy="{self._y(dot.rung):g}" r="{radius}">'
            f"<title>{says}</title></circle>"
        )

    def _mark(self, mark: Mark) -> str:
        x, y = self._x(mark.at), self._y(0) + 12
        tip = y - 5 if mark.direction is Direction.UP else y + 5
        base = y + 4 if mark.direction is Direction.UP else y - 4
        rungs = self._timeline.rungs
        says = f"{mark.at:%Y-%m-%d}, {mark.track}, {mark.status}: {rungs[mark.from_rung]} to {rungs[mark.to_rung]}"
        kind = "sd" if mark.track is Track.DECLARED else "sr"
        points = f"{x:.1f},{tip:g} {x - 5:.1f},{base:g} {x + 5:.1f},{base:g}"
        return f'<polygon class="{kind}" points="{points}"><title>{_text(says)}</title></polygon>'

    def _x(self, at: datetime) -> float:
        frame = self._frame
        return frame.left + (frame.width - frame.right - frame.left) * self._timeline.share(at)

    def _y(self, rung: int) -> float:
        beside = self._frame.row / 2 if self._frame.labels_beside else self._frame.row - 14
        return self._frame.top + self._frame.row * (len(self._timeline.rungs) - 1 - rung) + beside


_LegendItem = tuple[float, int, str, str]


def _legend(width: int) -> tuple[list[_LegendItem], int]:
    """Return the legend's items with their place and row, as they fit into this width, and how many rows there are."""
    placed: list[_LegendItem] = []
    x, row = 10.0, 0
    for sign, says in (
        ('<path class="d" d="M0 8h24"/>', "declared"),
        ('<path class="r" d="M0 8h24"/>', "reported"),
        ('<circle class="o" cx="18" cy="8" r="4"/>', "own words"),
        ('<circle class="h" cx="18" cy="8" r="3.5"/>', "words of others"),
        ('<polygon class="sd" points="18,3 13,12 23,12"/>', "shift"),
    ):
        needed = 50 + _CHAR * len(says)
        if placed and x + needed > width:
            x, row = 10.0, row + 1
        placed.append((x, row, sign, says))
        x += needed
    return placed, row + 1


def _cut(text: str, pixels: float) -> str:
    most = max(int(pixels / _CHAR), 2)
    return text if len(text) <= most else f"{text[: most - 1].rstrip()}…"


def _text(text: str) -> str:
    """Return text for XML, without what it has no room for, nor what would turn the reading order of the rest."""
    return escape("".join(_allowed(text)), quote=True)


def _allowed(text: str) -> Iterable[str]:
    for char in text:
        code = ord(char)
        is_allowed = char in "\t\n" or (code >= 0x20 and not 0x7F <= code <= 0x9F and not 0xD800 <= code <= 0xDFFF)
        turns = 0x202A <= code <= 0x202E or 0x2066 <= code <= 0x2069
        yield char if is_allowed and not turns and code not in {0xFFFE, 0xFFFF} else " "
