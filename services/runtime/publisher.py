"""Sending contracts on their streams."""

from typing import TypeVar

import faust
from aiokafka.errors import KafkaError, MessageSizeTooLargeError
from faust.exceptions import NotReady, ProducerSendError

from schemas.base import StreamContract
from schemas.codec import encode
from schemas.streams import Stream
from services.runtime.faults import LogWriteError, RejectError, UnavailableError

C = TypeVar("C", bound=StreamContract)


class StreamPublisher:
    """Publishes through an app's producer."""

    def __init__(self, app: faust.App) -> None:
        self._app = app

    async def publish(self, stream: Stream[C], value: C) -> None:
        """Return once the broker keeps this value for good.

        Raises UnavailableError if it may not have it (then publish again: ids are the same), RejectError if it is too
        large for the broker.
        """
        producer = await self._app.maybe_start_producer()
        try:
            # Straight to the producer: Topic.send reports a failure to a future that nobody awaits.
            await producer.send_and_wait(stream.name, stream.key_of(value).encode(), encode(value), None, None, None)
        except (MessageSizeTooLargeError, ProducerSendError) as error:
            if _too_large(error):
                raise RejectError(f"too large for {stream.name}: {error}") from error
            raise UnavailableError(f"cannot publish on {stream.name}: {error}") from error
        except (KafkaError, LogWriteError, NotReady) as error:
            raise UnavailableError(f"cannot publish on {stream.name}: {error}") from error


def _too_large(error: Exception) -> bool:
    return isinstance(error, MessageSizeTooLargeError) or isinstance(error.__cause__, MessageSizeTooLargeError)
