"""A campaign's plan follows from its seed alone, and meets every fault and end."""

from collections import Counter

from tests.chaos.audit import Kind
from tests.chaos.plan import DECK, FAULTS, End, Plan, alert, item_in
from tests.fakes import EPOCH


def test_the_same_seed_plans_the_same() -> None:
    first, again, other = Plan(1, alerts=50, kills=10), Plan(1, alerts=50, kills=10), Plan(2, alerts=50, kills=10)
    assert first.lives() == again.lives() != other.lives()
    planned = [[plan.faults(kind, item) for kind in Kind for item in range(50)] for plan in (first, again, other)]
    assert planned[0] == planned[1] != planned[2]


def test_lives_kill_as_often_as_asked_and_publish_every_alert_once() -> None:
    lives = Plan(1, alerts=100, kills=20).lives()
    assert sum(life.kills_alerter for life in lives) == 20
    assert Counter(item for life in lives for item in life.items) == Counter(range(100))


def test_even_a_short_plan_meets_every_end() -> None:
    for seed in range(50):
        lives = Plan(seed, alerts=10, kills=sum(DECK.values())).lives()
        assert {life.end for life in lives} == set(End)


def test_a_long_plan_meets_every_fault_of_every_kind() -> None:
    plan = Plan(1, alerts=1000, kills=1)
    for kind in Kind:
        assert {fault for item in range(1000) for fault in plan.faults(kind, item)} == set(FAULTS[kind])


def test_an_item_is_found_in_whatever_is_made_of_its_alert() -> None:
    assert item_in(alert(42, EPOCH).model_dump_json()) == 42
    assert item_in("no item here") is None
