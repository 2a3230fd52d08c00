"""A position on its ladder as lines of text, the highest rung on top. Pure."""

from datetime import tzinfo

from alerts.card import day_text, in_zone, one_line, shorten
from schemas.position import PositionChange

MAX_RUNGS = 9
RUNG_CHARS = 60
_HERE, _BEFORE, _RUNG, _GAP = "●", "○", "│", "⋮"


def ladder_lines(change: PositionChange, zone: tzinfo) -> tuple[str, ...]:
    """Return the rungs around where the actor stood and stands; rungs far from both are left out, marked by ⋮.

    Empty where the ladder does not hold the rung that the actor moved to.
    """
    if change.to_rung >= len(change.rungs):
        return ()
    lines: list[str] = []
    shown = _shown(change)
    for rung in range(len(change.rungs) - 1, -1, -1):
        if rung in shown:
            lines.append(_line(change, rung, zone))
        elif lines and lines[-1] != _GAP and any(other < rung for other in shown):
            lines.append(_GAP)
    return tuple(lines)


def _shown(change: PositionChange) -> frozenset[int]:
    """Return the rungs to show: all of a short ladder, else those nearest to the two positions."""
    places = {change.to_rung}
    if change.from_rung is not None and change.from_rung < len(change.rungs):
        places.add(change.from_rung)
    nearest = sorted(range(len(change.rungs)), key=lambda rung: (min(abs(rung - place) for place in places), rung))
    return frozenset(nearest[:MAX_RUNGS])


def _line(change: PositionChange, rung: int, zone: tzinfo) -> str:
    title = shorten(one_line(change.rungs[rung]), RUNG_CHARS)
    if rung == change.to_rung:
        return f"{_HERE} {title}  ← now"
    if rung == change.from_rung:
        since = f", since {day_text(in_zone(change.since, zone))}" if change.since else ""
        return f"{_BEFORE} {title}  ← before{since}"
    return f"{_RUNG} {title}"
