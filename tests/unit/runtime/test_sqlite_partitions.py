"""Keys land in the partitions that Kafka's clients choose."""

import pytest
from aiokafka.partitioner import DefaultPartitioner
from hypothesis import given
from hypothesis import strategies as st

from services.runtime.sqlite_partitions import partition_for


# From Apache Kafka's UtilsTest.testMurmur2: key, murmur2 as a signed 32-bit number.
@pytest.mark.parametrize(
    ("key", "hashed"),
    [
        (b"21", -973932308),
        (b"foobar", -790332482),
        (b"a-little-bit-long-string", -985981536),
        (b"a-little-bit-longer-string", -1486304829),
        (b"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58897971),
        (b"abc", 479470107),
    ],
)
@pytest.mark.parametrize("partitions", [1, 4, 8, 1000])
def test_partition_is_the_one_of_kafkas_java_client(key: bytes, hashed: int, partitions: int) -> None:
    assert partition_for(key, partitions) == (hashed & 0x7FFFFFFF) % partitions


@given(st.binary(), st.integers(1, 64))
def test_partition_is_the_one_of_the_python_client(key: bytes, partitions: int) -> None:
    every = list(range(partitions))
    assert partition_for(key, partitions) == DefaultPartitioner()(key, every, every)


def test_a_message_without_a_key_may_land_anywhere() -> None:
    assert {partition_for(None, 3) for _ in range(200)} == {0, 1, 2}
