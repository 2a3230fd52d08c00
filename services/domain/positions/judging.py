"""Has an actor moved to a rung? The rule, and what is missing where it has not."""

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

from schemas.ladder import ShiftPolicy
from schemas.position import Track
from services.domain.positions.tally import Score, Tally, Voice, score_of


class Missing(StrEnum):
    """Why a rung is not the position."""

    OWN_WORD = "own_word"  # nothing said on record by the actor itself
    ORIGINS = "origins"  # too few independent origins within the window
    SCORE = "score"
    MARGIN = "margin"  # too little against the present rung


@dataclass(frozen=True, slots=True)
class Case:
    """What speaks for a rung at one moment, and what is missing for it to be the position; nothing missing: it is."""

    track: Track
    rung: str
    current: str | None
    at: datetime
    score: float
    rival_score: float
    threshold: float
    origins: int
    origins_needed: int
    voices: tuple[Voice, ...]
    missing: tuple[Missing, ...]

    @classmethod
    def empty(cls, track: Track, rung: str, current: str | None, at: datetime) -> "Case":
        """Return the case of a rung for which nothing speaks."""
        return cls(track, rung, current, at, 0.0, 0.0, 0.0, 0, 0, (), tuple(Missing))

    @property
    def decided(self) -> bool:
        """Whether the actor has moved there."""
        return not self.missing


def judge(tally: Tally, track: Track, rung: str, *, current: str | None, at: datetime) -> Case:
    """Weigh a rung against the one an actor stands on, over the stretch of time that speaks most for it.

    A stretch begins with any statement for the rung within the window, and ends now. So what an actor has said for
    years does not weigh against what it says today, only what it goes on to say beside it. Where it stands on no rung,
    one statement is enough.
    """
    candidates = tuple(tally.recent(rung, at))
    rivals = tally.recent(current, at) if current is not None else []
    stretch = _Stretch(Case.empty(track, rung, current, at), tally.policy, score_of(rivals, at, tally.policy))
    best = stretch.case(())
    for begin in range(len(candidates) - 1, -1, -1):
        if stretch.add(candidates[begin]):
            while rivals and rivals[-1].at >= candidates[begin].at:
                stretch.rival.add(rivals.pop())
            case = stretch.case(candidates[begin:])
            best = max(best, case, key=_rank)
    return best


def _rank(case: Case) -> tuple[int, float]:
    """Return how near a stretch is to a decision; of those that decide, the weightiest comes first."""
    return -len(case.missing), case.score - case.rival_score


class _Way(NamedTuple):
    """A way to decide: by how many origins, with which score, against what."""

    origins: int
    threshold: float
    rival_score: float


class _Stretch:
    """A stretch of time that grows backwards; `window_rival` is the present rung's score in the whole window."""

    def __init__(self, empty: Case, policy: ShiftPolicy, window_rival: float) -> None:
        self._empty, self._policy, self._window_rival = empty, policy, window_rival
        self._score = Score(empty.at, policy)
        self.rival = Score(empty.at, policy)
        self._origins: set[str] = set()
        self._own = self._leaked = self._on_record = False

    def add(self, voice: Voice) -> bool:
        """Count the statement before; say whether it makes the case any better."""
        before = self._made()
        self._score.add(voice)
        self._own |= voice.own
        self._leaked |= voice.leaked
        self._on_record |= voice.on_record
        if voice.informed:
            self._origins.add(voice.origin)
        return before != self._made()

    def _made(self) -> tuple[float, int, bool, bool, bool]:
        return self._score.value, len(self._origins), self._own, self._leaked, self._on_record

    def case(self, voices: tuple[Voice, ...]) -> Case:
        """Return the case that these statements make, which are all that were added, by the way that goes furthest."""
        policy = self._policy
        ways = [_Way(policy.origins, policy.threshold, self.rival.value)]
        if self._one_is_enough():
            ways.append(_Way(1, policy.lone_threshold, self._window_rival))
        way = min(ways, key=lambda way: len(self._missing(way)))
        return replace(
            self._empty,
            score=self._score.value,
            rival_score=way.rival_score,
            threshold=way.threshold,
            origins=len(self._origins),
            origins_needed=way.origins,
            voices=voices,
            missing=self._missing(way),
        )

    def _one_is_enough(self) -> bool:
        if self._empty.current is None:
            return True
        if self._empty.track is Track.DECLARED:
            return self._policy.on_record and self._on_record
        return self._policy.lone_reports and self._leaked

    def _missing(self, way: _Way) -> tuple[Missing, ...]:
        score = self._score.value
        checks = (
            (Missing.OWN_WORD, self._own or self._empty.track is Track.REPORTED),
            (Missing.ORIGINS, len(self._origins) >= way.origins),
            (Missing.SCORE, score >= way.threshold),
            (Missing.MARGIN, score > self._policy.margin * way.rival_score),
        )
        return tuple(what for what, holds in checks if not holds)
