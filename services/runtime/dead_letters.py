"""Keeping what could not be handled, whole, on a stream of its own."""

from typing import Protocol

import structlog
from faust.types import Message

from schemas.base import content_id
from schemas.dead_letter import DeadLetter, RejectReason
from schemas.streams import DEAD_LETTERS, Stream
from services.runtime.clock import Clock
from services.runtime.faults import RejectError

logger = structlog.get_logger(__name__)


class LetterPublisher(Protocol):
    """Sends dead letters."""

    async def publish(self, stream: Stream[DeadLetter], value: DeadLetter) -> None:
        """Return once the letter is safe."""
        ...


class DeadLetters:
    """The dead letters of one service."""

    def __init__(self, publisher: LetterPublisher, service: str, clock: Clock) -> None:
        self._publisher = publisher
        self._service = service
        self._clock = clock

    async def reject(self, message: Message, reason: RejectReason, error: str) -> None:
        """Publish this message as a dead letter. The same message again is the same letter.

        A message too large to be copied is published without its value; it stays readable where it came from.
        """
        letter = self._letter(message, reason, error)
        try:
            await self._publisher.publish(DEAD_LETTERS, letter)
        except RejectError as refusal:
            note = f"{error} (its {len(message.value or b'')} bytes are left out: {refusal})"
            await self._publisher.publish(DEAD_LETTERS, letter.model_copy(update={"value": None, "error": note}))
        logger.error(
            "message_rejected",
            service=self._service,
            stream=message.topic,
            partition=message.partition,
            offset=message.offset,
            reason=reason.value,
            error=error,
        )

    def _letter(self, message: Message, reason: RejectReason, error: str) -> DeadLetter:
        return DeadLetter(
            id=content_id("dead_letter", message.topic, str(message.partition), str(message.offset), self._service),
            origin_stream=message.topic,
            origin_partition=message.partition,
            origin_offset=message.offset,
            service=self._service,
            reason=reason,
            error=error,
            key=message.key,
            value=message.value,
            rejected_at=self._clock.now(),
        )
