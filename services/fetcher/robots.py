"""What the owners of a site let programs ask for: robots.txt as RFC 9309 reads it, kept for a day.

A server that has none (4xx) allows everything; one that cannot answer (5xx, no connection) allows nothing for now,
unless it is known what it said before. Feeds are published for programs and asked for anyway; article pages are not.
"""

import asyncio
import re
from collections import OrderedDict
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Protocol
from urllib.parse import urlsplit

from protego import Protego

from services.fetcher.client import Failed, Fetched, FetchResult, Gone
from services.ports import Clock

PRODUCT_TOKEN = "redline"  # noqa: S105 -- the word that robots.txt knows us by
KEEP_FOR = timedelta(hours=24)
ASK_AGAIN_AFTER = timedelta(minutes=15)  # a server that could not answer
MAX_BYTES = 500 * 1024  # as much as the standard asks to be read
_MAX_KEPT_CHARS = 1024**2  # together; rules take some seventy times their text in memory at worst
_PRICE_OF_ONE = 1000
_AGENT_LINE = re.compile(r"^\s*user[\s-]?agent\s*:?\s*([^#]*)", re.IGNORECASE)
# A chase without an end counts as no file.
_ENDLESS = frozenset({"too_many_redirects", "redirect_loop"})
# Refusals of the server rather than answers to the question.
_UNREACHABLE_STATUSES = frozenset({408, 429})


class Client(Protocol):
    """Asks servers for documents."""

    async def fetch(self, url: str) -> FetchResult:
        """Return what the server answers."""


@dataclass(frozen=True, slots=True)
class Rules:
    """What one site said; `rules` is None where it has none. `unreachable` says why it is not known."""

    rules: Protego | None
    checked_at: datetime
    size: int = 0
    unreachable: str = ""

    def refusal(self, url: str) -> str | None:
        """Say why this address may not be asked for, or None if it may."""
        if self.unreachable:
            return f"robots.txt is not known: {self.unreachable}"
        if self.rules is None or self.rules.can_fetch(url, PRODUCT_TOKEN):
            return None
        return f"robots.txt does not allow {url}"

    @property
    def delay_seconds(self) -> float:
        """How long the site wants programs to wait between two requests; 0 if it does not say."""
        return (self.rules.crawl_delay(PRODUCT_TOKEN) or 0.0) if self.rules else 0.0

    def is_due(self, now: datetime) -> bool:
        """Say whether it is time to ask again."""
        return now - self.checked_at >= (ASK_AGAIN_AFTER if self.unreachable else KEEP_FOR)


class Robots:
    """Knows what sites allow; asks each at most once a day, and once for all who wait for it."""

    def __init__(self, client: Client, clock: Clock) -> None:
        self._client = client
        self._clock = clock
        self._known: OrderedDict[str, Rules] = OrderedDict()
        self._asking: dict[str, asyncio.Task[Rules]] = {}

    async def refusal(self, url: str) -> str | None:
        """Say why this address may not be asked for, or None if it may."""
        return (await self.rules(url)).refusal(url)

    async def rules(self, url: str) -> Rules:
        """Return what the site of this address allows."""
        site = _site(url)
        known = self._known.get(site)
        if known is not None and not known.is_due(self._clock.now()):
            self._known.move_to_end(site)
            return known
        if site not in self._asking:
            self._asking[site] = asyncio.create_task(self._ask(site, known), name=f"robots:{site}")
            self._asking[site].add_done_callback(lambda _: self._asking.pop(site, None))
        # One that gives up must not take the answer from the others who wait.
        return await asyncio.shield(self._asking[site])

    async def aclose(self) -> None:
        """Give up what is being asked."""
        asking = list(self._asking.values())
        for task in asking:
            task.cancel()
        await asyncio.gather(*asking, return_exceptions=True)

    async def _ask(self, site: str, known: Rules | None) -> Rules:
        result = await self._client.fetch(f"{site}/robots.txt")
        rules = await self._read(result)
        if rules.unreachable and known is not None and not known.unreachable:
            # What it said before holds as long as it cannot be asked.
            rules = replace(known, checked_at=self._clock.now() - KEEP_FOR + ASK_AGAIN_AFTER)
        self._known[site] = rules
        self._known.move_to_end(site)
        while (
            len(self._known) > 1 and sum(kept.size + _PRICE_OF_ONE for kept in self._known.values()) > _MAX_KEPT_CHARS
        ):
            self._known.popitem(last=False)
        return rules

    async def _read(self, result: FetchResult) -> Rules:
        now = self._clock.now()
        if isinstance(result, Fetched):
            text = _ours(result.body[:MAX_BYTES].decode("utf-8", "replace").removeprefix("\ufeff"))
            # Half a megabyte takes seconds, in which everything else would stand still.
            return Rules(await asyncio.to_thread(Protego.parse, text), now, len(text))
        if isinstance(result, Gone) or (isinstance(result, Failed) and _means_none(result)):
            return Rules(None, now)
        return Rules(None, now, unreachable=getattr(result, "message", "answered 304 to a request without conditions"))


def _means_none(failed: Failed) -> bool:
    """Say whether a server that could be asked has no rules."""
    if failed.reason in _ENDLESS:
        return True
    return failed.status is not None and failed.status < 500 and failed.status not in _UNREACHABLE_STATUSES


def _ours(text: str) -> str:
    """Return the text with all programs but ours and everyone as one, however many thousands it names.

    The reader copies every rule to every program that its group names, which a hostile file makes billions.
    """
    kept: list[str] = []
    for line in text.splitlines():
        found = _AGENT_LINE.match(line)
        if found is not None:
            agent = found.group(1).strip().lower()
            is_ours = agent == "*" or agent.partition("/")[0].strip(" *") == PRODUCT_TOKEN
            agent = (agent if agent == "*" else PRODUCT_TOKEN) if is_ours else "others"
        kept.append(line if found is None else f"User-agent: {agent}")
    return "\n".join(kept)


def _site(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}".lower()
