"""What the feeds commands do, apart from talking: probe, add, list, check."""

import asyncio
import json
import re
from collections.abc import AsyncIterator
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from schemas.feed import Feed
from services import bootstrap
from services.domain.feeds.parser import FeedParseError, ParsedFeed, parse_feed
from services.fetcher.client import Failed, FeedClient, Fetched, Gone, NotModified
from services.fetcher.state import FeedState
from services.fetcher.store import ValkeyFeedStore
from services.provisioning.catalogues import load_feeds
from services.provisioning.faults import nearest
from services.runtime.clock import SystemClock
from services.settings import LoadedSettings

MAX_PROBES = 8


@dataclass(frozen=True)
class Unreadable:
    """Why an address gives no feed."""

    message: str


@dataclass(frozen=True)
class FeedRow:
    """A feed, and how it was at its last poll."""

    feed: Feed
    added: bool
    state: str = "new"
    last_polled_at: datetime | None = None
    due_at: datetime | None = None

    def to_json(self) -> str:
        """Return the row as one line of JSON."""
        times = {"last_polled_at": self.last_polled_at, "due_at": self.due_at}
        row: dict[str, Any] = {**self.feed.model_dump(mode="json", exclude_none=True), "state": self.state}
        row["added"] = self.added
        row.update({name: moment.isoformat() for name, moment in times.items() if moment})
        return json.dumps(row, ensure_ascii=False)


@dataclass(frozen=True)
class Checked:
    """What one fetch of a feed gave."""

    feed_id: str
    url: str
    ok: bool
    message: str
    entries: int = 0

    def to_json(self) -> str:
        """Return the finding as one line of JSON."""
        return json.dumps(asdict(self), ensure_ascii=False)


async def probe(loaded: LoadedSettings, url: str) -> str | Unreadable:
    """Fetch an address once; return the title of the feed there, or why it is none."""
    client = _client(loaded)
    try:
        found = await _read(client, url)
    finally:
        await client.aclose()
    return found if isinstance(found, Unreadable) else found.title


async def check_feeds(loaded: LoadedSettings, feeds: list[Feed]) -> AsyncIterator[Checked]:
    """Fetch each feed once, several at a time; yield what came, as it comes."""
    client, room = _client(loaded), asyncio.Semaphore(MAX_PROBES)

    async def check(feed: Feed) -> Checked:
        async with room:
            found = await _read(client, feed.url)
        if isinstance(found, Unreadable):
            return Checked(feed.id, feed.url, ok=False, message=found.message)
        count = len(found.entries)
        return Checked(feed.id, feed.url, ok=True, message=f"{count} entries: {found.title}", entries=count)

    try:
        for finished in asyncio.as_completed([check(feed) for feed in feeds]):
            yield await finished
    finally:
        await client.aclose()


async def feed_rows(loaded: LoadedSettings) -> list[FeedRow]:
    """Return every feed of the files and the store, with its state where it was polled."""
    provisioned = load_feeds(loaded.settings.feeds)
    if not bootstrap.has_state(loaded.settings):
        return [FeedRow(feed, added=False) for feed in provisioned]
    async with bootstrap.open_valkey(loaded.settings) as valkey:
        store = ValkeyFeedStore(valkey)
        held = {feed.id for feed in provisioned}
        feeds = [(feed, False) for feed in provisioned]
        feeds += [(feed, True) for feed in await store.added_feeds() if feed.id not in held]
        return [_row(feed, added, await store.state(feed.id)) for feed, added in feeds]


async def add_feed(loaded: LoadedSettings, feed: Feed) -> str | None:
    """Store a feed; return what stands in the way, if anything does."""
    for row in await feed_rows(loaded):
        if row.feed.id == feed.id:
            return f"there is a feed {feed.id!r} already; give another --id"
        if row.feed.url == feed.url:
            return f"feed {row.feed.id!r} has this address already"
    async with bootstrap.open_valkey(loaded.settings) as valkey:
        await ValkeyFeedStore(valkey).add_feed(feed)
    return None


async def remove_feed(loaded: LoadedSettings, feed_id: str) -> str | None:
    """Forget an added feed; return what stands in the way, if anything does."""
    rows = {row.feed.id: row for row in await feed_rows(loaded)}
    row = rows.get(feed_id)
    if row is None:
        return f"no feed {feed_id!r}{nearest(feed_id, rows)}"
    if not row.added:
        return f"{feed_id} is provisioned: remove it from {loaded.settings.feeds}"
    async with bootstrap.open_valkey(loaded.settings) as valkey:
        await ValkeyFeedStore(valkey).remove_feed(feed_id)
    return None


def slug_of_url(url: str) -> str:
    """Return an id for a feed made from its address, without what all addresses share."""
    parts = urlsplit(url)
    host = (parts.hostname or "feed").removeprefix("www.")
    words = re.sub(r"[^a-z0-9]+", "-", f"{host}{parts.path}".lower())
    return re.sub(r"(-(xml|rss|atom|feed|index))+$", "", words.strip("-"))[:64].strip("-") or "feed"


def host_of(url: str) -> str:
    """Return the host of an address, as a name for who publishes there."""
    return (urlsplit(url).hostname or url).removeprefix("www.")


def _row(feed: Feed, added: bool, state: FeedState | None) -> FeedRow:
    if state is None or state.last_polled_at is None:
        return FeedRow(feed, added)
    if state.is_gone:
        shown = "gone"
    elif state.failures:
        shown = f"failed {state.failures}x: {state.message}"
    else:
        shown = "ok"
    return FeedRow(feed, added, shown, state.last_polled_at, state.due_at)


async def _read(client: FeedClient, url: str) -> ParsedFeed | Unreadable:
    result = await client.fetch(url)
    match result:
        case Fetched():
            try:
                return await asyncio.to_thread(
                    parse_feed, result.body, content_type=result.content_type, base_url=result.url
                )
            except FeedParseError as error:
                return Unreadable(str(error))
        case NotModified():
            return Unreadable("answered 304 to a request without conditions")
        case Gone() | Failed():
            return Unreadable(result.message)


def _client(loaded: LoadedSettings) -> FeedClient:
    return FeedClient(bootstrap.fetch_policy(loaded.settings.fetch), SystemClock())
