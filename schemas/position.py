"""PositionChange: where an actor stood, where it stands now, and the way there, as an alert shows it."""

from enum import StrEnum

from pydantic import Field

from schemas.base import Contract, NonEmpty, Slug, UtcDatetime


class Track(StrEnum):
    """On whose word a position rests."""

    DECLARED = "declared"  # the actor's own officials, on record
    REPORTED = "reported"


class PositionStep(Contract):
    """From `at` on the actor stood on this rung, an index into `rungs`."""

    at: UtcDatetime
    rung: int = Field(ge=0)


class PositionChange(Contract):
    """An actor moved on a topic's ladder. `rungs` are the ladder's titles in order; `steps` the history, oldest first.

    `from_rung` is None where no position was known before.
    """

    actor: Slug
    actor_name: NonEmpty
    track: Track
    rungs: tuple[NonEmpty, ...] = Field(min_length=1)
    from_rung: int | None = Field(default=None, ge=0)
    to_rung: int = Field(ge=0)
    since: UtcDatetime | None = Field(default=None, description="when the position before began")
    steps: tuple[PositionStep, ...] = ()
    origins: int = Field(default=0, ge=0, description="independent origins that say so")
    confidence: float = Field(default=0.0, ge=0, le=1)
    speakers: tuple[NonEmpty, ...] = ()
