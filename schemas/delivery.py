"""Delivery: one attempted send and how it ended."""

from datetime import datetime, timedelta
from enum import StrEnum

from pydantic import Field

from schemas.base import ContentId, NonEmpty, StreamContract, UtcDatetime, content_id


class Outcome(StrEnum):
    """How an attempt ended."""

    SENT = "sent"
    RETRY = "retry"  # failed, and will be tried again
    UNKNOWN = "unknown"  # the request may have arrived: the connection broke before the answer
    DEAD = "dead"  # refused for good, or retries ran out of time


class Delivery(StreamContract):
    """One attempt at telling one receiver of one notification through one channel.

    `alert_id` is the alert that leads it, `alert_ids` are all it tells of; a digest is led by
    itself. `idempotency_key` is the same for every attempt; `id` differs by attempt.
    """

    id: ContentId
    idempotency_key: ContentId
    alert_id: ContentId
    alert_ids: tuple[ContentId, ...] = ()
    notification_id: ContentId | None = None
    receiver: NonEmpty
    channel: NonEmpty
    attempt: int = Field(ge=1)
    outcome: Outcome
    reason: str = ""
    external_ref: str | None = Field(default=None, description="the channel's own id: Slack ts, Message-ID")
    attempted_at: UtcDatetime
    duration_seconds: float = Field(ge=0)

    @property
    def ended_at(self) -> datetime:
        """When its outcome was known."""
        return self.attempted_at + timedelta(seconds=self.duration_seconds)


def idempotency_key(notification: str, receiver: str, channel: str) -> str:
    """Return the key under which this notification is sent to this channel of this receiver, once."""
    return content_id("delivery", notification, receiver, channel)
