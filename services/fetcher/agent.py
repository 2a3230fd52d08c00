"""The fetcher's loop: claims the feeds that are due and polls them, many at once but each host one at a time."""

import asyncio
from collections.abc import Callable, Coroutine, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import structlog

from schemas.feed import Feed
from services.fetcher import metrics
from services.fetcher.handler import FeedPoller, PollReport
from services.fetcher.history import PollOutcome
from services.fetcher.lanes import Lanes
from services.fetcher.store import LEASE, Claim, FeedStore, LeaseLostError, StoreUnavailableError
from services.ports import Clock

# Feeds added elsewhere and feeds whose lease ran out are found within this time.
CHECK_EVERY = timedelta(seconds=1)
RENEW_EVERY = LEASE / 3
# Polls that end together make room for several claims in one round trip.
GATHER = timedelta(milliseconds=5)
# So many at most in one claim: their states are decoded while everything else waits.
MAX_CLAIM = 50
# On the way out, polls get this long to finish; what is cut off is repeated after the restart.
STOP_GRACE = timedelta(seconds=5)
# A feed that has a timer but is not known here is another fetcher's, whose files are newer or older than ours.
UNKNOWN_AFTER = timedelta(minutes=1)

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class _Running:
    feed: Feed
    claim: Claim
    started: float  # in the loop's time
    is_aftermath: bool = False  # the poll has crashed, and that is being recorded


class FeedLoop:
    """Polls feeds when they are due until told to stop. A feed that fails or hangs never stops another."""

    def __init__(
        self,
        feeds: Sequence[Feed],
        *,
        store: FeedStore,
        poller: FeedPoller,
        clock: Clock,
        concurrency: int = 16,
        on_followed: Callable[[Mapping[str, Feed]], None] = lambda _: None,
    ) -> None:
        self._provisioned = tuple(feeds)
        self._store = store
        self._poller = poller
        self._clock = clock
        self._lanes = Lanes(concurrency)
        self._on_followed = on_followed
        self._feeds: Mapping[str, Feed] = {}
        self._known_version: int | None = None
        self._running: dict[asyncio.Task[PollReport], _Running] = {}
        self._wake = asyncio.Event()

    def follow(self, feeds: Sequence[Feed]) -> None:
        """Take these as the provisioned feeds from now on; feeds that stay keep their timers."""
        self._provisioned = tuple(feeds)
        self._known_version = None
        self._wake.set()

    async def run(self, stop: asyncio.Event) -> None:
        """Poll until `stop` is set, then let running polls finish."""
        finished = asyncio.Event()
        watcher = asyncio.create_task(self._wake_on(stop))
        renewal = asyncio.create_task(self._renew_until(finished))
        try:
            while not stop.is_set():
                self._wake.clear()
                await self._sleep(await self._turn())
        finally:
            watcher.cancel()
            await self._finish()
            finished.set()
            await renewal

    async def _turn(self) -> timedelta:
        """Start the polls that can start now; return how long until another may."""
        room = min(self._lanes.room(asyncio.get_running_loop().time()), MAX_CLAIM)
        if not room:
            return self._lanes.slow_after
        try:
            if self._known_version is None:
                await self._refresh(await self._store.version())
            now = self._clock.now()
            turn = await self._store.claim_due(now, room)
            is_news = turn.version != self._known_version
            if is_news:
                await self._refresh(turn.version)
            for claim in turn.claims:
                await self._start(claim, now)
        except StoreUnavailableError as error:
            log.error("feed_store_unavailable", error=str(error))
            return CHECK_EVERY
        if is_news or len(turn.claims) == room:
            return GATHER
        soonest = CHECK_EVERY if turn.next_at is None else turn.next_at - now
        return min(max(soonest, GATHER), CHECK_EVERY)

    async def _refresh(self, version: int) -> None:
        """Follow feeds that were added, changed or removed since the last look."""
        provisioned = self._provisioned
        # Files win: what they say is under the user's own version control.
        added = {feed.id: feed for feed in await self._store.added_feeds()}
        chosen = added | {feed.id: feed for feed in provisioned}
        feeds = {feed_id: feed for feed_id, feed in chosen.items() if feed.enabled}
        await self._store.reconcile(tuple(feeds.values()), self._clock.now())
        self._feeds = feeds
        metrics.FOLLOWED.set(len(feeds))
        self._on_followed(feeds)
        if provisioned is self._provisioned:
            self._known_version = version
        log.info("feeds_followed", count=len(feeds), added=len(feeds.keys() & added.keys()))

    async def _start(self, claim: Claim, now: datetime) -> None:
        feed = self._feeds.get(claim.feed_id)
        if feed is None:
            log.info("feed_unknown", feed_id=claim.feed_id)
            await self._store.release(claim, now, due_at=now + UNKNOWN_AFTER)
            return
        if claim.due_at is not None:
            metrics.LATENESS.observe(max((now - claim.due_at).total_seconds(), 0))
        self._spawn(self._poller.poll(feed, claim), feed, claim)

    def _spawn(
        self, polling: Coroutine[Any, Any, PollReport], feed: Feed, claim: Claim, *, is_aftermath: bool = False
    ) -> None:
        task, now = asyncio.create_task(polling), asyncio.get_running_loop().time()
        self._running[task] = _Running(feed, claim, now, is_aftermath)
        self._lanes.enter(task, now)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[PollReport]) -> None:
        """Log what came of a poll; have one that crashed recorded as failed."""
        self._lanes.leave(task)
        self._wake.set()
        running = self._running.pop(task)
        feed, claim = running.feed, running.claim
        if task.cancelled():
            # On the way out `_finish` gives its claim back. Else its lease runs out, and the feed is still due.
            metrics.LOST.inc()
            log.warning("poll_cut_off", feed_id=feed.id)
            return
        fault = task.exception()
        if fault is None:
            metrics.count(task.result(), asyncio.get_running_loop().time() - running.started)
            _log_report(task.result())
        elif running.is_aftermath or isinstance(fault, LeaseLostError | StoreUnavailableError):
            metrics.LOST.inc()
            is_expected = isinstance(fault, LeaseLostError | StoreUnavailableError)
            log.warning("poll_not_recorded", feed_id=feed.id, error=str(fault), exc_info=None if is_expected else fault)
        else:
            log.error("poll_crashed", feed_id=feed.id, exc_info=fault)
            self._spawn(self._poller.record_fault(feed, claim, fault), feed, claim, is_aftermath=True)

    async def _renew_until(self, finished: asyncio.Event) -> None:
        """Keep the claims of running polls alive, all in one round trip."""
        young: set[str] = set()
        while not await _is_set_within(finished, RENEW_EVERY):
            claims = {running.claim.token: running.claim for running in self._running.values()}
            due = [claim for token, claim in claims.items() if token in young]
            young = set(claims)
            if not due:
                continue  # polls younger than a third of the lease need no renewal
            try:
                for lost in await self._store.renew(due, self._clock.now()):
                    log.warning("lease_lost", feed_id=lost.feed_id)  # recording the poll will say so again
            except StoreUnavailableError as error:
                log.warning("leases_not_renewed", count=len(due), error=str(error))

    async def _sleep(self, wait: timedelta) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(max(wait.total_seconds(), 0)):
                await self._wake.wait()
        await asyncio.sleep(GATHER.total_seconds() if self._running else 0)

    async def _wake_on(self, stop: asyncio.Event) -> None:
        await stop.wait()
        self._wake.set()

    async def _finish(self) -> None:
        loop = asyncio.get_running_loop()
        deadline = loop.time() + STOP_GRACE.total_seconds()
        # A poll that crashes leaves a task that records it, and so may one that is cut off.
        while self._running and (left := deadline - loop.time()) > 0:
            await asyncio.wait(self._running, timeout=left)
        while late := dict(self._running):
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)
            # The next fetcher need not wait for these leases to run out.
            with suppress(StoreUnavailableError):
                for task, running in late.items():
                    if task.cancelled():
                        await self._store.release(running.claim, self._clock.now())


async def _is_set_within(event: asyncio.Event, wait: timedelta) -> bool:
    with suppress(TimeoutError):
        async with asyncio.timeout(wait.total_seconds()):
            await event.wait()
    return event.is_set()


def _log_report(report: PollReport) -> None:
    match report.outcome:
        case PollOutcome.FAILED:
            log.warning("feed_failed", reason=str(report.failure), message=report.message, **_facts(report))
        case PollOutcome.GONE:
            log.warning("feed_gone", message=report.message, **_facts(report))
        case PollOutcome.UNCHANGED:
            log.debug("feed_unchanged", feed_id=report.feed_id)  # most polls: `feeds show` has them
        case PollOutcome.READ:
            log.info("feed_polled", published=report.published, **_facts(report))
            if report.warnings:
                log.debug("feed_damaged", feed_id=report.feed_id, warnings=report.warnings)


def _facts(report: PollReport) -> dict[str, str | None]:
    due_at = report.due.at.isoformat(timespec="seconds") if report.due.at else None
    return {"feed_id": report.feed_id, "due_at": due_at, "due_reason": report.due.reason.value}
