"""Reads feed documents in worker processes, each document within a time limit.

Not a ProcessPoolExecutor: that cannot end a worker that hangs, and its workers would import the whole program.
"""

import asyncio
import contextlib
import pickle
import signal
import sys
from asyncio.subprocess import PIPE, Process
from dataclasses import dataclass

import structlog

from services.domain.feeds.normalize import Reading
from services.domain.feeds.parser import FeedParseError
from services.fetcher.parse_worker import LENGTH_BYTES, Answer

log = structlog.get_logger(__name__)

# -P: a folder named `services` in the working directory must not be taken for ours. Not -m, since what the module
# pickles would then belong to `__main__`.
_COMMAND = (sys.executable, "-P", "-c", "from services.fetcher.parse_worker import main; main()")
_START_SECONDS = 20.0  # for a cold disk; added to the first document's limit
_END_SECONDS = 2.0


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
    """At most `workers` processes, started when first needed and replaced when they end or hang."""

    def __init__(self, *, workers: int = 1, seconds: float = 15.0) -> None:
        self._seconds = seconds
        self._free = asyncio.Semaphore(workers)
        self._idle: list[_Worker] = []

    async def read(self, body: bytes, *, content_type: str | None, base_url: str | None) -> Reading:
        """Return what the document says; raise FeedParseError or ParseAbortedError. The pool survives either."""
        request = pickle.dumps((self._seconds, body, content_type, base_url))
        async with self._free:
            answer = await self._ask(request)
        if answer.reading is None:
            raise FeedParseError(answer.fault)
        return answer.reading

    async def aclose(self) -> None:
        """End all workers and wait until they have ended."""
        while self._idle:
            await self._idle.pop().end()

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
            self._idle.append(worker)
        return answer

    async def _take(self) -> _Worker:
        while self._idle:
            worker = self._idle.pop()
            if worker.process.returncode is None:
                return worker
        process = await asyncio.create_subprocess_exec(
            *_COMMAND,
            stdin=PIPE,
            stdout=PIPE,
            start_new_session=True,  # Ctrl-C is for the fetcher, which ends its workers in its own time
        )
        if process.stdin is None or process.stdout is None:  # never, with PIPE
            raise RuntimeError("the worker has no pipes")
        log.debug("parse_worker_started", pid=process.pid)
        return _Worker(process, process.stdin, process.stdout)

    async def _aborted(self, worker: _Worker) -> ParseAbortedError:
        with contextlib.suppress(TimeoutError):
            # Its pipe closes a moment before it is known how it ended.
            async with asyncio.timeout(_END_SECONDS):
                await worker.process.wait()
        code = worker.process.returncode
        await worker.kill()
        log.warning("parse_worker_died", pid=worker.process.pid, returncode=code)
        if code in {None, -signal.SIGALRM}:
            return ParseAbortedError(f"the feed could not be read within {self._seconds:g} s")
        return ParseAbortedError(f"the process that read the feed ended with {code}")
