"""DeadLetter: a message that could not be decoded or handled, kept whole."""

from enum import StrEnum

from pydantic import Field

from schemas.base import ContentId, NonEmpty, StreamContract, UtcDatetime


class RejectReason(StrEnum):
    """Why a message became a dead letter."""

    UNDECODABLE = "undecodable"  # not JSON, not the contract, or a newer schema version
    HANDLER_FAILED = "handler_failed"  # the handler raised: a fault of ours, or data it cannot take
    HANDLER_TIMED_OUT = "handler_timed_out"
    REFUSED = "refused"  # the handler said that it will not take this message, and why


class DeadLetter(StreamContract):
    """A rejected message with its origin and its raw bytes (base64 in JSON), so that it can be sent again."""

    id: ContentId
    origin_stream: NonEmpty
    origin_partition: int = Field(ge=0)
    origin_offset: int = Field(ge=0)
    service: NonEmpty
    reason: RejectReason
    error: str
    key: bytes | None = None
    value: bytes | None = None
    rejected_at: UtcDatetime
