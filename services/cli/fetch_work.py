"""One poll of one feed, without a store: the state comes from the caller and goes back to it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import SecretStr

from schemas.base import StreamContract
from schemas.feed import Feed
from schemas.streams import Stream
from services.domain.feeds.changes import Changes
from services.domain.feeds.normalize import Reading
from services.fetcher.answers import FeedRequest, FetchResult
from services.fetcher.client import Failed, FailureReason
from services.fetcher.handler import Client, FeedPoller, PollReport, Reader
from services.fetcher.history import Move
from services.fetcher.policy import FetchPolicy
from services.fetcher.state import FeedState
from services.fetcher.store import Claim, SeenIn
from services.ports import Clock


@dataclass(frozen=True)
class OnePoll:
    """What came of a poll: how it was answered, what could be read, and what is remembered."""

    feed: Feed
    result: FetchResult
    reading: Reading | None
    state: FeedState
    report: PollReport


async def poll_once(
    feed: Feed,
    before: FeedState | None,
    *,
    client: Client,
    reader: Reader,
    clock: Clock,
    policy: FetchPolicy,
    secrets: Mapping[str, SecretStr],
) -> OnePoll:
    """Poll a feed as the fetcher does, from this state on; nothing is published or stored."""
    watched = _Watched(client, reader)
    poller = FeedPoller(
        client=watched,
        reader=watched,
        store=watched,
        publisher=watched,
        clock=clock,
        policy=policy.schedule,
        jitter=lambda: 0.0,
        secrets=secrets,
    )
    report = await poller.poll(feed, Claim(feed.id, "", state=before))
    return OnePoll(feed, watched.result, watched.reading, watched.after, report)


class _Watched:
    """The poller's ports, which remember what passes."""

    def __init__(self, client: Client, reader: Reader) -> None:
        self._client = client
        self._reader = reader
        self.result: FetchResult = Failed(FailureReason.FAULT, "nothing was asked")
        self.reading: Reading | None = None
        self.after = FeedState()

    async def ask(self, request: FeedRequest) -> FetchResult:
        self.result = await self._client.ask(request)
        return self.result

    async def read(self, body: bytes, *, content_type: str | None, base_url: str | None) -> Reading:
        self.reading = await self._reader.read(body, content_type=content_type, base_url=base_url)
        return self.reading

    async def seen(self, feed_id: str, article_ids: Sequence[str] | None = None) -> SeenIn:
        return SeenIn({}, 0)

    async def record(self, claim: Claim, state: FeedState, changes: Changes, move: Move | None = None) -> None:
        self.after = state

    async def publish(self, stream: Stream[Any], value: StreamContract) -> None:
        """Tell nobody."""
