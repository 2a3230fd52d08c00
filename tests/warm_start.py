"""Processes of the program that start at once, forked from one that has imported it already.

They are processes of their own like any other, to be killed, starved or sent signals; only the seconds are saved that
each would take to import the same modules again. What a user types is tested by starting Python anew.
"""

import atexit
import json
import os
import select
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[1]
REDLINE = "services.cli.main:main"


class WarmProcess:
    """One such process, with what the tests need of `subprocess.Popen`."""

    def __init__(
        self,
        target: str,
        arguments: Sequence[str],
        *,
        stdout: int,
        stdin: int | None = None,
        stderr: int | None = None,
        environ: Mapping[str, str] | None = None,
        folder: Path = ROOT,
    ) -> None:
        """Run `module:function` or, as `python -m` does, a module, on these descriptors; all remain the caller's."""
        request = {
            "target": target,
            "arguments": list(arguments),
            "environ": dict(os.environ if environ is None else environ),
            "folder": str(folder),
        }
        told, status = os.pipe()
        nothing = os.open(os.devnull, os.O_RDONLY)
        streams = [nothing if stdin is None else stdin, stdout, stdout if stderr is None else stderr, status]
        socket.send_fds(_nursery(), [json.dumps(request).encode() + b"\n"], streams)
        os.close(status)
        os.close(nothing)
        self._told = os.fdopen(told)
        self.pid = int(self._told.readline())
        self.returncode: int | None = None

    def poll(self) -> int | None:
        """Return the exit code, or None while it runs."""
        return self._ended_within(0)

    def wait(self, timeout: float | None = None) -> int:
        """Return the exit code once it has ended."""
        code = self._ended_within(timeout)
        if code is None:
            raise subprocess.TimeoutExpired(str(self.pid), timeout or 0)
        return code

    def send_signal(self, number: signal.Signals) -> None:
        """Send it a signal, unless it has ended."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        """Ask it to stop."""
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """End it as `kill -9` does."""
        self.send_signal(signal.SIGKILL)

    def _ended_within(self, timeout: float | None) -> int | None:
        if self.returncode is None and select.select([self._told], [], [], timeout)[0]:
            self.returncode = int(self._told.readline())
            self._told.close()
        return self.returncode


@cache
def _nursery() -> socket.socket:
    ours, theirs = socket.socketpair()
    command = [sys.executable, "-m", "tests.warm_nursery", str(theirs.fileno())]
    process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.DEVNULL, pass_fds=[theirs.fileno()])
    theirs.close()

    def end() -> None:
        ours.close()
        process.wait()

    atexit.register(end)
    return ours
