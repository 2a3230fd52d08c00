"""A campaign's figures, as a table to read."""

from collections.abc import Mapping, Sequence

from tests.chaos.audit import Kind
from tests.chaos.campaign import Report

ROWS = {
    "messages expected": "expected",
    "arrived": "taken",
    "refused for good, reported dead": "dead",
    "lost": "lost",
    "unknown outcomes": "unknown",
    "  of which interrupted by a kill": "interrupted",
    "held as unknown": "held",
    "repeats under the same key": "repeats",
    "duplicates where a repeat can be told": "duplicates",
}


def render(report: Report) -> str:
    """Return the table, then every violation."""
    where = "external" if report.external else "embedded"
    lines = [
        f"seed {report.plan.seed}, {report.plan.alerts} alerts, {where} Valkey: {report.kills} kills of the alerter, "
        f"{report.valkey_kills} of Valkey, {report.seconds:.0f} s ({report.cpu_seconds:.0f} s of processor time)",
        *(f"  {count:4} x {end.value}" for end, count in sorted(report.ends.items())),
        f"{'':40}" + "".join(f"{kind.value:>10}" for kind in Kind),
    ]
    for label, field in ROWS.items():
        figures = (getattr(report.verdict.tallies[kind], field) for kind in Kind)
        lines.append(f"{label:40}" + "".join(f"{figure:10}" for figure in figures))
    return "\n".join([*lines, *_faults(report.served), violations([report])])


def _faults(served: Mapping[tuple[str, str], int]) -> list[str]:
    places = sorted({place for place, _ in served})
    return [
        f"faults of {place}: "
        + "; ".join(f"{count} x {what}" for (where, what), count in sorted(served.items()) if where == place)
        for place in places
    ]


def violations(reports: Sequence[Report]) -> str:
    """Return every violation on a line of its own, or that there is none."""
    found = [
        f"{one.rule}: {one.kind} {one.alert_id}: {one.detail}"
        for report in reports
        for one in report.verdict.violations
    ]
    return "\n".join(found) or "no promise was broken"
