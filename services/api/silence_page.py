"""`/silence/<token>`: a reader of an alert has read enough of its story for a day.

A look changes nothing, since programs that check mail follow links; a POST does.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Protocol

import structlog
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from alerts.card import in_zone, moment_text, reader_zone
from alerts.directions import placed
from alerts.links import Silencing, read_token
from alerts.matchers import Matchers
from alerts.silences import Silence, silence_id
from services.api.page import Button, action_of, no_such_page, page
from services.ports import Clock

SILENT_FOR = timedelta(hours=24)
SILENCE = Button("Silence for 24 hours", "silence")
UNDO = Button("Undo", "undo", undoes=True)

log = structlog.get_logger(__name__)


class SilenceBook(Protocol):
    """Where silences are written. Every call may raise UnavailableError."""

    async def add(self, silence: Silence) -> None:
        """Keep a silence, in place of the one with its id if there is one."""

    async def expire(self, silence_id: str, now: datetime) -> bool:
        """End a silence at `now`; say no if there is none of this id, or it has ended before."""

    async def active(self, now: datetime) -> tuple[Silence, ...]:
        """Return the silences that hold at `now`."""


class SilencePages:
    """Answers readers who want to hear no more of a story; `key` is the one their links were signed with."""

    def __init__(self, book: SilenceBook, key: bytes, clock: Clock) -> None:
        self._book = book
        self._key = key
        self._clock = clock

    def routes(self) -> Sequence[Route]:
        """Return the routes."""
        return (
            Route("/silence/{token}", self.show, methods=["GET"]),
            Route("/silence/{token}", self.change, methods=["POST"]),
        )

    async def show(self, request: Request) -> Response:
        """Say what would be silenced, with a button that does it; or what is, with one that ends it."""
        asked = self._asked(request)
        if asked is None:
            return no_such_page()
        if held := await self._held(asked):
            return _silenced(asked, max(held, key=lambda one: one.ends_at))
        said = [
            f"Watch topic: {placed(asked.watch_topic_title or asked.watch_topic)}",
            f"{'The story' if asked.story else 'The first of them'}: {placed(asked.title)}",
        ]
        what = "story" if asked.story else "group"
        note = f"Nobody is told of further alerts of this {what} under this topic. They are kept on record."
        return page(f"Silence {'this story' if asked.story else 'these alerts'}?", said, SILENCE, note=note)

    async def change(self, request: Request) -> Response:
        """Write the silence, or end it. Pressed again, it lasts from then."""
        asked = self._asked(request)
        if asked is None:
            return no_such_page()
        action = await action_of(request)
        if isinstance(action, Response):
            return action
        if action == UNDO.action:
            return await self._undo(asked)
        silence = silence_of(asked, self._clock)
        await self._book.add(silence)
        log.info("silenced_by_link", silence_id=silence.id, receiver=asked.receiver, watch_topic=asked.watch_topic)
        return _silenced(asked, silence)

    async def _undo(self, asked: Silencing) -> Response:
        for silence in await self._held(asked):
            if await self._book.expire(silence.id, self._clock.now()):
                log.info("silence_ended_by_link", silence_id=silence.id, receiver=asked.receiver)
        return page("Not silenced", [f"Alerts of “{placed(asked.title)}” come again."], SILENCE)

    async def _held(self, asked: Silencing) -> tuple[Silence, ...]:
        """Return the silences that hold now and were made by this link."""
        ours = silence_of(asked, self._clock)
        active = await self._book.active(self._clock.now())
        return tuple(one for one in active if (one.match, one.author) == (ours.match, ours.author))

    def _asked(self, request: Request) -> Silencing | None:
        asked = read_token(request.path_params["token"], self._key)
        return asked if isinstance(asked, Silencing) else None


def _silenced(asked: Silencing, silence: Silence) -> Response:
    until = moment_text(in_zone(silence.ends_at, reader_zone(asked.time_zone)))
    said = f"“{placed(asked.title)}” is silent for everybody until {until}."
    return page("Silenced", [said], UNDO, note=f"`redline silences expire {silence.id}` ends it, too.")


def silence_of(asked: Silencing, clock: Clock) -> Silence:
    """Return the silence that a link asks for, from now on; the same link within an hour is the same silence."""
    now = clock.now()
    match = (
        Matchers(watch_topic=(asked.watch_topic,), story=(asked.story,))
        if asked.story
        else Matchers(watch_topic=(asked.watch_topic,), group=(asked.group_key or "",))
    )
    author = f"a reader of {asked.receiver}"
    hour = now.replace(minute=0, second=0, microsecond=0)
    return Silence(
        id=silence_id(match, author, hour, hour),
        match=match,
        author=author,
        comment=f"by the link in an alert: {asked.title}",
        starts_at=now,
        ends_at=now + SILENT_FOR,
        created_at=now,
    )
