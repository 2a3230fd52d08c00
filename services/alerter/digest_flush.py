"""Sending a receiver's digest: what waits leaves it only in the same script that queues its messages."""

from datetime import datetime, timedelta

import structlog

from alerts.digests import compose_digest, next_digest_at
from services.alerter import metrics
from services.alerter.admission import MAX_CONFLICTS
from services.alerter.audience import Audience
from services.alerter.faults import ContendedError
from services.alerter.group_flush import Ground, queued
from services.alerter.group_store import HeldDigest, Message

log = structlog.get_logger()

# How long a digest waits that nobody can be sent, while its receiver has no open channel.
LOOK_AGAIN_AFTER = timedelta(hours=1)


class DigestFlush:
    """Sends digests. Two at once do no harm: one commits, the other finds nothing left."""

    def __init__(self, ground: Ground) -> None:
        self._audience = ground.audience
        self._alerts = ground.alerts
        self._groups = ground.groups
        self._admission = ground.admission
        self._clock = ground.clock
        self._wake = ground.wake

    async def flush(self, receiver: str) -> tuple[str, ...]:
        """Send what waits for a receiver's digest; return the keys of groups that became due by it."""
        for _ in range(MAX_CONFLICTS):
            held, audience, now = await self._groups.digest(receiver), self._audience(), self._clock.now()
            if audience.receiver(receiver) is None:
                moved = await self._route_anew(held, now)
                if moved is not None:
                    return moved
                continue
            if held.items and not audience.lanes_of(receiver):
                log.warning("digest_reaches_nobody", receiver=receiver, waiting=len(held.items))
                await self._groups.set_digest_due(receiver, now + LOOK_AGAIN_AFTER)
                return ()
            if await self._send(held, audience, now):
                return ()
        raise ContendedError(f"the digest of {receiver} was changed {MAX_CONFLICTS} times under our hands")

    async def reschedule(self) -> None:
        """Let digests be due by the cron lines of now, where that is sooner; later it will be after the next one."""
        now, audience = self._clock.now(), self._audience()
        for name, (count, due_at) in (await self._groups.digests()).items():
            metrics.DIGEST_WAITING.labels(name).set(count)
            receiver = audience.receiver(name)
            sooner_at = next_digest_at(receiver, now) if receiver else now
            if sooner_at < due_at:
                await self._groups.set_digest_due(name, sooner_at)

    async def _send(self, held: HeldDigest, audience: Audience, now: datetime) -> bool:
        messages = _messages(held, audience, now)
        steps = [step for notification, lanes in messages for step in queued(notification, lanes, now)]
        if not await self._groups.commit_digest(held, messages, steps, now):
            return False
        metrics.DIGEST_WAITING.labels(held.receiver).set(0)
        metrics.count([notification for notification, _ in messages], steps)
        if messages:
            log.info("digest_told", receiver=held.receiver, items=len(held.items), messages=len(messages))
            self._wake(audience.lanes_of(held.receiver))
        return True

    async def _route_anew(self, held: HeldDigest, now: datetime) -> tuple[str, ...] | None:
        """Let the alerts that waited for a receiver that is gone into other groups; None if more came meanwhile."""
        log.warning("digest_routed_anew", receiver=held.receiver, items=len(held.items))
        due: list[str] = []
        for item in held.items:
            alerts = await self._alerts.get_many(item.alert_ids)
            if missing := [one for one in item.alert_ids if one not in alerts]:
                log.error("alerts_not_kept", group=item.group_key, alert_ids=missing)
            for alert in alerts.values():
                due += [admitted.key for admitted in await self._admission.admit(alert)]
        return tuple(dict.fromkeys(due)) if await self._groups.commit_digest(held, (), (), now) else None


def _messages(held: HeldDigest, audience: Audience, now: datetime) -> list[Message]:
    receiver = audience.receiver(held.receiver)
    if receiver is None or not held.items:
        return []
    since = held.since or min(item.at for item in held.items)
    return [
        (notification, lanes)
        for capacity, lanes in audience.digest_lanes_of(held.receiver).items()
        for notification in compose_digest(receiver, held.items, since, now, capacity)
    ]
