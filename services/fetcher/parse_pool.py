"""Reads feed documents and articles' pages in worker processes, each document within a time limit.

Not a ProcessPoolExecutor: that cannot end a worker that hangs, and its workers would import the whole program.
"""

import asyncio
import contextlib
import pickle
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import Coroutine
from dataclasses import dataclass
from typing import Any

import structlog

from services.domain.feeds.normalize import Reading
from services.domain.feeds.page import Page, PageParseError
from services.domain.feeds.parser import FeedParseError
from services.fetcher.parse_worker import LENGTH_BYTES, Answer, Request, Work

log = structlog.get_logger(__name__)

# -P: a folder named `services` in the working directory must not be taken for ours. Not -m, since what the module
# pickles would then belong to `__main__`.
_COMMAND = (sys.executable, "-P", "-c", "import sys; from services.fetcher.parse_worker import main; main(sys.argv[1])")
_START_SECONDS = 20.0  # for a cold disk; added to the first document's limit
_END_SECONDS = 2.0
# Pages come in bursts, and what reads them is large: a worker that none came to for so long is let go.
PAGE_IDLE_SECONDS = 60.0


class ParseAbortedError(Exception):
    """The document took longer, or more, to read than one document may."""


@dataclass(frozen=True, slots=True)
class _Worker:
    process: Process
    requests: asyncio.StreamWriter
    answers: asyncio.StreamReader

    async def exchange(self, request: bytes) -> Answer:
        self.requests.write(len(request).to_bytes(LENGTH_BYTES, "big"))
        self.requests.write(request)
        await self.requests.drain()
        length = int.from_bytes(await self.answers.readexactly(LENGTH_BYTES), "big")
        answer: Answer = pickle.loads(await self.answers.readexactly(length))  # noqa: S301 - from our own child
        return answer

    async def end(self) -> None:
        """Close the worker's stdin, upon which it ends; kill it if it does not."""
        self.requests.close()
        try:
            async with asyncio.timeout(_END_SECONDS):
                await self.process.wait()
        except TimeoutError:
            await self.kill()

    async def kill(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            self.process.kill()
        self.requests.close()
        await self.process.wait()


class ParsePool:
    """At most `workers` processes that read feeds, started when first needed and replaced when they end or hang."""

    def __init__(self, *, workers: int = 1, seconds: float = 15.0, with_entries: bool = False) -> None:
        self._workers = _Workers(Work.FEED_WITH_ENTRIES if with_entries else Work.FEED, workers, seconds)

    async def read(self, body: bytes, *, content_type: str | None, base_url: str | None) -> Reading:
        """Return what the document says; raise FeedParseError or ParseAbortedError. The pool survives either.

        The entries behind the reading's drafts are left out unless the pool is `with_entries`.
        """
        answer = await self._workers.ask(body, content_type, base_url)
        if not isinstance(answer.said, Reading):
            raise FeedParseError(answer.fault)
        return answer.said

    async def aclose(self) -> None:
        """End all workers and wait until they have ended."""
        await self._workers.aclose()


class PagePool:
    """At most `workers` processes that read articles' pages, let go when no page has come for a while."""

    def __init__(self, *, workers: int = 1, seconds: float = 15.0, idle_seconds: float = PAGE_IDLE_SECONDS) -> None:
        self._workers = _Workers(Work.PAGE, workers, seconds, idle_seconds)

    async def read(self, body: bytes, *, content_type: str | None, url: str | None) -> Page:
        """Return what the page says; raise PageParseError or ParseAbortedError. The pool survives either."""
        answer = await self._workers.ask(body, content_type, url)
        if not isinstance(answer.said, Page):
            raise PageParseError(answer.fault)
        return answer.said

    async def aclose(self) -> None:
        """End all workers and wait until they have ended."""
        await self._workers.aclose()


class _Workers:
    """The processes of one pool."""

    def __init__(self, work: Work, workers: int, seconds: float, idle_seconds: float | None = None) -> None:
        self._work = work
        self._seconds = seconds
        self._idle_seconds = idle_seconds
        self._free = asyncio.Semaphore(workers)
        self._idle: list[_Worker] = []
        self._ending: set[asyncio.Task[None]] = set()
        self._letting_go: asyncio.TimerHandle | None = None

    async def ask(self, body: bytes, content_type: str | None, url: str | None) -> Answer:
        """Return what a worker answers; raise ParseAbortedError if it does not."""
        request: Request = (self._seconds, body, content_type, url)
        async with self._free:
            return await self._ask(pickle.dumps(request))

    async def aclose(self) -> None:
        self._let_go()
        if self._ending:
            await asyncio.wait(self._ending)

    async def _ask(self, request: bytes) -> Answer:
        worker = await self._take()
        try:
            async with asyncio.timeout(self._seconds + _START_SECONDS):
                answer = await worker.exchange(request)
        except (TimeoutError, asyncio.IncompleteReadError, ConnectionError) as error:
            raise await self._aborted(worker) from error
        except BaseException:
            # Whatever the worker would say now belongs to a question nobody waits for.
            await worker.kill()
            raise
        if answer.is_last:
            await worker.end()
        else:
            self._put_back(worker)
        return answer

    async def _take(self) -> _Worker:
        while self._idle:
            worker = self._idle.pop()
            if worker.process.returncode is None:
                return worker
        process = await asyncio.create_subprocess_exec(
            *_COMMAND,
            self._work,
            stdin=PIPE,
            stdout=PIPE,
            start_new_session=True,  # Ctrl-C is for the fetcher, which ends its workers in its own time
        )
        if process.stdin is None or process.stdout is None:  # never, with PIPE
            raise RuntimeError("the worker has no pipes")
        log.debug("parse_worker_started", pid=process.pid, work=self._work.value)
        return _Worker(process, process.stdin, process.stdout)

    def _put_back(self, worker: _Worker) -> None:
        self._idle.append(worker)
        if self._idle_seconds is not None:
            if self._letting_go is not None:
                self._letting_go.cancel()
            self._letting_go = asyncio.get_running_loop().call_later(self._idle_seconds, self._let_go)

    def _let_go(self) -> None:
        """Begin to end the workers that have nothing to do."""
        if self._letting_go is not None:
            self._letting_go.cancel()
        while self._idle:
            self._begin(self._idle.pop().end())

    def _begin(self, ending: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(ending)
        self._ending.add(task)
        task.add_done_callback(self._ending.discard)

    async def _aborted(self, worker: _Worker) -> ParseAbortedError:
        with contextlib.suppress(TimeoutError):
            # Its pipe closes a moment before it is known how it ended.
            async with asyncio.timeout(_END_SECONDS):
                await worker.process.wait()
        code = worker.process.returncode
        await worker.kill()
        log.warning("parse_worker_died", pid=worker.process.pid, work=self._work.value, returncode=code)
        if code in {None, -signal.SIGALRM}:
            return ParseAbortedError(f"the {self._work} could not be read within {self._seconds:g} s")
        return ParseAbortedError(f"the process that read the {self._work} ended with {code}")
