"""How soon surges are told, and how often what is none: on simulated streams of beginning stories.

    python -m bench.surges [--streams 20] [--rates 3 10 30] [--sweep]

Compared are a fixed number of stories in 24 hours, EARS's C1 and C2 (mean + 3 standard deviations over 7 days that end
now or two days ago), and the tracker. All look at the same moments, those at which a story begins, and none tells twice
within 24 hours or before its window is back at what is usual. False surges are counted on streams in rhythm after
their first 31 days; a burst lasts two days, and is detected by the first alert within it.
"""

import argparse
import statistics
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from bench.surge_world import START, Burst, SurgeWorld, simulate
from services.domain.surges.judging import Decision
from services.domain.surges.policy import SurgePolicy
from services.domain.surges.records import StoryStart
from services.domain.surges.rhythm import Beginnings
from services.domain.surges.tracker import SurgeTracker

Detector = Callable[[Sequence[StoryStart]], list[datetime]]

DAY = timedelta(days=1)
WARM_UP = 31  # days until every detector has its whole baseline
QUIET_DAYS = 90
FACTORS = (2, 3, 5)


def fixed(threshold: int) -> Detector:
    """Return the detector of a number of stories in 24 hours."""
    return _told_once(lambda beginnings, at: threshold, lambda beginnings, at: threshold / 2)


def ears(lag: int, deviations: float = 3.0) -> Detector:
    """Return EARS's detector whose 7 days end `lag` days before the window: C1 with 0, C2 with 2.

    Hutwagner et al., The bioterrorism preparedness and response Early Aberration Reporting System (EARS), J Urban
    Health 80 (2003), i89-i96. The deviation is 0.5 at least, or a quiet week would make any story one too many.
    """

    def expected(beginnings: Beginnings, at: datetime) -> tuple[float, float]:
        counts = [beginnings.count(at - (1 + lag + day) * DAY, DAY) for day in range(7)]
        return statistics.mean(counts), max(statistics.stdev(counts), 0.5)

    def bound(beginnings: Beginnings, at: datetime) -> float:
        mean, deviation = expected(beginnings, at)
        return mean + deviations * deviation

    return _told_once(bound, lambda beginnings, at: expected(beginnings, at)[0])


def _told_once(
    bound: Callable[[Beginnings, datetime], float], calm: Callable[[Beginnings, datetime], float]
) -> Detector:
    def detect(starts: Sequence[StoryStart]) -> list[datetime]:
        beginnings, alarms, is_on = Beginnings(), list[datetime](), False
        for start in starts:
            is_on = is_on and (
                start.at - alarms[-1] < DAY or beginnings.count(start.at, DAY) > calm(beginnings, start.at)
            )
            beginnings.add(start.at)
            if (
                not is_on
                and start.at - START >= WARM_UP * DAY
                and beginnings.count(start.at, DAY) > bound(beginnings, start.at)
            ):
                alarms.append(start.at)
                is_on = True
        return alarms

    return detect


def tracker(policy: SurgePolicy) -> Detector:
    """Return the tracker; an alert comes when the grace has passed."""

    def detect(starts: Sequence[StoryStart]) -> list[datetime]:
        held = SurgeTracker("simulated", policy)
        alarms = []
        for start in starts:
            held.note(start)
            now = start.at + policy.grace
            begun = [one for one in held.settle(now) if one.decision is Decision.BEGINS]
            alarms += [now for _ in begun]
        return alarms

    return detect


@dataclass(frozen=True)
class Figures:
    """What a detector did: false surges in 90 topic-days, and of each factor the share detected and the delays."""

    false_surges: float
    detected: dict[int, float]
    delays: dict[int, float]

    def row(self, name: str, rate: float) -> str:
        """Return a row of the table."""
        parts = []
        for factor in FACTORS:
            delay = self.delays.get(factor)
            parts.append(f"{self.detected[factor]:.0%}" + (f", {delay:.0f} h" if delay is not None else ""))
        return f"| {rate:g} | {name} | {self.false_surges:.2f} | " + " | ".join(parts) + " |"


def measure(detect: Detector, world: SurgeWorld, seeds: Iterable[int]) -> Figures:
    """Let a detector run over streams in rhythm, and over the same streams with a burst."""
    streams = list(seeds)
    quiet = replace(world, days=WARM_UP + QUIET_DAYS)
    false = sum(1 for seed in streams for at in detect(simulate(quiet, seed)) if at >= START + WARM_UP * DAY)
    detected: dict[int, float] = {}
    delays: dict[int, float] = {}
    for factor in FACTORS:
        found = [delay for seed in streams if (delay := _delay(detect, world, factor, seed)) is not None]
        detected[factor] = len(found) / len(streams)
        if found:
            delays[factor] = statistics.median(found)
    return Figures(false / len(streams), detected, delays)


def _delay(detect: Detector, world: SurgeWorld, factor: float, seed: int) -> float | None:
    """Return after how many hours a burst was told, or None; it begins on any day of the week, at any hour."""
    burst = Burst(day=40 + seed % 7 + (seed * 5 % 24) / 24, days=2, factor=factor)
    stream = simulate(replace(world, days=50, bursts=(burst,)), 100_000 + seed)
    return next(((at - burst.at) / timedelta(hours=1) for at in detect(stream) if burst.at <= at <= burst.until), None)


def main() -> None:
    arguments = _arguments()
    print(
        f"{arguments.streams} streams in rhythm of {QUIET_DAYS} days, and as many bursts of each size, for each rate\n"
    )
    print("| stories a workday | detector | false surges in 90 days | x2 | x3 | x5 |")
    print("|---:|---|---:|---:|---:|---:|")
    began = time.process_time()
    for rate in arguments.rates:
        for name, detect in _detectors(sweep=arguments.sweep):
            figures = measure(detect, SurgeWorld(rate, spread=arguments.spread), range(arguments.streams))
            print(figures.row(name, rate), flush=True)
    print(f"\n{time.process_time() - began:.1f} s of CPU")


def _detectors(*, sweep: bool) -> Iterator[tuple[str, Detector]]:
    if not sweep:
        yield "20 stories in 24 h", fixed(20)
        yield "EARS C1", ears(0)
        yield "EARS C2", ears(2)
        yield "EARS C2, mean + 6 sd", ears(2, 6.0)
        yield "tracker", tracker(SurgePolicy())
        return
    day, burst = SurgePolicy().windows
    for threshold in (1e-2, 3e-3, 1e-3, 3e-4, 1e-4):
        yield f"24 h, {threshold:g}", tracker(SurgePolicy(windows=(replace(day, threshold=threshold),)))
    for threshold in (1e-3, 1e-4, 1e-5):
        yield f"3 h, {threshold:g}", tracker(SurgePolicy(windows=(replace(burst, threshold=threshold),)))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--streams", type=int, default=20)
    parser.add_argument("--rates", type=float, nargs="+", default=[1.0, 3.0, 10.0, 30.0])
    parser.add_argument(
        "--spread", type=float, default=0.3, help="of the daily factor, as a standard deviation of logs"
    )
    parser.add_argument("--sweep", action="store_true", help="each window alone, at several thresholds")
    return parser.parse_args()


if __name__ == "__main__":
    main()
