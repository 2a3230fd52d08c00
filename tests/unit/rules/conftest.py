"""Rule tests run on numpy alone, save those that ask for the steps for few rules or for the compiled ones."""

import pytest

from services.domain.rules import engine
from services.domain.rules.plain import PlainSteps
from services.domain.rules.steps import ArraySteps
from tests.unit.rules import compiled


@pytest.fixture(autouse=True)
def _arrays_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "MIN_NATIVE", 10**9)
    monkeypatch.setattr(engine, "PlainSteps", ArraySteps)


@pytest.fixture
def plain_steps(_arrays_only: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every engine uses the steps for few rules, however many it has."""
    monkeypatch.setattr(engine, "PlainSteps", PlainSteps)


@pytest.fixture
def compiled_steps(_arrays_only: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every engine that is compacted uses the compiled steps."""
    compiled.compiled_steps()
    monkeypatch.setattr(engine, "MIN_NATIVE", 0)


@pytest.fixture(params=["plain_steps", "compiled_steps"])
def other_steps(request: pytest.FixtureRequest) -> None:
    """Use each of the steps but those in numpy."""
    request.getfixturevalue(request.param)
