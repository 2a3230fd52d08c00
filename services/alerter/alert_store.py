"""The alerts of the last weeks in Valkey/Redis, found by id, time and article.

Keys, all in the ledger's hash slot: `alert:<id>` the alert as JSON; `alerts` a sorted set of ids by the time of the
decision, in whole microseconds; `alerts:of:<article id>` the ids of the alerts that an article raised; and the index
of ids (services/runtime/id_index.py).
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, cast

import structlog
from redis.asyncio import Redis

from schemas.alert import Alert
from schemas.codec import DecodeError, decode, encode
from services.alerter.faults import translated
from services.alerter.moments import micros
from services.runtime.faults import UnavailableError
from services.runtime.id_index import IdKind, id_key

log = structlog.get_logger()

KEEP_ALERTS = timedelta(days=35)

_KEEP = """
-- KEYS: common prefix, key in the index of ids; id, article id or '', decided_at, what is older is forgotten,
-- ms to keep, alert, name in the index of ids -> 1 if it was new
local prefix, ids = KEYS[1], KEYS[2]
local id, article, decided_at, forget, keep, alert, name = unpack(ARGV)
if not redis.call('SET', prefix .. 'alert:' .. id, alert, 'NX', 'PX', keep) then
  return 0
end
redis.call('ZADD', prefix .. 'alerts', decided_at, id)
redis.call('ZREMRANGEBYSCORE', prefix .. 'alerts', '-inf', '(' .. forget)
redis.call('PEXPIRE', prefix .. 'alerts', keep)
redis.call('SADD', ids, name)
redis.call('PEXPIRE', ids, keep)
if article ~= '' then
  local of = prefix .. 'alerts:of:' .. article
  redis.call('SADD', of, id)
  redis.call('PEXPIRE', of, keep)
end
return 1
"""


class AlertStoreUnavailableError(UnavailableError):
    """The store cannot be reached, or takes no writes now: full, read-only, or loading."""


class ValkeyAlerts:
    """Keeps every alert for 35 days. Every method raises AlertStoreUnavailableError, and may then be called again."""

    def __init__(self, client: Redis, *, namespace: str = "redline") -> None:
        self._client = client
        self._namespace = namespace
        self._prefix = f"{namespace}:{{outbox}}:"
        self._keep = client.register_script(_KEEP)

    async def keep(self, alert: Alert) -> bool:
        """Keep an alert; say whether it is new. One that is kept already stays as it is."""
        args: list[Any] = [
            alert.id,
            alert.article.id if alert.article else "",
            micros(alert.decided_at),
            micros(alert.decided_at - KEEP_ALERTS),
            KEEP_ALERTS // timedelta(milliseconds=1),
            encode(alert),
            f"{IdKind.ALERT}:{alert.id}",
        ]
        with translated(AlertStoreUnavailableError):
            return bool(await self._keep(keys=[self._prefix, id_key(alert.id, self._namespace)], args=args))

    async def get(self, alert_id: str) -> Alert | None:
        """Return an alert, or None if it is not kept (any more)."""
        return (await self.get_many([alert_id])).get(alert_id)

    async def get_many(self, alert_ids: Sequence[str]) -> dict[str, Alert]:
        """Return those of these alerts that are kept, in the order asked for."""
        if not alert_ids:
            return {}
        with translated(AlertStoreUnavailableError):
            raws = await self._client.mget([f"{self._prefix}alert:{alert_id}" for alert_id in alert_ids])
        found = zip(alert_ids, cast("list[bytes | None]", raws), strict=True)
        return {alert_id: alert for alert_id, raw in found if raw is not None and (alert := _readable(alert_id, raw))}

    async def recent(self, since: datetime, until: datetime, limit: int, *, offset: int = 0) -> tuple[Alert, ...]:
        """Return alerts decided from `since` to `until`, both included, newest first; `offset` of them are left out.

        Fewer than `limit` do not mean that there are no more: see `recent_ids`.
        """
        return tuple((await self.get_many(await self.recent_ids(since, until, limit, offset=offset))).values())

    async def recent_ids(self, since: datetime, until: datetime, limit: int, *, offset: int = 0) -> tuple[str, ...]:
        """Return the ids of alerts decided from `since` to `until`, newest first, also of those not kept any more."""
        with translated(AlertStoreUnavailableError):
            ids = await self._client.zrevrangebyscore(
                f"{self._prefix}alerts", micros(until), micros(since), start=offset, num=limit
            )
        return tuple(one.decode() for one in cast("list[bytes]", ids))

    async def of_article(self, article_id: str) -> tuple[Alert, ...]:
        """Return the alerts that an article raised, oldest first."""
        with translated(AlertStoreUnavailableError):
            ids = await self._client.smembers(f"{self._prefix}alerts:of:{article_id}")
        found = await self.get_many([one.decode() for one in cast("set[bytes]", ids)])
        return tuple(sorted(found.values(), key=lambda alert: (alert.decided_at, alert.id)))


def _readable(alert_id: str, raw: bytes) -> Alert | None:
    try:
        return decode(Alert, raw)
    except DecodeError as error:
        log.error("kept_alert_unreadable", alert_id=alert_id, reason=str(error))
        return None
