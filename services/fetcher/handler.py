"""One poll of one feed: ask, read, find what is new, publish it, remember it."""

import asyncio
import random
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Protocol

import structlog
from pydantic import SecretStr

from schemas.article import Article
from schemas.feed import Feed
from schemas.streams import ALERTS, ARTICLES
from services.domain.feeds.articles import identify
from services.domain.feeds.changes import Changes, Identified, find_changes, has_overflow, overflow
from services.domain.feeds.normalize import Reading
from services.domain.feeds.parser import FeedParseError
from services.domain.feeds.schedule import Due, SchedulePolicy, next_due
from services.fetcher import outcome
from services.fetcher.client import Failed, FailureReason, FeedRequest, Fetched, FetchResult, NotModified
from services.fetcher.credentials import MissingSecretError, request_for
from services.fetcher.history import Move, PollOutcome
from services.fetcher.outcome import Poll
from services.fetcher.parse_pool import ParseAbortedError
from services.fetcher.pushed import NoPushes, Pushes, due_after_push, named_hubs, note_poll
from services.fetcher.state import FeedState
from services.fetcher.store import Claim, SeenIn, StoreUnavailableError
from services.fetcher.websub_store import Pushed, PushedDocument
from services.fetcher.wellness import examine
from services.ports import Clock, Publisher

# Enough for the broker to batch, few enough that a long back list does not fill the memory.
PUBLISH_BATCH = 50
MOVE_AFTER = 3
# A feed lists an item a while after the time it gives for it.
LISTING_LAG = timedelta(hours=1)

log = structlog.get_logger(__name__)


class Client(Protocol):
    """Asks servers for feeds."""

    async def ask(self, request: FeedRequest) -> FetchResult:
        """Return what the server answers to one conditional request."""


class Reader(Protocol):
    """Reads feed documents, out of harm's way."""

    async def read(self, body: bytes, *, content_type: str | None, base_url: str | None) -> Reading:
        """Return what the document says; raise FeedParseError or ParseAbortedError."""


class PageReader(Protocol):
    """Completes articles with what their pages say."""

    async def complete(self, feed: Feed, articles: Sequence[Article]) -> tuple[Article, ...]:
        """Return the articles in their order and with their ids, some with their page's text."""


class PollStore(Protocol):
    """Remembers what one poll leaves to the next."""

    async def seen(self, feed_id: str, article_ids: Sequence[str] | None = None) -> SeenIn:
        """Return what is remembered of these articles of a feed, or of all."""

    async def record(self, claim: Claim, state: FeedState, changes: Changes, move: Move | None = None) -> None:
        """Keep the outcome of a poll and its `due_at` as one, and end the claim; raise LeaseLostError if it is lost."""


@dataclass(frozen=True, slots=True)
class PollReport:
    """What came of a poll, what it published, and when the next one is due."""

    feed_id: str
    outcome: PollOutcome
    due: Due
    published: int = 0
    entries: int = 0
    failure: FailureReason | None = None
    message: str = ""
    warnings: tuple[str, ...] = ()
    health_changes: tuple[str, ...] = ()  # those that were told


class FeedPoller:
    """Polls feeds, any number at a time. A poll that dies before it is recorded is repeated, with the same ids."""

    def __init__(
        self,
        *,
        client: Client,
        reader: Reader,
        store: PollStore,
        publisher: Publisher,
        clock: Clock,
        policy: SchedulePolicy,
        move_after: int = MOVE_AFTER,
        pushes: Pushes | None = None,
        pages: PageReader | None = None,
        jitter: Callable[[], float] = random.random,
        secrets: Mapping[str, SecretStr] | None = None,
    ) -> None:
        self._client = client
        self._reader = reader
        self._store = store
        self._publisher = publisher
        self._clock = clock
        self._policy = policy
        self._move_after = move_after
        self._pushes = pushes or NoPushes()
        self._pages = pages
        self._jitter = jitter
        self._secrets = secrets or {}

    async def poll(self, feed: Feed, claim: Claim) -> PollReport:
        """Ask the feed once, read the answer, find what is new, publish it, record the outcome.

        A document that a hub has pushed is read in place of asking. Failures that are to be expected are in the report.
        """
        state = self._state_of(feed, claim)
        pushed = await self._pushes.take(feed.id, self._clock.now())
        if pushed.document is not None:
            return await self._poll_pushed(feed, claim, state, pushed, pushed.document)
        result = await self._ask(feed, state)
        poll = await self._assess(result, state)
        if hubs := named_hubs(result, poll.reading):
            poll = poll.with_state(poll.state.model_copy(update=hubs))
        changes = await self._changes(feed, poll, is_state_lost=claim.state is None)
        await self._publish(await self._completed(feed, changes.articles))
        is_pushed = pushed.replaces_polling(self._clock.now()) and not changes.articles
        moved_to = result.moved_to if isinstance(result, Fetched | NotModified) else None
        poll = replace(poll, is_pushed=is_pushed)
        report = await self._record(feed, claim, state, poll, changes, moved_to=moved_to)
        has_news = bool(changes.articles) and state.first_read_at is not None
        now = self._clock.now()
        async with _after_the_record(feed):
            await note_poll(self._pushes, feed, poll.state, pushed, due=report.due, now=now, has_news=has_news)
        return report

    async def _poll_pushed(
        self, feed: Feed, claim: Claim, state: FeedState, pushed: Pushed, document: PushedDocument
    ) -> PollReport:
        """Read a document that a hub sent as any other; it is dropped once that is recorded, so a crash repeats it."""
        poll, fault = Poll(PollOutcome.PUSHED, state, size=len(document.body)), ""
        try:
            reading = await self._reader.read(document.body, content_type=document.content_type, base_url=document.url)
            poll = replace(poll, reading=reading)
        except (FeedParseError, ParseAbortedError) as error:
            fault = str(error)
            log.warning("push_unreadable", feed_id=feed.id, error=fault)
        changes = await self._changes(feed, poll, is_state_lost=claim.state is None)
        await self._publish(await self._completed(feed, changes.articles))
        now = self._clock.now()
        due = due_after_push(state, now, was_read=not fault)
        poll = outcome.timed(poll, now, changes.articles, message=fault)
        await self._store.record(claim, outcome.due_again(poll, due), changes)
        async with _after_the_record(feed):
            await self._pushes.drop(feed.id, document, now)
            await note_poll(self._pushes, feed, state, pushed, due=due, now=now)
        return replace(_report(feed, poll, due, changes), message=fault)

    async def record_fault(self, feed: Feed, claim: Claim, error: BaseException) -> PollReport:
        """Count a poll that ended in an unexpected exception as failed, so that it is backed off from."""
        state = self._state_of(feed, claim)
        fault = Failed(FailureReason.FAULT, f"{type(error).__name__}: {error}")
        return await self._record(feed, claim, state, outcome.failed(fault, state), Changes())

    def _state_of(self, feed: Feed, claim: Claim) -> FeedState:
        return (claim.state or FeedState()).for_feed(feed).to_ask_with(self._clock.now())

    async def _ask(self, feed: Feed, state: FeedState) -> FetchResult:
        try:
            request = request_for(feed, self._secrets, url=state.address, validators=state.validators)
        except MissingSecretError as error:
            return Failed(FailureReason.MISSING_SECRET, str(error))
        return await self._client.ask(request)

    async def _assess(self, result: FetchResult, state: FeedState) -> Poll:
        if not isinstance(result, Fetched) or not outcome.is_to_read(result, state):
            return outcome.judge(result, state)
        try:
            reading = await self._reader.read(result.body, content_type=result.content_type, base_url=result.base_url)
        except FeedParseError as error:
            return outcome.unread(result, FailureReason.NOT_A_FEED, str(error), state)
        except ParseAbortedError as error:
            return outcome.unread(result, FailureReason.PARSE_ABORTED, str(error), state)
        return outcome.read(result, reading, state)

    async def _changes(self, feed: Feed, poll: Poll, *, is_state_lost: bool) -> Changes:
        if poll.reading is None:
            return Changes()
        for draft in poll.reading.drafts:
            if draft.is_cut:
                log.warning("article_cut", feed_id=feed.id, url=draft.url, kept_chars=len(draft.text))
        found = identify(feed.id, poll.reading.drafts)
        seen = await self._store.seen(feed.id, [key for key, _, _ in found])
        state, resumed_from = poll.state, None
        if is_state_lost:
            resumed_from = max((known.last_seen_at for known in seen.known.values()), default=None)
        elif state.is_resuming and state.last_success_at is not None:
            resumed_from = state.last_success_at - LISTING_LAG
        is_first = state.first_read_at is None
        changes = find_changes(
            found, seen.known, feed, self._clock.now(), is_first_poll=is_first, resumed_from=resumed_from
        )
        return await self._trimmed(feed, changes, found, seen.count)

    async def _trimmed(self, feed: Feed, changes: Changes, found: Sequence[Identified], count: int) -> Changes:
        if not has_overflow(count + len(changes.remembered), found):
            return changes
        everything = (await self._store.seen(feed.id)).known
        return replace(changes, forgotten=overflow({**everything, **changes.remembered}, found))

    async def _completed(self, feed: Feed, articles: Sequence[Article]) -> Sequence[Article]:
        """Return the articles as they are published; ids were decided by what the feed says, and stay."""
        return await self._pages.complete(feed, articles) if feed.full_text and self._pages else articles

    async def _publish(self, articles: Sequence[Article]) -> None:
        for start in range(0, len(articles), PUBLISH_BATCH):
            batch = articles[start : start + PUBLISH_BATCH]
            await asyncio.gather(*(self._publisher.publish(ARTICLES, article) for article in batch))

    async def _record(
        self, feed: Feed, claim: Claim, before: FeedState, poll: Poll, changes: Changes, *, moved_to: str | None = None
    ) -> PollReport:
        """Tell what the poll shows of the feed's health, and keep it; `before` is the state it was asked with."""
        now = self._clock.now()
        poll = outcome.moved(poll, moved_to, feed_id=feed.id, move_after=self._move_after, now=now)
        poll, alerts = examine(before, outcome.timed(poll, now, changes.articles), feed, now)
        for alert in alerts:
            await self._publisher.publish(ALERTS, alert)
        due = next_due(self._policy, feed, poll.facts(now), now, self._jitter())
        await self._store.record(claim, outcome.due_again(poll, due), changes, poll.move)
        if (move := poll.move) is not None:
            log.warning("feed_moved", feed_id=feed.id, from_url=move.from_url, to_url=move.to_url, reason=move.reason)
        told = tuple(alert.labels["change"] for alert in alerts)
        return replace(_report(feed, poll, due, changes), health_changes=told)


@asynccontextmanager
async def _after_the_record(feed: Feed) -> AsyncIterator[None]:
    """Only log that the store cannot be reached: the poll is recorded, and the next one makes up for what is not."""
    try:
        yield
    except StoreUnavailableError as error:
        log.warning("subscription_not_noted", feed_id=feed.id, error=str(error))


def _report(feed: Feed, poll: Poll, due: Due, changes: Changes) -> PollReport:
    return PollReport(
        feed_id=feed.id,
        outcome=poll.outcome,
        due=due,
        published=len(changes.articles),
        entries=len(poll.reading.drafts) if poll.reading else 0,
        failure=poll.state.failure,
        message=poll.state.message,
        warnings=poll.reading.feed.warnings if poll.reading else (),
    )
