from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.channels.base import Refused, RetryAfter, SendResult, Sent, Unknown
from alerts.delivery import Dispatch, Finish, Lane, RetryPolicy, TryAgain, decide, held_back, pause_before_retry
from alerts.options import OnUnknown
from schemas.delivery import Outcome
from tests.fakes import EPOCH
from tests.unit.alerts.examples import told

POLICY = RetryPolicy()


def dispatch(attempt: int = 1, unknowns: int = 0, **changes: Any) -> Dispatch:
    return Dispatch("0" * 32, Lane("desk", "slack"), told(), attempt, unknowns, EPOCH, **changes)


results = st.one_of(
    st.builds(Sent, st.none() | st.text(), st.text()),
    st.builds(Refused, st.text(max_size=2000)),
    st.builds(Unknown, st.text(max_size=2000), st.booleans()),
    st.builds(RetryAfter, st.text(max_size=2000), st.none() | st.floats(0, 1e15)),
)


@given(
    results,
    st.integers(1, 10**6),
    st.integers(0, 9),
    st.floats(0, 1),
    st.integers(0, 200_000),
    st.none() | st.integers(0, 9),
)
def test_every_decision_comes_to_an_end(
    result: SendResult, attempt: int, unknowns: int, chance: float, age: int, repeats: int | None
) -> None:
    policy = RetryPolicy(max_repeats=repeats)
    now = EPOCH + timedelta(seconds=age)
    decision = decide(result, dispatch(attempt, unknowns), policy, now=now, chance=chance)
    assert len(decision.reason) <= 600
    if isinstance(decision, TryAgain):
        assert now < EPOCH + policy.give_up_after
        assert decision.due_at > now
        assert decision.outcome in {Outcome.RETRY, Outcome.UNKNOWN}
    else:
        assert decision.outcome is not Outcome.RETRY
    assert (decision.outcome is Outcome.SENT) == isinstance(result, Sent)


@given(st.integers(1, 10**9), st.floats(0, 1))
def test_pauses_stay_within_bounds(attempt: int, chance: float) -> None:
    pause = pause_before_retry(attempt, POLICY, chance)
    assert POLICY.first_pause * (1 - POLICY.jitter) <= pause <= POLICY.longest_pause


def test_jitter_only_shortens() -> None:
    assert pause_before_retry(4, POLICY, 0.0) == 8.0
    assert pause_before_retry(4, POLICY, 1.0) == 4.0


def test_retry_after_is_kept_to_the_second_and_holds_the_lane() -> None:
    decision = decide(RetryAfter("HTTP 429", 42), dispatch(), POLICY, now=EPOCH, chance=0.5)
    assert decision == TryAgain(Outcome.RETRY, EPOCH + timedelta(seconds=42), "HTTP 429", hold_lane=True)


def test_retry_after_of_zero_still_pauses() -> None:
    decision = decide(RetryAfter("HTTP 429", 0), dispatch(), POLICY, now=EPOCH, chance=0.0)
    assert isinstance(decision, TryAgain)
    assert decision.due_at == EPOCH + timedelta(seconds=1)


def test_retry_after_past_the_deadline_is_the_end() -> None:
    decision = decide(RetryAfter("HTTP 503", 1e12), dispatch(), POLICY, now=EPOCH, chance=0.0)
    assert isinstance(decision, Finish)
    assert decision.outcome is Outcome.DEAD


@pytest.mark.parametrize(
    ("unknowns", "policy", "held"),
    [
        (0, RetryPolicy(on_unknown=OnUnknown.HOLD), False),
        (1, RetryPolicy(on_unknown=OnUnknown.HOLD), True),
        (1, RetryPolicy(max_repeats=2), False),
        (2, RetryPolicy(max_repeats=2), False),
        (3, RetryPolicy(max_repeats=2), True),
        (99, RetryPolicy(max_repeats=None), False),
    ],
)
def test_what_may_have_arrived_is_held_by_policy(unknowns: int, policy: RetryPolicy, held: bool) -> None:
    assert (held_back(dispatch(2, unknowns), policy) is not None) == held


@pytest.mark.parametrize(
    ("interruptions", "policy", "held"),
    [
        (1, RetryPolicy(on_unknown=OnUnknown.HOLD), True),
        (2, RetryPolicy(max_repeats=2), False),
        (3, RetryPolicy(max_repeats=2), True),  # nobody would recognise the repeat
        (99, RetryPolicy(max_repeats=2, recognised=True), False),  # held, it would be lost for kills alone
        (99, RetryPolicy(max_repeats=None), False),
    ],
)
def test_interruptions_count_as_repeats_only_where_a_repeat_is_blind(
    interruptions: int, policy: RetryPolicy, held: bool
) -> None:
    interrupted = dispatch(interruptions + 1, interruptions=interruptions)
    assert (held_back(interrupted, policy) is not None) == held


def test_interruptions_lengthen_no_pause() -> None:
    decision = decide(RetryAfter("HTTP 500"), dispatch(10, interruptions=9), POLICY, now=EPOCH, chance=0.0)
    assert isinstance(decision, TryAgain)
    assert decision.due_at == EPOCH + timedelta(seconds=1)
    decision = decide(Unknown("cut"), dispatch(12, 1, interruptions=9, failures=2), POLICY, now=EPOCH, chance=0.0)
    assert isinstance(decision, TryAgain)
    assert decision.due_at == EPOCH + timedelta(seconds=4)


@pytest.mark.parametrize(
    ("result", "asked", "policy", "age"),
    [
        (Unknown("timed out"), dispatch(3, 2), RetryPolicy(max_repeats=2), 0),
        (Unknown("timed out"), dispatch(3, 0, interruptions=2), RetryPolicy(max_repeats=2), 0),
        (Unknown("timed out"), dispatch(), RetryPolicy(on_unknown=OnUnknown.HOLD), 0),
        (Unknown("timed out"), dispatch(), POLICY, 86_400),
        (Unknown("may not be looked up", final=True), dispatch(), POLICY, 0),
        (RetryAfter("cannot be looked up now"), dispatch(9, interruptions=1), POLICY, 86_400),
        (RetryAfter("HTTP 429", 1e12), dispatch(9, doubtful=True), POLICY, 0),
    ],
)
def test_what_may_have_arrived_and_is_not_tried_again_is_said_to_be_held(
    result: SendResult, asked: Dispatch, policy: RetryPolicy, age: float
) -> None:
    decision = decide(result, asked, policy, now=EPOCH + timedelta(seconds=age), chance=0.0)
    assert isinstance(decision, Finish)
    assert decision.outcome is Outcome.UNKNOWN
    assert "held" in decision.reason
