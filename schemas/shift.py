"""Shift: an actor's position moved. Position: where it stands. Correction: what was told of a shift no longer holds."""

from enum import StrEnum

from pydantic import Field

from schemas.base import ContentId, Contract, NonEmpty, Slug, StreamContract, UtcDatetime, content_id
from schemas.claim import Claim
from schemas.position import PositionStep, Track

NOT_SO = "denied"  # where an actor stands on a side channel of which nothing is said, or which it denies
MAX_EVIDENCE = 8  # an alert shows no more, and a stream need not carry more


class ShiftStatus(StrEnum):
    """How far a shift can be relied on."""

    UNCONFIRMED = "unconfirmed"  # reported, by fewer origins than confirm it
    CONFIRMED = "confirmed"
    CONTESTED = "contested"  # the actor's own officials say otherwise
    RETRACTED = "retracted"  # taken back within the policy's window


class Direction(StrEnum):
    """Which way on the ladder."""

    UP = "up"
    DOWN = "down"


class Shift(StreamContract):
    """An actor moved from one rung to another, on one track.

    `side_channel` is set where it is not the ladder that it moved on; then rungs are the channel's id and "denied".
    `evidence` are the weightiest claims that decided it, one an origin, verbatim; `origins` counts all that said so by
    now, within the window. `score` and `rival_score` are what the new and the old rung weighed then. `reverts` is the
    shift that this one takes back.
    """

    id: ContentId
    watch_topic: Slug
    actor: Slug
    recipient: Slug | None = None
    side_channel: Slug | None = None
    track: Track
    from_rung: Slug
    to_rung: Slug
    direction: Direction
    first_evidence_at: UtcDatetime
    decided_at: UtcDatetime
    since: UtcDatetime | None = Field(default=None, description="when the position before began")
    status: ShiftStatus
    origins: int = Field(ge=1)
    score: float = Field(ge=0)
    rival_score: float = Field(ge=0)
    confidence: float = Field(ge=0, le=1)
    evidence: tuple[Claim, ...] = Field(min_length=1, max_length=MAX_EVIDENCE)
    speakers: tuple[NonEmpty, ...] = ()
    reverts: ContentId | None = None


class CorrectionKind(StrEnum):
    """What became of a shift that was told."""

    WITHDRAWN = "withdrawn"  # with what came in late, it did not happen
    CHANGED = "changed"  # it happened, but from another rung or at another time
    CONFIRMED = "confirmed"
    CONTESTED = "contested"
    RETRACTED = "retracted"


class Correction(StreamContract):
    """What was told of the shift `corrects` no longer holds; `shift` is how it stands now, None if it does not.

    With RETRACTED, `shift` is the one that took it back.
    """

    id: ContentId
    watch_topic: Slug
    actor: Slug
    kind: CorrectionKind
    corrects: ContentId
    reason: NonEmpty
    shift: Shift | None = None


class Stand(Contract):
    """Where an actor stands on one track; `steps` are the way there, by index of the rung, oldest first."""

    track: Track
    rung: Slug | None = None
    since: UtcDatetime | None = None
    steps: tuple[PositionStep, ...] = ()


class StandingPolicy(Contract):
    """The rung that articles themselves last gave as the actor's policy. It is shown, and moves nothing."""

    rung: Slug
    as_of: UtcDatetime
    claim: Claim


class ChannelPosition(Contract):
    """Where an actor stands on a side channel; contested if others report what its own officials deny."""

    side_channel: Slug
    declared: Slug
    reported: Slug
    contested: bool


class StanceTaken(Contract):
    """What an actor that is not on the ladder did about the question, and the latest claim that says so."""

    stance: Slug
    first_at: UtcDatetime
    last_at: UtcDatetime
    origins: int = Field(ge=1)
    speakers: tuple[NonEmpty, ...] = ()
    claim: Claim


class Position(StreamContract):
    """Where one actor stands on one topic, from all claims up to `as_of`."""

    watch_topic: Slug
    actor: Slug
    declared: Stand
    reported: Stand
    standing: StandingPolicy | None = None
    side_channels: tuple[ChannelPosition, ...] = ()
    stances: tuple[StanceTaken, ...] = ()
    shifts: tuple[Shift, ...] = ()
    claims: int = Field(ge=0)
    eligible: int = Field(ge=0)
    as_of: UtcDatetime | None = None


class Told(Contract):
    """A shift that the tracker knows of. `shift` is as it was last told; `told` is false where nobody was told.

    `id` is the shift's present id: another than it was told under where a claim that came late decided it earlier.
    """

    id: ContentId
    shift: Shift
    told: bool


class PositionState(StreamContract):
    """All that a tracker of one actor on one topic knows: enough to go on as if it had never stopped."""

    watch_topic: Slug
    actor: Slug
    claims: tuple[Claim, ...] = ()
    told: tuple[Told, ...] = ()


def shift_id(
    watch_topic: str, actor: str, *, side_channel: str | None, track: Track, to_rung: str, decisive: str
) -> str:
    """Return the id of a shift: made of the claim that decided it, so the same whatever order claims came in."""
    return content_id("shift", watch_topic, actor, side_channel or "", track, to_rung, decisive)


def correction_id(corrects: str, kind: CorrectionKind, shift: Shift | None) -> str:
    """Return the id of a correction: the same news about the same shift once."""
    return content_id("correction", corrects, kind, *((shift.id, shift.from_rung) if shift else ()))
