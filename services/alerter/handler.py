"""One alert: keep it, let it into the groups of those who are to be told, and tell at once what is due at once."""

import structlog

from alerts.inhibition import sources_of
from schemas.alert import Alert
from services.alerter.admission import Admission
from services.alerter.alert_store import ValkeyAlerts
from services.alerter.audience import CurrentAudience
from services.alerter.group_flush import GroupFlush
from services.alerter.inhibitor_store import ValkeyInhibitors
from services.ports import Clock

log = structlog.get_logger()


class AlerterHandler:
    """Takes alerts. The same alert again changes nothing."""

    def __init__(
        self,
        *,
        audience: CurrentAudience,
        alerts: ValkeyAlerts,
        inhibitors: ValkeyInhibitors,
        admission: Admission,
        group_flush: GroupFlush,
        clock: Clock,
    ) -> None:
        self._audience = audience
        self._alerts = alerts
        self._inhibitors = inhibitors
        self._admission = admission
        self._group_flush = group_flush
        self._clock = clock

    async def handle(self, alert: Alert) -> None:
        """Let every receiver be told of the alert in its time; what is to become of it is durable when this returns.

        Raises UnavailableError; what was begun by then is finished when the alert comes again.
        """
        await self._alerts.keep(alert)
        inhibitors = sources_of(alert, self._audience().routes.inhibit_rules)
        await self._inhibitors.note(inhibitors, self._clock.now())
        for held in await self._admission.admit(alert):
            await self._group_flush.flush(held.key, held, alert)
