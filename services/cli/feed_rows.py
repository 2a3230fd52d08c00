"""Feeds as lists and pages show them: what was decided at each poll, and why."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from schemas.feed import Feed
from services import bootstrap
from services.cli.feed_work import followed_feeds
from services.domain.feeds.health import FeedHealth
from services.domain.feeds.websub import Subscription
from services.fetcher.state import FeedState
from services.fetcher.store import ValkeyFeedStore
from services.fetcher.websub_store import ValkeyWebSubStore
from services.settings import LoadedSettings


@dataclass(frozen=True)
class FeedRow:
    """A feed, how it is, and how it was at its last poll."""

    feed: Feed
    added: bool
    state: FeedState | None = None

    @property
    def health(self) -> FeedHealth:
        """How the feed is."""
        return (self.state.health if self.state else None) or FeedHealth.NEW

    @property
    def last_poll(self) -> str:
        """What came of the last poll, in a few words."""
        state = self.state
        if state is None or state.last_polled_at is None:
            return "new"
        if state.is_gone:
            return "gone"
        return f"failed {state.failures}x: {state.message}" if state.failures else "ok"

    def to_json(self) -> str:
        """Return the row as one line of JSON."""
        row: dict[str, Any] = self.feed.model_dump(mode="json", exclude_none=True)
        row |= {"state": self.last_poll, "health": self.health.value, "added": self.added}
        if self.state is not None:
            times = {name: getattr(self.state, name) for name in ("last_polled_at", "last_news_at", "due_at")}
            row.update({name: moment.isoformat() for name, moment in times.items() if moment})
        return json.dumps(row, ensure_ascii=False)


@dataclass(frozen=True)
class FeedPage:
    """Everything that is known of one feed. `due_at` is its timer, which a push may have hastened."""

    row: FeedRow
    due_at: datetime | None = None
    subscription: Subscription | None = None

    def to_json(self) -> str:
        """Return the page as one line of JSON; keys and addresses of callbacks stay out."""
        page: dict[str, Any] = {"feed": self.row.feed.model_dump(mode="json", exclude_none=True)}
        page |= {"added": self.row.added, "health": self.row.health.value}
        page["due_at"] = self.due_at.isoformat() if self.due_at else None
        state = self.row.state
        page["state"] = state.model_dump(mode="json", exclude_none=True, exclude_defaults=True) if state else None
        if self.subscription is not None:
            kept = {"status", "hub", "topic_url", "expires_at", "failures", "reason"}
            page["websub"] = self.subscription.model_dump(mode="json", exclude_none=True, include=kept)
        return json.dumps(page, ensure_ascii=False)


async def feed_rows(loaded: LoadedSettings) -> list[FeedRow]:
    """Return every feed of the files and the store, with its state where it was polled."""
    feeds = await followed_feeds(loaded)
    if not bootstrap.has_state(loaded.settings):
        return [FeedRow(feed, added) for feed, added in feeds]
    async with bootstrap.open_valkey(loaded.settings) as valkey:
        states = await ValkeyFeedStore(valkey).states([feed.id for feed, _ in feeds])
    return [FeedRow(feed, added, states.get(feed.id)) for feed, added in feeds]


async def feed_page(loaded: LoadedSettings, feed_id: str) -> FeedPage | Sequence[str]:
    """Return what is known of a feed, or the ids that there are."""
    feeds = {feed.id: (feed, added) for feed, added in await followed_feeds(loaded)}
    if feed_id not in feeds:
        return tuple(feeds)
    feed, added = feeds[feed_id]
    if not bootstrap.has_state(loaded.settings):
        return FeedPage(FeedRow(feed, added))
    async with bootstrap.open_valkey(loaded.settings) as valkey:
        store = ValkeyFeedStore(valkey)
        row = FeedRow(feed, added, await store.state(feed_id))
        subscription = await ValkeyWebSubStore(valkey).subscription(feed_id)
        return FeedPage(row, await store.timer(feed_id), subscription)
