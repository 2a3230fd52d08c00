"""The contract of every DeliveryLedger, held by the fake and by the one in Valkey alike."""

from collections.abc import Awaitable
from datetime import datetime, timedelta
from typing import Any, cast

import pytest
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from alerts.delivery import (
    KEEP_FINISHED,
    Decision,
    DeliveryLedger,
    Dispatch,
    EntryState,
    Finish,
    Lane,
    LedgerUnavailableError,
    Resend,
    TryAgain,
)
from schemas.base import content_id
from schemas.delivery import Delivery, Outcome, idempotency_key
from schemas.notification import Notification, NotificationKind
from schemas.trace import Stage
from services.alerter.lane import describe
from services.alerter.ledger import ValkeyDeliveryLedger
from services.runtime.traces import ValkeyTraces
from tests.fake_ledger import InMemoryDeliveryLedger
from tests.fakes import EPOCH
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
    assert (interrupted.idempotency_key, interrupted.attempt) == (dispatch.key, 1)
    (again,) = await claim(ledger, 1, owner="a")
    assert (again.key, again.attempt, again.unknowns, again.interruptions) == (dispatch.key, 2, 0, 1)
    await record(ledger, again, TryAgain(Outcome.UNKNOWN, at(2), "cut"), 1)
    (last,) = await claim(ledger, 2)
    assert (last.unknowns, last.interruptions, last.failures, last.may_have_arrived) == (1, 1, 1, 2)


async def test_interrupted_attempt_waits_to_be_published_whoever_dies_next(ledger: DeliveryLedger) -> None:
    both = told(an_alert(), an_alert(id=content_id("2")))
    await ledger.enqueue(both, [DESK], at(0))
    await claim(ledger, owner="a")
    (interrupted,) = await ledger.reclaim(at(1), "a")  # and nobody lives to publish it
    assert (interrupted.outcome, interrupted.attempted_at) == (Outcome.UNKNOWN, at(1))
    assert (interrupted.receiver, interrupted.channel) == DESK
    assert (interrupted.alert_id, interrupted.alert_ids, interrupted.notification_id) == (
        both.lead_id, both.alert_ids, both.id
    )  # fmt: skip
    assert await ledger.reclaim(at(2), "a") == []
    assert await ledger.unpublished(at(0.5)) == []
    assert await ledger.unpublished(at(2)) == [interrupted]
    await ledger.published([interrupted])
    assert await ledger.unpublished(at(2)) == []
    (again,) = await claim(ledger, 2)
    await record(ledger, again, SENT, 3)
    assert [(one.attempt, one.outcome) for one in await ledger.unpublished(at(9))] == [(2, Outcome.SENT)]


async def test_what_one_alerter_left_unpublished_is_told_from_what_others_did(ledger: DeliveryLedger) -> None:
    for owner in ("a", "b"):
        await ledger.enqueue(told(an_alert(id=content_id(owner))), [DESK], at(0))
        (dispatch,) = await claim(ledger, owner=owner)
        await record(ledger, dispatch, SENT, 1, owner=owner)
    await ledger.enqueue(told(an_alert(id=content_id("cut off"))), [DESK], at(0))
    await claim(ledger, owner="a")
    await ledger.reclaim(at(2), "a")
    left = await ledger.unpublished(at(9), owner="a")
    assert [(one.alert_id, one.outcome) for one in left] == [
        (content_id("a"), Outcome.SENT), (content_id("cut off"), Outcome.UNKNOWN)
    ]  # fmt: skip
    assert len(await ledger.unpublished(at(9))) == 3
    assert await ledger.unpublished(at(9), owner="c") == []


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
    (dispatch,) = await claim(ledger, owner="a")
    counts = [await ledger.unfinished()]
    await record(ledger, dispatch, TryAgain(Outcome.RETRY, at(5), "busy"), owner="a")
    counts.append(await ledger.unfinished())
    (dispatch,) = await claim(ledger, 5, owner="a")
    await record(ledger, dispatch, SENT, 5, owner="a")
    counts.append(await ledger.unfinished())
    assert counts == [2, 2, 1]


def follow_up(number: int, **changes: Any) -> Notification:
    """A later message of the thread that `told()` begins."""
    alert = an_alert(id=content_id(f"follow-up {number}"))
    return told(alert, kind=NotificationKind.UPDATE, revision=number, **changes)


async def test_later_messages_of_a_thread_wait_for_the_first_and_learn_its_ref(ledger: DeliveryLedger) -> None:
    await ledger.enqueue(told(), [DESK], at(0))
    await ledger.enqueue(follow_up(2), [DESK], at(1))
    await ledger.enqueue(follow_up(3), [DESK], at(2))
    (first,) = await claim(ledger, 5)
    assert first.thread_ref is None
    assert await claim(ledger, 5) == []
    assert await ledger.next_due_at(DESK) is None  # so that nobody looks again and again
    assert await ledger.waiting() == {DESK: 2}
    assert await ledger.unfinished() == 3
    await record(ledger, first, TryAgain(Outcome.RETRY, at(10), "busy"), 6)
    assert await claim(ledger, 9) == []
    (first,) = await claim(ledger, 10)
    await record(ledger, first, SENT, 10)
    later = await claim(ledger, 10)
    assert [dispatch.notification.revision for dispatch in later] == [2, 3]
    assert [dispatch.thread_ref for dispatch in later] == ["1.2", "1.2"]


async def test_waiting_for_the_first_of_a_thread_holds_nobody_else(ledger: DeliveryLedger) -> None:
    await ledger.enqueue(told(), [DESK], at(0))
    await claim(ledger, 0)
    for number in range(2, 30):
        await ledger.enqueue(follow_up(number), [DESK], at(1))
    other = told(an_alert(id=content_id("x"), group_key="other"))
    await ledger.enqueue(other, [DESK], at(2))
    (dispatch,) = await claim(ledger, 2, limit=1)
    assert dispatch.notification == other
    await ledger.enqueue(follow_up(2), [NIGHT], at(2))
    assert len(await claim(ledger, 2, lane=NIGHT)) == 1  # a lane that never had the first


@pytest.mark.parametrize("outcome", [Outcome.DEAD, Outcome.UNKNOWN])
async def test_messages_of_a_thread_stand_alone_when_the_first_will_not_arrive(
    ledger: DeliveryLedger, outcome: Outcome
) -> None:
    await ledger.enqueue(told(), [DESK], at(0))
    (first,) = await claim(ledger)
    await ledger.enqueue(follow_up(2), [DESK], at(1))
    assert await claim(ledger, 1) == []
    await record(ledger, first, Finish(outcome, "refused"), 2)
    (second,) = await claim(ledger, 2)
    assert second.thread_ref is None
    await record(ledger, second, Finish(Outcome.SENT, external_ref="2.2"), 3)
    await ledger.enqueue(follow_up(3), [DESK], at(4))
    assert [dispatch.thread_ref for dispatch in await claim(ledger, 4)] == ["2.2"]


async def test_thread_that_begins_anew_has_nothing_to_do_with_the_old_one(ledger: DeliveryLedger) -> None:
    await ledger.enqueue(told(), [DESK], at(0))
    (first,) = await claim(ledger)
    await record(ledger, first, SENT)
    await ledger.enqueue(told(an_alert(id=content_id("again"))), [DESK], at(1))
    await ledger.enqueue(follow_up(2), [DESK], at(2))
    (again,) = await claim(ledger, 3)
    assert again.thread_ref is None
    await record(ledger, again, Finish(Outcome.SENT, external_ref="9.9"), 4)
    assert [dispatch.thread_ref for dispatch in await claim(ledger, 5)] == ["9.9"]


async def test_interrupted_first_message_is_waited_for_as_well(ledger: DeliveryLedger) -> None:
    await ledger.enqueue(told(), [DESK], at(0))
    await claim(ledger)
    await ledger.enqueue(follow_up(2), [DESK], at(1))
    assert await claim(ledger, 1) == []
    await ledger.reclaim(at(100))
    (first,) = await claim(ledger, 100)
    await record(ledger, first, SENT, 100)
    assert len(await claim(ledger, 100)) == 1


async def test_entries_are_found_by_each_alert_they_tell_of(ledger: DeliveryLedger) -> None:
    one, two = an_alert(), an_alert(id=content_id("2"))
    both = told(one, two)
    await ledger.enqueue(both, [DESK, NIGHT], at(0))
    await ledger.enqueue(told(two, kind=NotificationKind.REMINDER), [DESK], at(1))
    (first,) = await claim(ledger)
    await record(ledger, first, SENT, 3)
    found = await ledger.entries_of(two.id)
    assert [(entry.lane, entry.state) for entry in found if entry.lane == NIGHT] == [(NIGHT, EntryState.PENDING)]
    assert len(found) == 3
    assert {entry.key for entry in await ledger.entries_of(one.id)} == {
        idempotency_key(both.id, *lane) for lane in (DESK, NIGHT)
    }
    assert (entry := await ledger.entry(first.key)) is not None
    assert (entry.state, entry.external_ref, entry.finished_at, entry.attempt) == (EntryState.SENT, "1.2", at(3), 1)
    assert (entry.notification, entry.due_at, entry.kind) == (None, None, NotificationKind.NEW)
    assert await ledger.entry(content_id("nothing")) is None
    assert await ledger.entries_of(content_id("nothing")) == []


async def test_entry_says_when_it_is_tried_next_or_what_it_waits_for(ledger: DeliveryLedger) -> None:
    await ledger.enqueue(told(), [DESK], at(0))
    (first,) = await claim(ledger)
    await ledger.enqueue(follow_up(2), [DESK], at(1))
    await claim(ledger, 2)
    (waiting,) = await ledger.entries_of(follow_up(2).lead_id)
    assert (waiting.waits_for, waiting.due_at) == (first.key, None)
    await record(ledger, first, TryAgain(Outcome.RETRY, at(30), "HTTP 503"))
    assert (entry := await ledger.entry(first.key)) is not None
    assert (entry.due_at, entry.reason, entry.finished_at) == (at(30), "HTTP 503", None)
    assert entry.notification == told()
    assert await ledger.oldest_queued_at() == at(0)


async def test_a_new_life_forgets_interruptions_but_not_the_doubt(ledger: DeliveryLedger) -> None:
    await ledger.enqueue(told(), [DESK], at(0))
    await claim(ledger)
    await ledger.reclaim(at(1), "a")
    (again,) = await claim(ledger, 1)
    await record(ledger, again, Finish(Outcome.DEAD, "HTTP 404"), 2)
    await ledger.resend(again.key, at(3))
    (last,) = await claim(ledger, 3)
    assert (last.may_have_arrived, last.failures, last.doubtful) == (0, 0, True)


@pytest.mark.parametrize("outcome", [Outcome.DEAD, Outcome.UNKNOWN])
async def test_failed_delivery_is_sent_again_by_command_under_its_key(ledger: DeliveryLedger, outcome: Outcome) -> None:
    await ledger.enqueue(told(), [DESK], at(0))
    (first,) = await claim(ledger)
    assert await ledger.resend(first.key, at(1)) is Resend.UNDER_WAY
    await record(ledger, first, Finish(outcome, "refused"), 2)
    assert [(entry.key, entry.state) for entry in await ledger.failed()] == [(first.key, EntryState(outcome.value))]
    assert await ledger.resend(first.key, at(50)) is Resend.QUEUED
    assert await ledger.resend(first.key, at(51)) is Resend.UNDER_WAY
    assert await ledger.failed() == []
    assert await ledger.unfinished() == 1
    (again,) = await claim(ledger, 50)
    assert (again.key, again.attempt, again.queued_at) == (first.key, 2, at(50))
    # A new life may be repeated as often as any; but what may have arrived is looked for first.
    assert (again.unknowns, again.doubtful) == (0, outcome is Outcome.UNKNOWN)
    await record(ledger, again, SENT, 51)
    assert await ledger.resend(first.key, at(52)) is Resend.ALREADY_SENT
    assert await ledger.resend(content_id("nothing"), at(52)) is Resend.NOT_KNOWN
    assert await ledger.unfinished() == 0


async def test_what_waits_for_a_lane_that_is_gone_can_be_moved(ledger: DeliveryLedger) -> None:
    await ledger.enqueue(told(), [DESK], at(0))
    key = idempotency_key(told().id, *DESK)
    assert await ledger.resend(key, at(5), DESK) is Resend.UNDER_WAY
    assert await ledger.resend(key, at(5), NIGHT) is Resend.QUEUED
    assert await ledger.waiting() == {NIGHT: 1}
    (dispatch,) = await claim(ledger, 5, lane=NIGHT)
    assert dispatch.key == key
    assert await ledger.resend(key, at(6), DESK) is Resend.UNDER_WAY


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


async def test_resend_leaves_a_step_in_the_trace_of_every_alert(
    valkey_ledger: ValkeyDeliveryLedger, client: Redis, namespace: str
) -> None:
    alerts = [an_alert(), an_alert(id=content_id("2"))]
    await valkey_ledger.enqueue(told(*alerts), [DESK], at(0))
    (dispatch,) = await claim(valkey_ledger)
    await record(valkey_ledger, dispatch, Finish(Outcome.DEAD, "HTTP 404"))
    await valkey_ledger.resend(dispatch.key, at(9))
    for alert in alerts:
        (step,) = await ValkeyTraces(client, namespace=namespace).of_alert(alert.id)
        assert (step.stage, step.at, step.ref, step.channel) == (Stage.QUEUED, at(9), dispatch.key, "slack")
        assert step.reason == "sent again by command, dead before: HTTP 404 (after attempt 1)"


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
        ledger.unfinished(),
        ledger.unpublished(at(0)),
        ledger.entries_of(content_id("alert")),
        ledger.failed(),
        ledger.resend(content_id("key"), at(0)),
        ledger.oldest_queued_at(),
    ):
        with pytest.raises(LedgerUnavailableError):
            await call
