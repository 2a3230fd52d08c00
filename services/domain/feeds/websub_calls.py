"""What a hub's calls to us come to: does it verify what we asked for, and has it signed what it pushes?"""

import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from services.domain.feeds.websub import Mode, Status, Subscription, denied, verified

ALGORITHMS = ("sha1", "sha256", "sha384", "sha512")
MAX_REASON_CHARS = 200
_SIGNATURE = re.compile(r"\s*([A-Za-z0-9]+)=([0-9a-fA-F]+)\s*")


class Verdict(StrEnum):
    """What a hub's verification, or denial, comes to."""

    SUBSCRIBED = "subscribed"
    UNSUBSCRIBED = "unsubscribed"
    DENIED = "denied"
    NOT_ASKED = "not_asked"  # nobody here asked for that, or asks no longer
    OTHER_TOPIC = "other_topic"  # ours is named otherwise
    MALFORMED = "malformed"


@dataclass(frozen=True, slots=True)
class Verification:
    """A hub's question whether we asked for this, or its word that it denies it."""

    mode: str
    topic_url: str
    challenge: str = ""
    lease: timedelta | None = None
    reason: str = ""


def parse_verification(parameters: Mapping[str, str]) -> Verification:
    """Return what the query of a callback says; parameters that are not of WebSub do not matter."""
    lease = parameters.get("hub.lease_seconds", "").strip()
    seconds = int(lease[:9]) if lease.isascii() and lease.isdigit() else 0
    return Verification(
        mode=parameters.get("hub.mode", "").strip().lower(),
        topic_url=parameters.get("hub.topic", ""),
        challenge=parameters.get("hub.challenge", ""),
        lease=timedelta(seconds=seconds) if seconds else None,
        reason=" ".join(parameters.get("hub.reason", "").split())[:MAX_REASON_CHARS],
    )


def judge(
    subscription: Subscription | None, said: Verification, now: datetime, jitter: float = 0.0
) -> tuple[Verdict, Subscription | None]:
    """Return what the hub's call comes to, and the subscription after it; None where it is over."""
    if subscription is None:
        return Verdict.NOT_ASKED, None
    if said.topic_url != subscription.topic_url:
        return Verdict.OTHER_TOPIC, subscription
    if said.mode == "denied":
        # A hub that denies to one who is leaving says that there is nothing to leave.
        is_leaving = subscription.status is Status.UNSUBSCRIBING
        return Verdict.DENIED, None if is_leaving else denied(subscription, said.reason, now)
    if not said.challenge or said.mode not in set(Mode):
        return Verdict.MALFORMED, subscription
    return _confirm(subscription, Mode(said.mode), said.lease, now, jitter)


def _confirm(
    subscription: Subscription, mode: Mode, lease: timedelta | None, now: datetime, jitter: float
) -> tuple[Verdict, Subscription | None]:
    if mode is Mode.UNSUBSCRIBE and subscription.status is Status.UNSUBSCRIBING:
        return Verdict.UNSUBSCRIBED, None
    # Also when it is verified already: a hub that never got our answer asks again.
    if mode is Mode.SUBSCRIBE and subscription.status in {Status.REQUESTED, Status.VERIFIED}:
        return Verdict.SUBSCRIBED, verified(subscription, lease, now, jitter)
    return Verdict.NOT_ASKED, subscription


class Signature(StrEnum):
    """What the signature of pushed content comes to. Only what is valid is taken; the hub is not told which it was."""

    VALID = "valid"
    MISSING = "missing"
    MALFORMED = "malformed"
    UNKNOWN_ALGORITHM = "unknown_algorithm"
    WRONG = "wrong"


def check_signature(header: str | None, secret: str, body: bytes) -> Signature:
    """Say whether `X-Hub-Signature: algorithm=hex` is the HMAC of the body under the secret, in constant time."""
    if not header:
        return Signature.MISSING
    found = _SIGNATURE.fullmatch(header)
    if found is None:
        return Signature.MALFORMED
    algorithm, digest = found.group(1).lower(), found.group(2).lower()
    if algorithm not in ALGORITHMS:
        return Signature.UNKNOWN_ALGORITHM
    expected = hmac.new(secret.encode(), body, algorithm).hexdigest()
    return Signature.VALID if hmac.compare_digest(expected, digest) else Signature.WRONG


class Keeping(StrEnum):
    """What became of a document that a hub pushed."""

    KEPT = "kept"
    FULL = "full"  # too many wait: the hub is to send it again later
