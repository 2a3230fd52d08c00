"""Subscribes feeds at the hubs that they name, and keeps the subscriptions alive; decides nothing itself."""

import asyncio
import random
import secrets
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Protocol
from urllib.parse import urlsplit

import structlog

from schemas.feed import Feed
from services.domain.feeds.schedule import DueReason
from services.domain.feeds.websub import (
    Action,
    Credentials,
    Mode,
    Offer,
    Step,
    Subscription,
    asking,
    callback_url,
    expired,
    leaving,
    next_step,
    refused,
    relocated,
)
from services.fetcher.client import FailureReason
from services.fetcher.hub_client import Accepted, Refused
from services.fetcher.pushed import offer_of
from services.fetcher.store import FeedStore, StoreUnavailableError
from services.fetcher.websub_store import ValkeyWebSubStore
from services.ports import Clock

CHECK_EVERY = timedelta(seconds=1)
# Hubs asked at the same time; each hub is asked one request at a time.
CONCURRENCY = 8
# Longer than a look can take, so that nobody else looks meanwhile; after a crash somebody does when it is over.
CLAIM = timedelta(minutes=2)
STOP_GRACE = timedelta(seconds=3)
_TOKEN_BYTES = 32
# Of one look: a lease that is over, a subscription that is forgotten, and then the request.
_MAX_STEPS = 4

log = structlog.get_logger(__name__)


class Hubs(Protocol):
    """Asks hubs."""

    async def ask(self, subscription: Subscription, mode: Mode) -> Accepted | Refused:
        """Return what the hub answers to one request for this subscription."""


class WebSubSubscriber:
    """Looks at every subscription when it is due. Without a callback address it ends them all, and polling is left."""

    def __init__(
        self,
        *,
        store: ValkeyWebSubStore,
        feeds: FeedStore,
        hubs: Hubs,
        clock: Clock,
        callback_base: str | None,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._store = store
        self._feeds = feeds
        self._hubs = hubs
        self._clock = clock
        self._base = callback_base
        self._jitter = jitter
        self._followed: Mapping[str, Feed] | None = None
        self._is_news = False
        self._stranded: set[str] = set()
        self._running: dict[asyncio.Task[None], str] = {}
        self._busy: dict[asyncio.Task[None], str] = {}
        # The hub that a feed waits for: thousands may wait for one, and are not read again until it is free.
        self._waiting: dict[str, str] = {}
        self._wake = asyncio.Event()

    def follow(self, feeds: Mapping[str, Feed]) -> None:
        """Take these as the feeds that are followed from now on."""
        self._followed = feeds
        self._is_news = True
        self._wake.set()

    async def run(self, stop: asyncio.Event) -> None:
        """Work until `stop` is set, then let running requests finish; those cut off are repeated after the restart."""
        watcher = asyncio.create_task(self._wake_on(stop))
        try:
            while not stop.is_set():
                self._wake.clear()
                try:
                    await self.turn()
                except StoreUnavailableError as error:
                    log.error("websub_store_unavailable", error=str(error))
                with suppress(TimeoutError):
                    async with asyncio.timeout(CHECK_EVERY.total_seconds()):
                        await self._wake.wait()
        finally:
            watcher.cancel()
            await self._finish()

    async def turn(self) -> None:
        """Start every look that can start now."""
        self._reap()
        if self._followed is None:
            return  # which feeds are followed is not known yet
        now = self._clock.now()
        if self._is_news:
            self._is_news = False
            self._waiting.clear()
            wanted = {feed_id for feed_id, feed in self._followed.items() if feed.websub and self._base is not None}
            for feed_id in await self._store.known() - wanted:
                await self._store.look_at(feed_id, now)
        await self._hasten_pushed(now)
        for feed_id in await self._store.due(now):
            if len(self._running) >= CONCURRENCY:
                return
            await self._start(feed_id, now)

    async def _hasten_pushed(self, now: datetime) -> None:
        """Make feeds due that have pushed documents waiting and no poll near.

        Only at the second look: a poll that is just being recorded drops its document a moment later.
        """
        stranded: set[str] = set()
        for feed_id in await self._store.waiting():
            if self._base is None or feed_id not in (self._followed or {}):
                await self._store.discard(feed_id)
            elif await self._is_stranded(feed_id, now):
                stranded.add(feed_id)
        for feed_id in stranded & self._stranded:
            await self._feeds.hasten(feed_id, now)
        self._stranded = stranded

    async def _is_stranded(self, feed_id: str, now: datetime) -> bool:
        due_at = await self._feeds.timer(feed_id)
        state = await self._feeds.state(feed_id)
        # After a fault of ours the poll is backed off from, pushed document or not.
        is_backing_off = state is not None and state.failure is FailureReason.FAULT
        return due_at is not None and due_at > now and not is_backing_off

    async def _start(self, feed_id: str, now: datetime) -> None:
        if feed_id in self._running.values() or self._waiting.get(feed_id) in self._busy.values():
            return
        subscription, offer = await self._read(feed_id)
        hub = self._step(subscription, offer, now).hub or (subscription.hub if subscription else "")
        host = urlsplit(hub).hostname or ""
        if host and host in self._busy.values():
            self._waiting[feed_id] = host
            return
        self._waiting.pop(feed_id, None)
        until = now + CLAIM
        if not await self._store.claim(feed_id, now, until):
            return
        task = asyncio.create_task(self._look(feed_id, until), name=f"websub:{feed_id}")
        self._running[task], self._busy[task] = feed_id, host
        task.add_done_callback(lambda _: self._wake.set())

    async def _look(self, feed_id: str, until: datetime) -> None:
        """Do what is to do for one feed now."""
        for _ in range(_MAX_STEPS):
            subscription, offer = await self._read(feed_id)
            step = self._step(subscription, offer, self._clock.now())
            if step.action is Action.WAIT or (step.action is Action.FORGET and subscription is None):
                break
            await self._take(step, feed_id, subscription, offer)
            if step.action in {Action.SUBSCRIBE, Action.UNSUBSCRIBE}:
                break
        subscription = await self._store.subscription(feed_id)
        await self._restore_polling(feed_id, subscription)
        await self._store.settle(feed_id, until, subscription)

    async def _read(self, feed_id: str) -> tuple[Subscription | None, Offer | None]:
        """Return the feed's subscription, and what the feed offers if it is to be subscribed."""
        feed = (self._followed or {}).get(feed_id)
        subscription = await self._store.subscription(feed_id)
        if feed is None or not feed.websub or self._base is None:
            return subscription, None
        state = await self._feeds.state(feed_id)
        # A feed that is gone is not asked, so what its hub pushed would never be read.
        is_offered = state is not None and state.url == feed.url and not state.is_gone
        return subscription, offer_of(state) if state is not None and is_offered else None

    def _step(self, subscription: Subscription | None, offer: Offer | None, now: datetime) -> Step:
        return next_step(subscription, offer, self._base or "", now)

    async def _take(self, step: Step, feed_id: str, subscription: Subscription | None, offer: Offer | None) -> None:
        now, facts = self._clock.now(), {"feed_id": feed_id, "cause": step.cause.value}
        match step.action:
            case Action.SUBSCRIBE if offer is not None:
                await self._subscribe(feed_id, offer, step)
            case Action.UNSUBSCRIBE:
                left = await self._store.change(feed_id, lambda now_: leaving(now_, now) if now_ else None)
                if left is not None:
                    log.info("websub_unsubscribing", hub=left.hub, **facts)
                    await self._ask(left, Mode.UNSUBSCRIBE)
            case Action.LAPSE:
                lapsed = await self._store.change(
                    feed_id, lambda now_: expired(now_, step.cause, now, self._jitter()) if now_ else None
                )
                log.warning("websub_lapsed", reason=lapsed.reason if lapsed else "", **facts)
            case Action.FORGET:
                await self._store.change(feed_id, lambda _: None)
                log.info("websub_forgotten", hub=subscription.hub if subscription else "", **facts)

    async def _subscribe(self, feed_id: str, offer: Offer, step: Step) -> None:
        now, fresh = self._clock.now(), self._credentials()

        def ask(current: Subscription | None) -> Subscription:
            return asking(current, feed_id=feed_id, offer=offer, hub=step.hub, credentials=fresh, now=now)

        asked = await self._store.change(feed_id, ask)
        if asked is not None:
            log.info("websub_subscribing", feed_id=feed_id, hub=asked.hub, topic_url=asked.topic_url, cause=step.cause)
            await self._ask(asked, Mode.SUBSCRIBE)

    async def _ask(self, asked: Subscription, mode: Mode) -> None:
        answer = await self._hubs.ask(asked, mode)
        now = self._clock.now()

        def note(current: Subscription | None) -> Subscription | None:
            # The hub may have called us meanwhile, and ended what was asked for.
            if current is None or current.credentials != asked.credentials:
                return current
            if isinstance(answer, Refused):
                return refused(current, answer.reason, now, retry_after=answer.retry_after, jitter=self._jitter())
            return relocated(current, answer.moved_to) if answer.moved_to else current

        await self._store.change(asked.feed_id, note)
        facts = {"feed_id": asked.feed_id, "hub": asked.hub, "mode": mode.value}
        if isinstance(answer, Refused):
            log.warning("websub_request_failed", reason=answer.reason, **facts)
        elif answer.moved_to:
            log.info("websub_hub_moved", moved_to=answer.moved_to, **facts)

    def _credentials(self) -> Credentials:
        token = secrets.token_urlsafe(_TOKEN_BYTES)
        url = callback_url(self._base or "", token)
        return Credentials(token=token, secret=secrets.token_urlsafe(_TOKEN_BYTES), callback_url=url)

    async def _restore_polling(self, feed_id: str, subscription: Subscription | None) -> None:
        """Make a feed due that was polled slowly because of a subscription that is over."""
        now = self._clock.now()
        if subscription is not None and subscription.is_live(now):
            return
        state = await self._feeds.state(feed_id)
        if state is not None and state.due_reason is DueReason.WEBSUB:
            await self._feeds.hasten(feed_id, now)

    def _reap(self) -> None:
        for task in [task for task in self._running if task.done()]:
            feed_id = self._running.pop(task)
            self._busy.pop(task)
            fault = None if task.cancelled() else task.exception()
            if isinstance(fault, StoreUnavailableError):
                log.warning("websub_look_not_ended", feed_id=feed_id, error=str(fault))
            elif fault is not None:
                log.error("websub_look_failed", feed_id=feed_id, exc_info=fault)

    async def _wake_on(self, stop: asyncio.Event) -> None:
        await stop.wait()
        self._wake.set()

    async def _finish(self) -> None:
        if self._running:
            _, late = await asyncio.wait(self._running, timeout=STOP_GRACE.total_seconds())
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)
        self._reap()
