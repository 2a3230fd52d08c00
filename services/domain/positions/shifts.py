"""Shifts and positions as contracts, made of the folded state."""

from collections.abc import Iterable, Sequence

from schemas.claim import Claim
from schemas.ladder import Ladder
from schemas.position import PositionChange, PositionStep, Track
from schemas.shift import (
    MAX_EVIDENCE,
    NOT_SO,
    ChannelPosition,
    Direction,
    Position,
    Shift,
    ShiftStatus,
    StanceTaken,
    Stand,
    StandingPolicy,
    shift_id,
)
from services.domain.positions.folding import Folded, Stanced
from services.domain.positions.lane import Lane, Move, Stretch
from services.domain.positions.tally import Voice, confidence_of


def position_of(folded: Folded, watch_topic: str, actor: str) -> Position:
    """Return where an actor stands, with the way there."""
    return Position(
        watch_topic=watch_topic,
        actor=actor,
        declared=_stand(folded.main.declared, rung_ids(folded.ladder)),
        reported=_stand(folded.main.reported, rung_ids(folded.ladder)),
        standing=_standing(folded.standing),
        side_channels=tuple(_channel(channel, lane) for channel, lane in folded.beside.items()),
        stances=tuple(_stance(stance, held) for stance, held in sorted(folded.stances.items())),
        shifts=shifts_of(folded, watch_topic, actor),
        claims=folded.claims,
        eligible=folded.eligible,
        as_of=folded.last.event_at if folded.last else None,
    )


def shifts_of(folded: Folded, watch_topic: str, actor: str) -> tuple[Shift, ...]:
    """Return every shift of an actor in the order in which they were decided."""
    found = _shifts(folded.main, None, rung_ids(folded.ladder), watch_topic, actor)
    for channel, lane in folded.beside.items():
        found += _shifts(lane, channel, channel_rungs(channel), watch_topic, actor)
    return tuple(sorted(found, key=lambda shift: (shift.decided_at, shift.id)))


def rung_ids(ladder: Ladder) -> tuple[str, ...]:
    """Return the rungs of a ladder from the lowest up."""
    return tuple(rung.id for rung in ladder.rungs)


def channel_rungs(channel: str) -> tuple[str, ...]:
    """Return the two rungs of a side channel."""
    return (NOT_SO, channel)


def titles_of(ladder: Ladder, side_channel: str | None) -> tuple[str, ...]:
    """Return what the rungs are called, from the lowest up."""
    if side_channel is None:
        return tuple(rung.title for rung in ladder.rungs)
    title = ladder.title(side_channel)
    return (f"not: {title}", title)


def change_of(shift: Shift, position: Position, ladder: Ladder, actor_name: str) -> PositionChange:
    """Return a shift as an alert shows it. A side channel has no history but the shift itself."""
    rungs = channel_rungs(shift.side_channel) if shift.side_channel else rung_ids(ladder)
    stand = position.declared if shift.track is Track.DECLARED else position.reported
    steps = () if shift.side_channel else tuple(step for step in stand.steps if step.at <= shift.decided_at)
    return PositionChange(
        actor=shift.actor,
        actor_name=actor_name,
        track=shift.track,
        rungs=titles_of(ladder, shift.side_channel),
        from_rung=rungs.index(shift.from_rung),
        to_rung=rungs.index(shift.to_rung),
        since=shift.since,
        steps=steps,
        origins=shift.origins,
        confidence=shift.confidence,
        speakers=shift.speakers,
    )


def _shifts(lane: Lane, channel: str | None, rungs: Sequence[str], watch_topic: str, actor: str) -> list[Shift]:
    ids = [
        shift_id(
            watch_topic,
            actor,
            side_channel=channel,
            track=move.case.track,
            to_rung=move.case.rung,
            decisive=move.decisive.claim_id,
        )
        for move in lane.moves
    ]
    return [_shift(move, ids, number, channel, rungs) for number, move in enumerate(lane.moves)]


def _shift(move: Move, ids: Sequence[str], number: int, channel: str | None, rungs: Sequence[str]) -> Shift:
    case = move.case
    claim = move.decisive.claim
    before = case.current or case.rung
    evidence = _weightiest(case.voices)
    return Shift(
        id=ids[number],
        watch_topic=claim.watch_topic,
        actor=claim.actor,
        recipient=claim.recipient,
        side_channel=channel,
        track=case.track,
        from_rung=before,
        to_rung=case.rung,
        direction=Direction.UP if rungs.index(case.rung) > rungs.index(before) else Direction.DOWN,
        first_evidence_at=move.first_at,
        decided_at=case.at,
        since=move.since,
        status=move.status,
        origins=max(len(move.origins), 1),
        score=round(case.score, 6),
        rival_score=round(case.rival_score, 6),
        confidence=confidence_of(case.voices),
        evidence=evidence,
        speakers=_speakers(evidence),
        reverts=ids[move.reverts] if move.reverts is not None else None,
    )


def _weightiest(voices: Iterable[Voice]) -> tuple[Claim, ...]:
    """Return the weightiest claim of each origin: the actor's own words first, in the order they were said."""
    best: dict[str, Voice] = {}
    for voice in voices:
        held = best.get(voice.origin)
        if held is None or (voice.weight, voice.confidence) > (held.weight, held.confidence):
            best[voice.origin] = voice
    chosen = sorted(best.values(), key=lambda voice: (-voice.weight, voice.at, voice.claim_id))[:MAX_EVIDENCE]
    return tuple(voice.claim for voice in chosen)


def _speakers(claims: Iterable[Claim]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(claim.speaker for claim in claims if claim.speaker))


def _stand(stretch: Stretch, rungs: Sequence[str]) -> Stand:
    return Stand(
        track=stretch.track,
        rung=stretch.rung,
        since=stretch.since,
        steps=tuple(PositionStep(at=at, rung=rungs.index(rung)) for at, rung in stretch.steps),
    )


def _standing(claim: Claim | None) -> StandingPolicy | None:
    return StandingPolicy(rung=claim.rung, as_of=claim.event_at, claim=claim) if claim else None


def _channel(channel: str, lane: Lane) -> ChannelPosition:
    declared, reported = lane.declared.rung or NOT_SO, lane.reported.rung or NOT_SO
    at = lane.reported.move
    contested = at is not None and lane.moves[at].status is ShiftStatus.CONTESTED
    return ChannelPosition(side_channel=channel, declared=declared, reported=reported, contested=contested)


def _stance(stance: str, held: Stanced) -> StanceTaken:
    return StanceTaken(
        stance=stance,
        first_at=held.first.event_at,
        last_at=held.last.event_at,
        origins=len(held.origins),
        speakers=tuple(held.speakers),
        claim=held.last,
    )
