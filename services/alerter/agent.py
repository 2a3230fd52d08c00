"""Alerts to the alerter's handler."""

import faust

from alerts.delivery import LedgerUnavailableError
from schemas.alert import Alert
from schemas.streams import ALERTS
from services.alerter.handler import AlerterHandler
from services.runtime.consume import Rejections, subscribe
from services.runtime.faults import UnavailableError


def install(app: faust.App, handler: AlerterHandler, dead_letters: Rejections) -> None:
    """Let the handler see every alert."""

    async def handle(alert: Alert) -> None:
        try:
            await handler.handle(alert)
        except LedgerUnavailableError as error:
            raise UnavailableError(str(error)) from error  # the alert waits; it is not at fault

    subscribe(app, ALERTS, handle, dead_letters)
