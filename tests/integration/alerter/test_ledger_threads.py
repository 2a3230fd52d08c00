"""How every DeliveryLedger keeps the messages of one thread in order, and tells each of them the first one's ref."""

import pytest

from alerts.delivery import DeliveryLedger, Finish, TryAgain
from schemas.base import content_id
from schemas.delivery import Outcome
from tests.integration.alerter.ledgers import DESK, NIGHT, SENT, at, claim, follow_up, record
from tests.unit.alerts.examples import an_alert, told


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
