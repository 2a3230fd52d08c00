"""How lanes stand: what waits, since when, and how the last attempt ended."""

from datetime import datetime, timedelta

import pytest
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from alerts.delivery import Decision, EntryState, Finish, Lane, TryAgain
from schemas.base import content_id
from schemas.delivery import Outcome
from schemas.notification import NotificationKind
from services.alerter.lane import describe
from services.alerter.lane_states import LaneState, lane_states
from services.alerter.ledger import ValkeyDeliveryLedger
from services.runtime.faults import UnavailableError
from tests.fakes import EPOCH
from tests.unit.alerts.examples import an_alert, told

DESK, NIGHT = Lane("desk", "slack"), Lane("night", "email")


def at(seconds: float) -> datetime:
    return EPOCH + timedelta(seconds=seconds)


async def attempt(ledger: ValkeyDeliveryLedger, lane: Lane, decision: Decision, seconds: float) -> None:
    (dispatch,) = await ledger.claim_due(lane, owner="a", limit=1, now=at(seconds), lease=timedelta(minutes=1))
    await ledger.record(dispatch, decision, describe(dispatch, decision, at(seconds), at(seconds)), owner="a")


async def test_a_lane_never_used_is_not_there(client: Redis, namespace: str) -> None:
    assert await lane_states(client, namespace=namespace) == {}


async def test_what_waits_is_counted_with_its_age(
    client: Redis, namespace: str, valkey_ledger: ValkeyDeliveryLedger
) -> None:
    for number in (3, 1, 2):
        alert = an_alert(id=content_id(str(number)), group_key=str(number))
        await valkey_ledger.enqueue(told(alert), [DESK], at(number))
    await valkey_ledger.enqueue(told(), [NIGHT], at(9))
    assert await lane_states(client, namespace=namespace) == {
        DESK: LaneState(waiting=3, oldest_queued_at=at(1)),
        NIGHT: LaneState(waiting=1, oldest_queued_at=at(9)),
    }


async def test_what_waits_for_its_thread_is_counted(
    client: Redis, namespace: str, valkey_ledger: ValkeyDeliveryLedger
) -> None:
    update = told(id=content_id("update"), kind=NotificationKind.UPDATE, revision=2)
    await valkey_ledger.enqueue(told(), [DESK], at(1))
    await valkey_ledger.enqueue(update, [DESK], at(2))
    claimed = await valkey_ledger.claim_due(DESK, owner="a", limit=9, now=at(3), lease=timedelta(minutes=1))
    assert len(claimed) == 1, "the update waits for the first"
    assert (await lane_states(client, namespace=namespace))[DESK] == LaneState(waiting=1, oldest_queued_at=at(2))


async def test_the_last_attempt_is_told_whatever_came_of_it(
    client: Redis, namespace: str, valkey_ledger: ValkeyDeliveryLedger
) -> None:
    await valkey_ledger.enqueue(told(), [DESK], at(0))
    later = TryAgain(Outcome.RETRY, at(20), "answered 503")
    await attempt(valkey_ledger, DESK, later, 10)
    state = (await lane_states(client, namespace=namespace))[DESK]
    assert state == LaneState(1, at(0), EntryState.PENDING, "answered 503", at(10))
    await attempt(valkey_ledger, DESK, Finish(Outcome.SENT, external_ref="1"), 30)
    state = (await lane_states(client, namespace=namespace))[DESK]
    assert state == LaneState(0, None, EntryState.SENT, "", at(30))


async def test_a_store_that_does_not_answer_is_said() -> None:
    with pytest.raises(UnavailableError):
        await lane_states(Redis(unix_socket_path="/nonexistent/s", retry=Retry(NoBackoff(), 0)))
