"""What is known of alerts, read from where the tracker and the alerter keep it."""

from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from alerts.delivery import Entry
from schemas.alert import Alert, AlertKind
from schemas.trace import TO_ALERTS, TraceStep
from schemas.watch import Severity
from services import bootstrap
from services.alerter.alert_store import KEEP_ALERTS, ValkeyAlerts
from services.alerter.ledger import ValkeyDeliveryLedger
from services.cli.alert_status import STATUS_AFTER, Status
from services.cli.output import BadInputError
from services.cli.times import zulu
from services.runtime.id_index import LEAST_CHARS, FoundId, IdKind, ValkeyIds
from services.runtime.traces import ValkeyTraces
from services.settings import LoadedSettings

ID_CHARS = 32
PAGE = 200  # alerts read at once
NO_STATE = "nothing has run here yet, so there are no alerts"
WHY_NOT = (
    f"after {KEEP_ALERTS.days} days nothing is known any more, and of an article that meets no rule nothing ever was"
)
MAX_NAMED = 8  # ids that a message about an ambiguous one names


@dataclass(frozen=True)
class AlertWay:
    """What became of an alert. `alert` is None where only its traces are left."""

    alert_id: str
    alert: Alert | None
    steps: tuple[TraceStep, ...]
    deliveries: tuple[Entry, ...]

    @property
    def statuses(self) -> tuple[Status, ...]:
        """Where it stands, once for each delivery and for each receiver that has none."""
        told = {entry.lane.receiver for entry in self.deliveries}
        last = {step.receiver: STATUS_AFTER[step.stage] for step in self.steps if step.stage in STATUS_AFTER}
        untold = [status for receiver, status in last.items() if receiver not in told and (receiver or len(last) == 1)]
        return (*(Status(entry.state.value) for entry in self.deliveries), *untold)

    @property
    def receivers(self) -> frozenset[str]:
        """Everybody it was routed to."""
        routed = {step.receiver for step in self.steps if step.receiver}
        return frozenset(routed | {entry.lane.receiver for entry in self.deliveries})

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON takes it."""
        return {
            "id": self.alert_id,
            "alert": self.alert.model_dump(mode="json", exclude_none=True) if self.alert else None,
            "statuses": sorted(set(self.statuses)),
            "steps": steps_json(self.steps),
            "deliveries": [entry_json(entry) for entry in self.deliveries],
        }


@dataclass(frozen=True)
class ArticleWay:
    """What became of an article: what was decided about it, and the alerts that it raised."""

    article_id: str
    steps: tuple[TraceStep, ...]
    alerts: tuple[AlertWay, ...]

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON takes it."""
        alerts = [way.to_json() for way in self.alerts]
        return {"article_id": self.article_id, "article_steps": steps_json(self.steps), "alerts": alerts}


@dataclass(frozen=True)
class DeliveryWay:
    """One delivery, and the alerts it tells of as far as they are known."""

    entry: Entry
    alerts: tuple[AlertWay, ...]

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON takes it."""
        return {"delivery": entry_json(self.entry), "alerts": [way.to_json() for way in self.alerts]}


@dataclass(frozen=True)
class Wanted:
    """Which alerts to list; None and () leave it open."""

    since: datetime
    until: datetime
    watch_topics: tuple[str, ...] = ()
    kinds: tuple[AlertKind, ...] = ()
    severities: tuple[Severity, ...] = ()
    receiver: str | None = None
    statuses: tuple[Status, ...] = ()

    def takes(self, alert: Alert) -> bool:
        """Say whether the alert itself is wanted."""
        pairs: tuple[tuple[str, Sequence[str]], ...] = (
            (alert.watch_topic, self.watch_topics),
            (alert.kind, self.kinds),
            (alert.severity, self.severities),
        )
        return all(value in wanted for value, wanted in pairs if wanted)

    def takes_way(self, way: AlertWay) -> bool:
        """Say whether what became of it is wanted."""
        if self.receiver is not None and self.receiver not in way.receivers:
            return False
        return not self.statuses or bool(set(self.statuses) & set(way.statuses))


class AlertStores:
    """Everything that is kept of alerts, read together."""

    def __init__(self, valkey: Any) -> None:
        self.alerts = ValkeyAlerts(valkey)
        self.traces = ValkeyTraces(valkey)
        self.ledger = ValkeyDeliveryLedger(valkey)
        self.ids = ValkeyIds(valkey)

    async def list(self, wanted: Wanted) -> AsyncGenerator[AlertWay, None]:
        """Yield the alerts that are wanted, newest first."""
        offset = 0
        while ids := await self.alerts.recent_ids(wanted.since, wanted.until, PAGE, offset=offset):
            for alert in (await self.alerts.get_many(ids)).values():
                if wanted.takes(alert) and wanted.takes_way(way := await self.way_of(alert.id, alert)):
                    yield way
            offset += len(ids)

    async def way_of(self, alert_id: str, alert: Alert | None = None) -> AlertWay:
        """Return what became of an alert."""
        found = alert or await self.alerts.get(alert_id)
        steps, entries = await self.traces.of_alert(alert_id), await self.ledger.entries_of(alert_id)
        return AlertWay(alert_id, found, steps, tuple(entries))

    async def find(self, given: str) -> AlertWay | ArticleWay | DeliveryWay:
        """Return what became of what this id, or its beginning, stands for; else raise BadInputError."""
        one = await self.resolve(given)
        if one.kind is IdKind.ALERT:
            return await self.way_of(one.id)
        if one.kind is IdKind.ARTICLE:
            return await self.article(one.id)
        entry = await self.ledger.entry(one.id)
        if entry is None:
            raise BadInputError(f"delivery {one.id} is not kept any more")
        alert_ids = entry.notification.alert_ids if entry.notification else (entry.lead_id,)
        ways = [await self.way_of(alert_id) for alert_id in alert_ids]
        return DeliveryWay(entry, tuple(way for way in ways if way.alert is not None))

    async def article(self, article_id: str) -> ArticleWay:
        """Return what became of an article."""
        steps = await self.traces.of_article(article_id)
        raised = [step.ref for step in steps if step.stage in TO_ALERTS and step.ref]
        kept = {alert.id: alert for alert in await self.alerts.of_article(article_id)}
        ways = [await self.way_of(one, kept.get(one)) for one in dict.fromkeys((*raised, *kept))]
        return ArticleWay(article_id, steps, tuple(ways))

    async def resolve(self, given: str) -> FoundId:
        """Return what an id, or an unambiguous beginning of one, stands for; else raise BadInputError."""
        if len(given) < LEAST_CHARS:
            raise BadInputError(f"{given!r}: give at least {LEAST_CHARS} characters of an id")
        found = await self.ids.beginning_with(given) or await self._whole(given)
        if not found:
            what = "has the id" if len(given) == ID_CHARS else "has an id that begins with"
            raise BadInputError(f"no article, alert or delivery {what} {given!r}; {WHY_NOT}")
        if len(found) > 1:
            raise BadInputError(f"{given!r} is the beginning of several: {_named(found)}")
        return found[0]

    async def _whole(self, given: str) -> tuple[FoundId, ...]:
        """Look a whole id up where it would be kept, for one that the index has lost."""
        if len(given) != ID_CHARS:
            return ()
        if await self.alerts.get(given) is not None or await self.traces.of_alert(given):
            return (FoundId(IdKind.ALERT, given),)
        if await self.traces.of_article(given) or await self.alerts.of_article(given):
            return (FoundId(IdKind.ARTICLE, given),)
        return (FoundId(IdKind.DELIVERY, given),) if await self.ledger.entry(given) else ()


@asynccontextmanager
async def alert_stores(loaded: LoadedSettings) -> AsyncIterator[AlertStores]:
    """Connect to what is kept of alerts; raise BadInputError where nothing has run yet, and create nothing."""
    if not bootstrap.has_state(loaded.settings):
        raise BadInputError(NO_STATE)
    async with bootstrap.open_valkey(loaded.settings) as valkey:
        yield AlertStores(valkey)


async def kept_alerts(loaded: LoadedSettings, given: str) -> tuple[Alert, ...]:
    """Return the alerts that an id, or the beginning of one, leads to; else raise BadInputError."""
    async with alert_stores(loaded) as stores:
        way = await stores.find(given)
    ways = (way,) if isinstance(way, AlertWay) else way.alerts
    alerts = tuple(one.alert for one in ways if one.alert is not None)
    if not alerts:
        raise BadInputError(f"{given!r} leads to no alert that is still kept")
    return alerts


def steps_json(steps: Iterable[TraceStep]) -> list[dict[str, Any]]:
    """Return steps as JSON takes them; whom they are about is known from where they stand."""
    about = {"subject_kind", "subject"}
    return [step.model_dump(mode="json", exclude_none=True, exclude=about) for step in steps]


def entry_json(entry: Entry) -> dict[str, Any]:
    """Return a delivery as JSON takes it, without its message."""
    times = ("queued_at", "due_at", "finished_at")
    row: dict[str, Any] = {
        "key": entry.key,
        "receiver": entry.lane.receiver,
        "channel": entry.lane.channel,
        "kind": entry.kind.value,
        "state": entry.state.value,
        "attempts": entry.attempt,
        "reason": entry.reason,
        "external_ref": entry.external_ref,
        "notification_id": entry.notification_id,
        "thread": entry.thread,
        "waits_for": entry.waits_for,
        **{name: zulu(moment) if (moment := getattr(entry, name)) else None for name in times},
    }
    return {name: value for name, value in row.items() if value not in {None, ""}}


def _named(found: Sequence[FoundId]) -> str:
    names = [f"{one.kind} {one.id}" for one in found[:MAX_NAMED]]
    return ", ".join(names) + (f" and {len(found) - MAX_NAMED} more" if len(found) > MAX_NAMED else "")
