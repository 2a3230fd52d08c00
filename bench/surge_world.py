"""A simulated stream of beginning stories: a day's and a week's rhythm, days that are livelier than others, and bursts.

Stories come as a Poisson process whose rate follows the hours (few at night), the days of the week (weekends have 45 %)
and the news: a factor a day that is log-normal and hangs on the day before, and another for every two hours, so that
counts are more dispersed than Poisson's, as news is. A burst multiplies the rate for a while.
"""

import math
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from random import Random

from schemas.base import content_id
from services.domain.surges.records import StoryStart

START = datetime(2024, 1, 1, tzinfo=UTC)  # a Monday
WEEKEND = 0.45
_SATURDAY = 5


@dataclass(frozen=True)
class Burst:
    """From `day` on (its fraction is the time of day), for `days`, everything comes `factor` times as often."""

    day: float
    days: float
    factor: float

    @property
    def at(self) -> datetime:
        """When it begins."""
        return START + timedelta(days=self.day)

    @property
    def until(self) -> datetime:
        """When it is over."""
        return self.at + timedelta(days=self.days)


@dataclass(frozen=True)
class SurgeWorld:
    """`rate` is the mean number of new stories on a workday; `spread` and `memory` make the log-normal daily factor.

    `flurry` makes that of two hours, likewise as a standard deviation of logs.
    """

    rate: float
    days: int = 120
    spread: float = 0.3
    memory: float = 0.4
    flurry: float = 0.4
    bursts: tuple[Burst, ...] = ()


def simulate(world: SurgeWorld, seed: int) -> list[StoryStart]:
    """Return the beginnings of stories in order. The same seed, the same stream."""
    random = Random(seed)
    starts: list[StoryStart] = []
    level = random.gauss(0, 1)
    for day in range(world.days):
        level = world.memory * level + math.sqrt(1 - world.memory**2) * random.gauss(0, 1)
        lively = _factor(level, world.spread)
        flurries = [_factor(random.gauss(0, 1), world.flurry) for _ in range(12)]
        for hour in range(24):
            at = START + timedelta(days=day, hours=hour)
            rate = world.rate * lively * _hour_share(hour) * (WEEKEND if at.weekday() >= _SATURDAY else 1.0)
            rate *= flurries[hour // 2]
            rate *= math.prod(burst.factor for burst in world.bursts if burst.at <= at < burst.until)
            starts += [
                _start(at + timedelta(hours=random.random()), seed, random) for _ in range(_poisson(rate, random))
            ]
    return sorted(starts, key=lambda start: start.at)


def _factor(level: float, spread: float) -> float:
    """Return a log-normal factor of mean 1."""
    return math.exp(spread * level - spread**2 / 2)


def _hour_share(hour: int) -> float:
    return (1 + 0.8 * math.sin(2 * math.pi * (hour - 8) / 24)) / 24


def _poisson(mean: float, random: Random) -> int:
    count, at = 0, random.expovariate(1.0)
    while at < mean:
        count += 1
        at += random.expovariate(1.0)
    return count


def _start(at: datetime, seed: int, random: Random) -> StoryStart:
    story_id = content_id("simulated", str(seed), str(random.getrandbits(64)))
    return StoryStart(story_id=story_id, at=at, seen_at=at, outlet="Wire")
