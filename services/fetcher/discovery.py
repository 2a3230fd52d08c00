"""Looks for the feeds of a site: one request at a time, few in all, and every candidate verified by reading it."""

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from urllib.parse import urljoin, urlsplit

from services.domain.feeds.addresses import address_key
from services.domain.feeds.discovery import (
    Candidate,
    Lead,
    custom_candidates,
    is_comments_feed,
    news_first,
    page_candidates,
    sitemap_candidates,
    speaks_of_news,
)
from services.domain.feeds.encoding import decode_document
from services.domain.feeds.parser import FeedParseError, ParsedFeed, SitemapIndexError, parse_feed
from services.fetcher.client import FailureReason, Fetched, FetchResult

MAX_REQUESTS = 12
MAX_SITEMAPS = 3  # indexes list hundreds
MAX_PAGES = 3  # the given one, the site's root, and a page that lists feeds
KEPT_FOR_SITEMAPS = 3  # requests that guessing must leave
_SAME_ITEMS = 5

# After these, a host is asked no more: nothing answers there, or it does not want to.
_NOTHING_THERE = frozenset({
    "timeout", "host_not_found", "no_connection", "bad_certificate", "tls_failed", "proxy_failed",
})  # fmt: skip
_GIVES_UP_ON_HOST = _NOTHING_THERE | {"address_refused", "bad_url", "missing_secret", "rate_limited"}


class PageSource(Protocol):
    """Asks for one address."""

    async def fetch(self, url: str) -> FetchResult:
        """Return what the server answers; never raises for what servers do."""


@dataclass(frozen=True, slots=True)
class FoundFeed:
    """A feed that was read. `same_as` is the address of a likelier one with the same items."""

    url: str
    title: str
    feed_type: str
    entries: int
    latest_at: datetime | None
    lead: Lead
    is_comments: bool = False
    same_as: str | None = None


@dataclass(frozen=True, slots=True)
class Tried:
    """An address that was asked and gave no feed, and why."""

    url: str
    message: str
    reason: FailureReason | None = None


@dataclass(frozen=True, slots=True)
class Discovery:
    """What was found: feeds, the best first; what gave none; and addresses for which no request was left.

    `is_answered` says whether there was anything at the given address itself.
    """

    feeds: tuple[FoundFeed, ...]
    tried: tuple[Tried, ...] = ()
    unasked: tuple[Candidate, ...] = ()
    is_answered: bool = True

    @property
    def is_reachable(self) -> bool:
        """Whether anything answered at all."""
        return bool(self.feeds) or any(tried.reason not in _NOTHING_THERE for tried in self.tried)

    @property
    def choices(self) -> tuple[FoundFeed, ...]:
        """The feeds between which a person has to choose: neither doubles nor comments, unless there is nothing else.

        A news sitemap is a choice only where no feed is. They stand first among `feeds`.
        """
        single = [feed for feed in self.feeds if feed.same_as is None]
        articles = [feed for feed in single if not feed.is_comments]
        feeds = [feed for feed in articles if feed.lead is not Lead.SITEMAP]
        return tuple(feeds or articles or single)


async def discover(client: PageSource, url: str, *, max_requests: int = MAX_REQUESTS) -> Discovery:
    """Return the feeds of the site at this address, or the address itself where it is a feed."""
    walk = _Walk(client, max_requests)
    given = Candidate(url, Lead.GIVEN)
    leads = await walk.ask(given)
    if not walk.found and walk.may_ask(url):
        await walk.follow(leads)
        root = urljoin(walk.landed.get(url, url), "/")
        if not walk.has_articles:
            await walk.follow(await walk.ask(Candidate(root, Lead.GIVEN)))
        sitemaps = await walk.sitemaps(urljoin(root, "/robots.txt"))
        await walk.follow_sitemaps([candidate for candidate in sitemaps if speaks_of_news(candidate.url)])
        if not walk.has_articles:
            await walk.follow(custom_candidates(walk.landed.get(url, url)), leave=KEPT_FOR_SITEMAPS if sitemaps else 0)
        if not walk.has_articles:
            await walk.follow_sitemaps(sitemaps)
    return walk.outcome(is_answered=url in walk.landed)


class _Walk:
    """What was asked so far, and what came of it."""

    def __init__(self, client: PageSource, max_requests: int) -> None:
        self.found: list[FoundFeed] = []
        self.landed: dict[str, str] = {}
        self._client = client
        self._left = max_requests
        self._pages_left = MAX_PAGES
        self._asked: set[str] = set()
        self._tried: list[Tried] = []
        self._unasked: dict[str, Candidate] = {}
        self._closed_hosts: set[str] = set()
        self._read_at: set[str] = set()
        self._items: dict[tuple[str, ...], str] = {}

    @property
    def has_articles(self) -> bool:
        """Whether a feed of articles was found, not only of comments."""
        return any(not feed.is_comments for feed in self.found)

    def may_ask(self, url: str) -> bool:
        """Whether the host of this address still answers."""
        return urlsplit(url).netloc not in self._closed_hosts

    def outcome(self, *, is_answered: bool) -> Discovery:
        """Return everything, the best feed first."""
        unasked = tuple(candidate for key, candidate in self._unasked.items() if key not in self._asked)
        return Discovery(tuple(sorted(self.found, key=_rank)), tuple(self._tried), unasked, is_answered)

    async def follow(self, candidates: Iterable[Candidate], *, leave: int = 0) -> None:
        """Ask at each candidate, and at what a page of feeds links to, while more than `leave` requests are left."""
        for candidate in candidates:
            for further in await self.ask(candidate, leave=leave):
                await self.ask(further, leave=leave)

    async def sitemaps(self, robots: str) -> tuple[Candidate, ...]:
        """Return the sitemaps that robots.txt names."""
        fetched = await self._fetch(Candidate(robots, Lead.CUSTOM))
        if fetched is None:
            return ()
        text, _ = decode_document(fetched.body, fetched.content_type)
        return sitemap_candidates(text, fetched.url)

    async def follow_sitemaps(self, candidates: Sequence[Candidate]) -> None:
        """Ask at the first sitemaps, and at the first of those that an index lists."""
        for candidate in candidates[:MAX_SITEMAPS]:
            for further in (await self.ask(candidate))[:MAX_SITEMAPS]:
                if self.has_articles:
                    return
                await self.ask(further)

    async def ask(self, candidate: Candidate, *, leave: int = 0) -> tuple[Candidate, ...]:
        """Keep the feed that is at an address; return where to look next if it is a page or an index instead."""
        fetched = await self._fetch(candidate, leave)
        if fetched is None:
            return ()
        self.landed[candidate.url] = fetched.url
        self._asked.add(address_key(fetched.url))
        try:
            feed = await asyncio.to_thread(
                parse_feed, fetched.body, content_type=fetched.content_type, base_url=fetched.url
            )
        except SitemapIndexError as error:
            return news_first(error.addresses)
        except FeedParseError as error:
            self._tried.append(Tried(candidate.url, str(error)))
            return self._leads(candidate, fetched)
        self._keep(candidate, fetched, feed)
        return ()

    async def _fetch(self, candidate: Candidate, leave: int = 0) -> Fetched | None:
        key = address_key(candidate.url)
        if key in self._asked or not self.may_ask(candidate.url):
            return None
        if self._left <= leave:
            if candidate.lead is not Lead.CUSTOM:
                self._unasked.setdefault(key, candidate)
            return None
        self._left -= 1
        self._asked.add(key)
        result = await self._client.fetch(candidate.url)
        if isinstance(result, Fetched):
            return result
        reason = getattr(result, "reason", None)
        if reason in _GIVES_UP_ON_HOST:
            self._closed_hosts.add(urlsplit(candidate.url).netloc)
        self._tried.append(Tried(candidate.url, getattr(result, "message", f"answered {result.status}"), reason))
        return None

    def _leads(self, candidate: Candidate, fetched: Fetched) -> tuple[Candidate, ...]:
        """Return what a page leads to; a custom address answers with a page where everything does, so not there."""
        if self._pages_left <= 0 or candidate.lead not in {Lead.GIVEN, Lead.LINKED}:
            return ()
        self._pages_left -= 1
        return page_candidates(fetched.body, fetched.content_type, fetched.url)

    def _keep(self, candidate: Candidate, fetched: Fetched, feed: ParsedFeed) -> None:
        if (landed := address_key(fetched.url)) in self._read_at:
            return
        self._read_at.add(landed)
        # A redirect that is not for good leads elsewhere tomorrow.
        url = fetched.moved_to or candidate.url
        items = tuple(entry.link or entry.id or entry.title for entry in feed.entries[:_SAME_ITEMS])
        first = self._items.setdefault(items, url) if items else url
        title = feed.title or candidate.title
        moments = [moment for entry in feed.entries if (moment := entry.published_at or entry.updated_at)]
        found = FoundFeed(
            url=url,
            title=title,
            feed_type=feed.feed_type,
            entries=len(feed.entries),
            latest_at=max(moments, default=None),
            lead=candidate.lead,
            is_comments=is_comments_feed(url, f"{title} {candidate.title}"),
            same_as=None if first == url else first,
        )
        self.found.append(found)


def _rank(feed: FoundFeed) -> tuple[bool, ...]:
    return feed.same_as is not None, feed.is_comments, feed.lead is Lead.SITEMAP, not feed.entries
