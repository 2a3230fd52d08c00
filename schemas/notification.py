"""Notification: what one receiver is told at once, about one group of alerts; and the digest, of all that waited."""

from enum import StrEnum

from pydantic import Field

from schemas.alert import Alert, AlertKind
from schemas.base import ContentId, Contract, NonEmpty, Slug, StreamContract, UtcDatetime, content_id
from schemas.watch import Severity


class NotificationKind(StrEnum):
    """What a notification is to its reader."""

    NEW = "new"  # begins a thread
    UPDATE = "update"  # goes on with one
    REMINDER = "reminder"  # repeat_interval has passed; its alerts were told before
    DIGEST = "digest"
    TEST = "test"  # `redline receivers test`


class DigestReason(StrEnum):
    """Why something waited for the digest."""

    ROUTED = "routed"  # its route says so
    OVER_BUDGET = "over_budget"


class DigestItem(Contract):
    """One line of a digest: a group of alerts, by the one that leads it.

    `outlet_names` are those of alerts that belong to no story; a story counts its outlets itself.
    """

    id: ContentId
    group_key: NonEmpty
    alert_ids: tuple[ContentId, ...] = Field(min_length=1)
    kind: AlertKind
    severity: Severity
    watch_topic: Slug
    watch_topic_title: str
    title: str
    outlet: str | None = None
    url: str | None = None
    at: UtcDatetime
    articles: int = Field(default=1, ge=1)
    outlets: int = Field(default=1, ge=1)
    outlet_names: tuple[str, ...] = ()
    reason: DigestReason


class Digest(Contract):
    """What waited from `since` to `until`, the most urgent first.

    `part` of `parts`, where a channel takes no more at once.
    """

    since: UtcDatetime
    until: UtcDatetime
    items: tuple[DigestItem, ...]
    total: int = Field(ge=0, description="items in all parts together")
    part: int = Field(default=1, ge=1)
    parts: int = Field(default=1, ge=1)


class Notification(StreamContract):
    """One message to one receiver. `id` is made of the group and its alerts, so the same decision is the same message.

    `thread` is the same for all messages of a group; `revision` counts them from 1. `alerts` are in the order in which
    they came and empty in a digest. `articles` and `outlets` count the whole group so far. `time_zone` is the reader's,
    an IANA name. `thread_subject` is the title that the first message of the thread bore, for those that follow it.
    """

    id: ContentId
    kind: NotificationKind
    receiver: NonEmpty
    group_key: NonEmpty
    group_labels: dict[str, str] = Field(default_factory=dict)
    thread: ContentId
    revision: int = Field(default=1, ge=1)
    thread_subject: str | None = None
    alerts: tuple[Alert, ...] = ()
    articles: int = Field(default=1, ge=0)
    outlets: int = Field(default=1, ge=0)
    digest: Digest | None = None
    decided_at: UtcDatetime
    time_zone: NonEmpty = "UTC"

    @property
    def lead(self) -> Alert | None:
        """The alert that stands for all of them: the most urgent one, among equals the first; None in a digest."""
        return max(self.alerts, key=lambda alert: alert.severity.rank, default=None)

    @property
    def lead_id(self) -> str:
        """The id under which deliveries of this are found: the lead's, or its own where it has none."""
        return self.lead.id if self.lead else self.id

    @property
    def alert_ids(self) -> tuple[str, ...]:
        """The ids of all alerts that this tells, those of a digest too."""
        of_digest = (alert_id for item in (self.digest.items if self.digest else ()) for alert_id in item.alert_ids)
        return (*(alert.id for alert in self.alerts), *of_digest)


def notification_id(receiver: str, group_key: str, *causes: str) -> str:
    """Return the id of the message that tells `receiver` of these causes (alert ids, a digest's moment)."""
    return content_id("notification", receiver, group_key, *sorted(causes))


def thread_id(receiver: str, group_key: str) -> str:
    """Return the id of the thread that a receiver reads of a group in."""
    return content_id("thread", receiver, group_key)
