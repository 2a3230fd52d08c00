"""What is usual for a topic at a time of day: counts of earlier windows, and what follows for one yet to come."""

from bisect import bisect_right, insort
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from services.domain.surges.policy import SurgePolicy
from services.domain.surges.records import DayKind, Stretch, Usual
from services.domain.surges.tails import quantile

_DAY = timedelta(days=1)
_A_MONDAY = datetime(1970, 1, 5, tzinfo=UTC)
_QUARTER = 0.25
_FEW, _MANY = 0.05, 0.95  # nine of ten are from the one to the other


class Beginnings:
    """When stories began, in order; counts are of windows from after their start to their end, which is in them."""

    def __init__(self, times: Iterable[datetime] = ()) -> None:
        self._times = sorted(times)

    def add(self, at: datetime) -> None:
        """Take one more."""
        insort(self._times, at)

    def forget(self, before: datetime) -> None:
        """Drop those before a moment."""
        del self._times[: bisect_right(self._times, before)]

    def count(self, end: datetime, length: timedelta) -> int:
        """Return how many began in the window of this length that ends then."""
        return bisect_right(self._times, end) - bisect_right(self._times, end - length)

    def within(self, end: datetime, length: timedelta) -> Sequence[datetime]:
        """Return the moments in that window, in order."""
        return self._times[bisect_right(self._times, end - length) : bisect_right(self._times, end)]


class Known(NamedTuple):
    """What may be compared with: from when on somebody looked, and the stretches that were surges."""

    since: datetime
    surges: tuple[Stretch, ...] = ()


class Expected(NamedTuple):
    """What to expect of a count, by so many windows of days of this kind."""

    mean: float
    variance: float
    windows: int
    days: DayKind

    def usual(self) -> Usual:
        """Return it as people are told of it."""
        low, high = (quantile(share, self.mean, self.variance) for share in (_FEW, _MANY))
        return Usual(mean=self.mean, variance=self.variance, low=low, high=high, windows=self.windows, days=self.days)


def kind_of(end: datetime, length: timedelta) -> DayKind:
    """Return on which kind of day the window falls, in UTC: by a quarter on the other kind, it is at the turn."""
    share = (_weekend_before(end) - _weekend_before(end - length)) / length
    if share < _QUARTER:
        return DayKind.WORKDAYS
    return DayKind.WEEKEND if share > 1 - _QUARTER else DayKind.TURN


def _weekend_before(moment: datetime) -> timedelta:
    """Return how much weekend there was from a Monday long ago to this moment."""
    weeks, rest = divmod(moment - _A_MONDAY, 7 * _DAY)
    return weeks * 2 * _DAY + max(rest - 5 * _DAY, timedelta(0))


def expect(
    beginnings: Beginnings, end: datetime, length: timedelta, known: Known, policy: SurgePolicy
) -> Expected | None:
    """Return what to expect in the window that ends then, or None if too few windows are known."""
    ends = list(_ends(end, length, known, policy))
    apart = [one for one in ends if not _is_surge(one, length, known.surges)] if known.surges else ends
    ends = apart if len(apart) >= policy.least_alike else ends
    if len(ends) < policy.least_alike:
        return None
    kinds = [kind_of(end - day * _DAY, length) for day in range(7)]  # of the windows that end so many days before
    alike = [one for one in ends if kinds[(end - one).days % 7] is kinds[0]]
    is_enough = len(alike) >= policy.least_alike
    counts = [beginnings.count(one, length) for one in (alike if is_enough else ends)]
    return _predicted(counts, kinds[0] if is_enough else DayKind.ALL, policy)


def _ends(end: datetime, length: timedelta, known: Known, policy: SurgePolicy) -> Iterator[datetime]:
    """Yield the ends of the windows at the same time of day that lie in the baseline, the latest first."""
    latest = end - length - policy.guard
    first = max(latest - policy.baseline, known.since)
    one = end - -((latest - end) // _DAY) * _DAY  # the latest that is not after the guard band begins
    while one - length >= first:
        yield one
        one -= _DAY


def _is_surge(end: datetime, length: timedelta, surges: Sequence[Stretch]) -> bool:
    return any(surge.since <= end and end - length < surge.until for surge in surges)


def _predicted(counts: Sequence[int], days: DayKind, policy: SurgePolicy) -> Expected:
    """Return what to expect of one more count: its variance is that of the counts and that of their mean.

    Half a story is added to the sum, since of a topic without any it is not known that there never will be one.
    """
    windows = len(counts)
    mean = (sum(counts) + 0.5) / windows
    squares = sum((count - mean) ** 2 for count in counts)
    prior = mean + (policy.prior_spread * mean) ** 2
    variance = (squares + policy.prior_windows * prior) / (windows - 1 + policy.prior_windows)
    return Expected(mean, max(variance, mean) * (1 + 1 / windows), windows, days)
