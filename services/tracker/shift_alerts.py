"""Shift alerts: a position moved, or what was told of a move no longer holds. Pure."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from schemas.alert import Alert, AlertKind, ArticleRef, Testimony, alert_id
from schemas.claim import Attribution, Claim
from schemas.ladder import Ladder
from schemas.position import PositionChange, Track
from schemas.shift import Correction, CorrectionKind, Position, Shift, ShiftStatus
from schemas.watch import Severity
from services.domain.positions.claims import effective_modality
from services.domain.positions.shifts import change_of, titles_of
from services.domain.text.gazetteer import Gazetteer
from services.plurals import counted

_SENTENCE_CHARS = 2_000  # what is longer is no sentence, and an alert must fit its stream
_BECAME = {
    CorrectionKind.WITHDRAWN: "is withdrawn",
    CorrectionKind.CHANGED: "was not as told",
    CorrectionKind.CONFIRMED: "is confirmed",
    CorrectionKind.CONTESTED: "is contested",
    CorrectionKind.RETRACTED: "was taken back",
}


@dataclass(frozen=True)
class Scene:
    """What an alert needs to know besides the shift: the topic, who the actors are, and the claims' articles by id."""

    title: str
    ladder: Ladder
    gazetteer: Gazetteer
    article: Callable[[str], ArticleRef | None]


def shift_alert(shift: Shift, position: Position, scene: Scene, now: datetime) -> Alert:
    """Return the alert of a shift; the same shift, the same id. `position` is the actor's, by all that counts now."""
    name = _name(shift.actor, scene)
    from_title, to_title = _titles(shift, scene.ladder)
    return _alert(
        shift,
        scene,
        now,
        kind=AlertKind.SHIFT,
        cause=shift.id,
        severity=severity_of(shift),
        title=f"{name} ({shift.track}): from “{from_title}” to “{to_title}”",
        summary=(_status(shift, name, scene.ladder), _weight(shift, from_title, scene.ladder), _when(shift)),
        position=change_of(shift, position, scene.ladder, name),
    )


def correction_alert(correction: Correction, told: Shift, position: Position, scene: Scene, now: datetime) -> Alert:
    """Return the alert of a correction of `told`; it goes into the thread of the shift."""
    name, stands = _name(told.actor, scene), correction.shift
    from_title, to_title = _titles(told, scene.ladder)
    lines = [
        f"Told was a move of {name} from “{from_title}” to “{to_title}”, decided on {_minute(told.decided_at)}.",
        _why_corrected(correction, told, scene.ladder),
    ]
    if stands is not None and correction.kind is not CorrectionKind.RETRACTED:
        lines.append(_status(stands, name, scene.ladder))
    lines.append(_stands(told, position, name, scene.ladder))
    confirmed = correction.kind is CorrectionKind.CONFIRMED
    return _alert(
        stands or told,
        scene,
        now,
        kind=AlertKind.CORRECTION,
        cause=correction.id,
        severity=Severity.INFO if confirmed else severity_of(told),
        title=f"{name} ({told.track}): the move to “{to_title}” {_BECAME[correction.kind]}",
        summary=tuple(lines),
        position=change_of(stands, position, scene.ladder, name) if stands else None,
        labels={"correction": correction.kind.value},
        proven=stands is not None,
    )


def severity_of(shift: Shift) -> Severity:
    """Return how urgent a shift is: what officials declared, and nobody contests, most of all."""
    is_sure = shift.track is Track.DECLARED and shift.status is ShiftStatus.CONFIRMED
    return Severity.CRITICAL if is_sure else Severity.WARNING


def shift_group(watch_topic: str, actor: str) -> str:
    """Return the group key of an actor's shifts and their corrections: one thread."""
    return f"{AlertKind.SHIFT}/{watch_topic}/{actor}"


def testimony_of(claim: Claim, ladder: Ladder) -> Testimony:
    """Return a claim as a sentence that proves something, verbatim; of one that never ends, the beginning."""
    text = claim.evidence.text[:_SENTENCE_CHARS]
    return Testimony(
        claim_id=claim.id,
        rung=ladder.title(claim.rung),
        text=text,
        speaker=claim.speaker,
        attribution=claim.attribution,
        modality=effective_modality(claim),
        said_at=claim.event_at,
        article_id=claim.article_id,
        field=claim.evidence.field,
        start=claim.evidence.start,
        end=claim.evidence.start + len(text),
        outlet=claim.outlet,
        url=claim.url,
    )


def _alert(
    shift: Shift,
    scene: Scene,
    now: datetime,
    *,
    kind: AlertKind,
    cause: str,
    severity: Severity,
    title: str,
    summary: tuple[str, ...],
    position: PositionChange | None,
    labels: Mapping[str, str] | None = None,
    proven: bool = True,
) -> Alert:
    """Return an alert about `shift`; where that is not `proven` any more, without its evidence."""
    group_key = shift_group(shift.watch_topic, shift.actor)
    evidence = shift.evidence if proven else ()
    return Alert(
        id=alert_id(group_key, cause),
        kind=kind,
        group_key=group_key,
        watch_topic=shift.watch_topic,
        watch_topic_title=scene.title,
        severity=severity,
        title=title,
        summary="\n".join(summary),
        labels={**_labels(shift, scene), **(labels or {})},
        article=scene.article(evidence[0].article_id) if evidence else None,
        position=position,
        testimony=tuple(testimony_of(claim, scene.ladder) for claim in evidence if claim.evidence.text),
        decided_at=now,
    )


def _labels(shift: Shift, scene: Scene) -> dict[str, str]:
    labels = {"actor": _code(shift.actor, scene), "track": shift.track.value, "direction": shift.direction.value}
    labels["status"] = shift.status.value
    if shift.recipient:
        labels["recipient"] = _code(shift.recipient, scene)
    if shift.side_channel:
        labels["side_channel"] = shift.side_channel
    return labels


def _titles(shift: Shift, ladder: Ladder) -> tuple[str, str]:
    """Return what the rungs of a shift are called; one that the ladder no longer has is its id."""
    if shift.side_channel is None:
        return ladder.title(shift.from_rung), ladder.title(shift.to_rung)
    denied, so = titles_of(ladder, shift.side_channel)
    return (denied, so) if shift.to_rung == shift.side_channel else (so, denied)


def _status(shift: Shift, name: str, ladder: Ladder) -> str:
    said = f"{counted(shift.origins, 'independent origin')} within {_span_days(ladder)}"
    own = sum(1 for claim in shift.evidence if claim.attribution is Attribution.SELF)
    word = (
        f"{own} of the sentences shown {'are' if own > 1 else 'is'} {name}'s own word"
        if own
        else "none in its own word"
    )
    match shift.status:
        case ShiftStatus.UNCONFIRMED:
            return f"Unconfirmed: {said}, {word}; it takes {ladder.policy.origins} to confirm it."
        case ShiftStatus.CONFIRMED:
            return f"Confirmed: {said}, {word}."
        case ShiftStatus.CONTESTED:
            return f"Contested: {said}, but {name}'s own officials say otherwise."
        case ShiftStatus.RETRACTED:
            return f"Taken back within {_span_days(ladder)}."


def _weight(shift: Shift, from_title: str, ladder: Ladder) -> str:
    return (
        f"What speaks for it weighs {shift.score:.2f}, against {shift.rival_score:.2f} for “{from_title}”, "
        f"which it must exceed {ladder.policy.margin:g} times; one origin's own word weighs 1."
    )


def _when(shift: Shift) -> str:
    return f"First said on {_minute(shift.first_evidence_at)}, decided on {_minute(shift.decided_at)}."


def _why_corrected(correction: Correction, told: Shift, ladder: Ladder) -> str:
    stands = correction.shift
    if correction.kind is CorrectionKind.CHANGED and stands is not None and stands.from_rung != told.from_rung:
        really, said = _titles(stands, ladder)[0], _titles(told, ladder)[0]
        return f"Why: it was a move from “{really}”, not from “{said}”."
    if correction.kind is CorrectionKind.RETRACTED and stands is not None:
        gone, back = _titles(stands, ladder)
        return f"Why: it was taken back, “{gone}” gave way to “{back}” again."
    return f"Why: {correction.reason}."


def _stands(told: Shift, position: Position, name: str, ladder: Ladder) -> str:
    if told.side_channel:
        channel = next((one for one in position.side_channels if one.side_channel == told.side_channel), None)
        rung = (channel.declared if told.track is Track.DECLARED else channel.reported) if channel else None
        denied, so = titles_of(ladder, told.side_channel)
        title = so if rung == told.side_channel else denied
        return f"Where {name} stands now ({told.track}): “{title}”."
    stand = position.declared if told.track is Track.DECLARED else position.reported
    if stand.rung is None:
        return f"Where {name} stands now ({told.track}): not known."
    since = f" since {stand.since.day} {stand.since:%b %Y}" if stand.since else ""
    return f"Where {name} stands now ({told.track}): “{ladder.title(stand.rung)}”{since}."


def _name(actor: str, scene: Scene) -> str:
    return scene.gazetteer.actor(actor).name if actor in scene.gazetteer else actor


def _code(actor: str, scene: Scene) -> str:
    return (scene.gazetteer.actor(actor).code if actor in scene.gazetteer else None) or actor


def _minute(moment: datetime) -> str:
    return f"{moment.day} {moment:%b %Y %H:%M} UTC"


def _span_days(ladder: Ladder) -> str:
    days = ladder.policy.window.total_seconds() / 86400
    return counted(int(days), "day") if days == int(days) else f"{days:.1f} days"
