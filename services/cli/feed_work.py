"""What the feeds commands do, apart from talking: find, add, list, check, import."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass

from pydantic import SecretStr

from schemas.feed import Feed
from services import bootstrap
from services.domain.feeds.addresses import address_key
from services.domain.feeds.feed_ids import IdPool
from services.domain.feeds.import_plan import Imported, ImportPlan, Verdict
from services.domain.feeds.parser import FeedParseError, ParsedFeed, parse_feed
from services.fetcher.client import Failed, FailureReason, FeedClient, Fetched, FetchResult, Gone, NotModified
from services.fetcher.credentials import MissingSecretError, request_for
from services.fetcher.discovery import Discovery, discover
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
        found = await discover(_AskedAs(client, wanted, loaded.secrets), wanted.url)
        if or_http and not found.is_reachable:
            wanted = wanted.model_copy(update={"url": wanted.url.replace("https:", "http:", 1)})
            found = await discover(_AskedAs(client, wanted, loaded.secrets), wanted.url)
        return found
    finally:
        await client.aclose()


async def check_feeds(loaded: LoadedSettings, feeds: list[Feed]) -> AsyncIterator[Checked]:
    """Fetch each feed once, several at a time; yield what came, as it comes."""
    client, room = _client(loaded), asyncio.Semaphore(MAX_PROBES)

    async def check(feed: Feed) -> Checked:
        async with room:
            found = await _read(_AskedAs(client, feed, loaded.secrets), feed.url)
        if isinstance(found, Unreadable):
            return Checked(feed.id, feed.url, ok=False, message=found.message)
        count = len(found.entries)
        return Checked(feed.id, feed.url, ok=True, message=f"{count} entries: {found.title}", entries=count)

    try:
        for finished in asyncio.as_completed([check(feed) for feed in feeds]):
            yield await finished
    finally:
        await client.aclose()


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
    is_added = {feed.id: added for feed, added in await followed_feeds(loaded)}
    if feed_id not in is_added:
        return f"no feed {feed_id!r}{nearest(feed_id, is_added)}"
    if not is_added[feed_id]:
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


@dataclass(frozen=True)
class _AskedAs:
    """Asks as the fetcher asks for this feed: with its headers and password, at its own host."""

    client: FeedClient
    feed: Feed
    secrets: Mapping[str, SecretStr]

    async def fetch(self, url: str) -> FetchResult:
        """Return what the server answers."""
        try:
            request = request_for(self.feed, self.secrets, url=url)
        except MissingSecretError as error:
            return Failed(FailureReason.MISSING_SECRET, str(error))
        return await self.client.ask(request)


async def _read(client: _AskedAs, url: str) -> ParsedFeed | Unreadable:
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
