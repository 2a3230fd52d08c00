"""Connections to the state store, any Valkey or Redis server."""

import asyncio
from typing import Any
from urllib.parse import urlsplit

from redis.asyncio import ConnectionPool, Redis
from redis.asyncio.connection import AbstractConnection
from redis.exceptions import AuthenticationError, RedisError
from redis.exceptions import ConnectionError as ValkeyConnectionError
from redis.exceptions import TimeoutError as ValkeyTimeoutError

from services.runtime.faults import RuntimeFaultError, UnavailableError
from services.runtime.masking import mask_text

KEY_PREFIX = "redline:"

# Scheme as users write it -> scheme that redis-py knows.
SCHEMES = {"redis": "redis", "rediss": "rediss", "unix": "unix", "valkey": "redis", "valkeys": "rediss"}
CONNECT_TIMEOUT_S = 3.0
REPLY_TIMEOUT_S = 10.0
# A restart of the server takes less: five waits of 0.1, 0.2, 0.4, 0.8 and 1.6 s.
CONNECT_PAUSES_S = (0.1, 0.2, 0.4, 0.8, 1.6)
# An idle connection is tried before it is used, since firewalls forget connections without telling.
TRY_IDLE_AFTER_S = 30


class RedisUrlError(RuntimeFaultError):
    """The redis_url cannot be used."""


class PatientPool(ConnectionPool):
    """Connects anew, with pauses, while the server restarts.

    Only connecting is repeated, never a command: one whose reply got lost may have been carried out, and a second
    `SET ... NX` would then report the work as somebody else's. Handlers, whose effects have ids, repeat the whole.
    """

    pauses_s: tuple[float, ...] = CONNECT_PAUSES_S

    async def get_connection(self, *command: Any, **options: Any) -> AbstractConnection:
        """Return a connection that is open, or raise the error of the last attempt."""
        for pause_s in self.pauses_s:
            try:
                return await self._get_once(*command, **options)
            except AuthenticationError:
                raise
            except (ValkeyConnectionError, ValkeyTimeoutError):
                await asyncio.sleep(pause_s)
        return await self._get_once(*command, **options)

    async def _get_once(self, *command: Any, **options: Any) -> AbstractConnection:
        # Newer versions of redis-py pass no arguments, and leave the method untyped.
        connection: AbstractConnection = await super().get_connection(*command, **options)  # type: ignore[no-untyped-call]
        return connection


def connect(url: str, *, pauses_s: tuple[float, ...] = CONNECT_PAUSES_S) -> Redis:
    """Return a client that speaks bytes; it connects at the first command. Close it with `aclose()`.

    Raise RedisUrlError when the URL is not one of redis://, rediss://, unix://, valkey:// and valkeys://.
    """
    pool = PatientPool.from_url(
        client_url(url),
        protocol=2,  # the same replies from every version of redis-py
        decode_responses=False,
        socket_connect_timeout=CONNECT_TIMEOUT_S,
        socket_timeout=REPLY_TIMEOUT_S,
        health_check_interval=TRY_IDLE_AFTER_S,
    )
    pool.pauses_s = pauses_s
    return Redis.from_pool(pool)


async def check(url: str) -> None:
    """Return if a server answers at this address now, else raise UnavailableError."""
    client = connect(url, pauses_s=())
    try:
        await client.ping()
    except (RedisError, OSError) as error:
        raise UnavailableError(
            f"no Valkey or Redis server answers at {mask_text(url)}: {mask_text(str(error))}. "
            "Check redis_url, and that the server is running"
        ) from error
    finally:
        await client.aclose()


async def ping(client: Redis) -> None:
    """Return if the server behind this client answers, else raise UnavailableError."""
    try:
        await client.ping()
    except (RedisError, OSError) as error:
        raise UnavailableError(f"the state store does not answer: {mask_text(str(error))}") from error


def client_url(url: str) -> str:
    """Return the URL in the words of redis-py, or raise RedisUrlError saying what is wrong with it."""
    shown = mask_text(url)
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise RedisUrlError(f"redis_url {shown}: {error}") from None
    scheme = SCHEMES.get(parts.scheme)
    if scheme is None:
        known = ", ".join(f"{name}://" for name in SCHEMES)
        raise RedisUrlError(f"redis_url {shown}: the scheme must be one of {known}")
    if scheme == "unix":
        if not parts.path.startswith("/") or parts.hostname:
            raise RedisUrlError(f"redis_url {shown}: write unix:///absolute/path/of/the/socket")
    elif not parts.hostname or port == 0:
        raise RedisUrlError(f"redis_url {shown}: the host or port is missing, as in redis://localhost:6379/0")
    elif (database := parts.path.strip("/")) and not database.isdecimal():
        raise RedisUrlError(f"redis_url {shown}: the database must be a number, as in redis://localhost:6379/0")
    return scheme + url[len(parts.scheme) :]
