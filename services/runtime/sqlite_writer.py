"""The one thread that writes the embedded log, in the order in which writes were asked for.

Whatever waits when the thread comes round goes into one transaction (group commit), so that a slow disk means larger
batches rather than fewer messages. Because appends and offset commits share the queue, an offset is never durable
before the sends that preceded it.
"""

import asyncio
import sqlite3
import threading
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any

from services.runtime.faults import LogWriteError

MAX_BATCH = 1_000

Work = Callable[[sqlite3.Connection], Any]


@dataclass(slots=True)
class Write:
    """One piece of work for the transaction, and the future that learns its result once it is durable."""

    work: Work
    future: asyncio.Future[Any]
    appends: bool = False
    result: Any = field(default=None, init=False)
    error: Exception | None = field(default=None, init=False)


@dataclass(frozen=True)
class Listener:
    """Who wants to know, in its own event loop, of appended messages or of the end of the log."""

    loop: asyncio.AbstractEventLoop
    on_append: Callable[[], None] | None = None
    on_failure: Callable[[LogWriteError], None] | None = None


class WriterThread:
    """Runs work on its connection; a failed transaction fails every pending write and all later ones."""

    def __init__(
        self,
        path: Path,
        connection: sqlite3.Connection,
        published: Callable[[], None],
    ) -> None:
        """`published` runs in the thread once appends are durable, before their futures resolve."""
        self._path = path
        self._connection = connection
        self._published = published
        self._queue: SimpleQueue[Write | None] = SimpleQueue()
        self._listeners: set[Listener] = set()
        # Guards the decision "queue it, or refuse it": nothing may slip into a queue nobody reads any more.
        self._gate = threading.Lock()
        self._closed = False
        self._failure: LogWriteError | None = None
        self._thread = threading.Thread(target=self._run, name=f"log-writer {path.name}", daemon=True)
        self._thread.start()

    @property
    def failure(self) -> LogWriteError | None:
        """The fault that ended writing, if any."""
        return self._failure

    def submit(self, work: Work, *, appends: bool = False) -> "asyncio.Future[Any]":
        """Queue work now; the future resolves when it is durable. Call in an event loop."""
        write = Write(work, asyncio.get_running_loop().create_future(), appends)
        with self._gate:
            refusal = self._failure or (LogWriteError(self._path, "it is closed") if self._closed else None)
            if refusal is None:
                self._queue.put(write)
        if refusal is not None:
            write.future.set_exception(refusal)
        return write.future

    def listen(self, listener: Listener) -> None:
        """Tell this listener from now on."""
        self._listeners = self._listeners | {listener}

    def unlisten(self, listener: Listener) -> None:
        """Tell this listener no more."""
        self._listeners = self._listeners - {listener}

    def close(self) -> None:
        """Write what is queued, then end the thread. Blocks."""
        with self._gate:
            self._closed = True
            self._queue.put(None)
        self._thread.join()

    def _run(self) -> None:
        while (batch := self._next_batch()) is not None:
            if batch:
                self._commit(batch)

    def _next_batch(self) -> list[Write] | None:
        first = self._queue.get()
        if first is None:
            return None
        batch = [first]
        while len(batch) < MAX_BATCH:
            try:
                write = self._queue.get_nowait()
            except Empty:
                break
            if write is None:
                self._queue.put(None)  # close() after this batch
                break
            batch.append(write)
        return batch

    def _commit(self, batch: list[Write]) -> None:
        if self._failure is not None:
            self._settle(batch, self._failure)
            return
        try:
            self._connection.execute("BEGIN IMMEDIATE")
            for write in batch:
                self._perform(write)
            self._connection.execute("COMMIT")
        except sqlite3.Error as error:
            self._fail(batch, error)
            return
        appended = any(write.appends for write in batch)
        if appended:
            self._published()
        self._settle(batch, None, appended=appended)

    def _perform(self, write: Write) -> None:
        try:
            write.result = write.work(self._connection)
            if isinstance(write.result, sqlite3.Cursor):
                # Disposed of in another thread, it would reset a statement that this one may be at.
                raise TypeError("work must return values, not a cursor")
        except sqlite3.Error:
            raise
        except Exception as error:  # noqa: BLE001 - its own caller learns of it; work checks before it writes
            write.error = error

    def _fail(self, batch: list[Write], cause: sqlite3.Error) -> None:
        failure = LogWriteError(self._path, str(cause))
        failure.__cause__ = cause
        if self._connection.in_transaction:
            with suppress(sqlite3.Error):  # then the connection is gone for good, and the transaction with it
                self._connection.execute("ROLLBACK")
        with self._gate:
            self._failure = failure
        self._settle(batch, failure)
        for listener in self._listeners:
            if listener.on_failure is not None:
                _call_in(listener.loop, listener.on_failure, failure)

    def _settle(self, batch: list[Write], failure: LogWriteError | None, *, appended: bool = False) -> None:
        by_loop: dict[asyncio.AbstractEventLoop, list[Write]] = {}
        for write in batch:
            if failure is not None:
                write.error = failure
            by_loop.setdefault(write.future.get_loop(), []).append(write)
        for loop, writes in by_loop.items():
            _call_in(loop, _resolve, writes)
        if appended:
            for listener in self._listeners:
                if listener.on_append is not None:
                    _call_in(listener.loop, listener.on_append)


def _resolve(writes: Iterable[Write]) -> None:
    for write in writes:
        if write.future.done():  # the caller was cancelled; the write happened all the same
            continue
        if write.error is None:
            write.future.set_result(write.result)
        else:
            write.future.set_exception(write.error)
            # Whoever awaits it still gets it; a caller that went away must not turn it into a logged riddle.
            write.future.exception()


def _call_in(loop: asyncio.AbstractEventLoop, function: Callable[..., None], *args: Any) -> None:
    with suppress(RuntimeError):  # that loop is closed: nobody is left to tell
        loop.call_soon_threadsafe(function, *args)
