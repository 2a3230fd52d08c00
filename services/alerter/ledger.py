"""The delivery ledger in Valkey/Redis: each change of an entry is one Lua script, so two alerters cannot both have it.

Keys, all in one hash slot: `entry:<key>` a hash; `due:<receiver>/<channel>` and `sending` sorted sets of keys, by due
time and by end of lease; `held:<lane>` those that wait for the first message of their thread, and `after:<key>` those
that wait for this one; `thread:<lane>:<thread>` that first message and its ref; `queued` what is unfinished, by age;
`failed` what ended dead or unknown; `told:<alert id>` the keys that tell of an alert; `owner:<name>` the keys that an
alerter is sending; `lanes` every lane ever used; `unpublished` the deliveries to be published, as JSON, and
`interrupted` the attempts that must be published as such, by key and number.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, cast

import structlog
from redis.asyncio import Redis
from redis.commands.core import AsyncScript

from alerts.delivery import (
    Decision,
    Dispatch,
    Entry,
    EntryState,
    Finish,
    Lane,
    Resend,
)
from schemas.codec import DecodeError, decode, encode
from schemas.delivery import Delivery, Outcome, idempotency_key
from schemas.notification import Notification, NotificationKind
from schemas.trace import Stage, TraceStep
from services.alerter import ledger_scripts
from services.alerter.faults import translated
from services.alerter.ledger_entries import Fields, attempt_of, entry_of, interrupted_of, lane_of
from services.alerter.moments import micros, moment_of, text_of
from services.runtime.traces import trace_key

log = structlog.get_logger()

STATE_AFTER = {
    Outcome.SENT: EntryState.SENT,
    Outcome.DEAD: EntryState.DEAD,
    Outcome.UNKNOWN: EntryState.UNKNOWN,
    Outcome.RETRY: EntryState.PENDING,
}
# These stand alone; all others belong to a thread.
THREADLESS = frozenset({NotificationKind.DIGEST, NotificationKind.TEST})


def to_queue(notification: Notification, lanes: Iterable[Lane]) -> dict[str, Any]:
    """Return a message as the scripts that queue one expect it."""
    return {
        "id": notification.id,
        "lead": notification.lead_id,
        "kind": notification.kind.value,
        "thread": "" if notification.kind in THREADLESS else notification.thread,
        "alert_ids": list(notification.alert_ids),
        "body": encode(notification).decode(),
        "deliveries": [{"lane": str(lane), "key": idempotency_key(notification.id, *lane)} for lane in lanes],
    }


def step_arguments(steps: Iterable[TraceStep], namespace: str) -> list[str]:
    """Return steps as the scripts that note them expect them."""
    return [
        part
        for step in steps
        for part in (trace_key(step, namespace), step.id, step.model_dump_json(exclude_none=True))
    ]


class ValkeyDeliveryLedger:
    """A DeliveryLedger that any number of alerters share; as durable as the store's append-only file."""

    def __init__(self, client: Redis, *, namespace: str = "redline") -> None:
        self._client = client
        self._namespace = namespace
        self._prefix = f"{namespace}:{{outbox}}:"
        self._enqueue = client.register_script(ledger_scripts.ENQUEUE)
        self._claim = client.register_script(ledger_scripts.CLAIM)
        self._record = client.register_script(ledger_scripts.RECORD)
        self._reclaim = client.register_script(ledger_scripts.RECLAIM)
        self._resend = client.register_script(ledger_scripts.RESEND)

    async def enqueue(self, notification: Notification, lanes: Sequence[Lane], now: datetime) -> int:
        """Queue the notification once for each lane; return for how many it was new."""
        if not lanes:
            return 0
        message = json.dumps(to_queue(notification, lanes), ensure_ascii=False)
        return int(await self._run(self._enqueue, [micros(now), message]))

    async def claim_due(
        self, lane: Lane, *, owner: str, limit: int, now: datetime, lease: timedelta
    ) -> Sequence[Dispatch]:
        """Take up to `limit` due entries, oldest due first, for as long as the lease.

        Entries whose thread's first message is unfinished are passed over, and due again when it is finished.
        """
        args = [str(lane), micros(now), limit, owner, micros(now + lease)]
        dispatches = []
        for key, raw, attempt, queued_at, ref, *counts in await self._run(self._claim, args):
            try:
                notification = decode(Notification, raw)
            except DecodeError as error:
                await self._bury(text_of(key), int(attempt), owner, now, str(error))
                continue
            unknowns, interruptions, failures, doubtful = map(int, counts)
            dispatches.append(
                Dispatch(
                    text_of(key),
                    lane,
                    notification,
                    int(attempt),
                    unknowns,
                    moment_of(queued_at),
                    thread_ref=text_of(ref) or None,
                    doubtful=bool(doubtful),
                    interruptions=interruptions,
                    failures=failures,
                )
            )
        return dispatches

    async def record(self, dispatch: Dispatch, decision: Decision, delivery: Delivery, *, owner: str) -> bool:
        """Note how an attempt ended and that its delivery is to be published; False if the claim was lost."""
        due_at = "" if isinstance(decision, Finish) else str(micros(decision.due_at))
        external_ref = decision.external_ref if isinstance(decision, Finish) else None
        args = [
            dispatch.key,
            owner,
            dispatch.attempt,
            STATE_AFTER[decision.outcome].value,
            due_at,
            decision.reason,
            external_ref or "",
            micros(delivery.ended_at),
            encode(delivery),
        ]
        return bool(await self._run(self._record, args))

    async def reclaim(self, now: datetime, owner: str | None = None) -> Sequence[Delivery]:
        """Make entries whose lease ended, and every one that `owner` was sending, unknown and due at once.

        The attempts that were interrupted so are returned, and wait to be published.
        """
        return [interrupted_of(row) for row in await self._run(self._reclaim, [micros(now), owner or ""])]

    async def next_due_at(self, lane: Lane) -> datetime | None:
        """Return when the lane's next entry is due, or None if it has none waiting."""
        return await self._first_time(f"due:{lane}")

    async def oldest_queued_at(self) -> datetime | None:
        """Return since when the oldest unfinished entry waits, or None if there is none."""
        return await self._first_time("queued")

    async def waiting(self) -> Mapping[Lane, int]:
        """Return the number of entries waiting in each lane that has any."""
        with translated():
            lanes = [lane_of(lane) for lane in await self._client.smembers(f"{self._prefix}lanes")]
            pipeline = self._client.pipeline(transaction=True)
            for lane in lanes:
                pipeline.zcard(f"{self._prefix}due:{lane}")
                pipeline.zcard(f"{self._prefix}held:{lane}")
            counts = await pipeline.execute()
        sums = (due + held for due, held in zip(counts[::2], counts[1::2], strict=True))
        return {lane: count for lane, count in zip(lanes, sums, strict=True) if count}

    async def unfinished(self) -> int:
        """Return how many deliveries are waiting or being sent."""
        with translated():
            return int(await self._client.zcard(f"{self._prefix}queued"))

    async def unpublished(
        self, recorded_before: datetime, limit: int = 1000, *, owner: str | None = None
    ) -> Sequence[Delivery]:
        """Return recorded deliveries that nobody has reported as published, oldest first.

        With `owner`, only of entries that this alerter was the last to send.
        """
        pipeline = self._client.pipeline(transaction=True)
        pipeline.zrangebyscore(f"{self._prefix}unpublished", "-inf", micros(recorded_before), start=0, num=limit)
        pipeline.hvals(f"{self._prefix}interrupted")
        with translated():
            recorded, interrupted = await pipeline.execute()
        broken_off = [one for row in interrupted if (one := interrupted_of(row)).attempted_at <= recorded_before]
        found = [*(decode(Delivery, row) for row in recorded), *broken_off]
        if owner is not None:
            owners = await self._owners([delivery.idempotency_key for delivery in found])
            found = [delivery for delivery in found if owners[delivery.idempotency_key] == owner]
        return sorted(found, key=lambda delivery: delivery.ended_at)[:limit]

    async def published(self, deliveries: Sequence[Delivery]) -> None:
        """Forget that these deliveries wait to be published."""
        if deliveries:
            pipeline = self._client.pipeline(transaction=True)
            pipeline.zrem(f"{self._prefix}unpublished", *map(encode, deliveries))
            if unknown := [attempt_of(one) for one in deliveries if one.outcome is Outcome.UNKNOWN]:
                pipeline.hdel(f"{self._prefix}interrupted", *unknown)
            with translated():
                await pipeline.execute()

    async def entry(self, key: str) -> Entry | None:
        """Return one entry; None if there is none, or no longer."""
        return next(iter(await self._entries([key])), None)

    async def entries_of(self, alert_id: str) -> Sequence[Entry]:
        """Return every entry that tells of this alert, oldest first."""
        with translated():
            keys = await self._client.smembers(f"{self._prefix}told:{alert_id}")
        return sorted(await self._entries(map(text_of, keys)), key=lambda entry: (entry.queued_at, entry.key))

    async def failed(self, limit: int = 1000) -> Sequence[Entry]:
        """Return entries that ended dead or unknown, latest first."""
        with translated():
            keys = await self._client.zrevrange(f"{self._prefix}failed", 0, limit - 1)
        return await self._entries(map(text_of, cast("list[bytes]", keys)))

    async def resend(self, key: str, now: datetime, lane: Lane | None = None) -> Resend:
        """Give a dead or unknown entry a new life under its key; with `lane`, there, and also one that waits.

        The deadline counts from `now`. Leaves a step in the trace of every alert it tells of.
        """
        entry = await self.entry(key)
        if entry is None:
            return Resend.NOT_KNOWN
        steps = _resent(entry, lane or entry.lane, now)
        args = [key, micros(now), str(lane or ""), *step_arguments(steps, self._namespace)]
        return Resend(text_of(await self._run(self._resend, args)))

    async def _entries(self, keys: Iterable[str]) -> list[Entry]:
        """Return those of these entries that there are."""
        asked = list(keys)
        with translated():
            pipeline = self._client.pipeline(transaction=False)
            for key in asked:
                pipeline.hgetall(f"{self._prefix}entry:{key}")
            held: list[Fields] = await pipeline.execute()
        return [entry_of(key, fields) for key, fields in zip(asked, held, strict=True) if fields]

    async def _owners(self, keys: Sequence[str]) -> dict[str, str | None]:
        """Return who was the last to send each of these entries."""
        pipeline = self._client.pipeline(transaction=False)
        for key in keys:
            pipeline.hget(f"{self._prefix}entry:{key}", "owner")
        with translated():
            owners = await pipeline.execute()
        return {key: text_of(owner) if owner else None for key, owner in zip(keys, owners, strict=True)}

    async def _first_time(self, name: str) -> datetime | None:
        with translated():
            first = await self._client.zrange(f"{self._prefix}{name}", 0, 0, withscores=True)
        return moment_of(first[0][1]) if first else None

    async def _bury(self, key: str, attempt: int, owner: str, now: datetime, reason: str) -> None:
        """Take an entry that cannot be read out of the queue, for otherwise it would block its lane for ever."""
        log.error("queued_alert_undecodable", idempotency_key=key, reason=reason)
        args = [key, owner, attempt, EntryState.DEAD.value, "", reason, "", micros(now), ""]
        await self._run(self._record, args)

    async def _run(self, script: AsyncScript, args: Sequence[Any]) -> Any:
        with translated():
            return await script(keys=[self._prefix], args=args)


def _resent(entry: Entry, lane: Lane, now: datetime) -> list[TraceStep]:
    told = entry.notification.alert_ids if entry.notification else (entry.lead_id,)
    reason = f"sent again by command, {entry.state.value} before: {entry.reason or 'no reason was kept'}"
    return [
        TraceStep(
            subject_kind="alert",
            subject=alert_id,
            stage=Stage.QUEUED,
            at=now,
            reason=f"{reason} (after attempt {entry.attempt})",
            receiver=lane.receiver,
            channel=lane.channel,
            ref=entry.key,
        )
        for alert_id in told
    ]
