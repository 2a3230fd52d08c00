"""What the tests of ledgers share: two lanes, seconds since a beginning, and an alerter's calls in short."""

from datetime import datetime, timedelta
from typing import Any

from alerts.delivery import Decision, DeliveryLedger, Dispatch, Finish, Lane
from schemas.base import content_id
from schemas.delivery import Outcome
from schemas.notification import Notification, NotificationKind
from services.alerter.lane import describe
from tests.fakes import EPOCH
from tests.unit.alerts.examples import an_alert, told

DESK, NIGHT = Lane("desk", "slack"), Lane("night", "email")
LEASE = timedelta(seconds=90)
SENT = Finish(Outcome.SENT, external_ref="1.2")


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


def follow_up(number: int, **changes: Any) -> Notification:
    """A later message of the thread that `told()` begins."""
    alert = an_alert(id=content_id(f"follow-up {number}"))
    return told(alert, kind=NotificationKind.UPDATE, revision=number, **changes)
