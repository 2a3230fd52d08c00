"""Where an actor stands, and why, as people read it on a terminal; lines in rich's markup."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime

from rich.markup import escape

from alerts.card import one_line, shorten
from schemas.claim import Claim, Modality
from schemas.ladder import Ladder
from schemas.position import Track
from schemas.shift import NOT_SO, ChannelPosition, Position, Shift, ShiftStatus, Stand
from services.cli.held_positions import Held
from services.domain.positions.claims import effective_modality
from services.domain.positions.explain import RungCase, TrackCase, explain, why
from services.plurals import counted

SENTENCE_CHARS = 220
MAX_SENTENCES = 5  # for one rung, or one reason for leaving claims out; JSON has all
MAX_SHIFTS = 5
_STATUSES = {
    ShiftStatus.CONFIRMED: "green",
    ShiftStatus.UNCONFIRMED: "yellow",
    ShiftStatus.CONTESTED: "yellow",
    ShiftStatus.RETRACTED: "red",
}


def heading(held: Held) -> str:
    """Return whose position on which topic it is."""
    return f"[bold]{held.topic.id}[/bold]  {plain(held.actor_name)} ({held.actor})"


def standing_lines(held: Held) -> Iterator[str]:
    """Yield where an actor stands on each track and channel, the standing policy, its stances and latest shifts."""
    position, ladder = held.position, held.ladder
    if not held.is_on_ladder and not position.stances:
        yield "[dim]has said nothing that counts[/dim]"
    if held.is_on_ladder:
        for stand in (position.declared, position.reported):
            yield f"{stand.track:<9} {_stand_text(stand, ladder)}"
        for channel in position.side_channels:
            if not _is_blank(channel):
                yield f"{plain(ladder.title(channel.side_channel))}: {_channel_text(channel)}"
        if position.standing:
            policy = position.standing
            yield f"policy    {plain(ladder.title(policy.rung))}, as articles gave it on {day(policy.as_of)}"
    for stance in position.stances:
        title = plain(ladder.title(stance.stance))
        yield f"stance    {title}: {_span(stance.first_at, stance.last_at)}, {counted(stance.origins, 'origin')}"
    shown = position.shifts[-MAX_SHIFTS:]
    for shift in reversed(shown):
        yield shift_line(shift, ladder)
    if len(position.shifts) > len(shown):
        yield f"[dim]and {counted(len(position.shifts) - len(shown), 'earlier shift')}[/dim]"


def shift_line(shift: Shift, ladder: Ladder) -> str:
    """Return a shift in one line: when, on which track, from where to where, and how far it can be relied on."""
    status = f"[{_STATUSES[shift.status]}]{shift.status}[/{_STATUSES[shift.status]}]"
    if shift.side_channel is not None:
        what = f"{plain(ladder.title(shift.side_channel))}: {'no longer' if shift.to_rung == NOT_SO else 'now'} so"
    else:
        what = f"{plain(ladder.title(shift.from_rung))} → {plain(ladder.title(shift.to_rung))}"
    return f"shift     {day(shift.decided_at)}  {shift.track}  {what}  {status}, {counted(shift.origins, 'origin')}"


def explanation_lines(held: Held) -> Iterator[str]:
    """Yield what speaks for every rung as of the last that was said, why shifts were decided, and what was left out."""
    position, claims = held.position, held.tracker.claims()
    at = held.last_at
    if at is None:
        return
    said = counted(position.claims, "claim")
    yield f"{heading(held)}: {said}, of which {position.eligible} count; as of {moment(at)}"
    explanation = explain(held.tracker.folded(), claims, at)
    if held.is_on_ladder:
        for track in explanation.tracks:
            yield from _track_lines(track, held.ladder, position)
    yield from _stance_lines(position, held.ladder)
    for shift in position.shifts:
        yield shift_line(shift, held.ladder)
        yield f"            {plain(why(shift, held.ladder))}"
        yield from _sentences(shift.evidence)
    for reason, _ in explanation.left_out:
        left_out = [claim for claim in claims if claim.why_not == reason]
        yield f"left out  {counted(len(left_out), 'claim')}: {plain(reason)}"
        yield from _sentences(left_out)
    denials = [claim for claim in claims if claim.eligible and effective_modality(claim) is Modality.DENIED]
    if denials:
        yield f"denials   {counted(len(denials), 'claim')}: what is denied speaks against its rung, and for none"
        yield from _sentences(denials)


def sentence(claim: Claim) -> str:
    """Return a claim as one line: when, on whose word, how firmly, and its sentence."""
    speaker = f" {claim.speaker}," if claim.speaker else ""
    word = f"{claim.attribution.replace('_', ' ')},{speaker} {effective_modality(claim)}"
    text = shorten(one_line(claim.evidence.text), SENTENCE_CHARS)
    return f"{day(claim.event_at)}  [dim]{plain(word)}, {plain(claim.outlet)}[/dim]  “{escape(text)}”"


def plain(text: str) -> str:
    """Return text that others wrote as it may be printed on a terminal."""
    return escape(one_line(text))


def day(at: datetime) -> str:
    """Return the day of a moment, in UTC."""
    return f"{at:%Y-%m-%d}"


def moment(at: datetime) -> str:
    """Return a moment to the minute."""
    return f"{at:%Y-%m-%d %H:%M}Z"


def _track_lines(track: TrackCase, ladder: Ladder, position: Position) -> Iterator[str]:
    name = f"{plain(ladder.title(track.side_channel))}, {track.track}" if track.side_channel else str(track.track)
    shown = [rung for rung in reversed(track.rungs) if rung.is_position or rung.claims]
    if track.side_channel and not any(rung.claims for rung in shown):
        return
    if not track.side_channel and track.track is Track.REPORTED and position.reported.rung == position.declared.rung:
        yield f"[bold]{name}[/bold]: the same"
        return
    stand = f"{plain(_title(track, track.rung))}{_since(track.since)}" if track.rung else "no position known"
    yield f"[bold]{name}[/bold]: {stand}"
    for rung in shown:
        yield f"  {_rung_text(rung)}"
        yield from _sentences(rung.claims)


def _title(track: TrackCase, rung: str) -> str:
    return next((case.title for case in track.rungs if case.rung == rung), rung)


def _rung_text(rung: RungCase) -> str:
    said = "; ".join(rung.reasons)
    verdict = f"missing: {plain(said)}" if said else "where it stands" if rung.is_position else "enough"
    return f"{plain(rung.title)}  {rung.score:.2f} from {counted(len(rung.origins), 'origin')}  {verdict}"


def _stance_lines(position: Position, ladder: Ladder) -> Iterator[str]:
    for stance in position.stances:
        title = plain(ladder.title(stance.stance))
        origins = counted(stance.origins, "origin")
        yield f"stance    {title}: {_span(stance.first_at, stance.last_at)}, {origins}; it moves nobody"
        yield from _sentences((stance.claim,))


def _sentences(claims: Iterable[Claim]) -> Iterator[str]:
    every: Sequence[Claim] = sorted(claims, key=lambda claim: (claim.event_at, claim.id))
    for claim in every[-MAX_SENTENCES:]:
        yield f"      {sentence(claim)}"
    if len(every) > MAX_SENTENCES:
        yield f"      [dim]and {counted(len(every) - MAX_SENTENCES, 'earlier sentence')}[/dim]"


def _stand_text(stand: Stand, ladder: Ladder) -> str:
    return f"{plain(ladder.title(stand.rung))}{_since(stand.since)}" if stand.rung else "no position known"


def _is_blank(channel: ChannelPosition) -> bool:
    return channel.declared == channel.reported == NOT_SO and not channel.contested


def _channel_text(channel: ChannelPosition) -> str:
    declared = "denied or not said" if channel.declared == NOT_SO else "declared"
    reported = "not reported" if channel.reported == NOT_SO else "reported"
    return f"{reported}, {declared}{', contested' if channel.contested else ''}"


def _since(at: datetime | None) -> str:
    return f", since {day(at)}" if at else ""


def _span(first: datetime, last: datetime) -> str:
    return day(first) if day(first) == day(last) else f"{day(first)} to {day(last)}"
