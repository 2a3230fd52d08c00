"""The buttons of a Slack message, and what the api gets back when a reader presses one. Pure."""

from enum import StrEnum
from typing import Annotated, Protocol, Self

from pydantic import StringConstraints, ValidationError, model_validator

from alerts.block_text import Block
from schemas.base import ContentId, Contract, Slug
from schemas.notification import Notification, NotificationKind

SILENCE_HOURS = 24
URL_CHARS = 2_000  # Slack takes 3,000, but counts them towards the message
VALUE_CHARS = 2_000
_SILENCED_KINDS = frozenset({NotificationKind.NEW, NotificationKind.UPDATE, NotificationKind.REMINDER})


class Press(StrEnum):
    """What a button does: the action id that Slack names when it is pressed. Those that open an address do no more."""

    OPEN_ARTICLE = "redline_open_article"
    OPEN_SILENCE_PAGE = "redline_open_silence_page"
    OPEN_POSITIONS_PAGE = "redline_open_positions_page"
    SILENCE_STORY = "redline_silence_story"
    UNDO_SILENCE = "redline_undo_silence"


class PageLinks(Protocol):
    """Makes addresses of pages for the readers of a message; None where there is no such page."""

    def silence(self, notification: Notification) -> str | None:
        """Return where a reader may silence what a message tells of."""
        ...

    def positions(self, notification: Notification) -> str | None:
        """Return where a reader sees how an actor came to stand where a message says that it stands."""
        ...


class SilenceTarget(Contract):
    """What the button silences: a story, or else a group, of a watch topic. It crosses Slack as the button's value."""

    watch_topic: Slug
    story: ContentId | None = None
    group: Annotated[str, StringConstraints(min_length=1, max_length=VALUE_CHARS)] | None = None

    @model_validator(mode="after")
    def _one_is_named(self) -> Self:
        if (self.story is None) == (self.group is None):
            raise ValueError("give either story or group")
        return self


def read_target(value: str) -> SilenceTarget | None:
    """Return what a button's value names, or None if it is not one of ours."""
    try:
        return SilenceTarget.model_validate_json(value)
    except ValidationError:
        return None


def open_button(url: str) -> Block | None:
    """Return the button that leads to the article; None for an address longer than Slack should carry."""
    return _button("Read the article", Press.OPEN_ARTICLE, url=url) if len(url) <= URL_CHARS else None


def silence_button(notification: Notification, links: PageLinks | None, *, interactive: bool) -> Block | None:
    """Return the button that silences the story of the message for a day.

    It acts at once where Slack may call the api, and else leads to a page of the api, if there is one.
    """
    lead = notification.lead
    if lead is None or notification.kind not in _SILENCED_KINDS:
        return None
    label = f"Silence {'story' if lead.story else 'this'} {SILENCE_HOURS} h"
    if interactive:
        story = lead.story.id if lead.story else None
        group = None if story or len(lead.group_key) > VALUE_CHARS else lead.group_key
        if story or group:
            value = SilenceTarget(watch_topic=lead.watch_topic, story=story, group=group)
            spelled = value.model_dump_json(exclude_none=True)
            return _button(label, Press.SILENCE_STORY, value=spelled) if len(spelled) <= VALUE_CHARS else None
    url = links.silence(notification) if links else None
    return _button(label, Press.OPEN_SILENCE_PAGE, url=url) if url and len(url) <= URL_CHARS else None


def positions_button(notification: Notification, links: PageLinks | None) -> Block | None:
    """Return the button that opens the positions of the topic over time, if the message tells of one that moved."""
    url = links.positions(notification) if links else None
    return _button("Positions over time", Press.OPEN_POSITIONS_PAGE, url=url) if url and len(url) <= URL_CHARS else None


def undo_button(silence_id: str) -> Block:
    """Return the button that ends a silence."""
    return _button("Undo", Press.UNDO_SILENCE, value=silence_id)


def actions(*buttons: Block | None) -> list[Block]:
    """Return the row of these buttons, if there are any."""
    row = [button for button in buttons if button is not None]
    return [{"type": "actions", "elements": row}] if row else []


def _button(label: str, press: Press, **what: str) -> Block:
    text = {"type": "plain_text", "text": label, "emoji": False}
    return {"type": "button", "text": text, "action_id": press.value, **what}
