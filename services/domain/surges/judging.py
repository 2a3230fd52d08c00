"""Whether a topic is in its rhythm at a moment, and if not, since when. Pure."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from services.domain.surges.policy import SurgePolicy, Window
from services.domain.surges.rhythm import Beginnings, Expected, Known, expect
from services.domain.surges.tails import upper_tail

_HOUR = timedelta(hours=1)


class Decision(StrEnum):
    """What is decided of a topic when one more of its stories began."""

    BEGINS = "begins"  # a window holds more than its rhythm explains
    GOES_ON = "goes_on"  # the surge that was told has not ended
    IN_RHYTHM = "in_rhythm"
    TOO_FEW = "too_few"  # so few stories are no surge, however unusual
    NO_HISTORY = "no_history"  # what is usual is not known yet


@dataclass(frozen=True)
class Judgement:
    """A decision with its grounds: the most unusual window's count, what is expected of it, its probability."""

    decision: Decision
    why: str
    window: timedelta | None = None
    count: int = 0
    expected: Expected | None = None
    probability: float = 1.0


def judge(beginnings: Beginnings, at: datetime, known: Known, policy: SurgePolicy) -> Judgement:
    """Say whether the windows that end then are out of rhythm, and which is so most."""
    if at - known.since < policy.history:
        days = (at - known.since) // timedelta(days=1)
        return Judgement(Decision.NO_HISTORY, f"followed for {days} of {policy.history.days} days")
    judged = [_judge_window(beginnings, at, window, known, policy) for window in policy.windows]
    rank = (Decision.BEGINS, Decision.IN_RHYTHM, Decision.TOO_FEW, Decision.NO_HISTORY)
    return min(judged, key=lambda one: (rank.index(one.decision), one.probability))


def _judge_window(beginnings: Beginnings, at: datetime, window: Window, known: Known, policy: SurgePolicy) -> Judgement:
    count = beginnings.count(at, window.length)
    hours = window.length // _HOUR
    if count < window.minimum:
        why = f"{count} in {hours} h, of {window.minimum} at least"
        return Judgement(Decision.TOO_FEW, why, window.length, count)
    expected = expect(beginnings, at, window.length, known, policy)
    if expected is None:
        return Judgement(Decision.NO_HISTORY, f"fewer than {policy.least_alike} windows of {hours} h are known")
    probability = upper_tail(count, expected.mean, expected.variance)
    decision = Decision.BEGINS if probability <= window.threshold else Decision.IN_RHYTHM
    why = f"{count} in {hours} h, {expected.mean:.1f} is usual, p = {probability:.2g}"
    return Judgement(decision, why, window.length, count, expected, probability)


def is_calm(beginnings: Beginnings, at: datetime, known: Known, policy: SurgePolicy) -> bool:
    """Say whether every window that ends then is back in its rhythm: less unusual than what begins a surge."""
    for window in policy.windows:
        count = beginnings.count(at, window.length)
        if count >= window.minimum:
            expected = expect(beginnings, at, window.length, known, policy)
            if expected is not None and upper_tail(count, expected.mean, expected.variance) <= policy.calm:
                return False
    return True


def beginning(beginnings: Beginnings, at: datetime, judgement: Judgement) -> tuple[datetime, int]:
    """Return since when the rate is out of rhythm, and the stories since: the stretch that is the least probable.

    Compared are the stretches of the window from one of its stories to its end, at its usual rate (Poisson).
    """
    if judgement.window is None or judgement.expected is None:
        raise ValueError("nothing was counted")
    times = beginnings.within(at, judgement.window)
    candidates = []
    for place, since in enumerate(times):
        count = len(times) - place
        mean = judgement.expected.mean * ((at - since) / judgement.window)
        # The story at which a stretch begins was chosen, and is no sign of the rate after it.
        candidates.append((upper_tail(count - 1, mean, mean), since, count))
    _, since, count = min(candidates)
    return since, count
