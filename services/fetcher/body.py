"""Reads a response body within its cap, counting decompressed bytes before they are made."""

import zlib

import httpx

_GZIP_OR_ZLIB = zlib.MAX_WBITS | 32
_RAW_DEFLATE = -zlib.MAX_WBITS
_COMPRESSED = frozenset({"gzip", "x-gzip", "deflate"})


class BodyTooLargeError(Exception):
    """The body is larger than the cap."""


class BodyEncodingError(Exception):
    """The body is not encoded as its headers say, or in a way we did not ask for."""


async def read_body(response: httpx.Response, max_bytes: int) -> bytes:
    """Return the decoded body; raise BodyTooLargeError before holding more than the cap, however well it compresses."""
    encoding = response.headers.get("content-encoding", "").strip().lower()
    if encoding not in _COMPRESSED | {"", "identity"}:
        raise BodyEncodingError(f"the server sent {encoding}, which was not asked for")
    _check_length(response, max_bytes)
    inflater = _Inflater() if encoding in _COMPRESSED else None
    parts, size = [], 0
    async for chunk in response.aiter_raw():
        part = inflater.inflate(chunk, max_bytes - size + 1) if inflater else chunk
        size += len(part)
        if size > max_bytes:
            raise _too_large(max_bytes)
        parts.append(part)
    if inflater is not None and not inflater.is_complete:
        raise BodyEncodingError(f"the {encoding} body ends in the middle")
    return b"".join(parts)


def _check_length(response: httpx.Response, max_bytes: int) -> None:
    length = response.headers.get("content-length", "")
    if length.isdecimal() and int(length[:18]) > max_bytes:
        raise _too_large(max_bytes)


def _too_large(max_bytes: int) -> BodyTooLargeError:
    return BodyTooLargeError(f"the body is larger than {max_bytes} bytes")


class _Inflater:
    """Inflates gzip (of any number of members), zlib and raw deflate, never more than asked for."""

    def __init__(self) -> None:
        self._inflate = zlib.decompressobj(_GZIP_OR_ZLIB)
        self._has_begun = False

    @property
    def is_complete(self) -> bool:
        """Whether the stream ended where it should; an empty body has nothing to end."""
        return self._inflate.eof or not self._has_begun

    def inflate(self, data: bytes, limit: int) -> bytes:
        """Return what these bytes inflate to, at most `limit` bytes of it."""
        made = b""
        while data and len(made) < limit:
            if self._inflate.eof:
                if not data.startswith(b"\x1f\x8b"):
                    break  # padding after the last member
                self._inflate = zlib.decompressobj(_GZIP_OR_ZLIB)
            made += self._step(data, limit - len(made))
            data = self._inflate.unused_data if self._inflate.eof else b""
        return made

    def _step(self, data: bytes, limit: int) -> bytes:
        # max_length 0 would mean no limit at all.
        try:
            piece = self._inflate.decompress(data, max(limit, 1))
        except zlib.error as error:
            if self._has_begun:
                raise BodyEncodingError(f"the body cannot be decompressed: {error}") from error
            # Some servers mean the bare format when they say deflate.
            self._inflate = zlib.decompressobj(_RAW_DEFLATE)
            self._has_begun = True
            return self._step(data, limit)
        self._has_begun = True
        return piece
