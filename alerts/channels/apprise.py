"""Apprise: a short text to any of the services that the package of that name knows."""

import asyncio
import socket
from functools import cached_property
from importlib.util import find_spec
from ipaddress import ip_address
from typing import Any

from pydantic import SecretStr

from alerts.card import one_line
from alerts.channels.base import FIRST_ATTEMPT, Attempt, Refused, RetryAfter, SendResult, Sent
from alerts.notes import render_note
from alerts.render import render_subject
from schemas.notification import Notification
from schemas.watch import Severity

INSTALL = "pip install 'redline-alerts[apprise]'"
_TYPES = {Severity.INFO: "info", Severity.WARNING: "warning", Severity.CRITICAL: "failure"}


def is_installed() -> bool:
    """Say whether the package is there; it is not imported, which takes a second."""
    return find_spec("apprise") is not None


class AppriseChannel:
    """Tells one service, by its Apprise URL.

    Apprise opens its own connections, so that the guard of other channels does not hold here: the host that a URL names
    is looked up and checked before each message, redirects are not followed, and that is all that can be done.
    """

    def __init__(self, url: SecretStr, *, name: str = "apprise", allow_private: bool = False) -> None:
        self.name = name
        self._url = url
        self._allow_private = allow_private

    async def send(
        self, notification: Notification, idempotency_key: str, attempt: Attempt = FIRST_ATTEMPT
    ) -> SendResult:
        """Tell the service once, in a thread; Apprise gives a connection four seconds, and an answer four more."""
        return await asyncio.to_thread(self._send, notification)

    async def aclose(self) -> None:
        """Nothing to let go of: Apprise connects for each message."""

    def _send(self, notification: Notification) -> SendResult:
        service = self._service
        if service is None:
            return Refused("the secret is not a URL of a service that Apprise knows")
        try:
            if not self._allow_private and (private := _private_host(service)):
                return Refused(
                    f"not sent: {private} is not on the public internet; "
                    "set allow_private: true on this channel in the routes file if that is intended"
                )
        except OSError as error:
            return RetryAfter(one_line(f"the host is not found: {error}"))
        lead = notification.lead
        told = service.notify(
            title=render_subject(notification),
            body=render_note(notification),
            body_format="text",
            # What is too long becomes several messages, since nothing is dropped.
            overflow="split",
            notify_type=_TYPES[lead.severity] if lead else "info",
        )
        # Apprise says no more than that; its own warning is in the log.
        return Sent() if told else RetryAfter("Apprise could not deliver it; the log says why")

    @cached_property
    def _service(self) -> Any:
        # Here rather than above: it is optional, and reads the modules of 130 services.
        from apprise import Apprise, AppriseAsset  # noqa: PLC0415

        asset = AppriseAsset(app_id="Redline", app_desc="Redline", app_url="", http_redirects=self._allow_private)
        return Apprise.instantiate(self._url.get_secret_value(), asset=asset, suppress_exceptions=True)


def _private_host(service: Any) -> str | None:
    """Return the host that the URL of a service names, if one of its addresses is not public. Raises OSError.

    Only where it names one: elsewhere the same place of a URL holds a token, and a look-up would give that away.
    """
    if "host" not in service.template_tokens or not service.host:
        return None
    host = str(service.host).strip("[]")
    try:
        found = socket.getaddrinfo(host, service.port or None, type=socket.SOCK_STREAM)
    except UnicodeError as error:
        raise OSError(str(error)) from error
    addresses = (ip_address(str(entry[4][0]).partition("%")[0]) for entry in found)
    return None if all(address.is_global and not address.is_multicast for address in addresses) else host
