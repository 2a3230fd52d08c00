"""Another process, read line by line, to be killed or sent signals."""

import os
import tempfile
import time
from types import TracebackType
from typing import Self

from tests.warm_start import WarmProcess


class Child:
    """`python -m MODULE ARGUMENTS...`, killed at the latest when the block ends.

    Its output is read through one buffered stream only: a second reader of the pipe, as `Popen.communicate` is, would
    lack the lines that are already in that buffer.
    """

    def __init__(self, module: str, *arguments: str) -> None:
        # A file takes any amount, so that nobody need read the pipe of errors beside the one of output.
        self._errors = tempfile.TemporaryFile("w+")  # noqa: SIM115 - closed with the process
        (stdin, self._input), (output, stdout) = os.pipe(), os.pipe()
        self._output = os.fdopen(output)
        self.process = WarmProcess(module, arguments, stdin=stdin, stdout=stdout, stderr=self._errors.fileno())
        os.close(stdin)
        os.close(stdout)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.process.kill()
        self.process.wait()
        self._end_input()
        self._output.close()
        self._errors.close()

    def line(self) -> str:
        """Return the next line without its end; empty once there is none."""
        return self._output.readline().rstrip("\n")

    def lines(self, count: int) -> list[str]:
        """Return the next lines."""
        return [self.line() for _ in range(count)]

    def rest(self) -> list[str]:
        """Wait until the process has ended, and return the complete lines not read yet."""
        output = self._output.read()
        self.process.wait()
        return [line[:-1] for line in output.splitlines(keepends=True) if line.endswith("\n")]

    def kill(self) -> list[str]:
        """Kill the process with SIGKILL and return the complete lines it had still printed."""
        self.process.kill()
        return self.rest()

    def terminate(self, within: float = 20) -> list[str]:
        """Ask the process to stop with SIGTERM, see that it does within this time, and return as `rest` does."""
        begun_at = time.monotonic()
        self.process.terminate()
        rest = self.rest()
        assert time.monotonic() - begun_at < within
        return rest

    def leave(self) -> None:
        """End its standard input, and wait for it to end by itself."""
        self._end_input()
        self.rest()

    def errors(self) -> str:
        """Return what it wrote to its standard error."""
        self._errors.seek(0)
        return self._errors.read()

    def _end_input(self) -> None:
        if self._input != -1:
            os.close(self._input)
            self._input = -1
