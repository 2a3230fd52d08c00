"""What is compared with what, and how improbable a count must be."""

from dataclasses import dataclass, field
from datetime import timedelta


@dataclass(frozen=True)
class Window:
    """A stretch of time in which stories are counted.

    It is out of rhythm with at least `minimum` stories of which the probability is `threshold` or less.
    """

    length: timedelta
    minimum: int
    threshold: float


@dataclass(frozen=True)
class SurgePolicy:
    """The parameters of surges; docs/surges.md says where they are from, bench/surges.py what they do.

    Baseline: windows of the same length that end at the same time of day, over `baseline`, which ends `guard` before
    the window begins; at least `least_alike` of the same kind of day, else of any. Before `history` there is none.
    Of few windows the variance is not known well: `prior_windows` count with it whose rate varies by `prior_spread`, a
    share of itself, as a standard deviation.
    A surge ends when every window's count has a probability above `calm`, at the earliest after `shortest`; after
    `longest` what was a surge is the rhythm. Stories are judged `grace` after they began; their articles may come out
    of the order in which they were seen by as much as `disorder`. A surge that began more than `news_for` ago when it
    becomes known is not told.
    """

    windows: tuple[Window, ...] = field(
        default=(
            Window(timedelta(hours=24), minimum=5, threshold=3e-4),
            Window(timedelta(hours=3), minimum=5, threshold=2e-5),
        )
    )
    baseline: timedelta = timedelta(days=28)
    guard: timedelta = timedelta(days=2)
    history: timedelta = timedelta(days=7)
    least_alike: int = 4
    prior_windows: float = 10.0
    prior_spread: float = 0.4
    calm: float = 0.1
    shortest: timedelta = timedelta(hours=24)
    longest: timedelta = timedelta(days=14)
    grace: timedelta = timedelta(minutes=30)
    disorder: timedelta = timedelta(minutes=5)
    news_for: timedelta = timedelta(days=2)

    @property
    def late_after(self) -> timedelta:
        """How long after it began a story may be seen and still be judged as of its beginning."""
        return self.grace - self.disorder

    @property
    def keep(self) -> timedelta:
        """How long the beginnings of stories are needed, with room for those that come late."""
        longest = max(window.length for window in self.windows)
        return self.baseline + self.guard + longest + timedelta(days=4)
