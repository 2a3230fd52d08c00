"""The contract of every DeliveryLedger, held by the fake and by the one in Valkey alike."""

import pytest

from alerts.delivery import DeliveryLedger, Dispatch, EntryState, Finish, Resend, TryAgain
from schemas.base import content_id
from schemas.delivery import Delivery, Outcome, idempotency_key
from schemas.notification import NotificationKind
from tests.integration.alerter.ledgers import DESK, NIGHT, SENT, at, claim, follow_up, record
from tests.unit.alerts.examples import an_alert, told


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
