"""A short campaign on each kind of Valkey; `make chaos` runs long ones."""

import os
import random
from pathlib import Path

import pytest

from tests.chaos.campaign import run_campaign
from tests.chaos.plan import Plan
from tests.chaos.report import render, violations

KILLS, ALERTS = 4, 16


@pytest.mark.slow
@pytest.mark.timeout(400)
@pytest.mark.parametrize("external", [False, True], ids=["embedded_valkey", "external_valkey"])
async def test_nothing_is_lost_or_told_twice_whatever_fails_and_whoever_is_killed(
    tmp_path: Path, external: bool
) -> None:
    seed = int(os.environ.get("CHAOS_SEED") or random.randrange(1_000_000))
    print(f"seed {seed}")
    report = await run_campaign(Plan(seed, alerts=ALERTS, kills=KILLS), tmp_path, external=external, patient=False)
    print(render(report))
    assert report.kills >= KILLS - 1  # a kill may come when the alerter has just ended by itself
    assert not report.verdict.violations, violations([report])
