"""Fakes for the ports: real behaviour, in memory. Add a class here when a port gets a second test."""

import asyncio
from collections.abc import AsyncGenerator, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from pydantic import BaseModel

from alerts.channels.base import FIRST_ATTEMPT, Attempt, SendResult, Sent
from schemas.feed import Feed
from schemas.notification import Notification
from schemas.streams import Stream
from schemas.trace import Stage, TraceStep
from schemas.watch import WatchRule
from services.domain.feeds.changes import Changes, Seen
from services.fetcher.history import Move
from services.fetcher.moves import host_of
from services.fetcher.state import FeedState, timer_of
from services.fetcher.store import Claim, LeaseLostError, SeenIn, Turn
from services.matcher.ports import RuleChanges, StoredKey

EPOCH = datetime(2024, 11, 27, 9, 0, tzinfo=UTC)
GONE_AT = datetime.max.replace(tzinfo=UTC)


class FakeClock:
    """A clock that moves only when told to, or when somebody sleeps on it."""

    def __init__(self, now: datetime = EPOCH) -> None:
        self._now = now
        self.slept: list[float] = []

    def now(self) -> datetime:
        return self._now

    def advance(self, step: timedelta) -> None:
        self._now += step

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self._now += timedelta(seconds=seconds)


class RecordingPublisher:
    """A publisher that keeps what was sent, in order, as (stream, contract)."""

    def __init__(self) -> None:
        self.sent: list[tuple[Stream[Any], BaseModel]] = []

    async def publish(self, stream: Stream[Any], value: BaseModel) -> None:
        self.sent.append((stream, value))

    def on(self, stream: Stream[Any]) -> list[Any]:
        """Return what was sent to one stream."""
        return [value for target, value in self.sent if target is stream]


class RecordingTraces:
    """Traces that keep every step, in order."""

    def __init__(self) -> None:
        self.steps: list[TraceStep] = []

    async def note(self, steps: Sequence[TraceStep]) -> None:
        self.steps += steps

    def told(self) -> list[tuple[Stage, str]]:
        """Return the stages and reasons, in order."""
        return [(step.stage, step.reason) for step in self.steps]


class InMemoryFeedStore:
    """A feed store for one process; leases never expire, but `steal` takes one away."""

    def __init__(self) -> None:
        self.feeds: dict[str, Feed] = {}
        self.timers: dict[str, datetime] = {}
        self.hosts: dict[str, str] = {}
        self.states: dict[str, FeedState] = {}
        self.seen_in: dict[str, dict[str, Seen]] = {}
        self.leases: dict[str, Claim] = {}  # by host
        self.audit: list[Move] = []
        self._terms: dict[str, tuple[str, timedelta | None]] = {}
        self._served_at: dict[str, datetime] = {}
        self._version = 0
        self._claims = 0

    async def version(self) -> int:
        return self._version

    async def added_feeds(self) -> tuple[Feed, ...]:
        return tuple(self.feeds[feed_id] for feed_id in sorted(self.feeds))

    async def add_feed(self, feed: Feed) -> None:
        self.feeds[feed.id] = feed
        self._version += 1

    async def remove_feed(self, feed_id: str) -> bool:
        self._version += 1
        return self.feeds.pop(feed_id, None) is not None

    async def reconcile(self, feeds: Sequence[Feed], now: datetime) -> None:
        ids = {feed.id for feed in feeds}
        self.timers = {feed_id: at for feed_id, at in self.timers.items() if feed_id in ids}
        for feed in feeds:
            if feed.id in self.timers and self._terms.get(feed.id) == (feed.url, feed.interval):
                continue
            state = self.states.get(feed.id)
            due_at = timer_of(feed, state, now, has_timer=feed.id in self.timers)
            self.timers[feed.id] = due_at or self.timers[feed.id]
            self.hosts[feed.id] = host_of(state.for_feed(feed).address if state else feed.url)
            self._terms[feed.id] = (feed.url, feed.interval)

    async def claim_due(self, now: datetime, limit: int) -> Turn:
        claims: list[Claim] = []
        waiting = [key for key, at in self.timers.items() if at <= now]
        for feed_id in sorted(waiting, key=self._queued_at):
            host = self.hosts[feed_id]
            if host not in self.leases and len(claims) < limit:
                self._claims += 1
                claim = Claim(feed_id, f"token {self._claims}", host, self.timers[feed_id], self.states.get(feed_id))
                self.leases[host] = claim
                claims.append(claim)
        later = [at for feed_id, at in self.timers.items() if self.hosts[feed_id] not in self.leases]
        return Turn(self._version, tuple(claims), min(later, default=None))

    def _queued_at(self, feed_id: str) -> tuple[datetime, datetime]:
        due_at = self.timers[feed_id]
        return max(due_at, self._served_at.get(self.hosts[feed_id], due_at)), due_at

    async def renew(self, claims: Sequence[Claim], now: datetime) -> list[Claim]:
        return [claim for claim in claims if self.leases.get(claim.host) != claim]

    async def release(self, claim: Claim, now: datetime, *, due_at: datetime | None = None) -> None:
        if self.leases.get(claim.host) == claim:
            del self.leases[claim.host]
            self._served_at[claim.host] = now
            if due_at is not None and claim.feed_id in self.timers:
                self.timers[claim.feed_id] = due_at

    def steal(self, host: str) -> None:
        """Let another fetcher take the lease, as when ours had expired."""
        self.leases[host] = Claim("another feed", "another fetcher", host)

    async def hasten(self, feed_id: str, now: datetime) -> bool:
        if self.timers.get(feed_id, GONE_AT) == GONE_AT:
            return False
        self.timers[feed_id] = now
        return True

    async def timer(self, feed_id: str) -> datetime | None:
        return self.timers.get(feed_id)

    async def state(self, feed_id: str) -> FeedState | None:
        return self.states.get(feed_id)

    async def seen(self, feed_id: str, article_ids: Sequence[str] | None = None) -> SeenIn:
        everything = self.seen_in.get(feed_id, {})
        asked = everything if article_ids is None else article_ids
        return SeenIn({key: everything[key] for key in asked if key in everything}, len(everything))

    async def record(self, claim: Claim, state: FeedState, changes: Changes, move: Move | None = None) -> None:
        if self.leases.get(claim.host) != claim:
            raise LeaseLostError(claim.feed_id)
        self.seen_in[claim.feed_id] = changes.applied_to(self.seen_in.get(claim.feed_id, {}))
        self.states[claim.feed_id] = state
        self.audit[:0] = [move] if move else []
        current = self.timers.get(claim.feed_id)
        if current is not None and self.hosts[claim.feed_id] == claim.host:
            due_at = state.due_at or GONE_AT
            self.timers[claim.feed_id] = due_at if current == claim.due_at else min(current, due_at)
            self.hosts[claim.feed_id] = host_of(state.address)
        self._served_at[claim.host] = state.last_polled_at or EPOCH
        del self.leases[claim.host]

    async def moves(self, limit: int) -> tuple[Move, ...]:
        return tuple(self.audit[:limit])


class ScriptedChannel:
    """A channel that answers as told, then with Sent; `sent` keeps (id of the leading alert, key, attempt) in order.

    An exception in the script is raised; an asyncio.Event is waited for, and the next answer given.
    """

    def __init__(self, *script: SendResult | Exception | asyncio.Event, name: str = "scripted") -> None:
        self.name = name
        self.script = list(script)
        self.sent: list[tuple[str, str, Attempt]] = []
        self.closed = False

    async def send(
        self, notification: Notification, idempotency_key: str, attempt: Attempt = FIRST_ATTEMPT
    ) -> SendResult:
        self.sent.append((notification.lead_id, idempotency_key, attempt))
        while self.script:
            answer = self.script.pop(0)
            if isinstance(answer, asyncio.Event):
                await answer.wait()
                continue
            if isinstance(answer, Exception):
                raise answer
            return answer
        return Sent()

    async def aclose(self) -> None:
        self.closed = True


class InMemoryRuleStore:
    """A rule store whose first calls may fail; its change log keeps `max_changes` changes."""

    def __init__(self, failures: list[Exception] | None = None, *, max_changes: int = 1000) -> None:
        self._rules: dict[StoredKey, WatchRule] = {}
        self._version = 0
        self._failures = [] if failures is None else failures
        self._changed: dict[StoredKey, int] = {}
        self._complete_since = 0
        self._max_changes = max_changes

    async def version(self) -> int:
        if self._failures:
            raise self._failures.pop(0)
        return self._version

    async def changes(self, since: int) -> RuleChanges | None:
        if self._failures:
            raise self._failures.pop(0)
        if since > self._version or since < self._complete_since:
            return None
        changed = [key for key, version in self._changed.items() if version > since]
        put = tuple(self._rules[key] for key in changed if key in self._rules)
        return RuleChanges(self._version, put, tuple(key for key in changed if key not in self._rules))

    async def rules(self) -> tuple[WatchRule, ...]:
        return tuple(self._rules[key] for key in sorted(self._rules))

    async def stream(
        self, watch_topic: str | None = None, rule_id: str | None = None
    ) -> AsyncGenerator[WatchRule, None]:
        for rule in list(self._rules.values()):
            if watch_topic in {None, rule.watch_topic} and rule_id in {None, rule.id}:
                yield rule

    async def get(self, keys: Iterable[StoredKey]) -> dict[StoredKey, WatchRule]:
        return {key: self._rules[key] for key in keys if key in self._rules}

    async def put(self, rule: WatchRule) -> None:
        await self.put_batch([rule], replace=True)

    async def put_batch(self, rules: Iterable[WatchRule], *, replace: bool) -> tuple[StoredKey, ...]:
        wanted = {StoredKey.of(rule): rule for rule in rules}
        taken = () if replace else tuple(key for key in wanted if key in self._rules)
        put = {key: rule for key, rule in wanted.items() if key not in taken}
        self._rules.update(put)
        self._note(*put)
        return taken

    async def exchange(self, held: WatchRule, rule: WatchRule) -> bool:
        key = StoredKey.of(held)
        if self._rules.get(key) != held:
            return False
        self._rules[key] = rule
        self._note(key)
        return True

    async def remove(self, watch_topic: str, rule_id: str) -> bool:
        key = StoredKey(watch_topic, rule_id)
        if self._rules.pop(key, None) is None:
            return False
        self._note(key)
        return True

    def _note(self, *keys: StoredKey) -> None:
        if not keys:
            return
        self._version += 1
        self._changed.update(dict.fromkeys(keys, self._version))
        while len(self._changed) > self._max_changes:
            self._complete_since = min(self._changed.values())
            self._changed = {key: at for key, at in self._changed.items() if at > self._complete_since}
