"""The weight of what has been said, rung by rung: what was said within the window, and scores that fade."""

import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

from schemas.claim import Attribution, Claim, Modality
from schemas.ladder import ShiftPolicy
from schemas.shift import NOT_SO
from services.domain.positions.claims import effective_modality

# Whose word can be corroboration; experts add weight, and decide nothing however many they are.
_INFORMED = frozenset((Attribution.SELF, Attribution.UNNAMED, Attribution.THIRD_PARTY, Attribution.OPPONENT))


class Voice(NamedTuple):
    """What a claim weighs. Sorted by when it was said, then by the claim's id: that is the order of the fold."""

    at: datetime
    claim_id: str
    rung: str
    weight: float
    own: bool
    informed: bool
    on_record: bool  # these two may decide alone where the policy lets one statement do that
    leaked: bool
    origin: str
    confidence: float
    claim: Claim


def voice_of(claim: Claim, policy: ShiftPolicy) -> Voice:
    """Return what a claim weighs: nothing if it may not move a position, or denies what it is about.

    On a side channel, a denial speaks for the rung "denied".
    """
    modality = effective_modality(claim)
    rung = claim.rung
    if claim.side_channel and modality is Modality.DENIED:
        rung, modality = NOT_SO, Modality.ASSERTED
    own = claim.attribution is Attribution.SELF
    weight = policy.weights.of(claim.attribution, modality) if claim.eligible else 0.0
    sure = claim.confidence >= policy.lone_confidence
    return Voice(
        at=claim.event_at,
        claim_id=claim.id,
        rung=rung,
        weight=weight,
        own=own,
        informed=claim.attribution in _INFORMED,
        on_record=own and claim.speaker is not None and sure and modality is not Modality.SPECULATIVE,
        leaked=claim.attribution in _INFORMED and not (own and claim.speaker is not None) and sure,
        origin=claim.origin_id,
        confidence=claim.confidence,
        claim=claim,
    )


@dataclass(slots=True)
class Tally:
    """What was said for each rung within the window. Voices must be added in their order."""

    policy: ShiftPolicy
    _recent: dict[str, list[Voice]] = field(default_factory=dict)

    def add(self, voice: Voice) -> None:
        """Count a voice that weighs something."""
        recent = self._recent.setdefault(voice.rung, [])
        begin = voice.at - self.policy.window
        if recent and recent[0].at <= begin:
            recent[:] = [held for held in recent if held.at > begin]
        recent.append(voice)

    def recent(self, rung: str, at: datetime, since: datetime | None = None) -> list[Voice]:
        """Return the voices for a rung within the window that ends at `at`, and not before `since`; oldest first."""
        begin = at - self.policy.window
        return [
            voice for voice in self._recent.get(rung, ()) if voice.at > begin and (since is None or voice.at >= since)
        ]

    def rungs(self) -> list[str]:
        """Return the rungs that anything was said for, in a settled order."""
        return sorted(self._recent)

    def moved(self, rung: str, since: datetime) -> None:
        """Forget what was said for other rungs before `since`: the move to `rung` has overtaken it."""
        for other in [other for other in self._recent if other != rung]:
            self._recent[other] = [voice for voice in self._recent[other] if voice.at >= since]

    def copy(self) -> "Tally":
        """Return a tally that goes on by itself."""
        return Tally(self.policy, {rung: list(recent) for rung, recent in self._recent.items()})


class Score:
    """A sum over origins of the weightiest statement of each, faded to the moment `at`.

    Forty copies of a story have one origin, and so weigh as much as one.
    """

    __slots__ = ("_at", "_best", "_tau", "value")

    def __init__(self, at: datetime, policy: ShiftPolicy) -> None:
        self._at = at
        self._tau = policy.tau
        self._best: dict[str, float] = {}
        self.value = 0.0

    def add(self, voice: Voice) -> None:
        """Count one more voice."""
        weight = voice.weight * math.exp((voice.at - self._at) / self._tau)
        best = self._best.get(voice.origin, 0.0)
        if weight > best:
            self.value += weight - best
            self._best[voice.origin] = weight


def score_of(voices: Iterable[Voice], at: datetime, policy: ShiftPolicy) -> float:
    """Return the score of voices at a moment."""
    score = Score(at, policy)
    for voice in voices:
        score.add(voice)
    return score.value


def origins_of(voices: Iterable[Voice]) -> set[str]:
    """Return the independent origins among voices that can corroborate."""
    return {voice.origin for voice in voices if voice.informed}


def confidence_of(voices: Iterable[Voice]) -> float:
    """Return how sure it is that at least one origin is right: each as sure as its surest statement, by its weight."""
    surest: dict[str, float] = {}
    for voice in voices:
        surest[voice.origin] = max(surest.get(voice.origin, 0.0), voice.weight * voice.confidence)
    return round(1.0 - math.prod(1.0 - sure for sure in surest.values()), 4)
