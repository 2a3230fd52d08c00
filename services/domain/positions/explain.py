"""Why an actor stands where it stands: what speaks for every rung, and what is missing."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from schemas.claim import Claim
from schemas.ladder import Ladder, ShiftPolicy
from schemas.position import Track
from schemas.shift import Shift
from services.domain.positions.folding import Folded
from services.domain.positions.judging import Case, Missing, judge
from services.domain.positions.lane import Lane, Stretch
from services.domain.positions.shifts import channel_rungs, rung_ids, titles_of
from services.domain.positions.tally import origins_of


@dataclass(frozen=True)
class RungCase:
    """What speaks for one rung at one moment; `reasons` say in words what is missing, none where the actor stands."""

    rung: str
    title: str
    is_position: bool
    score: float
    origins: tuple[str, ...]
    own_words: int
    claims: tuple[Claim, ...]
    missing: tuple[Missing, ...]
    reasons: tuple[str, ...]


@dataclass(frozen=True)
class TrackCase:
    """One track of the ladder, or of a side channel, rung by rung from the lowest."""

    side_channel: str | None
    track: Track
    rung: str | None
    since: datetime | None
    rungs: tuple[RungCase, ...]


@dataclass(frozen=True)
class Explanation:
    """Every track, and how many claims may not move a position, by the reason why."""

    at: datetime
    tracks: tuple[TrackCase, ...]
    left_out: tuple[tuple[str, int], ...]

    def lines(self) -> tuple[str, ...]:
        """Return it as text."""
        return tuple(_lines(self))


def explain(folded: Folded, claims: Iterable[Claim], at: datetime) -> Explanation:
    """Say for each rung what speaks for it at `at`, and why it is not the position. `claims` are those folded."""
    ladder = folded.ladder
    lanes: list[tuple[str | None, Lane, tuple[str, ...]]] = [(None, folded.main, rung_ids(ladder))]
    lanes += [(channel, lane, channel_rungs(channel)) for channel, lane in folded.beside.items()]
    tracks = tuple(
        TrackCase(
            channel,
            stretch.track,
            stretch.rung,
            stretch.since,
            tuple(
                _rung(stretch, rung, title, at) for rung, title in zip(rungs, titles_of(ladder, channel), strict=True)
            ),
        )
        for channel, lane, rungs in lanes
        for stretch in (lane.declared, lane.reported)
    )
    counted: dict[str, int] = {}
    for claim in claims:
        if claim.why_not:
            counted[claim.why_not] = counted.get(claim.why_not, 0) + 1
    return Explanation(at, tracks, tuple(sorted(counted.items(), key=lambda item: (-item[1], item[0]))))


def why(shift: Shift, ladder: Ladder) -> str:
    """Say in one sentence what decided a shift."""
    own = sum(1 for claim in shift.evidence if claim.attribution == "self")
    word = f"{own} of them the actor's own word" if own else "none of them the actor's own word"
    return (
        f"{ladder.title(shift.to_rung)}: {_count(shift.origins, 'origin')}, {word} in the evidence shown, score "
        f"{shift.score:.2f} against {shift.rival_score:.2f} for {ladder.title(shift.from_rung)} "
        f"(must exceed it {ladder.policy.margin:g} times); {shift.status}"
    )


def _rung(stretch: Stretch, rung: str, title: str, at: datetime) -> RungCase:
    case = judge(stretch.tally, stretch.track, rung, current=stretch.rung, at=at)
    is_position = rung == stretch.rung
    missing = () if is_position else case.missing
    return RungCase(
        rung=rung,
        title=title,
        is_position=is_position,
        score=case.score,
        origins=tuple(sorted(origins_of(case.voices))),
        own_words=sum(1 for voice in case.voices if voice.own),
        claims=tuple(voice.claim for voice in case.voices),
        missing=missing,
        reasons=tuple(_reason(what, case, stretch.tally.policy) for what in missing),
    )


def _reason(what: Missing, case: Case, policy: ShiftPolicy) -> str:
    match what:
        case Missing.OWN_WORD:
            return "nothing on record from the actor's own officials"
        case Missing.ORIGINS:
            return f"{case.origins} of {_count(case.origins_needed, 'origin')} within {policy.window.days} days"
        case Missing.SCORE:
            return f"score {case.score:.2f} of {case.threshold:.2f}"
        case Missing.MARGIN:
            rival = case.rival_score
            return f"score {case.score:.2f} is not over {policy.margin:g} times the {rival:.2f} of {case.current}"


def _lines(explanation: Explanation) -> Iterable[str]:
    for track in explanation.tracks:
        name = f"{track.side_channel}, {track.track}" if track.side_channel else str(track.track)
        if track.rung is None:
            yield f"{name}: no position known"
        else:
            since = f" since {track.since:%Y-%m-%d}" if track.since else ""
            yield f"{name}: {track.rung}{since}"
        for rung in reversed(track.rungs):
            if rung.is_position or rung.score >= 0.005:
                said = "; ".join(rung.reasons) or (
                    "where it stands" if rung.is_position else "enough, since it was said"
                )
                yield f"  {rung.rung:<12} {rung.score:5.2f}  {_count(len(rung.origins), 'origin')}  {said}"
    for reason, count in explanation.left_out:
        yield f"{_count(count, 'claim')} left out: {reason}"


def _count(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"
