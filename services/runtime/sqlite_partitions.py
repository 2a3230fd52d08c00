"""Choosing partitions as Kafka's clients do, so that a log moved to Kafka keeps its keys where they are."""

import random
from typing import Literal

from aiokafka.partitioner import murmur2

CREATE_TIME: Literal[0] = 0  # Kafka's timestamp type: set by the producer


def partition_for(key: bytes | None, partitions: int) -> int:
    """Return the partition that Kafka's clients choose for this key; any one for a message without a key."""
    if key is None:
        return random.randrange(partitions)  # noqa: S311 - spreads load, keeps no secret
    return int((murmur2(key) & 0x7FFFFFFF) % partitions)
