"""The processes of a campaign: the alerter on an embedded log, and its Valkey, either embedded or a child of ours."""

import asyncio
import contextlib
import os
import signal
import tempfile
import time
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import yaml
from redis.asyncio import Redis
from redis.exceptions import RedisError

from alerts.routing import Route
from schemas.alert import Alert
from schemas.codec import encode
from schemas.delivery import Delivery
from schemas.streams import ALERTS, DELIVERIES, STREAMS
from services.alerter.ledger import ValkeyDeliveryLedger
from services.runtime.embedded_valkey import find_binary
from services.runtime.sqlite_log import SqliteLog
from services.runtime.sqlite_partitions import partition_for
from services.runtime.sqlite_reader import LogReader
from tests.chaos.nursery import Alerter, Nursery, nursery
from tests.chaos.plan import MAILBOXES, SLACK_CHANNELS, slack_channel

SLACK_TOKEN = "xoxb-chaos"
READY = b"redline is ready"
POLL_SECONDS = 0.004
START_SECONDS = 60.0


class Valkey:
    """A Valkey server on a unix socket, every write on disk before its reply; it can be killed and started again."""

    def __init__(self, folder: Path, socket: Path) -> None:
        self._folder = folder
        self._socket = socket
        self._process: asyncio.subprocess.Process | None = None

    @property
    def url(self) -> str:
        """Its address."""
        return f"unix://{self._socket}"

    async def start(self) -> None:
        """Start it, and return once it answers."""
        self._folder.mkdir(parents=True, exist_ok=True)
        options = {"port": 0, "unixsocket": self._socket, "dir": self._folder, "appendonly": "yes", "save": ""}
        words = [str(word) for name, value in options.items() for word in (f"--{name}", value)]
        self._process = await asyncio.create_subprocess_exec(
            find_binary(), *words, "--appendfsync", "always", stdout=asyncio.subprocess.DEVNULL
        )
        await _until(lambda: _answers(self._socket), "Valkey does not answer")

    async def kill(self) -> None:
        """Kill it as `kill -9` does."""
        if self._process is not None and self._process.returncode is None:
            self._process.kill()
            await self._process.wait()


class House:
    """One alerter, its log and its state, in one folder."""

    def __init__(self, folder: Path, nursery: Nursery, valkey: Valkey | None) -> None:
        self._folder = folder
        self._nursery = nursery
        self._valkey = valkey
        self._alerter: Alerter | None = None
        self._lives, self._killed = 0, False
        self._began = 0.0
        self.start_seconds = 0.5  # what the last start took

    # -- the alerter -----------------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Start the alerter, and return at once."""
        self._lives, self._killed = self._lives + 1, False
        self._output.touch()
        self._alerter = await self._nursery.birth(self._output)
        self._began = time.monotonic()

    async def until_ready(self) -> None:
        """Return once the alerter says that it is ready, or has ended."""

        async def ready() -> bool:
            return not self.running or READY in self._output.read_bytes()

        await _until(ready, "the alerter does not start")
        self.start_seconds = time.monotonic() - self._began

    @property
    def running(self) -> bool:
        """Whether the alerter is alive."""
        return self._alerter is not None and self._alerter.code is None

    def kill(self) -> bool:
        """Kill the alerter as `kill -9` does; False if there is none alive, or it was killed already."""
        if self._alerter is None or self._killed or not self._alerter.signal(signal.SIGKILL):
            return False
        self._killed = True
        return True

    async def ended(self, seconds: float) -> int:
        """Return the alerter's exit code; fail if it does not end within this time."""
        assert self._alerter is not None
        try:
            async with asyncio.timeout(seconds):
                await self._alerter.over.wait()
        except TimeoutError:
            raise AssertionError(f"the alerter did not end within {seconds:g} s:\n{self.output()}") from None
        assert self._alerter.code is not None
        return self._alerter.code

    async def stop(self) -> int:
        """Ask the alerter to stop, and return its exit code."""
        assert self._alerter is not None
        self._alerter.signal(signal.SIGTERM)
        return await self.ended(60)

    def output(self) -> str:
        """Return the end of what the alerter said in this life."""
        return self._output.read_text(errors="replace")[-6000:]

    @property
    def _output(self) -> Path:
        return self._folder / f"alerter.{self._lives}.log"

    # -- Valkey ----------------------------------------------------------------------------------------------------

    @property
    def embedded(self) -> bool:
        """Whether the alerter starts its own Valkey."""
        return self._valkey is None

    async def kill_valkey(self) -> bool:
        """Kill the server that runs now; False if none does."""
        if self._valkey is not None:
            await self._valkey.kill()
            return True
        try:
            async with self._client() as client:
                os.kill((await client.info("server"))["process_id"], signal.SIGKILL)
        except (RedisError, OSError):
            return False
        return True

    async def start_valkey(self) -> None:
        """Start the server anew on its data; the alerter starts an embedded one itself."""
        if self._valkey is not None:
            await self._valkey.start()

    async def left_behind(self) -> Sequence[Delivery]:
        """Return the deliveries that are recorded and still have to be published."""
        async with self._client() as client:
            return await ValkeyDeliveryLedger(client).unpublished(datetime.now(UTC), limit=100_000)

    async def commands(self) -> AsyncGenerator[bytes, None]:
        """Yield the scripts that the alerter runs in Valkey, each when it was carried out, while the alerter lives."""
        while self.running:
            with contextlib.suppress(OSError):
                reader, writer = await asyncio.open_unix_connection(self._socket())
                try:
                    writer.write(b"MONITOR\r\n")
                    async for line in reader:
                        # What a script calls is told as well; only what came from the alerter counts.
                        if b"EVALSHA" in line and b" lua]" not in line:
                            yield line
                finally:
                    writer.close()
            await asyncio.sleep(POLL_SECONDS)

    @asynccontextmanager
    async def _client(self) -> AsyncIterator[Redis]:
        client = Redis.from_url(f"unix://{self._socket()}")
        try:
            yield client
        finally:
            await client.aclose()

    def _socket(self) -> str:
        if self._valkey is not None:
            return self._valkey.url.removeprefix("unix://")
        home = self._folder / "data" / "valkey"
        return str(home / (home / "socket_path").read_text())

    # -- the log ---------------------------------------------------------------------------------------------------

    async def publish(self, alerts: Iterable[Alert]) -> None:
        """Put alerts on their stream; durable on return. Only while no alerter runs, which owns the log."""
        log = SqliteLog(self._log)
        try:
            for stream in STREAMS:
                await log.create_stream(stream.name, stream.partitions, stream.retention)
            for alert in alerts:
                key = ALERTS.key_of(alert).encode()
                await log.append(ALERTS.name, partition_for(key, ALERTS.partitions), key, encode(alert))
        finally:
            log.close()

    def deliveries(self) -> list[Delivery]:
        """Return what the deliveries stream holds now."""
        with LogReader(self._log) as reader:
            return [
                Delivery.model_validate_json(record.value or b"")
                for lane in reader.lanes()
                if lane.stream == DELIVERIES.name
                for record in reader.read(lane, 0, 1 << 30, 1 << 40)
            ]

    @property
    def _log(self) -> Path:
        return self._folder / "data" / "log.db"


def write_config(folder: Path, http_url: str, smtp_port: int, valkey: Valkey | None) -> Path:
    """Write the configuration of a campaign; return its path."""
    settings: dict[str, Any] = {"data_dir": "data", "routes": "routes.yaml", "log": {"format": "json"}}
    if valkey is not None:
        settings["redis_url"] = valkey.url
    (folder / "routes.yaml").write_text(yaml.safe_dump(routes(http_url, smtp_port)))
    config = folder / "redline.yaml"
    config.write_text(yaml.safe_dump(settings))
    return config


def routes(http_url: str, smtp_port: int) -> dict[str, Any]:
    """Return the routes of a campaign: every alert to a webhook, to every mailbox, and to one of the Slack channels."""
    mail = {
        "type": "email",
        "from": "redline@chaos.example",
        "to": list(MAILBOXES),
        "smtp": {"host": "127.0.0.1", "port": smtp_port, "security": "none"},
    }
    receivers = [
        {
            "name": "desk",
            "channels": [{"type": "webhook", "url": f"{http_url}/hook", "allow_private": True}, mail],
        },
        *(_slack_receiver(number, http_url) for number in range(SLACK_CHANNELS)),
    ]
    by_label = [
        {"match": {"labels": {"slack": str(number)}}, "receiver": f"slack-{number}"} for number in range(SLACK_CHANNELS)
    ]
    # Each alert in a message of its own, where alerts can be grouped.
    alone = {"group_by": ["..."]} if "group_by" in Route.model_fields else {}
    root = {"receiver": "desk", **alone, "routes": [{"receiver": "desk", "continue": True}, *by_label]}
    return {"route": root, "receivers": receivers}


def _slack_receiver(number: int, http_url: str) -> dict[str, Any]:
    channel_id, name = slack_channel(number)
    channel = {
        "type": "slack",
        "bot_token": {"secret": "CHAOS_SLACK_TOKEN"},
        "channel": channel_id if number % 2 else f"#{name}",
        "api_url": f"{http_url}/slack/",
        "allow_private": True,
    }
    return {"name": f"slack-{number}", "channels": [channel]}


@asynccontextmanager
async def a_house(folder: Path, http_url: str, smtp_port: int, *, external: bool) -> AsyncIterator[House]:
    """Build a house; with `external`, Valkey is a server that the alerter did not start. Nothing runs afterwards."""
    with tempfile.TemporaryDirectory(prefix="chaos-") as sockets:  # a socket's path has to be short
        valkey = Valkey(folder / "valkey", Path(sockets) / "valkey.sock") if external else None
        config = write_config(folder, http_url, smtp_port, valkey)
        clean = {name: value for name, value in os.environ.items() if not name.startswith("REDLINE_")}
        async with nursery(config, {**clean, "REDLINE_SECRET_CHAOS_SLACK_TOKEN": SLACK_TOKEN}) as alerters:
            house = House(folder, alerters, valkey)
            await house.start_valkey()
            try:
                yield house
            finally:
                house.kill()
                if valkey is not None:
                    await valkey.kill()


async def _answers(socket: Path) -> bool:
    client = Redis.from_url(f"unix://{socket}")
    try:
        return bool(await client.ping())
    except (RedisError, OSError):
        return False
    finally:
        await client.aclose()


async def _until(holds: Callable[[], Awaitable[bool]], otherwise: str) -> None:
    try:
        async with asyncio.timeout(START_SECONDS):
            while not await holds():
                await asyncio.sleep(POLL_SECONDS * 5)
    except TimeoutError:
        raise AssertionError(otherwise) from None
