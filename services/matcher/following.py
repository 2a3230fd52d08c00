"""Keeping the watchlist up to date with the files and the rule store, without a restart and without a pause."""

import asyncio
import time
from collections.abc import Callable, Iterable
from contextlib import aclosing, suppress

import structlog

from schemas.watch import WatchRule
from services.matcher.ports import RuleStore, RuleStoreUnavailableError, StoredKey
from services.matcher.watchlist import Watchlist
from services.provisioning.catalogues import Watched
from services.runtime.garbage import seldom_collected

# Rules compiled in one go: some 0.1 s in a thread beside the event loop.
CHUNK = 1_000
# How long changes may keep the event loop from anything else. A rule is exchanged between two articles, so not in a
# thread.
SLICE_SECONDS = 0.01
TELL_EVERY_SECONDS = 5.0

log = structlog.get_logger()


class RuleFollower:
    """Follows the rule store and takes over what files say, so that a change counts within an interval.

    What cannot be done because the store is out of reach is done as soon as it is back.
    """

    def __init__(
        self,
        watchlist: Watchlist,
        store: RuleStore,
        provisioned: Watched | None = None,
        *,
        on_loaded: Callable[[], None] = lambda: None,
    ) -> None:
        self._watchlist = watchlist
        self._store = store
        self._wanted = provisioned or watchlist.provisioned
        self._on_loaded = on_loaded
        self._version: int | None = None
        self._uncovered: set[StoredKey] = set()
        self._changing = asyncio.Lock()
        self._stop = asyncio.Event()
        self._reachable = True

    async def check(self) -> None:
        """Take over what files say and what users changed since the last look."""
        async with self._changing:
            wanted = self._wanted
            if self._version is None or not self._watchlist.has_actors_of(wanted):
                await self._load(wanted)
                return
            if wanted is not self._watchlist.provisioned:
                await self._provision(wanted)
            await self._follow(self._version)

    async def provision(self, provisioned: Watched) -> None:
        """Take over what the files say now; if the store is out of reach, later."""
        self._wanted = provisioned
        await self._look()

    async def run(self, stop: asyncio.Event, interval_seconds: float) -> None:
        """Check until `stop` is set; a store that cannot be reached leaves the rules as they are."""
        self._stop = stop
        compacting: asyncio.Task[None] | None = None
        try:
            while not stop.is_set():
                await self._look()
                if compacting is not None and compacting.done():
                    compacting.result()
                    compacting = None
                if compacting is None and self._watchlist.needs_compaction:
                    compacting = asyncio.create_task(asyncio.to_thread(self._watchlist.compact))
                with suppress(TimeoutError):
                    await asyncio.wait_for(stop.wait(), interval_seconds)
        finally:
            if compacting is not None:
                await compacting

    async def _look(self) -> None:
        try:
            await self.check()
        except RuleStoreUnavailableError as error:
            if self._reachable:
                log.warning("rule_store_unreachable", error=str(error))
            self._reachable = False
            return
        if not self._reachable:
            log.info("rule_store_reachable")
        self._reachable = True

    async def _load(self, provisioned: Watched) -> None:
        """Build all anew beside what is matched, and change over."""
        version = await self._store.version()  # before the rules: what changes meanwhile comes with the next look
        with seldom_collected():
            fresh = await asyncio.to_thread(Watchlist, provisioned)
            if not await self._put_stored(fresh):
                return
            if fresh.needs_compaction:
                await asyncio.to_thread(fresh.compact)
        self._watchlist.become(fresh)
        self._version = version
        self._uncovered.clear()
        self._on_loaded()
        log.info("rules_loaded", rules=len(fresh), left_out=fresh.left_out, version=version)

    async def _put_stored(self, fresh: Watchlist) -> bool:
        """Put all rules of the store into a watchlist; return False if told to stop before the end."""
        chunk: list[WatchRule] = []
        told_at = time.monotonic()
        async with aclosing(self._store.stream()) as stored:
            async for rule in stored:
                chunk.append(rule)
                if len(chunk) < CHUNK:
                    continue
                await asyncio.to_thread(fresh.put_stored, chunk)
                chunk = []
                if self._stop.is_set():
                    return False
                if time.monotonic() - told_at > TELL_EVERY_SECONDS:
                    told_at = time.monotonic()
                    log.info("loading_rules", rules=len(fresh))
        await asyncio.to_thread(fresh.put_stored, chunk)
        return True

    async def _provision(self, provisioned: Watched) -> None:
        dropped, put = self._watchlist.provision(provisioned)
        self._uncovered.update(dropped)
        await self._exchange(dropped, put)

    async def _follow(self, since: int) -> None:
        changes = await self._store.changes(since)
        if changes is None:
            log.info("rule_changes_unknown", since=since)
            await self._load(self._watchlist.provisioned)
            return
        put = list(changes.put)
        if self._uncovered:
            put += (await self._store.get(self._uncovered)).values()
        provisioned = self._watchlist.is_provisioned
        removed = [key for key in changes.removed if not provisioned(key)]
        put = [rule for rule in put if not provisioned(StoredKey.of(rule))]
        await self._exchange(removed, put)
        self._uncovered.clear()
        self._version = changes.version
        if removed or put:
            log.info("rules_changed", rules=len(self._watchlist), version=changes.version)

    async def _exchange(self, dropped: Iterable[StoredKey], put: Iterable[WatchRule]) -> None:
        """Drop and put rules a slice of time at a time; each changes between two articles."""
        until = time.monotonic() + SLICE_SECONDS
        for key in dropped:
            async with self._watchlist.in_use:
                self._watchlist.drop(key)
            until = await _pause_after(until)
        for rule in put:
            async with self._watchlist.in_use:
                self._watchlist.put(rule)
            until = await _pause_after(until)


async def _pause_after(until: float) -> float:
    if time.monotonic() < until:
        return until
    await asyncio.sleep(0)
    return time.monotonic() + SLICE_SECONDS
