"""What only the ledger in Valkey does: forget, leave traces, and meet damaged entries and a store that is gone."""

from collections.abc import Awaitable
from datetime import timedelta
from typing import cast

import pytest
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from alerts.delivery import KEEP_FINISHED, Finish, LedgerUnavailableError
from schemas.base import content_id
from schemas.delivery import Outcome, idempotency_key
from schemas.trace import Stage
from services.alerter.ledger import ValkeyDeliveryLedger
from services.runtime.traces import ValkeyTraces
from tests.integration.alerter.ledgers import DESK, LEASE, SENT, at, claim, record
from tests.unit.alerts.examples import an_alert, told


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
