"""One alert: decide whom to tell, and queue it for them."""

from collections.abc import Callable, Iterable

import structlog

from alerts.delivery import DeliveryLedger, Lane
from alerts.routing import Routes, route
from schemas.alert import Alert
from services.ports import Clock

log = structlog.get_logger()


class AlerterHandler:
    """Queues alerts by their routes. The same alert again queues nothing."""

    def __init__(
        self,
        *,
        routes: Routes,
        lanes: Iterable[Lane],
        ledger: DeliveryLedger,
        clock: Clock,
        wake: Callable[[Iterable[Lane]], None],
    ) -> None:
        self._routes = routes
        self._lanes = tuple(lanes)
        self._ledger = ledger
        self._clock = clock
        self._wake = wake

    async def handle(self, alert: Alert) -> None:
        """Queue the alert for every channel of its receivers; durable when it returns."""
        receivers = route(alert, self._routes)
        lanes = tuple(lane for name in receivers for lane in self._lanes if lane.receiver == name)
        if not lanes:
            log.warning("alert_reaches_nobody", alert_id=alert.id, receivers=list(receivers))
            return
        new = await self._ledger.enqueue(alert, lanes, self._clock.now())
        if new:
            self._wake(lanes)
        log.info("alert_queued", alert_id=alert.id, lanes=[str(lane) for lane in lanes], new=new)
