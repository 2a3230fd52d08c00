"""Drafts to articles: identity, revision, and the feed's own facts."""

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime

from schemas.article import Arrival, Article
from schemas.base import content_id
from schemas.feed import Feed
from services.domain.feeds import material
from services.domain.feeds.normalize import Draft, to_draft
from services.domain.feeds.received import Entry
from services.domain.feeds.urls import without_tracking

# Some outlets count the versions of an article behind the address that is its GUID.
_VERSION = re.compile(r"#\d{1,3}$")


def article_id(feed_id: str, draft: Draft, *, trust_guid: bool = True) -> str:
    """Return the identity of an item: its GUID within its feed, else its address, else its content."""
    if draft.guid and trust_guid:
        return content_id("article", feed_id, draft.guid)
    if draft.url:
        return content_id("article", draft.url)
    return content_id("article", feed_id, "", draft.title, draft.text)


def revision_id(draft: Draft) -> str:
    """Return the identity of what the item says."""
    return draft.revision_id or material.revision_id(draft.title, draft.text)


def shared_guids(drafts: Iterable[Draft]) -> frozenset[str]:
    """Return the GUIDs that items at different addresses carry in one document: they identify nothing."""
    addresses = defaultdict(set)
    for draft in drafts:
        if draft.guid and draft.url:
            addresses[draft.guid].add(draft.url)
    return frozenset(guid for guid, urls in addresses.items() if len(urls) > 1)


def identify(feed_id: str, drafts: Sequence[Draft]) -> list[tuple[str, str, Draft]]:
    """Return (article id, revision id, draft) for every item of one document."""
    lasting = with_lasting_guids(drafts)
    shared = shared_guids(lasting)
    return [
        (article_id(feed_id, named, trust_guid=named.guid not in shared), revision_id(draft), draft)
        for named, draft in zip(lasting, drafts, strict=True)
    ]


def with_lasting_guids(drafts: Sequence[Draft]) -> list[Draft]:
    """Return the drafts with GUIDs that outlast an edit: addresses without tracking and without the `#1` of a version.

    Where that would make one of two GUIDs in the document, they stay as they are.
    """
    spellings = defaultdict(set)
    lasting = [lasting_guid(draft.guid) for draft in drafts]
    for guid, draft in zip(lasting, drafts, strict=True):
        spellings[guid].add(draft.guid)
    return [
        draft if guid == draft.guid or len(spellings[guid]) > 1 else replace(draft, guid=guid)
        for guid, draft in zip(lasting, drafts, strict=True)
    ]


def lasting_guid(guid: str | None) -> str | None:
    """Return the GUID as it stays through edits of its item, if it is an address that says more than that."""
    if not guid or not guid.startswith(("https://", "http://")) or not ("#" in guid or "?" in guid):
        return guid
    return without_tracking(_VERSION.sub("", guid))


def build_article(
    draft: Draft,
    feed: Feed,
    now: datetime,
    *,
    article_id: str,
    revision_id: str,
    revision: int = 1,
    arrival: Arrival = Arrival.NEW,
    first_seen_at: datetime | None = None,
) -> Article:
    """Return the article; a publication date in the future becomes the time it was seen."""
    published_at = min(draft.published_at, now) if draft.published_at else None
    return Article(
        id=article_id,
        revision=revision,
        revision_id=revision_id,
        feed_id=feed.id,
        outlet=feed.outlet,
        title=draft.title,
        text=draft.text,
        url=draft.url,
        author=draft.author,
        lang=feed.lang or draft.lang,
        country=feed.country,
        arrival=arrival,
        published_at=published_at,
        first_seen_at=first_seen_at or now,
    )


def to_article(entry: Entry, feed: Feed, now: datetime) -> Article | None:
    """Return the first revision of an entry on its own, or None if it says nothing. Same entry, same ids."""
    draft = to_draft(entry)
    if draft is None:
        return None
    ((article_id, revision_id, _),) = identify(feed.id, [draft])
    return build_article(draft, feed, now, article_id=article_id, revision_id=revision_id)
