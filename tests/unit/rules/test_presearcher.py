"""The presearcher finds exactly the plans whose clauses hold and whose vetoes do not, whatever happened before."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.domain.rules import postings
from services.domain.rules.arrays import Flags, Ints, Weights
from services.domain.rules.plan_records import Records
from services.domain.rules.presearcher import Plan, Presearcher
from services.domain.rules.steps import ArraySteps, Steps
from tests.unit.rules.compiled import compiled_steps
from tests.volume import volume

CONDITIONS = 12
OPTIONS = st.lists(st.integers(1, CONDITIONS), min_size=1, max_size=8, unique=True).map(tuple)
FEW = st.lists(st.integers(1, CONDITIONS), min_size=1, max_size=2, unique=True).map(tuple)
CLAUSES = st.lists(FEW | OPTIONS, min_size=1, max_size=5, unique=True).map(tuple)
PLANS = st.lists(st.builds(Plan, CLAUSES, st.just(()) | FEW | OPTIONS), min_size=1, max_size=70)
ARTICLES = st.lists(st.sets(st.integers(1, CONDITIONS)), min_size=1, max_size=4)
WEIGHTS = st.lists(st.integers(0, 3), min_size=CONDITIONS + 1, max_size=CONDITIONS + 1)
OF_ONE_CLAUSE = Plan(((1, 2),))


@pytest.fixture(params=["numpy", "compiled"])
def steps(request: pytest.FixtureRequest) -> Steps:
    return ArraySteps() if request.param == "numpy" else compiled_steps()


def found(steps: Steps, searched: Presearcher, holding: set[int]) -> list[int]:
    """Return the slots, as often as they are found."""
    truth: Flags = np.zeros(CONDITIONS + 1, np.uint8)
    held: Ints = np.array(sorted(holding), np.int32)
    truth[held] = 1
    return sorted(steps.candidates(searched, held, truth).tolist())


def satisfied(plans: dict[int, Plan], holding: set[int]) -> list[int]:
    return [
        slot
        for slot, plan in plans.items()
        if all(not holding.isdisjoint(clause) for clause in plan.clauses) and holding.isdisjoint(plan.veto)
    ]


class Kept:
    """A presearcher, and the plans it should hold."""

    def __init__(self, weights: list[int]) -> None:
        self.weights: Weights = np.array(weights, np.float64)
        self.searched = Presearcher()
        self.plans: dict[int, Plan] = {}

    def add(self, plans: list[Plan]) -> None:
        for plan in plans:
            costs = [float(self.weights[list(clause)].sum()) for clause in plan.clauses]
            self.plans[self.searched.add(plan, costs)] = plan

    def remove(self, slots: set[int]) -> None:
        for slot in slots & self.plans.keys():
            self.searched.remove(slot)
            del self.plans[slot]


@pytest.mark.slow
@settings(max_examples=volume(40, 200), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(PLANS, PLANS, PLANS, st.tuples(*[st.sets(st.integers(0, 140), max_size=50)] * 3), ARTICLES, WEIGHTS, st.data())
def test_plans_are_found_by_what_they_ask(
    steps: Steps,
    before: list[Plan],
    meanwhile: list[Plan],
    after: list[Plan],
    removed: tuple[set[int], ...],
    read: list[set[int]],
    weights: list[int],
    data: st.DataObject,
) -> None:
    """Plans come and go before compaction, while it is at work, and after it; some articles are read in between."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(postings, "MIN_SORTED", data.draw(st.sampled_from([0, 4_096])))
        kept = Kept(weights)
        for added, gone in zip((before, meanwhile, after), removed, strict=True):
            snapshot = kept.searched.snapshot(kept.weights)
            kept.add(added)
            kept.remove(gone)
            reordered = snapshot.reordered()
            for holding in read:
                assert found(steps, kept.searched, holding) == satisfied(kept.plans, holding)
            kept.searched.adopt(reordered)
            for holding in read:
                assert found(steps, kept.searched, holding) == satisfied(kept.plans, holding)


def test_a_plan_found_in_many_ways_is_found_once(steps: Steps) -> None:
    kept = Kept([1] * (CONDITIONS + 1))
    kept.add([OF_ONE_CLAUSE, Plan(((1, 2, 3), (4, 5, 6))), Plan(((1, 2, 3), (4, 5, 6), (7, 8)), (9,))] * 20)
    everything = set(range(1, 9))
    for _ in range(2):
        assert found(steps, kept.searched, everything) == sorted(kept.plans)
        kept.searched.adopt(kept.searched.snapshot(kept.weights).reordered())


def test_a_removed_plan_may_be_removed_again_and_stays_away(steps: Steps) -> None:
    kept = Kept([1] * (CONDITIONS + 1))
    kept.add([OF_ONE_CLAUSE] * 100)
    kept.searched.adopt(kept.searched.snapshot(kept.weights).reordered())
    kept.remove(set(range(30, 70)))
    kept.searched.remove(31)
    kept.add([OF_ONE_CLAUSE] * 5)
    for _ in range(2):
        assert found(steps, kept.searched, {1, 2}) == [*range(30), *range(70, 105)]
        kept.searched.adopt(kept.searched.snapshot(kept.weights).reordered())


def test_a_plan_is_posted_under_the_rarer_of_two_conditions(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whichever clause it belongs to: an article that holds the commoner one alone does not look at the plan."""
    monkeypatch.setattr(postings, "MIN_SORTED", 0)
    kept = Kept([0, 1, 9, 2, 9, *[0] * 8])
    kept.add([Plan(((1, 4), (2, 3)))])
    kept.searched.adopt(kept.searched.snapshot(kept.weights).reordered())
    held: Ints = np.arange(1, 5, dtype=np.int32)
    posted = kept.searched.posted
    looked_at = {
        int(each): len(posted.waiting(held[held == each], np.zeros(CONDITIONS + 1, np.uint8))[0]) for each in held
    }
    assert looked_at[1] == 2  # with 2, and with 3
    assert looked_at[3] == 1  # with 4
    assert looked_at[2] + looked_at[4] == 1  # with each other


@pytest.mark.parametrize("row", [(), tuple(range(9))])
def test_records_refuse_rows_they_have_no_room_for(row: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="room for 1 to 8"):
        Records().add(0, [(1,), row], (), [(2,)])
