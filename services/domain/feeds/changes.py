"""What in a poll is new: decided by the set of seen ids, never by dates."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TypeAlias

from schemas.article import Arrival, Article
from schemas.feed import Feed
from services.domain.feeds.articles import build_article
from services.domain.feeds.normalize import Draft

# How many ids are remembered of a feed: items come back after weeks, from feeds that list hundreds.
MIN_SEEN = 5000
SEEN_PER_ENTRY = 5
# Forgetting means reading all that is remembered, so it waits until a tenth is too much.
EXCESS_SHARE = 0.1
# A remembered id is written again only when its last sighting is this old, so that a quiet poll writes nothing.
REFRESH_AFTER = timedelta(days=1)
# Caches serve old copies after new ones; the last few revisions are remembered, so that none is told twice.
MAX_REVISIONS = 8
NEVER = datetime.max.replace(tzinfo=UTC)

# Article id, revision id, and what the entry says.
Identified: TypeAlias = tuple[str, str, Draft]


@dataclass(frozen=True, slots=True)
class Seen:
    """What is remembered of an article: its revisions in the order they came, and when it was in the feed."""

    revision: int
    revision_ids: tuple[str, ...]
    first_seen_at: datetime
    last_seen_at: datetime


@dataclass(frozen=True, slots=True)
class Changes:
    """What a poll brought: articles to publish, oldest first; then what to remember and what to forget."""

    articles: tuple[Article, ...] = ()
    remembered: Mapping[str, Seen] = field(default_factory=dict)
    forgotten: frozenset[str] = frozenset()

    def applied_to(self, seen: Mapping[str, Seen]) -> dict[str, Seen]:
        """Return the new set of seen articles."""
        kept = {key: value for key, value in seen.items() if key not in self.forgotten}
        return kept | dict(self.remembered)


def find_changes(
    found: Sequence[Identified],
    seen: Mapping[str, Seen],
    feed: Feed,
    now: datetime,
    *,
    is_first_poll: bool,
    resumed_from: datetime | None = None,
) -> Changes:
    """Return the articles and revisions not seen before, given what is remembered of those found.

    Every revision of an article is returned once, however often and in whatever order documents bring it back.
    `resumed_from` is until when the feed was read before it moved, was gone or its state was lost: what it lists of
    the time before under ids of another kind is no news.
    """
    articles: list[Article] = []
    remembered: dict[str, Seen] = {}
    since = (feed.since or resumed_from or NEVER) if is_first_poll else resumed_from
    for key, revision_id, draft in _oldest_first(found, now):
        known = remembered.get(key) or seen.get(key)
        if known is not None and revision_id in known.revision_ids:
            if now - known.last_seen_at >= REFRESH_AFTER:
                remembered[key] = _sighted(known, now)
            continue
        remembered[key] = current = _revised(known, revision_id, now)
        # An edit made since the feed was first read is news, whatever the date of the item.
        is_edit = known is not None and not is_first_poll
        arrival = Arrival.NEW if is_edit else _arrival(draft, since, is_first_poll=is_first_poll)
        articles.append(_article((key, revision_id, draft), current, arrival, feed, now))
    return Changes(tuple(articles), remembered)


def has_overflow(count: int, found: Sequence[Identified]) -> bool:
    """Say whether so many remembered ids are too many for a feed that lists these items."""
    return count > _capacity(found) * (1 + EXCESS_SHARE)


def overflow(seen: Mapping[str, Seen], found: Sequence[Identified]) -> frozenset[str]:
    """Return the ids to forget: those longest out of the feed, never one that is in it."""
    excess = len(seen) - _capacity(found)
    if excess <= 0:
        return frozenset()
    absent = seen.keys() - {key for key, _, _ in found}
    return frozenset(sorted(absent, key=lambda key: (seen[key].last_seen_at, key))[:excess])


def _oldest_first(found: Sequence[Identified], now: datetime) -> list[Identified]:
    # Feeds list the newest first, so among items of one time the last is the oldest.
    newest_first = sorted(found, key=lambda item: min(item[2].published_at or now, now), reverse=True)
    return newest_first[::-1]


def _arrival(draft: Draft, since: datetime | None, *, is_first_poll: bool) -> Arrival:
    """Say whether an item is of a time before it could be news; an undated one is if all others might be."""
    if since is None:
        return Arrival.NEW
    if draft.published_at is None:
        return Arrival.BACK_LIST if is_first_poll else Arrival.NEW
    return Arrival.NEW if draft.published_at >= since else Arrival.BACK_LIST


def _article(item: Identified, current: Seen, arrival: Arrival, feed: Feed, now: datetime) -> Article:
    key, revision_id, draft = item
    return build_article(
        draft,
        feed,
        now,
        article_id=key,
        revision_id=revision_id,
        revision=current.revision,
        arrival=arrival,
        first_seen_at=current.first_seen_at,
    )


def _sighted(known: Seen, now: datetime) -> Seen:
    return Seen(known.revision, known.revision_ids, known.first_seen_at, now)


def _revised(known: Seen | None, revision_id: str, now: datetime) -> Seen:
    if known is None:
        return Seen(1, (revision_id,), now, now)
    revision_ids = (*known.revision_ids, revision_id)[-MAX_REVISIONS:]
    return Seen(known.revision + 1, revision_ids, known.first_seen_at, now)


def _capacity(found: Sequence[Identified]) -> int:
    return max(MIN_SEEN, SEEN_PER_ENTRY * len(found))
