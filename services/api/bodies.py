"""Reading what a caller sends, within a limit."""

from starlette.requests import Request


class TooLargeError(Exception):
    """The body is larger than it may be; no more of it was read than that takes to know."""


async def read_body(request: Request, limit: int) -> bytes:
    """Return the request's body. Raise TooLargeError as soon as it is known to be longer than the limit."""
    length = request.headers.get("content-length", "")
    if length.isdigit() and int(length) > limit:
        raise TooLargeError
    parts, size = [], 0
    async for part in request.stream():
        size += len(part)
        if size > limit:
            raise TooLargeError
        parts.append(part)
    return b"".join(parts)
