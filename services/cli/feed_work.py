"""What the feeds commands do, apart from talking: find, add, list, check, import."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from schemas.feed import Feed
from services import bootstrap
from services.domain.feeds.addresses import address_key
from services.domain.feeds.feed_ids import IdPool
from services.domain.feeds.import_plan import Imported, ImportPlan, Verdict
from services.domain.feeds.parser import FeedParseError, ParsedFeed, parse_feed
from services.fetcher.client import Failed, FeedClient, Fetched, Gone, NotModified
from services.fetcher.discovery import Discovery, discover
from services.fetcher.state import FeedState
from services.fetcher.store import ValkeyFeedStore
from services.outgoing import fetch_policy
from services.provisioning.catalogues import load_feeds
from services.provisioning.faults import nearest
from services.provisioning.feed_lists import FeedList
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


async def find_feeds(loaded: LoadedSettings, wanted: Feed, *, or_http: bool) -> Discovery:
    """Look for the feeds of the site at this feed's address, or for the one at this very address.

    With `or_http`, http is asked where nothing answers at https.
    """
    client = _client(loaded)
    try:
        found = await discover(client, wanted.url)
        if or_http and not found.is_reachable:
            found = await discover(client, wanted.url.replace("https:", "http:", 1))
        return found
    finally:
        await client.aclose()


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
    feeds = await followed_feeds(loaded)
    if not bootstrap.has_state(loaded.settings):
        return [FeedRow(feed, added) for feed, added in feeds]
    async with bootstrap.open_valkey(loaded.settings) as valkey:
        store = ValkeyFeedStore(valkey)
        return [_row(feed, added, await store.state(feed.id)) for feed, added in feeds]


async def followed_feeds(loaded: LoadedSettings) -> list[tuple[Feed, bool]]:
    """Return every feed of the files and the store, and whether it was added at run time."""
    provisioned = load_feeds(loaded.settings.feeds)
    feeds = [(feed, False) for feed in provisioned]
    if not bootstrap.has_state(loaded.settings):
        return feeds
    held = {feed.id for feed in provisioned}
    async with bootstrap.open_valkey(loaded.settings) as valkey:
        return feeds + [(feed, True) for feed in await ValkeyFeedStore(valkey).added_feeds() if feed.id not in held]


async def add_feeds(loaded: LoadedSettings, feeds: Sequence[Feed]) -> tuple[str, ...]:
    """Store feeds in one round trip; return the ids that were taken, whose feeds were not stored."""
    async with bootstrap.open_valkey(loaded.settings) as valkey:
        return await ValkeyFeedStore(valkey).add_feeds(feeds)


async def add_feed(loaded: LoadedSettings, feed: Feed, *, is_id_given: bool) -> Feed | str:
    """Store a feed, with another id where one that was not asked for is taken; return it, or what stands in the way."""
    followed = [known for known, _ in await followed_feeds(loaded)]
    for known in followed:
        if is_id_given and known.id == feed.id:
            return f"there is a feed {feed.id!r} already; give another --id"
        if address_key(known.url) == address_key(feed.url):
            return f"feed {known.id!r} has this address already"
    feed = feed.model_copy(update={"id": IdPool(known.id for known in followed).take(feed.id)})
    if await add_feeds(loaded, [feed]):
        return f"there is a feed {feed.id!r} already; give another --id"
    return feed


async def import_lists(loaded: LoadedSettings, lists: Iterable[FeedList], *, dry_run: bool) -> list[Imported]:
    """Judge every feed of every list, and store those that are new in one round trip."""
    plan = ImportPlan([feed for feed, _ in await followed_feeds(loaded)])
    results = [verdict for each in lists for verdict in _judged(each, plan)]
    new = [result.feed for result in results if result.feed is not None]
    if dry_run or not new:
        return results
    taken = set(await add_feeds(loaded, new))
    return [_unless_taken(result, taken) for result in results]


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


def _judged(read: FeedList, plan: ImportPlan) -> list[Imported]:
    """Return the verdicts on a list in the order of its lines."""
    verdicts = [plan.judge(listed) for listed in read.feeds]
    for each in read.faults:
        message = f"{each.field}: {each.message}" if each.field else each.message
        verdicts.append(Imported(each.place, each.line, "", Verdict.UNUSABLE, message=message))
    return sorted(verdicts, key=lambda verdict: verdict.line or 0)


def _unless_taken(result: Imported, taken: set[str]) -> Imported:
    if result.feed is None or result.feed.id not in taken:
        return result
    message = f"the id {result.feed.id} was taken meanwhile; import it again"
    return Imported(result.place, result.line, result.url, Verdict.UNUSABLE, message=message)


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
    return FeedClient(fetch_policy(loaded.settings.fetch), SystemClock())
