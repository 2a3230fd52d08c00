"""A publish that returned is safe; one that did not says whether to try again."""

from pathlib import Path
from typing import Any, cast

import faust
import pytest
from aiokafka.errors import KafkaTimeoutError, MessageSizeTooLargeError
from faust.exceptions import NotReady, ProducerSendError

from schemas.article import Article
from schemas.base import content_id
from schemas.codec import decode
from schemas.streams import ARTICLES
from services.runtime.faults import LogWriteError, RejectError, UnavailableError
from services.runtime.publisher import StreamPublisher
from tests.fakes import EPOCH


class Producer:
    """Stands for an app and its producer: keeps what is sent, or fails."""

    def __init__(self, fault: Exception | None = None) -> None:
        self.sent: list[tuple[str, bytes, bytes]] = []
        self._fault = fault

    async def maybe_start_producer(self) -> "Producer":
        return self

    async def send_and_wait(self, stream: str, key: bytes, value: bytes, *_: Any) -> None:
        if self._fault is not None:
            raise self._fault
        self.sent.append((stream, key, value))


def publisher(producer: Producer) -> StreamPublisher:
    return StreamPublisher(cast("faust.App", producer))


ARTICLE = Article(
    id=content_id("a"),
    revision=1,
    revision_id=content_id("r"),
    feed_id="wire",
    outlet="The Wire",
    title="t",
    first_seen_at=EPOCH,
)


def caused_by(error: Exception, cause: Exception) -> Exception:
    error.__cause__ = cause
    return error


async def test_a_value_goes_to_its_stream_under_its_key() -> None:
    producer = Producer()
    await publisher(producer).publish(ARTICLES, ARTICLE)
    ((stream, key, value),) = producer.sent
    assert (stream, key, decode(Article, value)) == (ARTICLES.name, ARTICLE.id.encode(), ARTICLE)


@pytest.mark.parametrize(
    "fault",
    [
        KafkaTimeoutError("t"),
        NotReady("n"),
        caused_by(ProducerSendError("s"), KafkaTimeoutError("t")),
        LogWriteError(Path("/log.db"), "disk is full"),
    ],
)
async def test_a_broker_that_cannot_take_it_is_an_outage(fault: Exception) -> None:
    with pytest.raises(UnavailableError, match=r"cannot publish on redline\.articles\.v1"):
        await publisher(Producer(fault)).publish(ARTICLES, ARTICLE)


@pytest.mark.parametrize(
    "fault",
    [MessageSizeTooLargeError("big"), caused_by(ProducerSendError("s"), MessageSizeTooLargeError("big"))],
)
async def test_a_value_too_large_is_refused_rather_than_tried_for_ever(fault: Exception) -> None:
    with pytest.raises(RejectError, match=r"too large for redline\.articles\.v1"):
        await publisher(Producer(fault)).publish(ARTICLES, ARTICLE)
