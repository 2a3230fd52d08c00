"""Apps on an embedded log of their own, and articles to send through them."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from pathlib import Path

from schemas.article import Article
from schemas.base import content_id
from schemas.dead_letter import DeadLetter
from schemas.streams import ARTICLES, DEAD_LETTERS, Stream
from services.runtime.apps import BrokerConfig, RedlineApp, create_app
from services.runtime.clock import SystemClock
from services.runtime.consume import HandlerPolicy, subscribe
from services.runtime.dead_letters import DeadLetters
from services.runtime.publisher import StreamPublisher
from services.runtime.sqlite_partitions import partition_for
from services.runtime.sqlite_reader import LogReader
from services.runtime.worker import OnReady, WorkerPolicy, run_worker
from tests.fakes import EPOCH

Handle = Callable[[Article], Awaitable[None]]
QUICK = HandlerPolicy(timeout_seconds=0.3, attempts=2, retry_first_seconds=0.01, retry_most_seconds=0.05)
RUN_TIMEOUT_SECONDS = 30


def article(number: int, text: str = "text") -> Article:
    return Article(
        id=content_id("article", str(number)),
        revision=1,
        revision_id=content_id("revision", str(number)),
        feed_id="wire",
        outlet="The Wire",
        title=f"{number}",
        text=text,
        first_seen_at=EPOCH,
    )


def same_partition(count: int, partition: int = 0) -> list[Article]:
    """Return articles whose keys share a partition, numbered as they are to be sent."""
    found: list[Article] = []
    number = 0
    while len(found) < count:
        candidate = article(number)
        if partition_for(candidate.id.encode(), ARTICLES.partitions) == partition:
            found.append(candidate)
        number += 1
    return found


class House:
    """One embedded log in a folder, with a producer and one consumer of articles at a time."""

    def __init__(self, folder: Path, synchronous: str = "normal") -> None:
        self.path = folder / "log.db"
        self.broker = BrokerConfig(f"sqlite://{self.path}", synchronous=synchronous)

    def producer(self) -> RedlineApp:
        return create_app("fetcher", self.broker, producer_only=True)

    def consumer(self, handle: Handle, policy: HandlerPolicy = QUICK, service: str = "matcher") -> RedlineApp:
        app = create_app(service, self.broker)
        letters = DeadLetters(StreamPublisher(app), service, SystemClock())
        subscribe(app, ARTICLES, handle, letters, policy)
        return app

    async def send(self, articles: Iterable[Article]) -> None:
        """Put articles on the stream in a run of their own."""
        app, stop = self.producer(), asyncio.Event()
        publisher = StreamPublisher(app)

        async def publish() -> None:
            for each in articles:
                await publisher.publish(ARTICLES, each)
            stop.set()

        await run([app], stop, background=[publish])

    async def send_raw(self, value: bytes | None, key: bytes = b"raw") -> None:
        """Put bytes on the article stream as they are."""
        app, stop = self.producer(), asyncio.Event()

        async def publish() -> None:
            await app.producer.send_and_wait(ARTICLES.name, key, value, None, None, None)
            stop.set()

        await run([app], stop, background=[publish])

    async def consume(
        self,
        handle: Handle,
        until: Callable[[], bool],
        policy: HandlerPolicy = QUICK,
        grace_seconds: float = 5.0,
    ) -> None:
        """Run a consumer until the condition holds, then stop it as SIGTERM would."""
        stop = asyncio.Event()

        async def wait() -> None:
            while not until():
                await asyncio.sleep(0.005)
            stop.set()

        worker = WorkerPolicy(grace_seconds=grace_seconds)
        await run([self.consumer(handle, policy)], stop, background=[wait], policy=worker)

    def committed(self, group: str = "redline-matcher", stream: Stream[Article] = ARTICLES) -> int:
        """Return how many messages the group has committed, in all partitions."""
        with LogReader(self.path) as reader:
            return sum(reader.committed(group, lane) or 0 for lane in reader.lanes() if lane.stream == stream.name)

    def letters(self) -> list[DeadLetter]:
        with LogReader(self.path) as reader:
            lane = reader.lane(DEAD_LETTERS.name, 0)
            assert lane is not None
            records = reader.read(lane, 0, 10_000, 1 << 30)
        return [DeadLetter.model_validate_json(record.value or b"") for record in records]


async def run(
    apps: list[RedlineApp],
    stop: asyncio.Event,
    *,
    on_ready: OnReady | None = None,
    background: Iterable[Callable[[], Awaitable[None]]] = (),
    policy: WorkerPolicy | None = None,
) -> None:
    async with asyncio.timeout(RUN_TIMEOUT_SECONDS):
        await run_worker(
            apps, stop=stop, on_ready=on_ready, background=list(background), handle_signals=False, policy=policy
        )
