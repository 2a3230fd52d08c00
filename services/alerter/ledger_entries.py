"""From the fields of the ledger's hashes to what they mean."""

import json
from collections.abc import Mapping

from alerts.delivery import Entry, EntryState, Lane, interrupted_delivery
from schemas.codec import DecodeError, decode
from schemas.delivery import Delivery
from schemas.notification import Notification, NotificationKind
from services.alerter.moments import moment_of, text_of

Fields = Mapping[bytes, bytes]


def lane_of(text: str | bytes) -> Lane:
    """Return the lane that is written so."""
    receiver, _, channel = text_of(text).partition("/")
    return Lane(receiver, channel)


def entry_of(key: str, fields: Fields) -> Entry:
    """Return the entry that these fields hold."""

    def text(name: str) -> str:
        return fields.get(name.encode(), b"").decode()

    def known(name: str) -> str | None:
        return text(name) or None

    state, finished_at, waits_for = EntryState(text("state")), known("finished_at"), known("waits_for")
    is_due = finished_at is None and waits_for is None and state is not EntryState.SENDING
    return Entry(
        key=key,
        lane=lane_of(text("lane")),
        state=state,
        lead_id=text("alert_id"),
        notification_id=text("notification_id"),
        kind=NotificationKind(text("kind")),
        thread=text("thread"),
        attempt=int(text("attempt")),
        queued_at=moment_of(text("queued_at")),
        due_at=moment_of(text("due_at")) if is_due else None,
        waits_for=waits_for,
        finished_at=moment_of(finished_at) if finished_at else None,
        reason=text("reason"),
        external_ref=known("external_ref"),
        notification=_readable(fields.get(b"notification")),
    )


def interrupted_of(row: bytes) -> Delivery:
    """Return the record of an attempt that its alerter could not bring to an end, from what RECLAIM noted of it."""
    said = json.loads(row)
    return interrupted_delivery(
        said["key"],
        lane_of(said["lane"]),
        int(said["attempt"]),
        lead_id=said["lead_id"],
        alert_ids=tuple(said["alert_ids"].split()),
        notification_id=said["notification_id"],
        noticed_at=moment_of(said["at"]),
    )


def attempt_of(delivery: Delivery) -> str:
    """Return under which name an interrupted attempt is kept."""
    return f"{delivery.idempotency_key} {delivery.attempt}"


def _readable(raw: bytes | None) -> Notification | None:
    try:
        return decode(Notification, raw)
    except DecodeError:
        return None  # an entry is shown even where its message can be read no more
