"""One process owns a file."""

import fcntl
import os
from pathlib import Path
from typing import IO

from services.runtime.faults import LogLockedError


class FileLock:
    """An exclusive lock beside `path`, held until close() or until the process dies, however it dies."""

    def __init__(self, path: Path) -> None:
        """Take the lock, or raise LogLockedError with the holder's pid."""
        self._file: IO[str] = Path(f"{path}.lock").open("a+")  # noqa: SIM115 - held open: that is the lock
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            self._file.seek(0)
            pid = self._file.read().strip()
            self._file.close()
            raise LogLockedError(path, int(pid) if pid.isdigit() else None) from error
        self._file.seek(0)
        self._file.truncate()
        self._file.write(str(os.getpid()))
        self._file.flush()

    def close(self) -> None:
        """Give the lock up. The file stays: deleting it would let two processes lock two files of one name."""
        self._file.truncate(0)
        self._file.close()
