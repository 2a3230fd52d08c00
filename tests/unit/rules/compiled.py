"""The compiled steps, compiled by one process of a run at most: it takes half a minute."""

import fcntl
from functools import cache
from pathlib import Path

import pytest

from services.domain.rules import engine, native
from services.domain.rules.engine import RuleEngine
from services.domain.rules.native import NativeSteps, native_steps
from tests.unit.rules.builders import GAZETTEER, article, rule

_QUERIES = ('Kyiv AND "arms deal"', "arms NEAR/3 Kyiv", "arms BEFORE/3 Kyi*", "@arms -title:x", "=Seoul OR 무기")


def compiled_steps() -> NativeSteps:
    """Return compiled steps, or skip the test where numba is not installed."""
    _compile_once()
    if (steps := native_steps()) is None:
        pytest.skip("numba is not installed, so there is nothing compiled to test")
    return steps


@cache
def _compile_once() -> None:
    """Have numba compile or load what the tests need, while no other process does: the next takes it from its cache."""
    with Path(native.__file__).open() as lock, pytest.MonkeyPatch.context() as patch:
        fcntl.flock(lock, fcntl.LOCK_EX)
        patch.setattr(engine, "MIN_NATIVE", 0)
        some = RuleEngine(GAZETTEER)
        for number, query in enumerate(_QUERIES):
            some.add(rule(query, f"r{number}"))
        some.compact()
        some.add(rule("Seoul", "late"))
        for text in ("The arms deal with Kyiv-arms", "Київ «arms»", "무기 \U0001f600 (Seoul)"):  # of 1, 2 and 4 bytes
            some.satisfied_by(article(text=text))
