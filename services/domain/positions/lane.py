"""The fold itself: an actor on one ladder, or on one channel beside it, as voices come in their order."""

from dataclasses import dataclass, field, replace
from datetime import datetime

from schemas.claim import Modality
from schemas.ladder import ShiftPolicy
from schemas.position import Track
from schemas.shift import ShiftStatus
from services.domain.positions.claims import effective_modality
from services.domain.positions.judging import Case, judge
from services.domain.positions.tally import Tally, Voice, origins_of, score_of


@dataclass(frozen=True, slots=True)
class Move:
    """A decided shift: the case that decided it, by which voice, and what has become of it."""

    case: Case
    decisive: Voice
    since: datetime | None
    status: ShiftStatus
    origins: frozenset[str]
    reverts: int | None = None  # an index into the lane's moves

    @property
    def first_at(self) -> datetime:
        """When the first evidence for it was."""
        return self.case.voices[0].at


@dataclass(slots=True)
class Stretch:
    """One track: where the actor stands, since when, the way there, and the move that led there."""

    track: Track
    tally: Tally
    rung: str | None = None
    since: datetime | None = None
    steps: list[tuple[datetime, str]] = field(default_factory=list)
    move: int | None = None  # an index into the lane's moves

    def copy(self) -> "Stretch":
        """Return a track that goes on by itself."""
        return replace(self, tally=self.tally.copy(), steps=list(self.steps))

    def step(self, rung: str, at: datetime, first_at: datetime) -> None:
        """Stand on `rung` from `at` on."""
        self.rung, self.since = rung, at
        self.steps.append((at, rung))
        self.tally.moved(rung, first_at)


@dataclass(slots=True)
class Lane:
    """Both tracks of one actor, the moves on them, and what its officials denied."""

    policy: ShiftPolicy
    declared: Stretch
    reported: Stretch
    moves: list[Move] = field(default_factory=list)
    denials: dict[str, datetime] = field(default_factory=dict)  # when officials last denied that rung

    @classmethod
    def begin(cls, policy: ShiftPolicy, start: str | None = None) -> "Lane":
        """Return a lane before the first voice; the actor stands on `start`, or nowhere that is known."""
        return cls(
            policy,
            Stretch(Track.DECLARED, Tally(policy), rung=start),
            Stretch(Track.REPORTED, Tally(policy), rung=start),
        )

    def copy(self) -> "Lane":
        """Return a lane that goes on by itself."""
        return Lane(self.policy, self.declared.copy(), self.reported.copy(), list(self.moves), dict(self.denials))

    def hear(self, voice: Voice) -> None:
        """Take the next voice; decisions depend on it and those before it only."""
        if voice.own and voice.claim.eligible and effective_modality(voice.claim) is Modality.DENIED:
            self.denials[voice.claim.rung] = voice.at
        if voice.weight > 0.0:
            self.declared.tally.add(voice)
            self.reported.tally.add(voice)
            if not self._declare(voice):
                self._report(voice)
        for stretch in (self.declared, self.reported):
            self._review(stretch, voice)

    def _declare(self, voice: Voice) -> bool:
        case = self._judge(self.declared, voice)
        if case is None or not case.decided:
            return False
        self._confirm_reported(voice.rung)
        self._move(self.declared, case, voice, ShiftStatus.CONFIRMED)
        # What officials declare is also what is reported; it is one shift, not two.
        if self.reported.rung != voice.rung:
            self.reported.step(voice.rung, voice.at, case.voices[0].at)
        self.reported.move = None
        return True

    def _report(self, voice: Voice) -> None:
        case = self._judge(self.reported, voice)
        if case is not None and case.decided:
            enough = self._is_corroborated(case.origins, case.score)
            self._move(self.reported, case, voice, ShiftStatus.CONFIRMED if enough else ShiftStatus.UNCONFIRMED)

    def _judge(self, stretch: Stretch, voice: Voice) -> Case | None:
        if voice.rung == stretch.rung:
            return None
        if not voice.informed:
            return None  # an opinion is never what decides
        return judge(stretch.tally, stretch.track, voice.rung, current=stretch.rung, at=voice.at)

    def _move(self, stretch: Stretch, case: Case, voice: Voice, status: ShiftStatus) -> None:
        before = stretch.move
        since, stretch.move = stretch.since, None
        if case.current is not None:  # the first that is known of an actor is no shift
            reverts = self._retract(before, case)
            origins = frozenset(origins_of(case.voices))
            self.moves.append(Move(case, voice, since, status, origins, reverts))
            stretch.move = len(self.moves) - 1
        stretch.step(voice.rung, voice.at, case.voices[0].at)

    def _retract(self, before: int | None, case: Case) -> int | None:
        """Mark the move before as taken back if this one leads where that came from, and came soon after."""
        if before is None:
            return None
        move = self.moves[before]
        if move.case.current != case.rung or case.at - move.case.at > self.policy.window:
            return None
        self.moves[before] = replace(move, status=ShiftStatus.RETRACTED)
        return before

    def _confirm_reported(self, rung: str) -> None:
        at = self.reported.move
        if at is not None and self.reported.rung == rung:
            self.moves[at] = replace(self.moves[at], status=ShiftStatus.CONFIRMED)

    def _review(self, stretch: Stretch, voice: Voice) -> None:
        """Say again how far the latest move can be relied on, now that this was said."""
        if stretch.move is None:
            return
        move = self.moves[stretch.move]
        if voice.claim.id == move.decisive.claim_id or voice.at - move.case.at > self.policy.window:
            return
        origins = move.origins
        if voice.rung == move.case.rung and voice.informed and voice.weight > 0.0:
            origins |= {voice.origin}
        status = move.status
        if status is not ShiftStatus.RETRACTED and self._is_contested(stretch, move, voice.at):
            status = ShiftStatus.CONTESTED
        elif status is ShiftStatus.UNCONFIRMED and voice.rung == move.case.rung:
            score = score_of(stretch.tally.recent(voice.rung, voice.at), voice.at, self.policy)
            status = ShiftStatus.CONFIRMED if self._is_corroborated(len(origins), score) else status
        self.moves[stretch.move] = replace(move, status=status, origins=origins)

    def _is_corroborated(self, origins: int, score: float) -> bool:
        return origins >= self.policy.origins and score >= self.policy.threshold

    def _is_contested(self, stretch: Stretch, move: Move, at: datetime) -> bool:
        """Say whether officials deny a move, or say since its first evidence that they stand elsewhere."""
        rung = move.case.rung
        denied_at = self.denials.get(rung)
        if denied_at is not None and denied_at >= move.first_at:
            return True
        least = score_of(stretch.tally.recent(rung, at, move.first_at), at, self.policy) / self.policy.margin
        # Against what was declared, it takes as many origins as for declaring it; against a report, one word of theirs.
        needed = self.policy.origins if stretch.track is Track.DECLARED else 1
        for other in stretch.tally.rungs():
            voices = stretch.tally.recent(other, at, move.first_at)
            counted = any(voice.own for voice in voices) and len(origins_of(voices)) >= needed
            if other != rung and counted and score_of(voices, at, self.policy) >= least:
                return True
        return False
