"""Run one Valkey server for exactly as long as somebody uses it.

A script of its own (`python -I -S valkey_guard.py USERS_LOCK SOCKET_DIR BINARY OPTION...`), standard library only, so
that it starts in milliseconds. Every process that uses the server holds a shared lock on USERS_LOCK; the kernel drops
that lock however the process ends, SIGKILL included. The guard waits for the exclusive lock: when it has it, nobody is
left, and the server is told to finish. SOCKET_DIR is a temporary folder to remove at the end, or empty.
"""

import contextlib
import ctypes
import fcntl
import os
import signal
import sys
import threading
import time
from pathlib import Path

PR_SET_PDEATHSIG = 1  # <linux/prctl.h>
KILL_AFTER_S = 30.0
CANNOT_EXECUTE = 126  # what a shell returns for it


def main(users_lock: str, socket_dir: str, binary: str, *options: str) -> int:
    """Start the server, wait for its end, and return its exit code."""
    guard = os.getpid()
    server = os.fork()  # safe: this process has one thread
    if server == 0:
        become_server(guard, binary, options)
    signal.signal(signal.SIGTERM, lambda *_: os.kill(server, signal.SIGTERM))
    threading.Thread(target=stop_when_unused, args=(users_lock, server), daemon=True).start()
    _, status = os.waitpid(server, 0)
    if socket_dir:
        remove_socket_dir(Path(socket_dir))
    return os.waitstatus_to_exitcode(status)


def become_server(guard: int, binary: str, options: tuple[str, ...]) -> None:
    """Turn this child into the server; it is told to finish should the guard itself be killed."""
    if sys.platform == "linux":
        # The signal comes when the *thread* that forked ends; the guard forks in its main thread, which waits.
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
        if os.getppid() != guard:  # it died before the line above
            os._exit(0)
    try:
        os.execv(binary, [binary, *options])  # noqa: S606 - no shell is wanted
    except OSError as error:
        sys.stderr.write(f"cannot run {binary}: {error}\n")
        sys.stderr.flush()
        os._exit(CANNOT_EXECUTE)


def stop_when_unused(users_lock: str, server: int) -> None:
    """Tell the server to finish once no process holds the users' lock, and kill it if it does not."""
    # Never closed: newcomers must not find the lock free before the server has ended.
    lock = os.open(users_lock, os.O_RDWR)
    fcntl.flock(lock, fcntl.LOCK_EX)
    os.kill(server, signal.SIGTERM)
    time.sleep(KILL_AFTER_S)
    os.kill(server, signal.SIGKILL)


def remove_socket_dir(folder: Path) -> None:
    """Remove a socket's private folder and the socket a crash may have left in it."""
    for entry in folder.glob("*.sock"):
        entry.unlink(missing_ok=True)
    with contextlib.suppress(OSError):  # a cleaner of temporary files was faster
        folder.rmdir()


if __name__ == "__main__":
    exit_code = main(*sys.argv[1:])
    # Without the interpreter's tidying up, which would wait for the thread.
    os._exit(exit_code if exit_code >= 0 else 128 - exit_code)
