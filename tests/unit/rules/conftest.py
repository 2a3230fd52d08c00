"""Rule tests run on numpy alone, as where numba is not installed, save those that ask for the compiled steps."""

import pytest

from services.domain.rules import engine
from services.domain.rules.native import native_steps


@pytest.fixture(autouse=True)
def _arrays_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "MIN_NATIVE", 10**9)


@pytest.fixture
def compiled_steps(_arrays_only: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every engine that is compacted uses the compiled steps."""
    if native_steps() is None:
        pytest.skip("numba is not installed, so there are no compiled steps to test")
    monkeypatch.setattr(engine, "MIN_NATIVE", 0)
