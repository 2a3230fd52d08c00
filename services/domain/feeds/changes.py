"""What in a poll is new: decided by the set of seen ids, never by dates."""

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from schemas.article import Arrival, Article
from schemas.feed import Feed
from services.domain.feeds.articles import build_article, identify
from services.domain.feeds.normalize import Draft

# How many ids are remembered of a feed: items come back after weeks, from feeds that list hundreds.
MIN_SEEN = 5000
SEEN_PER_ENTRY = 5
# A remembered id is written again only when its last sighting is this old, so that a quiet poll writes nothing.
REFRESH_AFTER = timedelta(days=1)
# Caches serve old copies after new ones; the last few revisions are remembered, so that none is told twice.
MAX_REVISIONS = 8


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
    drafts: Sequence[Draft], seen: Mapping[str, Seen], feed: Feed, now: datetime, *, is_first_poll: bool
) -> Changes:
    """Return the articles and revisions not seen before, and the seen-set after them.

    Every revision of an article is returned once, however often and in whatever order documents bring it back.
    """
    articles: list[Article] = []
    remembered: dict[str, Seen] = {}
    found = identify(feed.id, drafts)
    for key, revision_id, draft in _oldest_first(found, now):
        known = remembered.get(key) or seen.get(key)
        if known is not None and revision_id in known.revision_ids:
            if now - known.last_seen_at >= REFRESH_AFTER:
                remembered[key] = _sighted(known, now)
            continue
        current = _revised(known, revision_id, now)
        remembered[key] = current
        articles.append(
            build_article(
                draft,
                feed,
                now,
                article_id=key,
                revision_id=revision_id,
                revision=current.revision,
                arrival=_arrival(draft, feed, is_first_poll=is_first_poll),
                first_seen_at=current.first_seen_at,
            )
        )
    capacity = max(MIN_SEEN, SEEN_PER_ENTRY * len(drafts))
    forgotten = _overflow({**seen, **remembered}, capacity, present={key for key, _, _ in found})
    return Changes(tuple(articles), remembered, forgotten)


def _oldest_first(found: list[tuple[str, str, Draft]], now: datetime) -> list[tuple[str, str, Draft]]:
    # Feeds list the newest first, so among items of one time the last is the oldest.
    newest_first = sorted(found, key=lambda item: min(item[2].published_at or now, now), reverse=True)
    return newest_first[::-1]


def _arrival(draft: Draft, feed: Feed, *, is_first_poll: bool) -> Arrival:
    """Say whether the item was there before the feed was followed; an edit made since then is news."""
    if not is_first_poll:
        return Arrival.NEW
    is_recent = feed.since is not None and draft.published_at is not None and draft.published_at >= feed.since
    return Arrival.NEW if is_recent else Arrival.BACK_LIST


def _sighted(known: Seen, now: datetime) -> Seen:
    return Seen(known.revision, known.revision_ids, known.first_seen_at, now)


def _revised(known: Seen | None, revision_id: str, now: datetime) -> Seen:
    if known is None:
        return Seen(1, (revision_id,), now, now)
    revision_ids = (*known.revision_ids, revision_id)[-MAX_REVISIONS:]
    return Seen(known.revision + 1, revision_ids, known.first_seen_at, now)


def _overflow(seen: Mapping[str, Seen], capacity: int, present: Set[str]) -> frozenset[str]:
    """Return the ids to forget: those longest out of the feed, never one that is in it."""
    excess = len(seen) - capacity
    if excess <= 0:
        return frozenset()
    absent = seen.keys() - present
    return frozenset(sorted(absent, key=lambda key: (seen[key].last_seen_at, key))[:excess])
