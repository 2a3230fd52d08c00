"""What to tell: shifts that nobody was told of, and corrections of those that did not stand as they were told."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from schemas.ladder import ShiftPolicy
from schemas.position import Track
from schemas.shift import Correction, CorrectionKind, Shift, ShiftStatus, Told, correction_id

_OF_STATUS = {
    ShiftStatus.CONFIRMED: (
        CorrectionKind.CONFIRMED,
        "as many independent origins say so now as it takes, or the actor itself",
    ),
    ShiftStatus.CONTESTED: (CorrectionKind.CONTESTED, "the actor's own officials say otherwise"),
}


class News(NamedTuple):
    """What is to be told, in order, and what is known from then on, by shift id."""

    told: tuple[Shift | Correction, ...]
    known: dict[str, Told]


def news(
    known: Mapping[str, Told],
    shifts: Sequence[Shift],
    now: datetime,
    policy: ShiftPolicy,
    is_history: Callable[[Shift], bool] = lambda _: False,
) -> News:
    """Compare the shifts as they are with those that were told. Asked again, it has nothing to tell.

    A shift that is older than the policy's `news_for` when it becomes known, or that `is_history`, is noted, and not
    told. A correction of what was told is owed in any case.
    """
    gone = {**known}
    for shift in shifts:
        gone.pop(shift.id, None)
    out: list[Shift | Correction] = []
    after: dict[str, Told] = {}
    for shift in shifts:
        held = known.get(shift.id) or _take_twin(gone, shift, policy)
        if held is None:
            is_old = now - shift.decided_at > policy.news_for
            said = [] if is_old else _first_told(shift, after, is_history)
            after[shift.id] = Told(id=shift.id, shift=shift, told=bool(said))
        else:
            said = _differences(held.shift, shift, policy) if held.told else []
            after[shift.id] = Told(id=shift.id, shift=shift if said or not held.told else held.shift, told=held.told)
        out += said
    for held in gone.values():
        if held.told:
            out.append(_correction(held.shift, CorrectionKind.WITHDRAWN, _WITHDRAWN, None))
    return News(tuple(item for item in out if not _is_said_anyhow(item, out)), after)


def _is_said_anyhow(item: Shift | Correction, out: Sequence[Shift | Correction]) -> bool:
    """Say whether a report is confirmed by the very declaration that is told along with it."""
    if isinstance(item, Shift) or item.kind is not CorrectionKind.CONFIRMED or item.shift is None:
        return False
    place = (item.shift.side_channel, item.shift.to_rung)
    return any(
        isinstance(other, Shift) and other.track is Track.DECLARED and (other.side_channel, other.to_rung) == place
        for other in out
    )


_WITHDRAWN = "with what has come in since, the position did not move"


def _take_twin(gone: dict[str, Told], shift: Shift, policy: ShiftPolicy) -> Told | None:
    """Return what was told of this move when another claim still decided it, and strike it from those gone."""
    alike = [
        held
        for held in gone.values()
        if _way(held.shift) == _way(shift) and abs(held.shift.decided_at - shift.decided_at) <= policy.window
    ]
    if not alike:
        return None
    nearest = min(alike, key=lambda held: (abs(held.shift.decided_at - shift.decided_at), held.id))
    return gone.pop(nearest.id)


def _way(shift: Shift) -> tuple[str | None, str, str]:
    return shift.side_channel, shift.track, shift.to_rung


def _first_told(
    shift: Shift, earlier: Mapping[str, Told], is_history: Callable[[Shift], bool]
) -> list[Shift | Correction]:
    """Tell a shift; where it takes back one that was told, that is all the news, and of the two none is otherwise."""
    if shift.reverts is None:
        return [] if shift.status is ShiftStatus.RETRACTED or is_history(shift) else [shift]
    taken_back = earlier.get(shift.reverts)
    if taken_back is None or not taken_back.told:
        return []
    reason = f"it was taken back: {shift.from_rung} gave way to {shift.to_rung} again"
    return [_correction(taken_back.shift, CorrectionKind.RETRACTED, reason, shift)]


def _differences(told: Shift, shift: Shift, policy: ShiftPolicy) -> list[Shift | Correction]:
    """Return the corrections that a shift which was told needs."""
    out: list[Shift | Correction] = []
    if told.from_rung != shift.from_rung:
        reason = f"it was a move from {shift.from_rung}, not from {told.from_rung}"
        out.append(_correction(told, CorrectionKind.CHANGED, reason, shift))
    elif abs(told.decided_at - shift.decided_at) > policy.grace:
        reason = f"it was decided at {shift.decided_at:%Y-%m-%d %H:%M} UTC, not at {told.decided_at:%Y-%m-%d %H:%M} UTC"
        out.append(_correction(told, CorrectionKind.CHANGED, reason, shift))
    if told.status is not shift.status and shift.status in _OF_STATUS:
        kind, reason = _OF_STATUS[shift.status]
        out.append(_correction(told, kind, reason, shift))
    return out


def _correction(told: Shift, kind: CorrectionKind, reason: str, shift: Shift | None) -> Correction:
    return Correction(
        id=correction_id(told.id, kind, shift),
        watch_topic=told.watch_topic,
        actor=told.actor,
        kind=kind,
        corrects=told.id,
        reason=reason,
        shift=shift,
    )
