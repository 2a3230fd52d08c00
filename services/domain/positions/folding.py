"""All of one actor on one topic, folded from its claims in order: lanes, standing policy, stances."""

from dataclasses import dataclass, field

from schemas.claim import Attribution, Claim, Modality
from schemas.ladder import Ladder
from schemas.shift import NOT_SO
from services.domain.positions.claims import effective_modality
from services.domain.positions.lane import Lane, Move
from services.domain.positions.tally import voice_of


@dataclass(slots=True)
class Stanced:
    """What is kept of a stance: its first and latest claim, and who is behind it."""

    first: Claim
    last: Claim
    origins: set[str]
    speakers: dict[str, None]


@dataclass(slots=True)
class Folded:
    """The state after some claims; `hear` takes the next in order of (event_at, id)."""

    ladder: Ladder
    main: Lane
    beside: dict[str, Lane]
    standing: Claim | None = None
    stances: dict[str, Stanced] = field(default_factory=dict)
    claims: int = 0
    eligible: int = 0
    last: Claim | None = None

    @classmethod
    def begin(cls, ladder: Ladder) -> "Folded":
        """Return the state before the first claim."""
        beside = {channel.id: Lane.begin(ladder.policy, NOT_SO) for channel in ladder.side_channels}
        return cls(ladder, Lane.begin(ladder.policy), beside)

    def hear(self, claim: Claim) -> None:
        """Take the next claim. One about a rung that the ladder no longer has is counted, and nothing else."""
        self.claims += 1
        self.eligible += claim.eligible
        self.last = claim
        if claim.side_channel:
            if claim.rung in self.beside:
                self.beside[claim.rung].hear(voice_of(claim, self.ladder.policy))
        elif any(claim.rung == rung.id for rung in self.ladder.rungs):
            if claim.attribution is Attribution.NARRATOR and effective_modality(claim) is Modality.ASSERTED:
                self.standing = claim
            self.main.hear(voice_of(claim, self.ladder.policy))
        elif any(claim.rung == stance.id for stance in self.ladder.stances) and claim.eligible:
            self._take(claim)

    def moves(self) -> list[Move]:
        """Return the moves on every lane."""
        return [*self.main.moves, *(move for lane in self.beside.values() for move in lane.moves)]

    def _take(self, claim: Claim) -> None:
        if effective_modality(claim) is Modality.DENIED:
            return
        held = self.stances.setdefault(claim.rung, Stanced(claim, claim, set(), {}))
        held.last = claim
        held.origins.add(claim.origin_id)
        if claim.speaker:
            held.speakers.setdefault(claim.speaker)

    def copy(self) -> "Folded":
        """Return a state that goes on by itself."""
        return Folded(
            self.ladder,
            self.main.copy(),
            {channel: lane.copy() for channel, lane in self.beside.items()},
            self.standing,
            {
                stance: Stanced(held.first, held.last, set(held.origins), dict(held.speakers))
                for stance, held in self.stances.items()
            },
            self.claims,
            self.eligible,
            self.last,
        )
