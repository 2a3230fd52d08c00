"""`python -m tests.chaos [--kills N] [--alerts N] [--seed S] [--minutes N]`: campaigns until the time is over."""

import argparse
import asyncio
import random
import sys
import tempfile
import time
from pathlib import Path

from tests.chaos.campaign import run_campaign
from tests.chaos.plan import Plan
from tests.chaos.report import render


def main() -> int:
    """Run campaigns, on an embedded and an external Valkey in turn; 1 if a promise was broken."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=main.__doc__)
    parser.add_argument("--kills", type=int, default=100, help="kills of the alerter in a round, half on each Valkey")
    parser.add_argument("--alerts", type=int, default=1000, help="alerts in a round, half on each Valkey")
    parser.add_argument("--seed", type=int, default=random.randrange(1_000_000), help="of the first round")
    parser.add_argument("--minutes", type=float, default=0, help="begin no further round after this; one if not given")
    wanted = parser.parse_args()
    deadline, seed, broken = time.monotonic() + wanted.minutes * 60, wanted.seed, False
    while True:
        for external in (False, True):
            plan = Plan(seed, alerts=wanted.alerts // 2, kills=wanted.kills // 2)
            print(f"seed {seed} begins", flush=True)
            with tempfile.TemporaryDirectory(prefix="chaos-", ignore_cleanup_errors=True) as folder:
                report = asyncio.run(run_campaign(plan, Path(folder), external=external, patient=True))
            print(render(report), flush=True)
            broken = broken or bool(report.verdict.violations)
        seed += 1
        if time.monotonic() > deadline:
            return int(broken)


if __name__ == "__main__":
    sys.exit(main())
