"""One alert: decide whom to tell, and queue it for them."""

from collections.abc import Callable, Iterable

import structlog

from alerts.delivery import DeliveryLedger, Lane
from alerts.routing import Routes, route
from schemas.alert import Alert
from schemas.notification import Notification, NotificationKind, notification_id, thread_id
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
        new = await self._ledger.enqueue(_told_alone(alert, lanes[0].receiver), lanes, self._clock.now())
        if new:
            self._wake(lanes)
        log.info("alert_queued", alert_id=alert.id, lanes=[str(lane) for lane in lanes], new=new)


def _told_alone(alert: Alert, receiver: str) -> Notification:
    return Notification(
        id=notification_id(receiver, alert.group_key, alert.id),
        kind=NotificationKind.NEW,
        receiver=receiver,
        group_key=alert.group_key,
        thread=thread_id(receiver, alert.group_key),
        alerts=(alert,),
        decided_at=alert.decided_at,
    )
