"""Links that a message carries back to the api service: what they ask for is in the link, signed. Pure.

A token is `1.<payload>.<mark>`: the payload is a JSON list in base64url, its first item the kind; the mark is its
HMAC-SHA256. A token holds nothing that its reader may not know, and there is no list of tokens to keep or to leak.
"""

import hmac
import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as NotBase64Error
from dataclasses import dataclass
from typing import TypeAlias

from alerts.card import one_line, shorten
from schemas.alert import AlertKind
from schemas.notification import Notification, NotificationKind

VERSION = "1"
TITLE_CHARS = 80
MAX_TOKEN_CHARS = 4_096
_ABOUT_POSITIONS = frozenset({AlertKind.SHIFT, AlertKind.CORRECTION})


@dataclass(frozen=True)
class Unsubscribing:
    """Somebody wants no more mail of a receiver at this address; `channel` is the one whose mail said so."""

    receiver: str
    channel: str
    address: str


@dataclass(frozen=True)
class Silencing:
    """Somebody has read enough of a story for now: of `story`, or of `group_key` where the alert has no story."""

    watch_topic: str
    watch_topic_title: str
    story: str | None
    group_key: str | None
    title: str
    receiver: str
    time_zone: str = "UTC"


@dataclass(frozen=True)
class Looking:
    """Somebody wants to see where actors stand on a watch topic, and how they came there."""

    watch_topic: str
    time_zone: str = "UTC"


Asked: TypeAlias = Unsubscribing | Silencing | Looking


@dataclass(frozen=True)
class MessageLinks:
    """The links of one message to one reader."""

    unsubscribe: str | None = None
    silence: str | None = None
    positions: str | None = None


NO_LINKS = MessageLinks()


class Links:
    """Makes links to the api service at its public address; without one, there are none."""

    def __init__(self, public_url: str | None, key: bytes) -> None:
        self._base = public_url.rstrip("/") if public_url else None
        self._key = key

    def unsubscribe(self, receiver: str, channel: str, address: str) -> str | None:
        """Return the link by which this address leaves this receiver."""
        return self._link("unsubscribe", ["u", receiver, channel, address])

    def silence(self, notification: Notification) -> str | None:
        """Return the link that silences the story of the lead alert; None for what has none, as a digest or a test."""
        alert = notification.lead
        if alert is None or notification.kind is NotificationKind.TEST:
            return None
        story, group_key = (alert.story.id, "") if alert.story else ("", alert.group_key)
        titles = (shorten(one_line(text), TITLE_CHARS) for text in (alert.watch_topic_title, alert.title))
        asked = ["s", alert.watch_topic, story, group_key, notification.receiver, *titles]
        return self._link("silence", [*asked, notification.time_zone])

    def positions(self, notification: Notification) -> str | None:
        """Return the link to where actors stand on the topic of the lead alert; None for what tells of no position."""
        alert = notification.lead
        if alert is None or alert.kind not in _ABOUT_POSITIONS or notification.kind is NotificationKind.TEST:
            return None
        return self._link("topics", ["t", alert.watch_topic, notification.time_zone])

    def _link(self, page: str, payload: list[str]) -> str | None:
        token = make_token(payload, self._key)
        return f"{self._base}/{page}/{token}" if self._base and len(token) <= MAX_TOKEN_CHARS else None


def make_token(payload: list[str], key: bytes) -> str:
    """Return the token of a payload. The same payload, the same token."""
    packed = _pack(json.dumps(payload, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace"))
    return f"{VERSION}.{packed}.{_mark(packed, key)}"


def read_token(token: str, key: bytes) -> Asked | None:
    """Return what a token asks for; None for one that is not ours, or of a version that is not known."""
    version, packed, mark = (*token.split("."), "", "")[:3]
    if len(token) > MAX_TOKEN_CHARS or token.count(".") != 2 or version != VERSION or not token.isascii():
        return None
    if not hmac.compare_digest(mark, _mark(packed, key)):
        return None
    try:
        return _asked(json.loads(urlsafe_b64decode(packed + "=" * (-len(packed) % 4))))
    except (NotBase64Error, ValueError):
        return None


def _asked(payload: object) -> Asked | None:
    match payload:
        case ["u", str(receiver), str(channel), str(address)]:
            return Unsubscribing(receiver, channel, address)
        case ["s", str(topic), str(story), str(group), str(receiver), str(topic_title), str(title), str(zone)]:
            return Silencing(topic, topic_title, story or None, group or None, title, receiver, zone)
        case ["t", str(topic), str(zone)]:
            return Looking(topic, zone)
    return None


def _pack(raw: bytes) -> str:
    return urlsafe_b64encode(raw).rstrip(b"=").decode()


def _mark(packed: str, key: bytes) -> str:
    # The purpose and the version are part of what is signed: the key signs nothing else that could pass for a link.
    return _pack(hmac.digest(key, f"redline link {VERSION}:{packed}".encode(), "sha256"))
