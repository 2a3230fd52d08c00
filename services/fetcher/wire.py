"""TCP and TLS for httpcore on plain asyncio: no address is looked up here, and waiting costs little."""

import asyncio
import os
import ssl
from collections.abc import Iterable
from typing import Any, Protocol

import httpcore

_HIGH_WATER = 256 * 1024  # what may come in unread before the sender is held


class Dial(Protocol):
    """Opens connections to numeric addresses."""

    async def __call__(
        self,
        address: str,
        port: int,
        timeout: float | None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Connect; raise httpcore's ConnectError or ConnectTimeout."""


class BadCertificateError(httpcore.ConnectError):
    """The server's certificate does not hold for its name."""


class TlsFailedError(httpcore.ConnectError):
    """The server and we found no way to encrypt."""


async def connect(
    address: str,
    port: int,
    timeout: float | None,
    local_address: str | None = None,
    socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
) -> "TcpStream":
    """Connect to a numeric address; raise httpcore's ConnectError or ConnectTimeout."""
    loop = asyncio.get_running_loop()
    local = (local_address, 0) if local_address else None
    try:
        async with asyncio.timeout(timeout):
            transport, wire = await loop.create_connection(_Wire, address, port, local_addr=local)
    except TimeoutError as error:
        raise httpcore.ConnectTimeout(f"{address} does not answer") from error
    except OSError as error:
        raise httpcore.ConnectError(f"{_place(address, port)}: {_in_words(error)}") from error
    for option in socket_options or ():
        transport.get_extra_info("socket").setsockopt(*option)
    return TcpStream(transport, wire)


def _place(address: str, port: int) -> str:
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


def _in_words(error: OSError) -> str:
    # asyncio puts "Connect call failed" and a tuple where the system says why.
    return os.strerror(error.errno).lower() if error.errno else str(error)


class _Wire(asyncio.Protocol):
    """What came in on a connection and was not read yet."""

    def __init__(self) -> None:
        self.unread = bytearray()
        self.has_ended = False
        self.failure: Exception | None = None
        self.transport: asyncio.Transport | None = None
        self._is_held = False
        self._waiting: asyncio.Future[None] | None = None
        self._may_write = asyncio.Event()
        self._may_write.set()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        if isinstance(transport, asyncio.Transport):
            self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.unread += data
        if len(self.unread) > _HIGH_WATER and self.transport is not None and not self._is_held:
            self._is_held = True
            self.transport.pause_reading()
        self._wake()

    def eof_received(self) -> bool:
        self.has_ended = True
        self._wake()
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        self.has_ended, self.failure = True, exc
        self._may_write.set()
        self._wake()

    def pause_writing(self) -> None:
        self._may_write.clear()

    def resume_writing(self) -> None:
        self._may_write.set()

    async def drained(self) -> None:
        if not self._may_write.is_set():
            await self._may_write.wait()
        if self.failure is not None:
            raise httpcore.WriteError(str(self.failure))

    async def read(self, max_bytes: int) -> bytes:
        while not self.unread and not self.has_ended:
            self._waiting = asyncio.get_running_loop().create_future()
            try:
                await self._waiting
            finally:
                self._waiting = None
        if not self.unread and self.failure is not None:
            raise httpcore.ReadError(str(self.failure))
        data = bytes(self.unread[:max_bytes])
        del self.unread[:max_bytes]
        if self._is_held and len(self.unread) <= _HIGH_WATER and self.transport is not None:
            self._is_held = False
            self.transport.resume_reading()
        return data

    def _wake(self) -> None:
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_result(None)


class TcpStream(httpcore.AsyncNetworkStream):
    """One connection, plain or encrypted."""

    def __init__(self, transport: asyncio.Transport, wire: _Wire, *, is_encrypted: bool = False) -> None:
        self._transport = transport
        self._wire = wire
        self._is_encrypted = is_encrypted

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """Return what came in, at least a byte; nothing at the end."""
        if timeout is None or self._wire.unread:
            return await self._wire.read(max_bytes)
        try:
            async with asyncio.timeout(timeout):
                return await self._wire.read(max_bytes)
        except TimeoutError as error:
            raise httpcore.ReadTimeout(f"nothing came for {timeout:g} s") from error

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """Send, waiting while the other side does not take it."""
        if self._transport.is_closing():
            raise httpcore.WriteError("the connection is closed")
        if buffer:
            self._transport.write(buffer)
        if timeout is None:
            await self._wire.drained()
            return
        try:
            async with asyncio.timeout(timeout):
                await self._wire.drained()
        except TimeoutError as error:
            raise httpcore.WriteTimeout(f"nothing was taken for {timeout:g} s") from error

    async def aclose(self) -> None:
        """Close without waiting for the other side to agree."""
        self._transport.close()
        if self._is_encrypted:
            self._transport.abort()  # our end is said; theirs may take half a minute
        await asyncio.sleep(0)  # lets the loop give the socket back

    async def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.AsyncNetworkStream:
        """Return this connection encrypted; raise BadCertificateError, TlsFailedError or ConnectTimeout."""
        wire = _Wire()
        try:
            async with asyncio.timeout(timeout):
                transport = await asyncio.get_running_loop().start_tls(
                    self._transport, wire, ssl_context, server_hostname=server_hostname
                )
        except OSError as error:  # a timeout and a TLS fault are of this kind, too
            self._transport.abort()
            raise _tls_error(error) from error
        except BaseException:
            self._transport.abort()
            raise
        if transport is None:
            raise TlsFailedError("the connection ended before it was encrypted")
        wire.transport = transport
        return TcpStream(transport, wire, is_encrypted=True)

    def get_extra_info(self, info: str) -> Any:
        """Return what httpcore asks of a connection."""
        match info:
            case "is_readable":  # an idle connection on which anything came in is one that ended
                return self._wire.has_ended or bool(self._wire.unread) or self._transport.is_closing()
            case "client_addr":
                return self._transport.get_extra_info("sockname")
            case "server_addr":
                return self._transport.get_extra_info("peername")
            case _:
                return self._transport.get_extra_info(info)


def _tls_error(error: OSError) -> Exception:
    match error:
        case TimeoutError():
            return httpcore.ConnectTimeout("the server did not answer our wish to encrypt")
        case ssl.SSLCertVerificationError():
            return BadCertificateError(error.verify_message or str(error))
        case _:
            return TlsFailedError(str(error) or "the connection ended before it was encrypted")
