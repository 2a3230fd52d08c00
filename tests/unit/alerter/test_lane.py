"""How one lane behaves over time, told as timelines on a clock that only the test moves."""

import asyncio
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from alerts.channels.assemble import OpenChannel
from alerts.channels.base import Attempt, Refused, RetryAfter, Sent, Unknown
from alerts.delivery import EntryState, Lane, RetryPolicy
from alerts.options import OnUnknown
from schemas.base import content_id
from schemas.delivery import Delivery, Outcome, idempotency_key
from services.alerter.lane import LaneSender
from tests.fake_ledger import InMemoryDeliveryLedger
from tests.fakes import FakeClock, ScriptedChannel
from tests.unit.alerts.examples import an_alert, told

LANE = Lane("desk", "hook")
KEY = idempotency_key(told().id, *LANE)


class Bench:
    """A lane with a scripted channel, driven turn by turn."""

    def __init__(self, channel: ScriptedChannel, policy: RetryPolicy, **options: Any) -> None:
        self.channel, self.clock, self.ledger = channel, FakeClock(), InMemoryDeliveryLedger()
        self.deliveries: list[Delivery] = []
        self.sender = LaneSender(
            OpenChannel(LANE, channel, policy, **options),
            ledger=self.ledger,
            clock=self.clock,
            owner="a",
            recorded=self.deliveries.append,
            chance=lambda: 0.0,
        )

    async def queue(self, *ids: str) -> None:
        for one in ids or (an_alert().id,):
            await self.ledger.enqueue(told(an_alert(id=one)), [LANE], self.clock.now())

    async def turn(self, after: float = 0) -> int:
        """Let time pass, take one turn, and return how many were sent."""
        self.clock.advance(timedelta(seconds=after))
        begun = await self.sender.turn()
        await self.sender.settle()
        return begun

    @property
    def outcomes(self) -> list[Outcome]:
        return [delivery.outcome for delivery in self.deliveries]


@pytest.fixture
def bench() -> Callable[..., Bench]:
    def build(*script: Any, policy: RetryPolicy | None = None, **options: Any) -> Bench:
        return Bench(ScriptedChannel(*script), policy or RetryPolicy(), **options)

    return build


async def test_alert_is_sent_and_recorded_once(bench: Callable[..., Bench]) -> None:
    desk = bench(Sent("ref-1", "left out x"))
    await desk.queue()
    assert await desk.turn() == 1
    assert await desk.turn(after=100) == 0
    (delivery,) = desk.deliveries
    assert (delivery.outcome, delivery.external_ref, delivery.reason) == (Outcome.SENT, "ref-1", "left out x")
    assert (delivery.idempotency_key, delivery.receiver, delivery.channel, delivery.attempt) == (KEY, *LANE, 1)
    assert desk.ledger.state_of(KEY) is EntryState.SENT


async def test_redelivered_alert_sends_nothing(bench: Callable[..., Bench]) -> None:
    desk = bench()
    await desk.queue()
    await desk.turn()
    await desk.queue()
    assert await desk.turn(after=1) == 0
    assert len(desk.channel.sent) == 1


async def test_retries_double_their_pause_under_the_same_key(bench: Callable[..., Bench]) -> None:
    desk = bench(RetryAfter("down"), RetryAfter("down"), RetryAfter("down"))
    await desk.queue()
    assert await desk.turn() == 1
    assert await desk.turn(after=0.9) == 0
    assert await desk.turn(after=0.1) == 1  # 1 s
    assert await desk.turn(after=1.9) == 0
    assert await desk.turn(after=0.1) == 1  # 2 s
    assert await desk.turn(after=3.9) == 0
    assert await desk.turn(after=0.1) == 1  # 4 s
    assert {key for _, key, _ in desk.channel.sent} == {KEY}
    assert [attempt.number for _, _, attempt in desk.channel.sent] == [1, 2, 3, 4]
    assert not any(attempt.doubtful for _, _, attempt in desk.channel.sent)
    assert desk.outcomes == [Outcome.RETRY] * 3 + [Outcome.SENT]
    assert len({delivery.id for delivery in desk.deliveries}) == 4


async def test_retry_after_holds_the_whole_lane(bench: Callable[..., Bench]) -> None:
    desk = bench(RetryAfter("HTTP 429", seconds=30), concurrency=2)
    await desk.queue()
    await desk.turn()
    await desk.queue(content_id("another"))
    assert await desk.turn(after=29.9) == 0
    assert await desk.turn(after=0.1) == 2
    assert len(desk.channel.sent) == 3


async def test_failure_without_retry_after_holds_nobody_else(bench: Callable[..., Bench]) -> None:
    desk = bench(RetryAfter("not reached"))
    await desk.queue()
    await desk.turn()
    await desk.queue(content_id("another"))
    assert await desk.turn() == 1


async def test_pace_is_kept(bench: Callable[..., Bench]) -> None:
    desk = bench(pace_seconds=1.0)
    await desk.queue(*(content_id(str(number)) for number in range(3)))
    assert [await desk.turn(), await desk.turn(0.5), await desk.turn(0.5), await desk.turn(1)] == [1, 0, 1, 1]


async def test_alerts_go_out_in_the_order_they_were_queued(bench: Callable[..., Bench]) -> None:
    desk = bench()
    ids = [content_id(str(number)) for number in range(6)]
    for one in ids:
        await desk.queue(one)
        desk.clock.advance(timedelta(microseconds=1))
    while await desk.turn():
        pass
    assert [one for one, _, _ in desk.channel.sent] == ids


async def test_unknown_is_repeated_under_the_same_key_as_doubtful(bench: Callable[..., Bench]) -> None:
    desk = bench(Unknown("timed out"))
    await desk.queue()
    await desk.turn()
    assert desk.ledger.state_of(KEY) is EntryState.UNKNOWN
    await desk.turn(after=1)
    assert [(key, attempt.doubtful) for _, key, attempt in desk.channel.sent] == [(KEY, False), (KEY, True)]
    assert desk.outcomes == [Outcome.UNKNOWN, Outcome.SENT]


async def test_unknown_is_held_where_the_policy_says_so(bench: Callable[..., Bench]) -> None:
    desk = bench(Unknown("timed out"), policy=RetryPolicy(on_unknown=OnUnknown.HOLD))
    await desk.queue()
    await desk.turn()
    assert await desk.turn(after=10_000) == 0
    assert desk.ledger.state_of(KEY) is EntryState.UNKNOWN


async def test_interrupted_send_is_held_where_the_policy_says_so(bench: Callable[..., Bench]) -> None:
    desk = bench(policy=RetryPolicy(on_unknown=OnUnknown.HOLD))
    await desk.queue()
    await desk.ledger.claim_due(LANE, owner="a", limit=1, now=desk.clock.now(), lease=timedelta(seconds=1))
    await desk.ledger.reclaim(desk.clock.now(), "a")
    await desk.turn()
    assert desk.channel.sent == []
    assert desk.outcomes == [Outcome.UNKNOWN]
    assert desk.ledger.state_of(KEY) is EntryState.UNKNOWN


async def test_blind_repeats_are_bounded(bench: Callable[..., Bench]) -> None:
    desk = bench(*[Unknown("timed out")] * 9, policy=RetryPolicy(max_repeats=2))
    await desk.queue()
    for _ in range(9):
        await desk.turn(after=1000)
    assert len(desk.channel.sent) == 3
    assert desk.ledger.state_of(KEY) is EntryState.UNKNOWN


async def test_blind_repeats_are_bounded_whoever_is_killed(bench: Callable[..., Bench]) -> None:
    desk = bench(policy=RetryPolicy(max_repeats=2))
    await desk.queue()
    for _ in range(3):
        await desk.ledger.claim_due(LANE, owner="a", limit=1, now=desk.clock.now(), lease=timedelta(seconds=1))
        await desk.ledger.reclaim(desk.clock.now(), "a")
    await desk.turn()
    assert desk.channel.sent == []
    assert desk.deliveries[0].reason == "may have arrived; held after 2 repeats"


async def test_kills_never_hold_back_what_is_recognised(bench: Callable[..., Bench]) -> None:
    desk = bench(policy=RetryPolicy(max_repeats=2, recognised=True))
    await desk.queue()
    for _ in range(30):
        await desk.ledger.claim_due(LANE, owner="a", limit=1, now=desk.clock.now(), lease=timedelta(seconds=1))
        await desk.ledger.reclaim(desk.clock.now(), "a")
    await desk.turn()
    assert [attempt for _, _, attempt in desk.channel.sent] == [Attempt(31, doubtful=True, repeats=30)]
    assert desk.outcomes == [Outcome.SENT]


async def test_refusal_is_final(bench: Callable[..., Bench]) -> None:
    desk = bench(Refused("HTTP 404"))
    await desk.queue()
    await desk.turn()
    assert await desk.turn(after=10_000) == 0
    assert desk.outcomes == [Outcome.DEAD]


async def test_last_try_is_made_at_the_deadline(bench: Callable[..., Bench]) -> None:
    desk = bench(*[RetryAfter("down")] * 99, policy=RetryPolicy(give_up_after=timedelta(seconds=10)))
    await desk.queue()
    for _ in range(101):
        await desk.turn(after=0.1)
    assert desk.ledger.state_of(KEY) is EntryState.DEAD
    assert len(desk.channel.sent) == 5  # at 0, 1, 3, 7 and 10 s
    assert desk.deliveries[-1].reason == "gave up after 5 attempts: down"


async def test_unforeseen_failure_of_a_channel_loses_nothing(bench: Callable[..., Bench]) -> None:
    desk = bench(ZeroDivisionError("oops"))
    await desk.queue()
    await desk.turn()
    assert desk.deliveries[0].reason == "ZeroDivisionError: oops"
    await desk.turn(after=1)
    assert desk.outcomes == [Outcome.UNKNOWN, Outcome.SENT]


async def test_send_without_end_is_cut_off_and_unknown(bench: Callable[..., Bench]) -> None:
    desk = bench(asyncio.Event(), policy=RetryPolicy(send_timeout=0.01))
    await desk.queue()
    await desk.turn()
    assert desk.outcomes == [Outcome.UNKNOWN]
    assert desk.deliveries[0].reason == "no outcome within 0.01 s"


async def test_no_more_than_the_concurrency_is_under_way(bench: Callable[..., Bench]) -> None:
    gates = [asyncio.Event() for _ in range(2)]
    desk = bench(*gates, concurrency=2)
    await desk.queue(*(content_id(str(number)) for number in range(3)))
    assert await desk.sender.turn() == 2
    await asyncio.sleep(0)
    assert await desk.sender.turn() == 0
    for gate in gates:
        gate.set()
    await desk.sender.settle()
    assert await desk.sender.turn() == 1
    await desk.sender.settle()


async def test_result_outlives_a_store_that_is_down(
    bench: Callable[..., Bench], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.alerter.lane.LEDGER_PAUSE_SECONDS", 0.001)
    gate = asyncio.Event()
    desk = bench(gate)
    await desk.queue()
    await desk.sender.turn()
    desk.ledger.reachable = False
    gate.set()
    await asyncio.sleep(0.01)
    assert desk.deliveries == []
    desk.ledger.reachable = True
    await desk.sender.settle()
    assert desk.outcomes == [Outcome.SENT]
    assert len(desk.channel.sent) == 1


async def test_stop_leaves_what_does_not_end_to_be_reclaimed(bench: Callable[..., Bench]) -> None:
    desk = bench(asyncio.Event())
    await desk.queue()
    await desk.sender.turn()
    await asyncio.sleep(0)
    await desk.sender.stop(0.01)
    assert desk.deliveries == []
    (interrupted,) = await desk.ledger.reclaim(desk.clock.now(), "a")
    assert interrupted.idempotency_key == KEY
