"""A rejected message is kept whole, and the same message is the same letter."""

from typing import Any

from faust.types import Message
from pydantic import BaseModel

from schemas.dead_letter import DeadLetter, RejectReason
from schemas.streams import DEAD_LETTERS, Stream
from services.runtime.dead_letters import DeadLetters
from services.runtime.faults import RejectError
from tests.fakes import EPOCH, FakeClock, RecordingPublisher


def message(offset: int = 7, value: bytes | None = b"\xff raw") -> Message:
    return Message("redline.articles.v1", 3, offset, 0.0, 0, None, b"key", value, None)


class Narrow(RecordingPublisher):
    """A broker that takes no values."""

    async def publish(self, stream: Stream[Any], value: BaseModel) -> None:
        if isinstance(value, DeadLetter) and value.value is not None:
            raise RejectError("too large for redline.dead_letters.v1")
        await super().publish(stream, value)


async def test_a_letter_holds_the_message_and_where_it_came_from() -> None:
    publisher = RecordingPublisher()
    await DeadLetters(publisher, "matcher", FakeClock()).reject(message(), RejectReason.REFUSED, "no")
    (letter,) = publisher.on(DEAD_LETTERS)
    assert letter == DeadLetter(
        id=letter.id,
        origin_stream="redline.articles.v1",
        origin_partition=3,
        origin_offset=7,
        service="matcher",
        reason=RejectReason.REFUSED,
        error="no",
        key=b"key",
        value=b"\xff raw",
        rejected_at=EPOCH,
    )


async def test_the_same_message_is_the_same_letter_whatever_the_error() -> None:
    publisher = RecordingPublisher()
    letters = DeadLetters(publisher, "matcher", FakeClock())
    await letters.reject(message(), RejectReason.REFUSED, "no")
    await letters.reject(message(), RejectReason.HANDLER_FAILED, "still no")
    await letters.reject(message(offset=8), RejectReason.REFUSED, "no")
    first, again, other = publisher.on(DEAD_LETTERS)
    assert first.id == again.id != other.id


async def test_a_message_too_large_to_copy_is_still_reported() -> None:
    publisher = Narrow()
    await DeadLetters(publisher, "matcher", FakeClock()).reject(message(), RejectReason.REFUSED, "no")
    (letter,) = publisher.on(DEAD_LETTERS)
    assert letter.value is None
    assert letter.error == "no (its 5 bytes are left out: too large for redline.dead_letters.v1)"
