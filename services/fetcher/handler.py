"""One poll of one feed: ask, read, publish what is new, then remember it."""

import asyncio
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from hashlib import blake2b
from typing import Protocol

import structlog
from pydantic import SecretStr

from schemas.article import Article
from schemas.feed import Feed
from schemas.streams import ARTICLES
from services.domain.feeds.changes import Changes, Seen, find_changes
from services.domain.feeds.normalize import Reading
from services.domain.feeds.parser import FeedParseError
from services.domain.feeds.schedule import Due, ResponseFacts, SchedulePolicy, next_due, rhythm_of
from services.fetcher.client import (
    Failed,
    FailureReason,
    FeedRequest,
    Fetched,
    FetchResult,
    Gone,
    NotModified,
)
from services.fetcher.credentials import MissingSecretError, request_for
from services.fetcher.parse_pool import ParseAbortedError
from services.fetcher.state import FeedState
from services.fetcher.store import Claim
from services.ports import Clock, Publisher

# Enough for the broker to batch, few enough that a long back list does not fill the memory.
PUBLISH_BATCH = 50

log = structlog.get_logger(__name__)


class Client(Protocol):
    """Asks servers for feeds."""

    async def ask(self, request: FeedRequest) -> FetchResult:
        """Return what the server answers to this request."""


class Reader(Protocol):
    """Reads feed documents, out of harm's way."""

    async def read(self, body: bytes, *, content_type: str | None, base_url: str | None) -> Reading:
        """Return what the document says; raise FeedParseError or ParseAbortedError."""


class PollStore(Protocol):
    """Remembers what one poll leaves to the next."""

    async def state(self, feed_id: str) -> FeedState | None:
        """Return what is remembered of a feed, or None before its first poll."""

    async def seen(self, feed_id: str) -> dict[str, Seen]:
        """Return the articles seen in a feed, by id."""

    async def record(self, claim: Claim, state: FeedState, changes: Changes) -> None:
        """Keep the outcome of a poll and its `due_at` as one, and end the claim; raise LeaseLostError if it is lost."""


class PollOutcome(StrEnum):
    """What came of a poll."""

    READ = "read"  # a document, with or without news
    UNCHANGED = "unchanged"  # 304, or the same bytes again
    FAILED = "failed"  # asked again later
    GONE = "gone"  # 410: not asked again


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


@dataclass(frozen=True, slots=True)
class _Poll:
    """A poll in the making: what is known after asking and reading."""

    outcome: PollOutcome
    state: FeedState
    facts: ResponseFacts
    reading: Reading | None = None


class FeedPoller:
    """Polls feeds one at a time. A poll that dies before it is recorded is repeated, with the same article ids."""

    def __init__(
        self,
        *,
        client: Client,
        reader: Reader,
        store: PollStore,
        publisher: Publisher,
        clock: Clock,
        policy: SchedulePolicy,
        jitter: Callable[[], float] = random.random,
        secrets: Mapping[str, SecretStr] | None = None,
    ) -> None:
        self._client = client
        self._reader = reader
        self._store = store
        self._publisher = publisher
        self._clock = clock
        self._policy = policy
        self._jitter = jitter
        self._secrets = secrets or {}

    async def poll(self, feed: Feed, claim: Claim) -> PollReport:
        """Ask the feed once, publish what is new, record the outcome. Expected failures are in the report."""
        state = (await self._store.state(feed.id) or FeedState()).for_feed(feed)
        result = await self._ask(feed, state)
        poll = await self._assess(result, state)
        changes = Changes()
        if poll.reading is not None:
            changes = await self._changes(feed, state, poll.reading)
            await self._publish(changes.articles)
        return await self._record(feed, claim, poll, changes)

    async def record_fault(self, feed: Feed, claim: Claim, error: BaseException) -> PollReport:
        """Count a poll that ended in an unexpected exception as failed, so that it is backed off from."""
        state = (await self._store.state(feed.id) or FeedState()).for_feed(feed)
        failed = Failed(FailureReason.FAULT, f"{type(error).__name__}: {error}")
        return await self._record(feed, claim, _failed(failed, state), Changes())

    async def _ask(self, feed: Feed, state: FeedState) -> FetchResult:
        try:
            request = request_for(feed, self._secrets, validators=state.validators)
        except MissingSecretError as error:
            return Failed(FailureReason.MISSING_SECRET, str(error))
        return await self._client.ask(request)

    async def _assess(self, result: FetchResult, state: FeedState) -> _Poll:
        match result:
            case Fetched():
                return await self._read(result, state)
            case NotModified() if state.first_read_at is None:
                reason = "answered 304 to a request without conditions"
                return _failed(Failed(FailureReason.BAD_RESPONSE, reason, result.status), state)
            case NotModified():
                known = state.model_copy(update=_answered(result, state))
                return _Poll(PollOutcome.UNCHANGED, known, _facts(known, result.fresh_for))
            case Gone():
                gone = {"is_gone": True, "last_status": result.status, "message": result.message}
                return _Poll(PollOutcome.GONE, state.model_copy(update=gone), ResponseFacts(is_gone=True))
            case Failed():
                return _failed(result, state)

    async def _read(self, fetched: Fetched, state: FeedState) -> _Poll:
        body_hash = blake2b(fetched.body, digest_size=16).hexdigest()
        answered = _answered(fetched, state)
        if body_hash == state.body_hash:
            known = state.model_copy(update=answered)
            return _Poll(PollOutcome.UNCHANGED, known, _facts(known, fetched.fresh_for))
        try:
            reading = await self._reader.read(
                fetched.body, content_type=fetched.content_type, base_url=fetched.base_url
            )
        except FeedParseError as error:
            return _failed(Failed(FailureReason.NOT_A_FEED, str(error), fetched.status), state)
        except ParseAbortedError as error:
            return _failed(Failed(FailureReason.PARSE_ABORTED, str(error), fetched.status), state)
        known = state.model_copy(update=answered | _said(reading) | {"body_hash": body_hash})
        return _Poll(PollOutcome.READ, known, _facts(known, fetched.fresh_for), reading)

    async def _changes(self, feed: Feed, state: FeedState, reading: Reading) -> Changes:
        for draft in reading.drafts:
            if draft.is_cut:
                log.warning("article_cut", feed_id=feed.id, url=draft.url, kept_chars=len(draft.text))
        seen = await self._store.seen(feed.id)
        is_first = state.first_read_at is None
        return find_changes(reading.drafts, seen, feed, self._clock.now(), is_first_poll=is_first)

    async def _publish(self, articles: Sequence[Article]) -> None:
        for start in range(0, len(articles), PUBLISH_BATCH):
            batch = articles[start : start + PUBLISH_BATCH]
            await asyncio.gather(*(self._publisher.publish(ARTICLES, article) for article in batch))

    async def _record(self, feed: Feed, claim: Claim, poll: _Poll, changes: Changes) -> PollReport:
        now = self._clock.now()
        due = next_due(self._policy, feed, poll.facts, now, self._jitter())
        await self._store.record(claim, _timed(poll, due, now), changes)
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


def _answered(result: Fetched | NotModified, state: FeedState) -> dict[str, object]:
    """Return what an answer changes in the state, whatever is in its body."""
    is_same_move = result.moved_to is not None and result.moved_to == state.moved_to
    return {
        "etag": result.validators.etag,
        "last_modified": result.validators.last_modified,
        "validators_origin": result.validators.origin,
        "last_status": result.status,
        "failures": 0,
        "failure": None,
        "message": "",
        "is_gone": False,
        "moved_to": result.moved_to,
        "moved_answers": (state.moved_answers if is_same_move else 0) + (result.moved_to is not None),
    }


def _said(reading: Reading) -> dict[str, object]:
    """Return what a document changes in the state: what the feed says of itself, and its rhythm."""
    hints = reading.feed.hints
    return {
        "title": reading.feed.title,
        "rhythm": rhythm_of(draft.published_at for draft in reading.drafts),
        "ttl": hints.ttl,
        "update_period": hints.update_period,
        "skip_hours": tuple(sorted(hints.skip_hours)),
        "skip_days": tuple(sorted(hints.skip_days)),
    }


def _facts(state: FeedState, fresh_for: timedelta | None) -> ResponseFacts:
    return ResponseFacts(fresh_for=fresh_for, rhythm=state.rhythm, hints=state.hints)


def _failed(failed: Failed, state: FeedState) -> _Poll:
    """Count a failure. Validators stay as they were: nothing was taken from this answer."""
    failures = state.failures + 1
    told = {
        "failures": failures,
        "failure": failed.reason,
        "message": failed.message,
        "last_status": failed.status,
    }
    facts = ResponseFacts(
        failures=failures, retry_after=failed.retry_after, fresh_for=failed.fresh_for, hints=state.hints
    )
    return _Poll(PollOutcome.FAILED, state.model_copy(update=told), facts)


def _timed(poll: _Poll, due: Due, now: datetime) -> FeedState:
    state = poll.state.model_copy(update={"last_polled_at": now, "due_at": due.at, "due_reason": due.reason})
    if poll.outcome in {PollOutcome.READ, PollOutcome.UNCHANGED}:
        state = state.model_copy(update={"last_success_at": now})
    if poll.outcome is PollOutcome.READ and state.first_read_at is None:
        state = state.model_copy(update={"first_read_at": now})
    return state
