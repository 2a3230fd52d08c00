"""How soon shifts are told, and how often what is none: on simulated streams, and on a dated timeline.

    python -m bench.shifts [--streams 20] [--days 360] [--sweep] [--timeline seeds/expected/arms-supply-timeline.yaml]

Compared are an alert for every mention, one whenever a claim differs from the last, a CUSUM on the rungs, and the
tracker. A shift is detected by the first alert that names its rung within 14 days; every other that names one is a
false alarm. Delays are from the shift itself to the alert, with the lateness of feeds. Corrections count among the
alerts.
"""

import argparse
import statistics
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import NamedTuple

from bench.shift_timeline import read_timeline, run_timeline
from bench.shift_world import ACTOR, RUNGS, START, TOPIC, Stream, World, claim_at, ladder, simulate
from schemas.base import content_id
from schemas.claim import Attribution, Claim, Modality
from schemas.ladder import ShiftPolicy
from schemas.position import Track
from schemas.shift import Shift, ShiftStatus
from services.domain.positions.tracker import PositionTracker

DETECTED_WITHIN = timedelta(days=14)
SOON = timedelta(hours=48)
_TICK = timedelta(hours=6)
TIMELINE = Path(__file__).parent.parent / "seeds" / "expected" / "arms-supply-timeline.yaml"


class Alarm(NamedTuple):
    """An alert, and the rung it names; None where it corrects an earlier one."""

    at: datetime
    rung: str | None


Detector = Callable[[Stream], list[Alarm]]


@dataclass(frozen=True)
class Figures:
    """What a detector did on some streams."""

    shifts: int
    detected: int
    soon: int
    delays: tuple[float, ...]  # days
    false_alarms: int
    alerts: int
    months: float

    def row(self, name: str, mentions: int) -> str:
        """Return a row of the table."""
        delay = f"{statistics.mean(self.delays):.2f}" if self.delays else "-"
        missed = 1 - self.detected / max(self.shifts, 1)
        return (
            f"| {name} | {self.soon / max(self.shifts, 1):.1%} | {missed:.1%} | {delay} "
            f"| {self.false_alarms / self.months:.2f} | {self.alerts} | {mentions / max(self.alerts, 1):.0f} |"
        )


def every_mention(stream: Stream) -> list[Alarm]:
    """Alert for every article, whether its statement can be coded or not."""
    return [Alarm(at, rung) for at, rung in stream.mentions]


def last_claim(stream: Stream) -> list[Alarm]:
    """Alert whenever an eligible claim differs from the last one."""
    alarms: list[Alarm] = []
    last = stream.start
    for claim in stream.claims:
        if claim.eligible and claim.rung != last:
            alarms.append(Alarm(claim.seen_at, claim.rung))
            last = claim.rung
    return alarms


def cusum(threshold: float, slack: float = 0.5) -> Detector:
    """Return a two-sided CUSUM on the rung's index of eligible claims; the new rung is their median since it began."""

    def detect(stream: Stream) -> list[Alarm]:
        alarms: list[Alarm] = []
        level = RUNGS.index(stream.start)
        sums = [0.0, 0.0]
        since: list[list[int]] = [[], []]
        for claim in stream.claims:
            if not claim.eligible:
                continue
            index = RUNGS.index(claim.rung)
            for side, sign in enumerate((1, -1)):
                sums[side] = max(0.0, sums[side] + sign * (index - level) - slack)
                since[side] = [*since[side], index] if sums[side] else []
            side = 0 if sums[0] >= sums[1] else 1
            if sums[side] > threshold:
                level = round(statistics.median(since[side]))
                alarms.append(Alarm(claim.seen_at, RUNGS[level]))
                sums, since = [0.0, 0.0], [[], []]
        return alarms

    return detect


def tracker(policy: ShiftPolicy, tracks: Sequence[Track] = tuple(Track)) -> Detector:
    """Return the tracker's news as alarms; of shifts, those on `tracks` only."""

    def detect(stream: Stream) -> list[Alarm]:
        held = PositionTracker(ladder(policy), TOPIC, ACTOR)
        alarms: list[Alarm] = []
        for now, claim in _arrivals(stream):
            held.add([claim] if claim else [])
            for told in held.announce(now):
                shift = told if isinstance(told, Shift) else told.shift
                if shift is None or shift.track in tracks:
                    alarms.append(Alarm(now, told.to_rung if isinstance(told, Shift) else None))
        return alarms

    return detect


def _arrivals(stream: Stream) -> Iterator[tuple[datetime, Claim | None]]:
    """Yield every claim when it comes, and the hours at which a service looks again anyhow."""
    tick = START
    for claim in stream.claims:
        while tick < claim.seen_at:
            yield tick, None
            tick += _TICK
        yield claim.seen_at, claim


def measure(streams: Iterable[Stream], detect: Detector, days: int) -> Figures:
    """Let a detector run over streams and count."""
    shifts, detected, soon, false_alarms, alerts = 0, 0, 0, 0, 0
    delays: list[float] = []
    months = 0.0
    for stream in streams:
        alarms = detect(stream)
        alerts += len(alarms)
        months += days / 30.0
        shifts += len(stream.shifts)
        hits = set()
        for true in stream.shifts:
            hit = next(
                (n for n, alarm in enumerate(alarms) if n not in hits and _detects(alarm, true.at, true.to_rung)), None
            )
            if hit is not None:
                hits.add(hit)
                detected += 1
                delay = alarms[hit].at - true.at
                soon += int(delay <= SOON)
                delays.append(delay / timedelta(days=1))
        false_alarms += sum(1 for n, alarm in enumerate(alarms) if n not in hits and alarm.rung is not None)
    return Figures(shifts, detected, soon, tuple(delays), false_alarms, alerts, months)


def _detects(alarm: Alarm, at: datetime, rung: str) -> bool:
    return alarm.rung == rung and timedelta(0) <= alarm.at - at <= DETECTED_WITHIN


def copies_of_one_story(count: int = 40) -> tuple[int, list[Shift]]:
    """Let a position stand, then forty copies of one story deny it; return its origins and the shifts told."""
    held = PositionTracker(ladder(ShiftPolicy()), TOPIC, ACTOR)
    stood = [
        claim_at(START + timedelta(hours=n), "refuse", Attribution.SELF, Modality.ASSERTED,
                 article=content_id("stood", str(n)), origin=content_id("stood", str(n)), seen_at=START)
        for n in range(3)
    ]  # fmt: skip
    story = content_id("story")
    begun = START + timedelta(days=30)
    copies = [
        claim_at(begun + timedelta(minutes=n), "agree", Attribution.UNNAMED, Modality.ASSERTED,
                 article=content_id("copy", str(n)), origin=story, seen_at=begun)
        for n in range(count)
    ]  # fmt: skip
    held.add([*stood, *copies])
    told = [news for news in held.announce(begun + timedelta(days=2)) if isinstance(news, Shift)]
    return len({claim.origin_id for claim in copies}), told


def main() -> None:
    arguments = _arguments()
    world = World(days=arguments.days)
    streams = [simulate(world, seed) for seed in range(arguments.streams)]
    mentions = sum(len(stream.mentions) for stream in streams)
    shifts = sum(len(stream.shifts) for stream in streams)
    print(f"{len(streams)} streams of {world.days} days, {mentions} articles, {shifts} shifts\n")
    print("| detector | within 48 h | missed | mean delay, days | false alarms/30 days | alerts | articles an alert |")
    print("|---|---:|---:|---:|---:|---:|---:|")
    began = time.process_time()
    for name, detect in _detectors(sweep=arguments.sweep):
        print(measure(streams, detect, world.days).row(name, mentions), flush=True)
    print(f"\n{time.process_time() - began:.1f} s of CPU")
    origins, told = copies_of_one_story()
    confirmed = sum(1 for shift in told if shift.status is ShiftStatus.CONFIRMED)
    print(f"\n40 copies of one story: {origins} origin, {len(told)} shifts told, {confirmed} of them confirmed")
    if arguments.timeline.exists():
        print(f"\n{run_timeline(read_timeline(arguments.timeline)).report()}")


def _detectors(*, sweep: bool) -> Iterator[tuple[str, Detector]]:
    yield "every mention", every_mention
    yield "last claim", last_claim
    for threshold in (2.0, 4.0, 6.0, 8.0, 12.0) if sweep else (6.0,):
        yield f"CUSUM, threshold {threshold:g}", cusum(threshold)
    yield "tracker", tracker(ShiftPolicy())
    yield "tracker, declared only", tracker(ShiftPolicy(), (Track.DECLARED,))
    yield "tracker, lone reports", tracker(ShiftPolicy(lone_reports=True))
    yield "tracker, one statement on record", tracker(ShiftPolicy(on_record=True))
    if sweep:
        for threshold in (0.8, 1.2, 1.6, 2.0, 2.4, 3.0):
            yield f"tracker, threshold {threshold}", tracker(ShiftPolicy(threshold=threshold))
        for origins in (1, 3):
            yield f"tracker, {origins} origins", tracker(ShiftPolicy(origins=origins))
        for margin in (1.0, 2.0):
            yield f"tracker, margin {margin}", tracker(ShiftPolicy(margin=margin))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--streams", type=int, default=20)
    parser.add_argument("--days", type=int, default=360)
    parser.add_argument("--sweep", action="store_true", help="thresholds, origins and margins, one at a time")
    parser.add_argument("--timeline", type=Path, default=TIMELINE)
    return parser.parse_args()


if __name__ == "__main__":
    main()
