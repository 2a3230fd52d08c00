"""The process that reads documents: small, alone, and gone soon after whatever goes wrong.

Speaks length-prefixed pickles over stdin and stdout: (seconds, body, content_type, url) in, an Answer out. It ends
when stdin does, so it cannot outlive the fetcher by more than the document it is at; and an alarm that nobody handles
ends it in the middle of a document that takes too long, even where no Python code runs.
"""

import contextlib
import os
import pickle
import resource
import signal
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import BinaryIO, TypeAlias

from services.domain.feeds.normalize import Reading, read_feed
from services.domain.feeds.page import Page, PageParseError
from services.domain.feeds.parser import FeedParseError

LENGTH_BYTES = 8
# A large document leaves the process large, and many leave it larger; a new one costs 0.1 s. Not decided by ru_maxrss,
# which Linux hands down from the parent.
LARGE_BYTES = 4 * 1024**2
MAX_DOCUMENTS = 1000
# Address space, so that a document that explodes ends this process and not the machine's memory.
MAX_ADDRESS_BYTES = 2 * 1024**3

Request: TypeAlias = tuple[float, bytes, str | None, str | None]
Read: TypeAlias = Callable[[bytes, str | None, str | None], Reading | Page]


class Work(StrEnum):
    """What a worker reads. Each reads only one kind, so that those that read feeds stay small."""

    FEED = "feed"
    FEED_WITH_ENTRIES = "feed_with_entries"
    PAGE = "page"


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of a document: what it says, or a fault. `is_last` says that the worker ends after it."""

    said: Reading | Page | None
    fault: str
    is_last: bool


def main(work: str) -> None:
    """Answer requests to read this kind of document until stdin ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the fetcher, which closes stdin
    with contextlib.suppress(ValueError, OSError):  # macOS does not know this limit
        resource.setrlimit(resource.RLIMIT_AS, (MAX_ADDRESS_BYTES, MAX_ADDRESS_BYTES))
    requests, answers = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    sys.stdout = sys.stderr  # nothing that prints may get between the answers
    read = _reader(Work(work))
    for count in range(1, MAX_DOCUMENTS + 1):
        if (request := _receive(requests)) is None:
            return
        answer = _answer(read, request, is_last=count == MAX_DOCUMENTS or len(request[1]) > LARGE_BYTES)
        raw = pickle.dumps(answer)
        answers.write(len(raw).to_bytes(LENGTH_BYTES, "big") + raw)
        answers.flush()
        if answer.is_last:
            return


def _reader(work: Work) -> Read:
    match work:
        case Work.FEED:
            return _feed
        case Work.FEED_WITH_ENTRIES:
            return lambda body, content_type, url: read_feed(body, content_type=content_type, base_url=url)
        case Work.PAGE:
            return _page_reader()


def _feed(body: bytes, content_type: str | None, url: str | None) -> Reading:
    reading = read_feed(body, content_type=content_type, base_url=url)
    # The drafts say it all; the entries behind them would double what goes through the pipe.
    return replace(reading, feed=replace(reading.feed, entries=()))


def _page_reader() -> Read:
    from services.domain.feeds.page_reading import read_page  # noqa: PLC0415 -- half a second, 30 MB

    return lambda body, content_type, url: read_page(body, content_type=content_type, url=url)


def _receive(stream: BinaryIO) -> Request | None:
    length = int.from_bytes(stream.read(LENGTH_BYTES), "big")
    raw = stream.read(length) if length else b""
    if not raw or len(raw) < length:
        return None
    request: Request = pickle.loads(raw)  # noqa: S301 - from our own parent, over our own pipe
    return request


def _answer(read: Read, request: Request, *, is_last: bool) -> Answer:
    seconds, body, content_type, url = request
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        said, fault = read(body, content_type, url), ""
    except (FeedParseError, PageParseError) as error:
        said, fault = None, str(error)
    except MemoryError:
        return Answer(None, "the document needs more memory to read than one document is given", is_last=True)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
    return Answer(said, fault, is_last)
