"""The contract of every DeliveryLedger, held by the fake and by the one in Valkey alike."""

from collections.abc import Awaitable
from datetime import datetime, timedelta
from typing import cast

import pytest
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from alerts.delivery import (
    KEEP_FINISHED,
    Decision,
    DeliveryLedger,
    Dispatch,
    Finish,
    Lane,
    LedgerUnavailableError,
    TryAgain,
)
from schemas.base import content_id
from schemas.delivery import Delivery, Outcome, idempotency_key
from services.alerter.lane import describe
from services.alerter.ledger import ValkeyDeliveryLedger
from tests.fakes import EPOCH, InMemoryDeliveryLedger
from tests.unit.alerts.examples import an_alert, told

DESK, NIGHT = Lane("desk", "slack"), Lane("night", "email")
LEASE = timedelta(seconds=90)
SENT = Finish(Outcome.SENT, external_ref="1.2")


@pytest.fixture(params=["in memory", "valkey"])
def ledger(request: pytest.FixtureRequest) -> DeliveryLedger:
    if request.param == "in memory":
        return InMemoryDeliveryLedger()
    return cast("DeliveryLedger", request.getfixturevalue("valkey_ledger"))


def at(seconds: float) -> datetime:
    return EPOCH + timedelta(seconds=seconds)


async def claim(
    ledger: DeliveryLedger, now: float = 0, owner: str = "a", limit: int = 10, lane: Lane = DESK
) -> list[Dispatch]:
    return list(await ledger.claim_due(lane, owner=owner, limit=limit, now=at(now), lease=LEASE))


async def record(
    ledger: DeliveryLedger, dispatch: Dispatch, decision: Decision, now: float = 0, owner: str = "a"
) -> bool:
    return await ledger.record(dispatch, decision, describe(dispatch, decision, at(now), at(now)), owner=owner)


async def test_alert_is_queued_once_for_each_lane(ledger: DeliveryLedger) -> None:
    assert await ledger.enqueue(told(), [DESK, NIGHT], at(0)) == 2
    assert await ledger.enqueue(told(), [DESK, NIGHT], at(1)) == 0
    assert await ledger.waiting() == {DESK: 1, NIGHT: 1}


async def test_claim_carries_the_alert_and_its_key(ledger: DeliveryLedger) -> None:
    await ledger.enqueue(told(), [DESK], at(0.000001))
    (dispatch,) = await claim(ledger, 1)
    assert dispatch == Dispatch(idempotency_key(told().id, *DESK), DESK, told(), 1, 0, at(0.000001))


async def test_claimed_entry_is_nobody_elses(ledger: DeliveryLedger) -> None:
    await ledger.enqueue(told(), [DESK], at(0))
    assert len(await claim(ledger, owner="a")) == 1
    assert await claim(ledger, owner="b") == []
    assert await claim(ledger, lane=NIGHT) == []


async def test_oldest_come_first_and_no_more_than_asked_for(ledger: DeliveryLedger) -> None:
    ids = [content_id(str(number)) for number in range(5)]
    for number, one in enumerate(ids):
        await ledger.enqueue(told(an_alert(id=one)), [DESK], at(number / 1_000_000))
    assert [dispatch.notification.lead_id for dispatch in await claim(ledger, 1, limit=2)] == ids[:2]
    assert [dispatch.notification.lead_id for dispatch in await claim(ledger, 1, limit=9)] == ids[2:]


async def test_sent_alert_is_never_queued_again(ledger: DeliveryLedger) -> None:
    await ledger.enqueue(told(), [DESK], at(0))
    (dispatch,) = await claim(ledger)
    assert await record(ledger, dispatch, SENT)
    assert await ledger.enqueue(told(), [DESK], at(5)) == 0
    assert await claim(ledger, 10_000) == []
    assert await ledger.reclaim(at(10_000), "a") == []


@pytest.mark.parametrize("outcome", [Outcome.DEAD, Outcome.UNKNOWN])
async def test_finished_otherwise_is_not_tried_again_either(ledger: DeliveryLedger, outcome: Outcome) -> None:
    await ledger.enqueue(told(), [DESK], at(0))
    (dispatch,) = await claim(ledger)
    assert await record(ledger, dispatch, Finish(outcome, "refused"))
    assert await claim(ledger, 10_000) == []
    assert await ledger.enqueue(told(), [DESK], at(5)) == 0


async def test_retry_is_due_when_it_says_and_counts_the_attempt(ledger: DeliveryLedger) -> None:
    await ledger.enqueue(told(), [DESK], at(0))
    (first,) = await claim(ledger)
    assert await record(ledger, first, TryAgain(Outcome.RETRY, at(30), "HTTP 503"))
    assert await ledger.next_due_at(DESK) == at(30)
    assert await claim(ledger, 29.999999) == []
    (second,) = await claim(ledger, 30)
    assert (second.key, second.attempt, second.unknowns, second.queued_at) == (first.key, 2, 0, at(0))
    assert await ledger.next_due_at(DESK) is None


async def test_unknown_outcome_is_counted(ledger: DeliveryLedger) -> None:
    await ledger.enqueue(told(), [DESK], at(0))
    (first,) = await claim(ledger)
    await record(ledger, first, TryAgain(Outcome.UNKNOWN, at(1), "timed out"))
    (second,) = await claim(ledger, 1)
    await record(ledger, second, TryAgain(Outcome.RETRY, at(2), "HTTP 503"))
    (third,) = await claim(ledger, 2)
    assert (second.unknowns, third.unknowns) == (1, 1)


async def test_own_entries_are_taken_back_at_once_after_a_restart(ledger: DeliveryLedger) -> None:
    await ledger.enqueue(told(), [DESK], at(0))
    (dispatch,) = await claim(ledger, owner="a")
    assert await ledger.reclaim(at(1), "b") == []
    (interrupted,) = await ledger.reclaim(at(1), "a")
    assert (interrupted.key, interrupted.lane, interrupted.alert_id, interrupted.attempt) == (
        dispatch.key, DESK, an_alert().id, 1
    )  # fmt: skip
    (again,) = await claim(ledger, 1, owner="a")
    assert (again.key, again.attempt, again.unknowns) == (dispatch.key, 2, 1)


async def test_entries_of_others_are_taken_back_when_their_lease_ends(ledger: DeliveryLedger) -> None:
    await ledger.enqueue(told(), [DESK], at(0))
    await claim(ledger, owner="a")
    assert await ledger.reclaim(at(89.9)) == []
    assert len(await ledger.reclaim(at(90))) == 1
    assert await ledger.reclaim(at(90)) == []
    assert len(await claim(ledger, 90, owner="b")) == 1


async def test_result_of_a_lost_claim_is_not_noted(ledger: DeliveryLedger) -> None:
    await ledger.enqueue(told(), [DESK], at(0))
    (late,) = await claim(ledger, owner="a")
    await ledger.reclaim(at(100))
    (current,) = await claim(ledger, 100, owner="b")
    assert not await record(ledger, late, TryAgain(Outcome.RETRY, at(101), "HTTP 503"), owner="a")
    assert not await record(ledger, late, SENT, owner="a")
    assert await record(ledger, current, SENT, owner="b")


async def test_late_success_calls_the_repeat_off(ledger: DeliveryLedger) -> None:
    await ledger.enqueue(told(), [DESK], at(0))
    (late,) = await claim(ledger, owner="a")
    await ledger.reclaim(at(100))
    assert await record(ledger, late, SENT, 101, owner="a")
    assert await claim(ledger, 1_000, owner="b") == []
    assert await ledger.waiting() == {}


async def test_a_delivery_is_unfinished_until_nothing_more_will_come_of_it(ledger: DeliveryLedger) -> None:
    await ledger.enqueue(told(), [DESK, NIGHT], at(0))
    counts = [await ledger.unfinished()]
    (dispatch,) = await claim(ledger, owner="a")
    counts.append(await ledger.unfinished())
    await record(ledger, dispatch, TryAgain(Outcome.RETRY, at(5), "busy"), owner="a")
    counts.append(await ledger.unfinished())
    (dispatch,) = await claim(ledger, 5, owner="a")
    await record(ledger, dispatch, SENT, 5, owner="a")
    counts.append(await ledger.unfinished())
    assert counts == [2, 2, 2, 1]


async def test_deliveries_wait_until_they_are_published(ledger: DeliveryLedger) -> None:
    for number in range(3):
        await ledger.enqueue(told(an_alert(id=content_id(str(number)))), [DESK], at(number))
    dispatches = await claim(ledger, 5)
    for number, dispatch in enumerate(dispatches):
        await record(ledger, dispatch, SENT, 10 + number)
    waiting = await ledger.unpublished(at(11))
    assert [delivery.alert_id for delivery in waiting] == [content_id("0"), content_id("1")]
    assert isinstance(waiting[0], Delivery)
    await ledger.published(waiting)
    assert [delivery.alert_id for delivery in await ledger.unpublished(at(99))] == [content_id("2")]
    await ledger.published([])


async def test_nothing_is_queued_for_no_lane(ledger: DeliveryLedger) -> None:
    assert await ledger.enqueue(told(), [], at(0)) == 0
    assert await ledger.waiting() == {}


async def test_finished_keys_are_forgotten_after_their_time(
    valkey_ledger: ValkeyDeliveryLedger, client: Redis, namespace: str
) -> None:
    await valkey_ledger.enqueue(told(), [DESK], at(0))
    (dispatch,) = await claim(valkey_ledger)
    entry = f"{namespace}:{{outbox}}:entry:{dispatch.key}"
    assert await client.ttl(entry) == -1  # what is not finished is never forgotten
    await record(valkey_ledger, dispatch, SENT)
    assert timedelta(days=30) <= KEEP_FINISHED
    assert await client.ttl(entry) == pytest.approx(KEEP_FINISHED.total_seconds(), abs=5)
    assert await cast("Awaitable[bytes | None]", client.hget(entry, "notification")) is None


async def test_entry_that_cannot_be_read_does_not_block_its_lane(
    valkey_ledger: ValkeyDeliveryLedger, client: Redis, namespace: str
) -> None:
    await valkey_ledger.enqueue(told(an_alert(id=content_id("bad"))), [DESK], at(0))
    await valkey_ledger.enqueue(told(), [DESK], at(1))
    entry = f"{namespace}:{{outbox}}:entry:{idempotency_key(told(an_alert(id=content_id('bad'))).id, *DESK)}"
    await client.hset(entry, "notification", "{}")
    (dispatch,) = await claim(valkey_ledger, 1)
    assert dispatch.notification.lead_id == told().lead_id
    assert await cast("Awaitable[bytes | None]", client.hget(entry, "state")) == b"dead"
    assert await valkey_ledger.reclaim(at(1_000), "a")  # only the readable one
    assert await valkey_ledger.waiting() == {DESK: 1}


async def test_unreachable_store_is_named_as_such() -> None:
    ledger = ValkeyDeliveryLedger(Redis(unix_socket_path="/nonexistent/socket", retry=Retry(NoBackoff(), 0)))
    for call in (
        ledger.enqueue(told(), [DESK], at(0)),
        ledger.claim_due(DESK, owner="a", limit=1, now=at(0), lease=LEASE),
        ledger.reclaim(at(0)),
        ledger.next_due_at(DESK),
        ledger.waiting(),
        ledger.unpublished(at(0)),
    ):
        with pytest.raises(LedgerUnavailableError):
            await call
