"""Acceptance tests as timelines: push alerts, expect messages, at seconds from the beginning.

The clock is moved by the timeline only, from one moment at which anything is to happen to the next; the store is a real
Valkey, and the alerters are built as in production, with channels that note what they are sent.
"""

import json
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import yaml
from redis.asyncio import Redis

from alerts.channels.assemble import OpenChannel
from alerts.channels.base import FIRST_ATTEMPT, Attempt, SendResult, Sent
from alerts.delivery import Lane, RetryPolicy
from alerts.matchers import Matchers
from alerts.route_options import Routes
from alerts.silences import Silence, silence_id
from schemas.alert import Alert, AlertKind
from schemas.base import content_id
from schemas.notification import Notification, NotificationKind
from schemas.story import Novelty, StoryRef
from schemas.trace import TraceStep
from services.alerter.group_store import ValkeyGroups
from services.alerter.ledger import ValkeyDeliveryLedger
from services.alerter.silence_store import ValkeySilences
from services.bootstrap.alerter import AlerterParts, build_parts
from services.runtime.traces import ValkeyTraces
from tests.fakes import EPOCH, FakeClock, RecordingPublisher
from tests.unit.alerts.examples import an_alert, article

MINUTE, HOUR, DAY = 60.0, 3600.0, 86400.0


class Between(NamedTuple):
    """Seconds from the beginning, both ends included."""

    first: float
    last: float

    def __str__(self) -> str:
        return f"{self.first:g}" if self.first == self.last else f"{self.first:g}..{self.last:g}"


def between(first: float, last: float) -> Between:
    """Some time from `first` to `last`."""
    return Between(first, last)


def at(moment: float) -> Between:
    """Exactly then."""
    return Between(moment, moment)


def mention(name: str, story: str | None = None, novelty: Novelty = Novelty.FACTS, **changes: Any) -> Alert:
    """An alert called `name`, about an article of its own, of a story if one is named."""
    about = article(id=content_id("article", name), title=name, outlet=f"Outlet of {name}")
    count = changes.pop("articles", 1)
    ref = story and StoryRef(id=content_id(story), origin_id=about.id, novelty=novelty, articles=count, outlets=count)
    facts = {
        "group_key": f"mention/rok-arms/{story or name}",
        "title": name,
        "article": about,
        "story": ref or None,
        **changes,
    }
    return an_alert(id=content_id("alert", name), **facts)


def shift(name: str, story: str, **changes: Any) -> Alert:
    """An alert that a position moved."""
    return mention(name, story, kind=AlertKind.SHIFT, **changes)


def routes_of(text: str) -> Routes:
    """Return the routes that this YAML says; receivers that it does not describe are named by `receivers: [desk]`."""
    data = yaml.safe_load(text)
    data["receivers"] = [
        {"channels": [{"type": "console"}], **({"name": one} if isinstance(one, str) else one)}
        for one in data.get("receivers", ["desk"])
    ]
    return Routes.model_validate_json(json.dumps(data))


@dataclass(frozen=True)
class Told:
    """One message that arrived."""

    at: float
    lane: Lane
    notification: Notification
    attempt: Attempt

    def __str__(self) -> str:
        digest = self.notification.digest
        names = [item.title for item in digest.items] if digest else [one.title for one in self.notification.alerts]
        return f"{self.at:>10g}  {self.lane.receiver:<8} {self.notification.kind.value:<8} {', '.join(names)}"


@dataclass(frozen=True)
class Expected:
    """One message that must arrive, once."""

    when: Between
    receiver: str
    kind: NotificationKind
    alert_ids: tuple[str, ...]

    def is_met_by(self, told: Told) -> bool:
        note = told.notification
        ids = tuple(sorted(note.alert_ids)) if note.digest else tuple(alert.id for alert in note.alerts)
        return (
            self.when.first <= told.at <= self.when.last
            and (self.receiver, self.kind) == (told.lane.receiver, note.kind)
            and self.alert_ids == ids
        )


class NotingChannel:
    """A channel that takes everything and notes it."""

    def __init__(self, lane: Lane, note: Callable[[Lane, Notification, Attempt], None]) -> None:
        self.name = lane.channel
        self._lane = lane
        self._note = note

    async def send(
        self, notification: Notification, idempotency_key: str, attempt: Attempt = FIRST_ATTEMPT
    ) -> SendResult:
        self._note(self._lane, notification, attempt)
        return Sent(f"ref of {notification.id}")

    async def aclose(self) -> None:
        pass


class Timeline:
    """What is to happen and what is expected; `play` lets it happen."""

    def __init__(
        self,
        client: Redis,
        namespace: str,
        routes: str,
        *,
        alerters: int = 1,
        digest_items: int | None = None,
        begin: datetime = EPOCH,
    ) -> None:
        self.clock = FakeClock(begin)
        self.told: list[Told] = []
        self.traces = ValkeyTraces(client, namespace=namespace)
        self.silences = ValkeySilences(client, namespace=namespace)
        self.ledger = ValkeyDeliveryLedger(client, namespace=namespace)
        self.groups = ValkeyGroups(client, namespace=namespace)
        self._begin = begin
        self._digest_items = digest_items
        self._open_receivers: tuple[str, ...] | None = None
        self.client = client  # of the alerters; a test may put another in its place
        self._namespace = namespace
        self.routes = routes_of(routes)
        self._events: list[tuple[float, int, Callable[[], Awaitable[None]]]] = []
        self._expected: list[Expected] = []
        self.alerters = [self._build(number) for number in range(alerters)]
        self._turn = 0

    def moment(self, seconds: float) -> datetime:
        """Return the time so many seconds after the beginning."""
        return self._begin + timedelta(seconds=seconds)

    def push(self, moment: float, *alerts: Alert) -> None:
        """Let the alerts come, each to the next alerter in turn."""
        for alert in alerts:
            fresh = alert.model_copy(update={"decided_at": self.moment(moment)})
            self.do(moment, lambda fresh=fresh: self._next_alerter().handler.handle(fresh))  # type: ignore[misc]

    def expect(
        self,
        when: Between,
        receiver: str,
        alerts: Sequence[Alert],
        kind: NotificationKind = NotificationKind.NEW,
    ) -> None:
        """A message with exactly these alerts, in this order; in a digest, in any."""
        ids = tuple(alert.id for alert in alerts)
        in_order = tuple(sorted(ids)) if kind is NotificationKind.DIGEST else ids
        self._expected.append(Expected(when, receiver, kind, in_order))

    def silence(self, moment: float, seconds: float, **match: Any) -> None:
        """Somebody silences alerts for so many seconds."""

        async def add() -> None:
            now, matchers = self.clock.now(), Matchers(**match)
            one = silence_id(matchers, "ana", now, now)
            ends_at = now + timedelta(seconds=seconds)
            await self.silences.add(
                Silence(
                    id=one,
                    match=matchers,
                    author="ana",
                    comment="known",
                    starts_at=now,
                    ends_at=ends_at,
                    created_at=now,
                )
            )

        self.do(moment, add)

    def reload(self, moment: float, routes: str) -> None:
        """The file of routes changes, and every alerter takes it over."""

        async def take_over() -> None:
            self.routes = routes_of(routes)
            for alerter in self.alerters:
                await alerter.reload.take_over(self.routes)

        self.do(moment, take_over)

    def restart(self, moment: float, routes: str | None = None) -> None:
        """Every alerter dies, and others begin with nothing but the store."""

        async def again() -> None:
            self.routes = routes_of(routes) if routes else self.routes
            self.rebuild()

        self.do(moment, again)

    def do(self, moment: float, action: Callable[[], Awaitable[None]]) -> None:
        """Let anything happen."""
        self._events.append((moment, len(self._events), action))

    def open_only(self, *receivers: str) -> None:
        """From the next reload on, only the channels of these receivers open, as when secrets are not set."""
        self._open_receivers = receivers

    def rebuild(self) -> None:
        """Put alerters that have nothing but the store in the place of those of now."""
        self.alerters = [self._build(number) for number in range(len(self.alerters))]

    async def play(self, until: float) -> None:
        """Let time go by up to `until`, then compare what was told with what was expected."""
        await self.run(until)
        self._compare()

    async def run(self, until: float) -> None:
        """Let time go by up to `until`."""
        self._events.sort(key=lambda event: event[:2])
        while (moment := await self._next_moment()) is not None and moment <= until:
            self.clock.advance(self.moment(moment) - self.clock.now())
            while self._events and self._events[0][0] <= moment:
                await self.act(self._events.pop(0)[2])
                await self.act(self._turns)
            await self.act(self._turns)

    async def act(self, action: Callable[[], Awaitable[None]]) -> None:
        """Do one thing; tests of crashes have it fail."""
        await action()

    async def steps_of(self, alert: Alert) -> list[TraceStep]:
        """Return what was decided about an alert."""
        return list(await self.traces.of_alert(alert.id))

    async def _turns(self) -> None:
        for alerter in self.alerters:
            await alerter.flusher.turn()
        for alerter in self.alerters:
            await alerter.dispatcher.settle()

    async def _next_moment(self) -> float | None:
        dues = [await self.groups.next_due_at()]
        dues += [await self.ledger.next_due_at(lane) for lane in self.alerters[0].dispatcher.lanes]
        moments = [(due - self._begin).total_seconds() for due in dues if due]
        moments += [self._events[0][0]] if self._events else []
        return max(min(moments), (self.clock.now() - self._begin).total_seconds()) if moments else None

    def _next_alerter(self) -> AlerterParts:
        self._turn += 1
        return self.alerters[self._turn % len(self.alerters)]

    def _build(self, number: int) -> AlerterParts:
        return build_parts(
            self.client,
            self.routes,
            self._open,
            publisher=RecordingPublisher(),
            clock=self.clock,
            owner=f"alerter {number}",
            namespace=self._namespace,
        )

    def _open(self, routes: Routes) -> tuple[OpenChannel, ...]:
        known = [
            receiver for receiver in routes.receivers if receiver.name in (self._open_receivers or [receiver.name])
        ]
        lanes = [Lane(receiver.name, options.name) for receiver in known for options in receiver.channels]
        return tuple(
            OpenChannel(lane, NotingChannel(lane, self._note), RetryPolicy(), digest_items=self._digest_items)
            for lane in lanes
        )

    def _note(self, lane: Lane, notification: Notification, attempt: Attempt) -> None:
        self.told.append(Told((self.clock.now() - self._begin).total_seconds(), lane, notification, attempt))

    def _compare(self) -> None:
        left = list(self.told)
        missing = []
        for expected in self._expected:
            met = next((told for told in left if expected.is_met_by(told)), None)
            if met is None:
                missing.append(expected)
            else:
                left.remove(met)
        shown = "\n".join(map(str, self.told))
        assert not missing, f"expected and not told: {missing}\ntold:\n{shown}"
        assert not left, f"told and not expected: {[str(told) for told in left]}\ntold:\n{shown}"
