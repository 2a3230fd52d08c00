"""The poll's part in WebSub: which hubs a feed names, and what a pushed document changes in its timer."""

from datetime import datetime, timedelta
from typing import Protocol

from schemas.feed import Feed
from services.domain.feeds.encoding import decode_document
from services.domain.feeds.links import Links, links_in_html
from services.domain.feeds.normalize import Reading
from services.domain.feeds.schedule import Due, DueReason
from services.domain.feeds.websub import Offer, Subscription
from services.fetcher.client import Fetched, FetchResult
from services.fetcher.state import FeedState
from services.fetcher.websub_store import Pushed, PushedDocument

# When a pushed document could not be read the feed is asked itself, but not within this time of the last poll.
ASK_INSTEAD_AFTER = timedelta(minutes=5)


class Pushes(Protocol):
    """What hubs pushed, and the subscriptions that make them push."""

    async def take(self, feed_id: str, now: datetime) -> Pushed:
        """Return the oldest pushed document, which stays until it is dropped, and the subscription."""

    async def drop(self, feed_id: str, document: PushedDocument, now: datetime) -> None:
        """Forget a document that has been read and recorded; if another waits, the feed is due at once."""

    async def miss(self, feed_id: str, now: datetime) -> None:
        """Note that polling found news that was not pushed."""

    async def look_at(self, feed_id: str, at: datetime) -> None:
        """Have the subscription of this feed, or its lack of one, looked at by then."""


class NoPushes:
    """What there is without WebSub."""

    async def take(self, _feed_id: str, _now: datetime) -> Pushed:
        """Return nothing."""
        return Pushed()

    async def drop(self, _feed_id: str, _document: PushedDocument, _now: datetime) -> None:
        """Do nothing: there is none."""

    async def miss(self, _feed_id: str, _now: datetime) -> None:
        """Do nothing: nobody was to push it."""

    async def look_at(self, _feed_id: str, _at: datetime) -> None:
        """Do nothing: nobody looks."""


def named_hubs(result: FetchResult, reading: Reading | None) -> dict[str, object]:
    """Return what an answer changes in the state: the hubs it names; nothing where it does not say.

    The Link header goes before the document. An HTML page may name the hub of the feed that it stands for.
    """
    if not isinstance(result, Fetched):
        return {}
    if reading is not None:
        said = result.links.or_else(Links(reading.feed.hubs, reading.feed.self_url))
    elif result.links.hubs:
        said = result.links
    elif _is_html(result):
        said = links_in_html(decode_document(result.body, result.content_type)[0], result.url)
    else:
        return {}  # the same document again: what it said still holds
    return {"hubs": said.hubs, "topic_url": (said.self_url or result.url) if said.hubs else None}


def _is_html(result: Fetched) -> bool:
    return "html" in (result.content_type or "")


def offer_of(state: FeedState) -> Offer | None:
    """Return what the feed last said of its hubs."""
    return Offer(hubs=state.hubs, topic_url=state.topic_url) if state.hubs and state.topic_url else None


def is_to_be_looked_at(subscription: Subscription | None, offer: Offer | None) -> bool:
    """Say whether the subscription is not the one that the feed now offers."""
    if subscription is None or offer is None:
        return (subscription is None) is not (offer is None)
    return subscription.topic_url != offer.topic_url or subscription.hub not in offer.hubs


def due_after_push(state: FeedState, now: datetime, *, was_read: bool) -> Due:
    """Return the feed's timer as it was: a pushed document says nothing of when to ask the feed itself.

    One that could not be read does: what it held can still be had there.
    """
    if state.is_gone:
        return Due(None, DueReason.GONE)
    due = Due(max(state.due_at, now) if state.due_at else now, state.due_reason or DueReason.DEFAULT)
    if was_read or state.failures or due.at is None:
        return due
    earliest = max(now, (state.last_polled_at or now) + ASK_INSTEAD_AFTER)
    return Due(min(due.at, earliest), due.reason)


async def note_poll(
    pushes: Pushes, feed: Feed, state: FeedState, pushed: Pushed, *, due: Due, now: datetime, has_news: bool = False
) -> None:
    """Have the subscription looked at where a poll gives reason to; called once the poll is recorded.

    `has_news`: the feed itself had what no hub had pushed.
    """
    if has_news and pushed.replaces_polling(now):
        await pushes.miss(feed.id, now)
    offer = offer_of(state) if feed.websub and not state.is_gone else None
    # A subscription that ended during this poll could not make the feed due; the poll has put its timer off.
    if due.reason is DueReason.WEBSUB or is_to_be_looked_at(pushed.subscription, offer):
        await pushes.look_at(feed.id, now)
