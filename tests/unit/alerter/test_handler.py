import json

import pytest

from alerts.delivery import Lane, LedgerUnavailableError
from alerts.routing import Routes
from schemas.base import content_id
from schemas.watch import Severity
from services.alerter.handler import AlerterHandler
from tests.fakes import FakeClock, InMemoryDeliveryLedger
from tests.unit.alerts.examples import an_alert

LANES = (Lane("desk", "console"), Lane("desk", "slack"), Lane("night", "email"))
ROUTES = Routes.model_validate_json(
    json.dumps(
        {
            "route": {
                "receiver": "desk",
                "routes": [
                    {"match": {"severity": "critical"}, "receiver": "night", "continue": True},
                    {"match": {"severity": "critical"}, "receiver": "desk"},
                ],
            },
            "receivers": [{"name": name, "channels": [{"type": "console"}]} for name in ("desk", "night")],
        }
    )
)


class Alerter:
    def __init__(self, lanes: tuple[Lane, ...] = LANES) -> None:
        self.ledger, self.woken = InMemoryDeliveryLedger(), list[Lane]()
        self.handler = AlerterHandler(
            routes=ROUTES, lanes=lanes, ledger=self.ledger, clock=FakeClock(), wake=self.woken.extend
        )


async def test_alert_is_queued_for_every_channel_of_its_receivers() -> None:
    alerter = Alerter()
    await alerter.handler.handle(an_alert())
    assert dict(await alerter.ledger.waiting()) == dict.fromkeys(LANES[:2], 1)
    assert alerter.woken == list(LANES[:2])


async def test_routes_decide() -> None:
    alerter = Alerter()
    await alerter.handler.handle(an_alert(id=content_id("2"), severity=Severity.CRITICAL))
    assert set(await alerter.ledger.waiting()) == set(LANES)


async def test_same_alert_again_queues_and_wakes_nothing() -> None:
    alerter = Alerter()
    await alerter.handler.handle(an_alert())
    alerter.woken.clear()
    await alerter.handler.handle(an_alert())
    assert alerter.woken == []
    assert len(alerter.ledger.entries) == 2


async def test_receiver_all_of_whose_channels_are_left_out_is_no_error() -> None:
    alerter = Alerter(lanes=LANES[2:])
    await alerter.handler.handle(an_alert())
    assert alerter.ledger.entries == {}


async def test_alert_is_not_taken_while_the_ledger_is_out_of_reach() -> None:
    alerter = Alerter()
    alerter.ledger.reachable = False
    with pytest.raises(LedgerUnavailableError):
        await alerter.handler.handle(an_alert())
    assert alerter.woken == []
