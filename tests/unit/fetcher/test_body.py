"""Bodies come out of every coding, and bombs go off before they are made."""

import gzip
import tracemalloc
import zlib
from collections.abc import AsyncIterator, Callable

import brotli
import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from services.fetcher.body import BodyEncodingError, BodyTooLargeError, Tally, read_body

TEXT = b"<rss><channel><title>A feed</title></channel></rss>" * 40
CODERS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "x-gzip": gzip.compress,
    "deflate": zlib.compress,
    "br": lambda data: brotli.compress(data, quality=4),
    "zstd": zstandard.ZstdCompressor().compress,
}


def raw_deflate(data: bytes) -> bytes:
    return zlib.compress(data, wbits=-zlib.MAX_WBITS)


async def chunked(data: bytes, size: int) -> AsyncIterator[bytes]:
    for start in range(0, len(data), size):
        yield data[start : start + size]


async def read(encoding: str, data: bytes, max_bytes: int = 1_000_000, size: int = 4096) -> bytes:
    return await read_body({"content-encoding": encoding}, chunked(data, size), max_bytes)


@pytest.mark.parametrize("encoding", CODERS)
@pytest.mark.parametrize("size", [1, 7, 100_000])
async def test_every_coding_in_any_pieces(encoding: str, size: int) -> None:
    assert await read(encoding, CODERS[encoding](TEXT), size=size) == TEXT
    assert await read(encoding.upper(), CODERS[encoding](b"")) == b""


@pytest.mark.parametrize("encoding", ["gzip", "zstd"])
async def test_members_follow_one_another(encoding: str) -> None:
    pack = CODERS[encoding]
    assert await read(encoding, pack(b"one ") + pack(b"") + pack(b"two"), size=5) == b"one two"


async def test_raw_deflate_and_padding_after_gzip() -> None:
    assert await read("deflate", raw_deflate(TEXT)) == TEXT
    assert await read("gzip", gzip.compress(TEXT) + b"\0" * 512) == TEXT


@pytest.mark.parametrize("encoding", ["", "identity", "none", "UTF-8", ", ,"])
async def test_what_names_no_coding_is_taken_as_it_is(encoding: str) -> None:
    assert await read(encoding, TEXT) == TEXT


@given(st.lists(st.sampled_from(sorted(CODERS)), max_size=4), st.binary(max_size=2000), st.integers(1, 500))
@settings(max_examples=60, deadline=None)
async def test_codings_over_one_another_come_off_in_reverse(codings: list[str], data: bytes, size: int) -> None:
    packed = data
    for coding in codings:
        packed = CODERS[coding](packed)
    assert await read(", ".join(codings), packed, size=size) == data


@pytest.mark.parametrize("encoding", ["compress", "aes128gcm", "gzip, exi", "gzip, gzip, gzip, gzip, gzip"])
async def test_codings_nobody_asked_for(encoding: str) -> None:
    with pytest.raises(BodyEncodingError):
        await read(encoding, gzip.compress(TEXT))


@pytest.mark.parametrize("encoding", CODERS)
async def test_what_is_broken_or_cut_off(encoding: str) -> None:
    packed = CODERS[encoding](TEXT)
    for broken in (packed[:-5], packed[:3], TEXT, b"\x00" * 50):
        with pytest.raises(BodyEncodingError):
            await read(encoding, broken)


@pytest.mark.parametrize("encoding", CODERS)
async def test_the_cap_counts_what_is_unpacked(encoding: str) -> None:
    packed = CODERS[encoding](TEXT)
    assert await read(encoding, packed, len(TEXT)) == TEXT
    with pytest.raises(BodyTooLargeError):
        await read(encoding, packed, len(TEXT) - 1)


async def test_the_cap_counts_what_is_sent() -> None:
    tally = Tally()
    with pytest.raises(BodyTooLargeError):
        # Empty members are sent for ever and unpack to nothing.
        await read_body({"content-encoding": "gzip"}, chunked(gzip.compress(b"") * 100, 50), 1000, tally)
    assert 1000 < tally.received_bytes <= 1050


async def test_a_declared_length_over_the_cap_is_believed() -> None:
    with pytest.raises(BodyTooLargeError):
        await read_body({"content-length": "1001"}, chunked(b"", 1), 1000)


def bomb(encoding: str) -> bytes:
    pack = CODERS[encoding.split(",", maxsplit=1)[0]]
    packed = pack(b"\0" * 20_000_000)
    for outer in encoding.split(",")[1:]:
        packed = CODERS[outer](packed)
    return packed


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "br", "zstd", "gzip,zstd", "zstd,gzip", "br,br"])
async def test_a_bomb_is_stopped_before_it_is_made(encoding: str) -> None:
    packed = bomb(encoding)
    tracemalloc.start()
    try:
        with pytest.raises(BodyTooLargeError):
            await read(encoding, packed, max_bytes=500_000, size=65536)
        assert tracemalloc.get_traced_memory()[1] < 8_000_000
    finally:
        tracemalloc.stop()


async def test_a_stage_in_the_middle_has_the_same_cap() -> None:
    # Outside and inside it is small; in between it is not.
    inner = gzip.compress(b"") * 40_000
    packed = CODERS["zstd"](inner)
    assert len(packed) < 10_000
    with pytest.raises(BodyTooLargeError):
        await read("gzip, zstd", packed, max_bytes=500_000)
