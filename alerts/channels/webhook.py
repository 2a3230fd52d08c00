"""Webhook: the notification as JSON, signed, with its idempotency key."""

import hashlib
import hmac
from collections.abc import Callable, Mapping
from datetime import UTC, datetime

from pydantic import SecretStr

from alerts.channels.base import FIRST_ATTEMPT, Attempt, SendResult
from alerts.channels.http import Answer, Poster, result_of
from schemas.codec import encode
from schemas.notification import Notification

SIGNATURE_HEADER = "X-Redline-Signature"
KIND_HEADER = "X-Redline-Kind"  # so that a receiver can choose what to parse


def sign(body: bytes, key: str, at: datetime) -> str:
    """Return `t=<unix seconds>,v1=<hex>`: the HMAC-SHA256 of `<t>.<body>`; the time is signed against replays."""
    moment = str(int(at.timestamp()))
    digest = hmac.new(key.encode(), moment.encode() + b"." + body, hashlib.sha256).hexdigest()
    return f"t={moment},v1={digest}"


def _utc_now() -> datetime:
    return datetime.now(UTC)


class WebhookChannel:
    """Posts a notification as JSON, as `schemas/v1/notification.json` describes it."""

    def __init__(
        self,
        url: SecretStr,
        *,
        name: str = "webhook",
        signing_key: SecretStr | None = None,
        headers: Mapping[str, str] | None = None,
        poster: Poster | None = None,
        now: Callable[[], datetime] = _utc_now,
    ) -> None:
        self.name = name
        self._url = url
        self._signing_key = signing_key
        self._headers = {"User-Agent": "Redline", **(headers or {}), "Content-Type": "application/json"}
        self._poster = poster or Poster(connections=16)
        self._now = now

    async def send(
        self, notification: Notification, idempotency_key: str, attempt: Attempt = FIRST_ATTEMPT
    ) -> SendResult:
        """Post once; the receiver recognises a repeat by its Idempotency-Key."""
        now = self._now()
        body = encode(notification)
        headers = {**self._headers, "Idempotency-Key": idempotency_key, KIND_HEADER: notification.kind.value}
        if self._signing_key is not None:
            headers[SIGNATURE_HEADER] = sign(body, self._signing_key.get_secret_value(), now)
        answer = await self._poster.post(self._url.get_secret_value(), body, headers, now)
        return result_of(answer) if isinstance(answer, Answer) else answer

    async def aclose(self) -> None:
        """Close the connections."""
        await self._poster.aclose()
