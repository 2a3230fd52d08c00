"""Where alerters are born quickly: forked off a process that has imported everything, each running the command line.

`python -m tests.chaos.nursery CONFIG`: for every line of its input, which names a file for the output, it forks an
alerter and answers with its pid; when that has ended, with its exit code. A campaign starts hundreds, and importing
would be nearly all that they do.
"""

import asyncio
import contextlib
import os
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path


class Alerter:
    """One alerter; `code` is None while it lives."""

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self.code: int | None = None
        self.over = asyncio.Event()

    def signal(self, number: int) -> bool:
        """Send it a signal; False if it has ended."""
        if self.code is not None:
            return False
        try:
            os.kill(self._pid, number)
        except ProcessLookupError:
            return False
        return True


class Nursery:
    """Starts one alerter at a time."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self._watch: asyncio.Task[None] | None = None

    async def birth(self, output: Path) -> Alerter:
        """Start an alerter whose output goes to this file; the former one must have ended."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{output}\n".encode())
        alerter = Alerter(await self._number())
        self._watch = asyncio.create_task(self._wait(alerter))
        return alerter

    async def close(self) -> None:
        """Return when the last alerter and the nursery itself have ended."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        await self._process.wait()
        if self._watch is not None:
            await self._watch

    async def _wait(self, alerter: Alerter) -> None:
        alerter.code = await self._number()
        alerter.over.set()

    async def _number(self) -> int:
        assert self._process.stdout is not None
        return int(await self._process.stdout.readline())


@asynccontextmanager
async def nursery(config: Path, environ: Mapping[str, str]) -> AsyncIterator[Nursery]:
    """Open a nursery for alerters of this configuration; by the end of the block, each must have been ended."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.chaos.nursery", str(config),
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, env=environ,
    )  # fmt: skip
    opened = Nursery(process)
    try:
        yield opened
    finally:
        await opened.close()


def main(config: str) -> None:
    """Serve until the input ends."""
    # What the command line imports only when it runs.
    from services import bootstrap, configuration  # noqa: F401
    from services.cli.main import main as redline
    from services.runtime import log  # noqa: F401

    for line in sys.stdin:
        pid = os.fork()
        if pid == 0:
            _become(Path(line.rstrip("\n")))
            sys.argv = ["redline", "alerter", "--config", config]
            redline()
            return
        print(pid, flush=True)
        _, status = os.waitpid(pid, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)


def _become(output: Path) -> None:
    """Give this process an input and output of its own."""
    out = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    for descriptor, where in ((os.open(os.devnull, os.O_RDONLY), 0), (out, 1), (out, 2)):
        os.dup2(descriptor, where)


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        main(sys.argv[1])
