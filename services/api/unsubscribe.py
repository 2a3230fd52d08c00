"""`/unsubscribe/<token>`: a reader of mail leaves a receiver, by the page or by their mail program alone (RFC 8058).

A look changes nothing, since programs that check mail follow links; a POST does.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

import structlog
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from alerts.card import moment_text
from alerts.links import Unsubscribing, read_token
from services.api.page import Button, action_of, no_such_page, page
from services.ports import Clock

LEAVE, COME_BACK = Button("Unsubscribe", "unsubscribe"), Button("Subscribe again", "subscribe", undoes=True)
LEAVE_AFTER_ALL = Button(LEAVE.label, LEAVE.action, undoes=True)

log = structlog.get_logger(__name__)


class Unsubscriptions(Protocol):
    """Who has left which receiver. Every call may raise UnavailableError."""

    async def unsubscribed_at(self, receiver: str, address: str) -> datetime | None:
        """Return when this address left this receiver, or None."""

    async def unsubscribe(self, receiver: str, address: str, channel: str, now: datetime) -> datetime:
        """Note that this address wants no more of this receiver; return since when."""

    async def subscribe_again(self, receiver: str, address: str) -> bool:
        """Forget that this address left; False if it had not."""


class UnsubscribePages:
    """Answers readers who want no more mail; `key` is the one their links were signed with."""

    def __init__(self, kept: Unsubscriptions, key: bytes, clock: Clock) -> None:
        self._kept = kept
        self._key = key
        self._clock = clock

    def routes(self) -> Sequence[Route]:
        """Return the routes."""
        return (
            Route("/unsubscribe/{token}", self.show, methods=["GET"]),
            Route("/unsubscribe/{token}", self.change, methods=["POST"]),
        )

    async def show(self, request: Request) -> Response:
        """Say how things stand, with a button that changes it."""
        asked = self._asked(request)
        if asked is None:
            return no_such_page()
        left_at = await self._kept.unsubscribed_at(asked.receiver, asked.address)
        if left_at is not None:
            return _left(asked, left_at)
        said = f"Redline sends alerts for {asked.receiver} to {asked.address}."
        return page("Unsubscribe?", [said], LEAVE)

    async def change(self, request: Request) -> Response:
        """Unsubscribe, unless the button to come back was pressed. Twice is as good as once."""
        asked = self._asked(request)
        if asked is None:
            return no_such_page()
        action = await action_of(request)
        if isinstance(action, Response):
            return action
        if action == COME_BACK.action:
            if await self._kept.subscribe_again(asked.receiver, asked.address):
                log.info("subscribed_again", receiver=asked.receiver)
            said = f"Alerts for {asked.receiver} go to {asked.address} again."
            return page("Subscribed", [said], LEAVE_AFTER_ALL)
        left_at = await self._kept.unsubscribe(asked.receiver, asked.address, asked.channel, self._clock.now())
        log.info("unsubscribed", receiver=asked.receiver, channel=asked.channel)
        return _left(asked, left_at)

    def _asked(self, request: Request) -> Unsubscribing | None:
        asked = read_token(request.path_params["token"], self._key)
        return asked if isinstance(asked, Unsubscribing) else None


def _left(asked: Unsubscribing, left_at: datetime) -> Response:
    said = f"{asked.address} gets no more mail for {asked.receiver}, since {moment_text(left_at)}."
    return page("Unsubscribed", [said, "Was that a mistake?"], COME_BACK)
