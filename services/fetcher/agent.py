"""The fetcher's loop: claims the feeds that are due and polls them, many at once but each host one at a time."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import urlsplit

import structlog

from schemas.feed import Feed
from services.fetcher.handler import FeedPoller, PollOutcome, PollReport
from services.fetcher.store import LEASE, Claim, FeedStore, LeaseLostError, StoreUnavailableError
from services.ports import Clock

# Feeds added elsewhere and feeds whose lease ran out are found within this time.
CHECK_EVERY = timedelta(seconds=1)
RENEW_EVERY = LEASE / 3
# On the way out, polls get this long to finish; what is cut off is repeated after the restart.
STOP_GRACE = timedelta(seconds=5)

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class _Running:
    feed_id: str
    host: str


class FeedLoop:
    """Polls feeds when they are due until told to stop. A feed that fails never stops another."""

    def __init__(
        self, feeds: Sequence[Feed], *, store: FeedStore, poller: FeedPoller, clock: Clock, concurrency: int = 16
    ) -> None:
        self._provisioned = tuple(feeds)
        self._store = store
        self._poller = poller
        self._clock = clock
        self._concurrency = concurrency
        self._feeds: Mapping[str, Feed] = {}
        self._known_version: int | None = None
        self._running: dict[asyncio.Task[PollReport | None], _Running] = {}
        self._wake = asyncio.Event()

    def follow(self, feeds: Sequence[Feed]) -> None:
        """Take these as the provisioned feeds from now on; feeds that stay keep their timers."""
        self._provisioned = tuple(feeds)
        self._known_version = None
        self._wake.set()

    async def run(self, stop: asyncio.Event) -> None:
        """Poll until `stop` is set, then let running polls finish."""
        watcher = asyncio.create_task(self._wake_on(stop))
        try:
            while not stop.is_set():
                self._wake.clear()
                wait = await self._turn()
                await self._sleep(wait)
        finally:
            watcher.cancel()
            await self._finish()

    async def _turn(self) -> timedelta:
        """Start every poll that can start now; return how long until another may."""
        self._reap()
        try:
            await self._refresh()
            now = self._clock.now()
            for feed_id in await self._store.due(now):
                await self._start(feed_id, now)
            soonest = await self._store.next_due_at(now)
        except StoreUnavailableError as error:
            log.error("feed_store_unavailable", error=str(error))
            return CHECK_EVERY
        return CHECK_EVERY if soonest is None else min(CHECK_EVERY, soonest - now)

    async def _refresh(self) -> None:
        """Follow feeds that were added, changed or removed since the last look."""
        version = await self._store.version()
        if version == self._known_version:
            return
        # Files win: what they say is under the user's own version control.
        added = {feed.id: feed for feed in await self._store.added_feeds()}
        chosen = added | {feed.id: feed for feed in self._provisioned}
        feeds = {feed_id: feed for feed_id, feed in chosen.items() if feed.enabled}
        await self._store.reconcile(tuple(feeds.values()), self._clock.now())
        self._feeds, self._known_version = feeds, version
        log.info("feeds_followed", count=len(feeds), added=len(feeds.keys() & added.keys()))

    async def _start(self, feed_id: str, now: datetime) -> None:
        feed = self._feeds.get(feed_id)
        if feed is None or len(self._running) >= self._concurrency:
            return
        mine = _Running(feed_id, (urlsplit(feed.url).hostname or "").lower())
        if any(other.feed_id == feed_id or other.host == mine.host for other in self._running.values()):
            return
        claim = await self._store.claim(feed_id, now)
        if claim is None:
            return
        task = asyncio.create_task(self._poll(feed, claim), name=f"poll:{feed_id}")
        self._running[task] = mine
        task.add_done_callback(lambda _: self._wake.set())

    async def _poll(self, feed: Feed, claim: Claim) -> PollReport | None:
        async with _renewed(self._store, claim):
            poll = asyncio.create_task(self._poller.poll(feed, claim))
            try:
                await asyncio.wait({poll})
            except asyncio.CancelledError:
                await self._give_up(poll, claim)
                raise
            fault = poll.exception()
            if fault is None:
                _log_report(poll.result())
                return poll.result()
            if isinstance(fault, LeaseLostError | StoreUnavailableError):
                log.warning("poll_not_recorded", feed_id=feed.id, error=str(fault))
                return None
            log.error("poll_crashed", feed_id=feed.id, exc_info=fault)
            return await self._poller.record_fault(feed, claim, fault)

    async def _give_up(self, poll: asyncio.Task[PollReport], claim: Claim) -> None:
        poll.cancel()
        await asyncio.wait({poll})
        # The next fetcher need not wait for the lease to run out.
        with suppress(StoreUnavailableError):
            await self._store.release(claim)

    def _reap(self) -> None:
        for task in [task for task in self._running if task.done()]:
            running = self._running.pop(task)
            if not task.cancelled() and (fault := task.exception()) is not None:
                log.error("poll_not_recorded", feed_id=running.feed_id, exc_info=fault)

    async def _sleep(self, wait: timedelta) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(max(wait.total_seconds(), 0)):
                await self._wake.wait()

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


@asynccontextmanager
async def _renewed(store: FeedStore, claim: Claim) -> AsyncIterator[None]:
    """Keep a claim alive for as long as the block runs."""
    renewal = asyncio.create_task(_renew(store, claim))
    try:
        yield
    finally:
        renewal.cancel()


async def _renew(store: FeedStore, claim: Claim) -> None:
    while True:
        await asyncio.sleep(RENEW_EVERY.total_seconds())
        try:
            if not await store.renew(claim):
                return  # lost; recording the poll will say so
        except StoreUnavailableError as error:
            log.warning("lease_not_renewed", feed_id=claim.feed_id, error=str(error))


def _log_report(report: PollReport) -> None:
    due_at = report.due.at.isoformat(timespec="seconds") if report.due.at else None
    facts = {"feed_id": report.feed_id, "due_at": due_at, "due_reason": report.due.reason.value}
    match report.outcome:
        case PollOutcome.FAILED:
            log.warning("feed_failed", reason=str(report.failure), message=report.message, **facts)
        case PollOutcome.GONE:
            log.warning("feed_gone", message=report.message, **facts)
        case _:
            log.info("feed_polled", outcome=report.outcome.value, published=report.published, **facts)
            if report.warnings:
                log.debug("feed_damaged", feed_id=report.feed_id, warnings=report.warnings)
