"""Completes new articles with the text of their pages: politely, within a budget, and only where it is clearly more.

Whatever goes wrong, the article keeps what the feed said of it: a page is never worth losing or delaying news for.
"""

import asyncio
import re
from collections import OrderedDict, defaultdict
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Protocol, TypeAlias
from urllib.parse import urlsplit

import structlog

from schemas.article import Arrival, Article
from schemas.feed import Feed
from services.domain.feeds.full_text import TextChoice, choose_text, with_page
from services.domain.feeds.page import Page, PageParseError
from services.fetcher.client import Failed, FailureReason, Fetched, FetchResult, Permit
from services.fetcher.parse_pool import ParseAbortedError
from services.fetcher.robots import Robots
from services.ports import Clock

ACCEPT = "text/html, application/xhtml+xml;q=0.9, */*;q=0.1"
# After this many failures in a row a host is left alone for a while, and at once where it asks for it.
FAILURES_BEFORE_REST = 3
REST_FOR = timedelta(minutes=15)
MAX_REST = timedelta(days=1)
_MAX_HOSTS = 1000
_NOT_PAGES = re.compile(
    r"\.(?:pdf|jpe?g|png|gif|webp|svg|mp[34]|m4[av]|mov|webm|avi|ogg|wav|zip|gz|docx?|xlsx?|pptx?)$", re.IGNORECASE
)
_ASKS_FOR_REST = frozenset({FailureReason.RATE_LIMITED, FailureReason.SERVER_ERROR})

log = structlog.get_logger(__name__)


class PageRefusal(StrEnum):
    """Why an article keeps what its feed said; besides these, the choice of text has its own reasons."""

    NO_ADDRESS = "no_address"
    NOT_A_PAGE = "not_a_page"
    DISALLOWED = "disallowed"  # by robots.txt, or it is not known whether it allows
    FAILED = "failed"  # no answer to work with
    ABORTED = "aborted"  # took too long, or too much, to read
    HOST_RESTS = "host_rests"  # it failed several times, or asked to be left alone
    OVER_BUDGET = "over_budget"


@dataclass(frozen=True, slots=True)
class Refused:
    """No text from the page, and why."""

    reason: PageRefusal | TextChoice
    message: str = ""


PageResult: TypeAlias = Page | Refused


class Client(Protocol):
    """Asks servers for documents."""

    async def fetch(self, url: str, *, permit: Permit | None = None) -> FetchResult:
        """Return what the server answers; nothing is asked for that `permit` does not permit."""

    async def aclose(self) -> None:
        """Close all connections."""


class Extractor(Protocol):
    """Reads articles' pages, out of harm's way."""

    async def read(self, body: bytes, *, content_type: str | None, url: str | None) -> Page:
        """Return what the page says; raise PageParseError or ParseAbortedError."""

    async def aclose(self) -> None:
        """End what reads."""


@dataclass(frozen=True, slots=True)
class PageBudget:
    """How much a poll may ask of pages, and the least time between two requests to one host."""

    pages: int = 20
    time: timedelta = timedelta(seconds=60)
    delay: timedelta = timedelta(seconds=1)


@dataclass(slots=True)
class _Host:
    """A host as we left it. Its lock is held for a whole request: one at a time."""

    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    free_at: datetime | None = None
    rests_until: datetime | None = None
    failures: int = 0


class ArticlePages:
    """Asks for articles' pages: one request per host at a time, as robots.txt allows and at the pace it asks for."""

    def __init__(
        self,
        *,
        client: Client,
        robots: Robots,
        extractor: Extractor,
        clock: Clock,
        budget: PageBudget,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._client = client
        self._robots = robots
        self._extractor = extractor
        self._clock = clock
        self._budget = budget
        self._sleep = sleep
        self._hosts: OrderedDict[str, _Host] = OrderedDict()

    async def complete(self, feed: Feed, articles: Sequence[Article]) -> tuple[Article, ...]:
        """Return the articles in their order, new ones with their page's text where that is clearly more.

        Ids stay. Takes no longer than the budget's time and one request more.
        """
        deadline = self._clock.now() + self._budget.time
        completed, refused, asked = [], defaultdict[str, list[tuple[Article, Refused]]](list), 0
        for article in articles:
            if article.arrival is not Arrival.NEW:
                completed.append(article)
                continue
            result = await self._read(article, deadline) if asked < self._budget.pages else _OVER_BUDGET
            asked += not (isinstance(result, Refused) and result.reason in _NOT_ASKED)
            if isinstance(result, Page) and (choice := choose_text(article, result)) is not TextChoice.PAGE:
                result = Refused(choice)
            if isinstance(result, Refused):
                refused[result.reason].append((article, result))
                completed.append(article)
            else:
                completed.append(with_page(article, result, self._clock.now()))
        _log_refused(feed, refused)
        return tuple(completed)

    async def aclose(self) -> None:
        """Give up what is being asked for; end the extractor and close all connections."""
        await self._robots.aclose()
        await self._extractor.aclose()
        await self._client.aclose()

    async def _read(self, article: Article, deadline: datetime) -> PageResult:
        url = article.url or ""
        parts = urlsplit(url)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            return Refused(PageRefusal.NO_ADDRESS)
        if _NOT_PAGES.search(parts.path):
            return Refused(PageRefusal.NOT_A_PAGE, f"{parts.path} does not name a page")
        return await self._read_at(url, self._host(parts.hostname), deadline)

    async def _read_at(self, url: str, host: _Host, deadline: datetime) -> PageResult:
        if self._clock.now() >= deadline:  # a robots.txt may take as long as a page
            return _OVER_BUDGET
        rules = await self._robots.rules(url)
        if refusal := rules.refusal(url):
            return Refused(PageRefusal.DISALLOWED, refusal)
        async with host.lock:
            now = self._clock.now()
            if host.rests_until is not None and now < host.rests_until:
                return Refused(PageRefusal.HOST_RESTS, f"until {host.rests_until.isoformat(timespec='seconds')}")
            wait = max(host.free_at - now, timedelta(0)) if host.free_at else timedelta(0)
            if now + wait >= deadline:
                return _OVER_BUDGET
            if wait:
                await self._sleep(wait.total_seconds())
            result = await self._client.fetch(url, permit=self._robots.refusal)
            now = self._clock.now()
            # A site may ask for hours; past a day its pages are not asked for by the same process anyway.
            pause = min(timedelta(seconds=min(rules.delay_seconds, 86_400)), MAX_REST)
            host.free_at = now + max(self._budget.delay, pause)
            _judge(host, result, now)
        return await self._extracted(result)

    async def _extracted(self, result: FetchResult) -> PageResult:
        if not isinstance(result, Fetched):
            is_disallowed = isinstance(result, Failed) and result.reason is FailureReason.DISALLOWED
            reason = PageRefusal.DISALLOWED if is_disallowed else PageRefusal.FAILED
            return Refused(reason, getattr(result, "message", "answered 304 to a request without conditions"))
        try:
            return await self._extractor.read(result.body, content_type=result.content_type, url=result.url)
        except PageParseError as error:
            return Refused(PageRefusal.NOT_A_PAGE, f"{result.url}: {error}")
        except ParseAbortedError as error:
            return Refused(PageRefusal.ABORTED, f"{result.url}: {error}")

    def _host(self, name: str) -> _Host:
        host = self._hosts.pop(name, None) or _Host()
        self._hosts[name] = host
        if len(self._hosts) > _MAX_HOSTS:
            oldest = next(iter(self._hosts))
            if not self._hosts[oldest].lock.locked():
                del self._hosts[oldest]
        return host


_OVER_BUDGET = Refused(PageRefusal.OVER_BUDGET)
_NOT_ASKED = frozenset(
    {PageRefusal.NO_ADDRESS, PageRefusal.DISALLOWED, PageRefusal.HOST_RESTS, PageRefusal.OVER_BUDGET}
)


def _judge(host: _Host, result: FetchResult, now: datetime) -> None:
    """Let the host rest if it asked for that, or failed too often. That a page is gone is no failure of the host."""
    if not isinstance(result, Failed) or result.status in {404, 410}:
        host.failures = 0
        return
    host.failures += 1
    if result.reason in _ASKS_FOR_REST and result.retry_after is not None:
        host.rests_until = now + min(result.retry_after, MAX_REST)
    elif result.reason is FailureReason.RATE_LIMITED or host.failures >= FAILURES_BEFORE_REST:
        host.rests_until, host.failures = now + REST_FOR, 0


def _log_refused(feed: Feed, refused: dict[str, list[tuple[Article, Refused]]]) -> None:
    """Tell each reason once, with how often and an example."""
    for reason, cases in refused.items():
        article, example = cases[0]
        level = log.debug if reason in {TextChoice.NOT_MORE, PageRefusal.NO_ADDRESS} else log.info
        level(
            "pages_not_used",
            feed_id=feed.id,
            reason=str(reason),
            count=len(cases),
            example_url=article.url,
            message=example.message,
        )
