"""`/topics/<token>`: where each actor stands on a watch topic, and how it came there, for readers of alerts."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Protocol

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from alerts.card import reader_zone
from alerts.links import Looking, read_token
from schemas.ladder import Ladder
from schemas.shift import PositionState
from services.api.page import STYLES, document, no_such_page, page
from services.api.position_view import LadderTopic, TopicPage, topic_page
from services.domain.positions.timeline_svg import FIGURE_STYLE
from services.domain.positions.tracker import PositionTracker
from services.ports import Clock

MAX_HELD_TOPICS = 16

_STYLES = STYLES + FIGURE_STYLE + files("services.api").joinpath("templates/positions.css").read_text(encoding="utf-8")


class KeptPositions(Protocol):
    """Where the tracker keeps positions. Every call may raise UnavailableError."""

    async def version(self, watch_topic: str) -> int:
        """Return the version of the topic's positions."""

    async def states(self, watch_topic: str) -> tuple[PositionState, ...]:
        """Return what is known of each actor of a topic."""


@dataclass(frozen=True)
class _Held:
    version: int
    ladder: Ladder
    trackers: Mapping[str, PositionTracker]


class PositionPages:
    """Shows positions to who has a link that was signed with `key`; `find` returns a topic if it has a ladder now."""

    def __init__(
        self, kept: KeptPositions, find: Callable[[str], LadderTopic | None], key: bytes, clock: Clock
    ) -> None:
        self._kept = kept
        self._find = find
        self._key = key
        self._clock = clock
        self._held: dict[str, _Held] = {}

    def routes(self) -> Sequence[Route]:
        """Return the routes."""
        return (Route("/topics/{token}", self.show, methods=["GET"]),)

    async def show(self, request: Request) -> Response:
        """Show the positions of the topic that the link names."""
        asked = read_token(request.path_params["token"], self._key)
        if not isinstance(asked, Looking):
            return no_such_page()
        topic = self._find(asked.watch_topic)
        if topic is None:
            return page("No positions", ["This topic is not watched any more, or it has no ladder now."], status=404)
        trackers = await self._trackers(topic)
        shown = await asyncio.to_thread(topic_page, topic, trackers, self._clock.now(), reader_zone(asked.time_zone))
        return shown_as(shown)

    async def _trackers(self, topic: LadderTopic) -> Mapping[str, PositionTracker]:
        """Return what is known of each actor, folded once for each version of what is kept."""
        version = await self._kept.version(topic.id)
        held = self._held.get(topic.id)
        if held is None or held.version != version or held.ladder is not topic.ladder:
            states = await self._kept.states(topic.id)
            trackers = await asyncio.to_thread(_restored, topic.ladder, states)
            held = _Held(version, topic.ladder, trackers)
            self._held.pop(topic.id, None)
            self._held[topic.id] = held
            if len(self._held) > MAX_HELD_TOPICS:
                del self._held[next(iter(self._held))]
        return held.trackers


def _restored(ladder: Ladder, states: Sequence[PositionState]) -> Mapping[str, PositionTracker]:
    trackers = {state.actor: PositionTracker.restore(ladder, state) for state in states}
    for tracker in trackers.values():
        tracker.folded()  # here, and not in each request
    return trackers


def shown_as(shown: TopicPage) -> Response:
    """Return the page as HTML; every text is escaped by the template."""
    body = _templates().get_template("positions.html.j2").render(page=shown, drawn=Markup)
    return document(shown.title, body, styles=_STYLES)


@cache
def _templates() -> Environment:
    return Environment(
        loader=PackageLoader("services.api"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
