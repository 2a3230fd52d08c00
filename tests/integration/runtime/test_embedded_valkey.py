import asyncio
import fcntl
import os
import signal
import stat
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack, asynccontextmanager
from pathlib import Path

import pytest
from redis.asyncio import Redis

from services.runtime.embedded_valkey import (
    Durability,
    EmbeddedValkey,
    EmbeddedValkeyError,
    bundled_binary,
    find_binary,
    open_lock,
    try_lock,
)
from tests.integration.runtime.child import Child


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    return tmp_path / "data"


@asynccontextmanager
async def client_of(server: EmbeddedValkey) -> AsyncIterator[Redis]:
    async with Redis.from_url(server.url) as client:
        yield client


async def server_pid(server: EmbeddedValkey) -> int:
    async with client_of(server) as client:
        return int((await client.info("server"))["process_id"])


def runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


async def wait_until_free(data_dir: Path) -> None:
    """Return once no server runs on this folder."""
    lock = open_lock(data_dir / "valkey" / "server.lock")
    try:
        async with asyncio.timeout(10):
            while not try_lock(lock, fcntl.LOCK_EX):
                await asyncio.sleep(0.005)
    finally:
        os.close(lock)


class User(Child):
    """Another process that uses the server of a data folder."""

    def __init__(self, data_dir: Path, *arguments: str) -> None:
        super().__init__("tests.integration.runtime.valkey_user", str(data_dir), *arguments)
        words = self.line().split()
        assert words[:1] == ["ready"], self.errors()
        self.server_pid, self.how = int(words[1]), words[2]


StartUser = Callable[..., User]


@pytest.fixture
def start_user(data_dir: Path) -> Iterator[StartUser]:
    with ExitStack() as started:
        yield lambda *arguments: started.enter_context(User(data_dir, *arguments))


async def test_data_survives_a_restart(data_dir: Path) -> None:
    async with EmbeddedValkey(data_dir) as server, client_of(server) as client:
        await client.set("k", "v")
        first = await server_pid(server)
    async with EmbeddedValkey(data_dir) as server, client_of(server) as client:
        assert await client.get("k") == b"v"
        assert await server_pid(server) != first


async def test_the_server_is_gone_when_its_last_user_has_left(data_dir: Path) -> None:
    async with EmbeddedValkey(data_dir) as server:
        pid = await server_pid(server)
    assert not runs(pid)
    assert not server.socket_path.exists()


async def test_it_listens_on_no_port_evicts_nothing_and_appends_every_write(data_dir: Path) -> None:
    async with EmbeddedValkey(data_dir) as server, client_of(server) as client:
        settings = await client.config_get(
            "port", "appendonly", "appendfsync", "maxmemory-policy", "save", "aof-load-truncated"
        )
    assert settings == {
        "port": "0",
        "appendonly": "yes",
        "appendfsync": "always",
        "maxmemory-policy": "noeviction",
        "save": "",
        "aof-load-truncated": "yes",
    }


async def test_durability_can_be_traded_for_speed(data_dir: Path) -> None:
    async with EmbeddedValkey(data_dir, durability=Durability.EVERY_SECOND) as server:
        async with client_of(server) as client:
            assert await client.config_get("appendfsync") == {"appendfsync": "everysec"}


async def test_only_the_owner_may_look_inside(data_dir: Path) -> None:
    (data_dir / "valkey").mkdir(parents=True, mode=0o755)
    async with EmbeddedValkey(data_dir) as server:
        assert stat.S_IMODE((data_dir / "valkey").stat().st_mode) == 0o700
        assert stat.S_IMODE(server.socket_path.stat().st_mode) == 0o700


async def test_it_starts_within_half_a_second(data_dir: Path) -> None:
    taken = []
    for _ in range(3):
        began = time.perf_counter()
        async with EmbeddedValkey(data_dir):
            taken.append(time.perf_counter() - began)
    assert min(taken) < 0.5


@pytest.mark.parametrize("folder", ["x" * 120, "with space & 'quotes' %20", "дані"])
async def test_any_folder_name_works(tmp_path: Path, folder: str) -> None:
    data_dir = tmp_path / folder
    async with EmbeddedValkey(data_dir) as server, client_of(server) as client:
        await client.set("k", "v")
        async with EmbeddedValkey(data_dir) as second, client_of(second) as other:
            assert await other.get("k") == b"v"
        socket_path = server.socket_path
    assert len(os.fsencode(socket_path)) < 104
    assert not socket_path.exists()
    if socket_path.parent != data_dir / "valkey":
        assert not socket_path.parent.exists()
    async with EmbeddedValkey(data_dir) as server, client_of(server) as client:
        assert await client.get("k") == b"v"


async def test_a_folder_may_be_moved(data_dir: Path, tmp_path: Path) -> None:
    async with EmbeddedValkey(data_dir) as server, client_of(server) as client:
        await client.set("k", "v")
    data_dir.rename(tmp_path / "moved")
    async with EmbeddedValkey(data_dir), EmbeddedValkey(tmp_path / "moved") as server:
        async with client_of(server) as client:
            assert await client.get("k") == b"v"


async def test_another_process_joins_and_does_not_stop_the_server(data_dir: Path, start_user: StartUser) -> None:
    async with EmbeddedValkey(data_dir) as server:
        pid = await server_pid(server)
        user = start_user()
        assert (user.how, user.server_pid) == ("joined", pid)
        await asyncio.to_thread(user.leave)
        assert await server_pid(server) == pid


async def test_the_server_outlives_the_process_that_started_it_while_used(
    data_dir: Path, start_user: StartUser
) -> None:
    user = start_user()
    assert user.how == "started"
    async with EmbeddedValkey(data_dir) as server:
        assert not server.started_here
        await asyncio.to_thread(user.leave)
        assert await server_pid(server) == user.server_pid
        start_user().kill()
        assert await server_pid(server) == user.server_pid
    assert not runs(user.server_pid)


async def test_many_starters_at_once_share_one_server(data_dir: Path) -> None:
    servers = [EmbeddedValkey(data_dir) for _ in range(8)]
    await asyncio.gather(*(server.start() for server in servers))
    assert sum(server.started_here for server in servers) == 1
    pids = {await server_pid(server) for server in servers}
    assert len(pids) == 1
    await asyncio.gather(*(server.stop() for server in servers))
    assert not runs(pids.pop())


async def test_starting_while_another_stops_always_gives_a_server_that_works(data_dir: Path) -> None:
    async def visit(visitor: int) -> None:
        for round_number in range(5):
            async with EmbeddedValkey(data_dir, durability=Durability.EVERY_SECOND) as server:
                async with client_of(server) as client:
                    await client.sadd("visits", f"{visitor}:{round_number}")

    await asyncio.gather(*(visit(visitor) for visitor in range(4)))
    async with EmbeddedValkey(data_dir) as server, client_of(server) as client:
        assert await client.scard("visits") == 20


async def test_kill_9_of_the_only_user_leaves_no_server_and_loses_nothing_acknowledged(
    data_dir: Path, start_user: StartUser
) -> None:
    for _ in range(2):
        user = start_user("write")
        acknowledged = user.lines(100) + user.kill()
        await wait_until_free(data_dir)
        assert not runs(user.server_pid)
        async with EmbeddedValkey(data_dir) as server, client_of(server) as client:
            kept = [int(number) for number in await client.lrange("numbers", 0, -1)]
            await client.delete("numbers")
        assert kept[: len(acknowledged)] == [int(number) for number in acknowledged]


async def test_starting_right_after_kill_9_works(data_dir: Path, start_user: StartUser) -> None:
    for _ in range(3):
        user = start_user("write")
        last = user.lines(20)[-1]
        user.kill()
        async with EmbeddedValkey(data_dir) as server, client_of(server) as client:
            assert int(last) in [int(number) for number in await client.lrange("numbers", 0, -1)]


async def test_a_forked_child_that_outlives_its_parent_does_not_keep_the_server(
    data_dir: Path, start_user: StartUser
) -> None:
    user = start_user("fork")
    child = int(user.line())
    try:
        user.kill()
        await wait_until_free(data_dir)
        assert runs(child)
    finally:
        os.kill(child, signal.SIGKILL)


async def test_a_crash_of_the_server_is_noticed_by_every_user(data_dir: Path) -> None:
    async with EmbeddedValkey(data_dir) as first, EmbeddedValkey(data_dir) as second:
        async with client_of(first) as client:
            await client.set("k", "v")
        os.kill(await server_pid(first), signal.SIGKILL)
        async with asyncio.timeout(5):
            await first.wait_crashed()
            assert "Ready to accept connections" in await second.wait_crashed()
    async with EmbeddedValkey(data_dir) as server, client_of(server) as client:
        assert await client.get("k") == b"v"


async def test_a_normal_stop_is_not_a_crash(data_dir: Path) -> None:
    async with EmbeddedValkey(data_dir) as server:
        crashed = asyncio.create_task(server.wait_crashed())
    await asyncio.sleep(0.05)
    assert not crashed.done()
    crashed.cancel()


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the next last user stops such a server")
async def test_kill_9_of_the_guard_ends_the_server_too(data_dir: Path) -> None:
    async with EmbeddedValkey(data_dir) as server:
        pid = await server_pid(server)
        guard = int(subprocess.check_output(["ps", "-o", "ppid=", "-p", str(pid)]))
        os.kill(guard, signal.SIGKILL)
        async with asyncio.timeout(5):
            await server.wait_crashed()
    await wait_until_free(data_dir)


async def test_what_a_crash_leaves_does_not_prevent_a_start(data_dir: Path) -> None:
    async with EmbeddedValkey(data_dir) as server, client_of(server) as client:
        for number in range(10):
            await client.set(f"k{number}", "v" * 100)
    (tail,) = (data_dir / "valkey" / "appendonlydir").glob("*.incr.aof")
    with tail.open("rb+") as file:
        file.truncate(tail.stat().st_size - 20)  # the last command is cut short
    server.socket_path.touch()  # a stale socket
    async with EmbeddedValkey(data_dir) as server, client_of(server) as client:
        assert await client.get("k8") == b"v" * 100
        assert await client.get("k9") is None


async def test_zeros_that_a_power_loss_left_at_the_end_do_not_prevent_a_start(data_dir: Path) -> None:
    async with EmbeddedValkey(data_dir) as server, client_of(server) as client:
        await client.set("k", "v")
    (tail,) = (data_dir / "valkey" / "appendonlydir").glob("*.incr.aof")
    whole = tail.read_bytes()
    tail.write_bytes(whole + b"*3\r\n$3\r\nSET" + b"\0" * 10_000)
    async with EmbeddedValkey(data_dir) as server, client_of(server) as client:
        assert await client.get("k") == b"v"
    assert tail.read_bytes().startswith(whole)


async def test_damaged_data_is_reported_with_what_the_server_says(data_dir: Path) -> None:
    async with EmbeddedValkey(data_dir) as server, client_of(server) as client:
        for number in range(10):
            await client.set(f"k{number}", "v" * 100)
    (tail,) = (data_dir / "valkey" / "appendonlydir").glob("*.incr.aof")
    tail.write_bytes(tail.read_bytes().replace(b"*3\r\n", b"oops", 2))
    with pytest.raises(EmbeddedValkeyError, match="Bad file format reading the append only file"):
        await EmbeddedValkey(data_dir).start()


async def test_a_binary_that_cannot_run_is_reported(data_dir: Path) -> None:
    broken = data_dir.parent / "valkey-server"
    broken.write_text("not a program")
    broken.chmod(0o700)
    with pytest.raises(EmbeddedValkeyError, match=r"cannot run .*valkey-server"):
        await EmbeddedValkey(data_dir, binary=broken).start()


async def test_a_folder_that_cannot_be_made_is_reported(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(EmbeddedValkeyError, match=r"Cannot use .*file/data/valkey"):
        await EmbeddedValkey(tmp_path / "file" / "data").start()


async def test_a_server_that_never_answers_is_given_up(data_dir: Path) -> None:
    (data_dir / "valkey").mkdir(parents=True)
    lock = open_lock(data_dir / "valkey" / "server.lock")  # as if another process were starting it, for ever
    try_lock(lock, fcntl.LOCK_EX)
    with pytest.raises(EmbeddedValkeyError, match=r"Waited 0\.1 s for the server to answer"):
        await EmbeddedValkey(data_dir, start_timeout_s=0.1).start()
    os.close(lock)


def test_the_bundled_server_comes_first() -> None:
    assert find_binary() == bundled_binary()


def test_a_server_on_path_is_used_when_none_is_bundled() -> None:
    def which(name: str) -> str | None:
        return f"/usr/bin/{name}" if name == "redis-server" else None

    assert find_binary(bundled=lambda: None, which=which) == Path("/usr/bin/redis-server")


def test_no_server_at_all_says_what_to_install() -> None:
    with pytest.raises(EmbeddedValkeyError, match=r"Install one .* or set redis_url"):
        find_binary(bundled=lambda: None, which=lambda _: None)
