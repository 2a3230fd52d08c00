"""The delivery ledger in Valkey/Redis: each change of an entry is one Lua script, so two alerters cannot both have it.

Keys, all in one hash slot: `entry:<key>` a hash; `due:<receiver>/<channel>` and `sending` sorted sets of keys, by due
time and by end of lease; `owner:<name>` the keys that an alerter is sending; `lanes` every lane ever used;
`unpublished` the deliveries to be published, as JSON. Times are whole microseconds, which a score holds exactly.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import structlog
from redis.asyncio import Redis
from redis.commands.core import AsyncScript
from redis.exceptions import RedisError

from alerts.delivery import (
    KEEP_FINISHED,
    Decision,
    Dispatch,
    EntryState,
    Finish,
    Interrupted,
    Lane,
    LedgerUnavailableError,
)
from schemas.codec import DecodeError, decode, encode
from schemas.delivery import Delivery, Outcome, idempotency_key
from schemas.notification import Notification
from services.alerter import ledger_scripts
from services.runtime.faults import UnavailableError

log = structlog.get_logger()

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
STATE_AFTER = {
    Outcome.SENT: EntryState.SENT,
    Outcome.DEAD: EntryState.DEAD,
    Outcome.UNKNOWN: EntryState.UNKNOWN,
    Outcome.RETRY: EntryState.PENDING,
}


def _micros(moment: datetime) -> int:
    return (moment - _EPOCH) // _MICROSECOND


def _moment(micros: float | str | bytes) -> datetime:
    return _EPOCH + timedelta(microseconds=int(micros))


def _text(value: str | bytes) -> str:
    return value.decode() if isinstance(value, bytes) else value


def _lane(text: str | bytes) -> Lane:
    receiver, _, channel = _text(text).partition("/")
    return Lane(receiver, channel)


class ValkeyDeliveryLedger:
    """A DeliveryLedger that any number of alerters share; as durable as the store's append-only file."""

    def __init__(self, client: Redis, *, namespace: str = "redline") -> None:
        self._client = client
        self._prefix = f"{namespace}:{{outbox}}:"
        self._enqueue = client.register_script(ledger_scripts.ENQUEUE)
        self._claim = client.register_script(ledger_scripts.CLAIM)
        self._record = client.register_script(ledger_scripts.RECORD)
        self._reclaim = client.register_script(ledger_scripts.RECLAIM)

    async def enqueue(self, notification: Notification, lanes: Sequence[Lane], now: datetime) -> int:
        """Queue the notification once for each lane; return for how many it was new."""
        if not lanes:
            return 0
        args: list[Any] = [_micros(now), notification.lead_id, encode(notification)]
        for lane in lanes:
            args += [str(lane), idempotency_key(notification.id, *lane)]
        return int(await self._run(self._enqueue, args))

    async def claim_due(
        self, lane: Lane, *, owner: str, limit: int, now: datetime, lease: timedelta
    ) -> Sequence[Dispatch]:
        """Take up to `limit` due entries, oldest due first, for as long as the lease."""
        args = [str(lane), _micros(now), limit, owner, _micros(now + lease)]
        dispatches = []
        for key, raw, attempt, unknowns, queued_at in await self._run(self._claim, args):
            try:
                notification = decode(Notification, raw)
            except DecodeError as error:
                await self._bury(_text(key), int(attempt), owner, now, str(error))
                continue
            dispatches.append(Dispatch(_text(key), lane, notification, int(attempt), int(unknowns), _moment(queued_at)))
        return dispatches

    async def record(self, dispatch: Dispatch, decision: Decision, delivery: Delivery, *, owner: str) -> bool:
        """Note how an attempt ended and that its delivery is to be published; False if the claim was lost."""
        due_at = "" if isinstance(decision, Finish) else str(_micros(decision.due_at))
        external_ref = decision.external_ref if isinstance(decision, Finish) else None
        ended_at = _micros(delivery.attempted_at + timedelta(seconds=delivery.duration_seconds))
        args = [
            dispatch.key,
            owner,
            dispatch.attempt,
            STATE_AFTER[decision.outcome].value,
            due_at,
            decision.reason,
            external_ref or "",
            ended_at,
            KEEP_FINISHED // timedelta(milliseconds=1),
            encode(delivery),
        ]
        return bool(await self._run(self._record, args))

    async def reclaim(self, now: datetime, owner: str | None = None) -> Sequence[Interrupted]:
        """Make entries whose lease ended, and every one that `owner` was sending, unknown and due at once."""
        rows = await self._run(self._reclaim, [_micros(now), owner or ""])
        return [
            Interrupted(_text(key), _lane(lane), _text(alert_id), int(attempt)) for key, lane, alert_id, attempt in rows
        ]

    async def next_due_at(self, lane: Lane) -> datetime | None:
        """Return when the lane's next entry is due, or None if it has none waiting."""
        try:
            first = await self._client.zrange(f"{self._prefix}due:{lane}", 0, 0, withscores=True)
        except (RedisError, OSError) as error:
            raise _unavailable(error) from error
        return _moment(first[0][1]) if first else None

    async def waiting(self) -> Mapping[Lane, int]:
        """Return the number of entries waiting in each lane that has any."""
        try:
            lanes = [_lane(lane) for lane in await self._client.smembers(f"{self._prefix}lanes")]
            pipeline = self._client.pipeline(transaction=False)
            for lane in lanes:
                pipeline.zcard(f"{self._prefix}due:{lane}")
            counts = await pipeline.execute()
        except (RedisError, OSError) as error:
            raise _unavailable(error) from error
        return {lane: count for lane, count in zip(lanes, counts, strict=True) if count}

    async def unfinished(self) -> int:
        """Return how many deliveries are waiting or being sent."""
        try:
            lanes = await self._client.smembers(f"{self._prefix}lanes")
            pipeline = self._client.pipeline(transaction=True)  # one moment, so that none is missed on its way
            pipeline.zcard(f"{self._prefix}sending")
            for lane in lanes:
                pipeline.zcard(f"{self._prefix}due:{_text(lane)}")
            return sum(await pipeline.execute())
        except (RedisError, OSError) as error:
            raise _unavailable(error) from error

    async def unpublished(self, recorded_before: datetime, limit: int = 1000) -> Sequence[Delivery]:
        """Return recorded deliveries that nobody has reported as published, oldest first."""
        try:
            rows = await self._client.zrangebyscore(
                f"{self._prefix}unpublished", "-inf", _micros(recorded_before), start=0, num=limit
            )
        except (RedisError, OSError) as error:
            raise _unavailable(error) from error
        return [decode(Delivery, cast("bytes", row)) for row in rows]

    async def published(self, deliveries: Sequence[Delivery]) -> None:
        """Forget that these deliveries wait to be published."""
        if not deliveries:
            return
        try:
            await self._client.zrem(f"{self._prefix}unpublished", *map(encode, deliveries))
        except (RedisError, OSError) as error:
            raise _unavailable(error) from error

    async def _bury(self, key: str, attempt: int, owner: str, now: datetime, reason: str) -> None:
        """Take an entry that cannot be read out of the queue, for otherwise it would block its lane for ever."""
        log.error("queued_alert_undecodable", idempotency_key=key, reason=reason)
        keep = KEEP_FINISHED // timedelta(milliseconds=1)
        args = [key, owner, attempt, EntryState.DEAD.value, "", reason, "", _micros(now), keep, ""]
        await self._run(self._record, args)

    async def _run(self, script: AsyncScript, args: Sequence[Any]) -> Any:
        try:
            return await script(keys=[self._prefix], args=args)
        except (RedisError, OSError) as error:
            raise _unavailable(error) from error


class ValkeyLedgerUnavailableError(LedgerUnavailableError, UnavailableError):
    """The store cannot be reached, or takes no writes now: full, read-only, or loading."""


def _unavailable(error: Exception) -> ValkeyLedgerUnavailableError:
    return ValkeyLedgerUnavailableError(f"{type(error).__name__}: {error}")
