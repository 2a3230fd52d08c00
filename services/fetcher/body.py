"""Reads a response body within its cap: bytes are counted as they come, and piece by piece as they are unpacked."""

import zlib
from collections.abc import AsyncIterable, Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Protocol

import brotli
import zstandard

ACCEPT_ENCODING = "gzip, deflate, br, zstd"
# What one step of unpacking may make at most; a bomb is noticed before the next.
_PIECE = 64 * 1024
_MAX_CODINGS = 4
# RFC 9659: what a zstd sender may ask a browser to remember.
_ZSTD_WINDOW = 8 * 1024 * 1024
# zstd has no limit on what one call makes. A block of it is 4 bytes at least and unpacks to 128 KiB at most, so a slice
# this small makes 4 MiB at most.
_ZSTD_SLICE = 128
_GZIP_OR_ZLIB = zlib.MAX_WBITS | 32
_GZIP_MAGIC = b"\x1f\x8b"
# Not codings, but sent as such by servers that mean the charset, or nothing.
_NO_CODING = frozenset({"", "identity", "none", "binary", "8bit", "utf-8", "utf8"})


class BodyTooLargeError(Exception):
    """The body is larger than the cap."""


class BodyEncodingError(Exception):
    """The body is not encoded as its headers say, or in a way we did not ask for."""


@dataclass(slots=True)
class Tally:
    """How many bytes of a body have come so far, as they were sent."""

    received_bytes: int = 0


class _Decoder(Protocol):
    def decode(self, data: bytes) -> Iterator[bytes]:
        """Yield what these bytes unpack to, in pieces of bounded size."""

    @property
    def is_complete(self) -> bool:
        """Whether the data ended where it should; an empty body has nothing to end."""


async def read_body(
    headers: Mapping[str, str], chunks: AsyncIterable[bytes], max_bytes: int, tally: Tally | None = None
) -> bytes:
    """Return the decoded body of an answer with these headers (lower case names).

    Raises BodyTooLargeError before more than the cap is received, or unpacked at any stage; BodyEncodingError.
    """
    stages = [_Capped(decoder, max_bytes) for decoder in _decoders(headers.get("content-encoding", ""))]
    _check_length(headers.get("content-length", ""), max_bytes)
    tally = tally if tally is not None else Tally()
    parts: list[bytes] = []
    async for chunk in chunks:
        tally.received_bytes += len(chunk)
        if tally.received_bytes > max_bytes:
            raise _too_large(max_bytes)
        parts.extend(_unpack(chunk, stages))
    if tally.received_bytes and not all(stage.decoder.is_complete for stage in stages):
        raise BodyEncodingError(f"the {headers.get('content-encoding', '')} body ends in the middle")
    return b"".join(parts)


def _unpack(chunk: bytes, stages: Iterable["_Capped"]) -> Iterable[bytes]:
    pieces: Iterable[bytes] = (chunk,)
    for stage in stages:
        pieces = stage.decode(pieces)
    return pieces


class _Capped:
    """One decoder, and how much it may still make."""

    def __init__(self, decoder: _Decoder, max_bytes: int) -> None:
        self.decoder = decoder
        self._max_bytes = max_bytes
        self._made = 0

    def decode(self, pieces: Iterable[bytes]) -> Iterator[bytes]:
        for piece in pieces:
            for made in self.decoder.decode(piece):
                self._made += len(made)
                if self._made > self._max_bytes:
                    raise _too_large(self._max_bytes)
                yield made


def _decoders(header: str) -> list[_Decoder]:
    """Return what undoes a Content-Encoding list: the last that was applied comes first."""
    names = [name for name in (part.strip().lower() for part in header.split(",")) if name not in _NO_CODING]
    if len(names) > _MAX_CODINGS:
        raise BodyEncodingError(f"the body is encoded {len(names)} times over")
    unknown = [name for name in names if name not in _CODINGS]
    if unknown:
        raise BodyEncodingError(f"the server sent {unknown[0][:40]}, which was not asked for")
    return [_CODINGS[name]() for name in reversed(names)]


def _check_length(length: str, max_bytes: int) -> None:
    if length.isdecimal() and int(length[:18]) > max_bytes:
        raise _too_large(max_bytes)


def _too_large(max_bytes: int) -> BodyTooLargeError:
    return BodyTooLargeError(f"the body is larger than {max_bytes} bytes")


def _broken(error: Exception) -> BodyEncodingError:
    return BodyEncodingError(f"the body cannot be decompressed: {error}")


class _Inflater:
    """Inflates gzip (of any number of members), zlib and raw deflate."""

    def __init__(self) -> None:
        self._inflate = zlib.decompressobj(_GZIP_OR_ZLIB)
        self._has_begun = False
        self._held = b""  # after a member, too little to tell another member from padding

    @property
    def is_complete(self) -> bool:
        return self._inflate.eof

    def decode(self, data: bytes) -> Iterator[bytes]:
        data, self._held = self._held + data, b""
        while data:
            if self._inflate.eof:
                if not data.startswith(_GZIP_MAGIC):  # padding after the last member
                    self._held = data if data == _GZIP_MAGIC[:1] else b""
                    return
                self._inflate = zlib.decompressobj(_GZIP_OR_ZLIB)
            made = self._step(data)
            while len(made) == _PIECE:  # a full piece may have more behind it, with nothing left to read
                yield made
                made = self._step(self._inflate.unconsumed_tail)
            if made:
                yield made
            data = self._inflate.unused_data if self._inflate.eof else b""

    def _step(self, data: bytes) -> bytes:
        try:
            made = self._inflate.decompress(data, _PIECE)
        except zlib.error as error:
            if self._has_begun:
                raise _broken(error) from error
            # Some servers mean the bare format when they say deflate.
            self._has_begun = True
            self._inflate = zlib.decompressobj(-zlib.MAX_WBITS)
            return self._step(data)
        self._has_begun = True
        return made


class _Brotli:
    def __init__(self) -> None:
        self._decompressor = brotli.Decompressor()

    @property
    def is_complete(self) -> bool:
        return bool(self._decompressor.is_finished())

    def decode(self, data: bytes) -> Iterator[bytes]:
        try:
            made = self._decompressor.process(data, output_buffer_limit=_PIECE)
            while True:
                if made:
                    yield made
                if self._decompressor.can_accept_more_data() or self._decompressor.is_finished():
                    return
                made = self._decompressor.process(b"", output_buffer_limit=_PIECE)
        except brotli.error as error:
            raise _broken(error) from error


class _Zstd:
    """Unpacks zstd of any number of frames."""

    def __init__(self) -> None:
        self._frames = zstandard.ZstdDecompressor(max_window_size=_ZSTD_WINDOW)
        self._frame = self._frames.decompressobj()

    @property
    def is_complete(self) -> bool:
        return self._frame.eof

    def decode(self, data: bytes) -> Iterator[bytes]:
        for start in range(0, len(data), _ZSTD_SLICE):
            rest = data[start : start + _ZSTD_SLICE]
            while rest:
                if self._frame.eof:
                    self._frame = self._frames.decompressobj()
                try:
                    made = self._frame.decompress(rest)
                except zstandard.ZstdError as error:
                    raise _broken(error) from error
                if made:
                    yield made
                rest = self._frame.unused_data if self._frame.eof else b""


_CODINGS: Mapping[str, Callable[[], _Decoder]] = {
    "gzip": _Inflater,
    "x-gzip": _Inflater,
    "deflate": _Inflater,
    "br": _Brotli,
    "zstd": _Zstd,
}
