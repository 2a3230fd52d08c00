"""Keeps the fetcher out of private networks: every address is checked before a connection is made to it.

A feed's URL comes from whoever adds feeds, and redirects from whoever serves them. Both could point inwards.
The name is resolved here and the connection goes to the very address that was checked, on every hop.
"""

import asyncio
import socket
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import Protocol

import httpcore

from services.fetcher.wire import Dial, connect

_NAT64 = IPv6Network("64:ff9b::/96")
_REFUSED = (
    IPv6Network("64:ff9b:1::/48"),  # local-use NAT64: what it maps to is the network's own choice
    IPv6Network("2001::/32"),  # Teredo carries an IPv4 address nobody here can check
    IPv6Network("fec0::/10"),  # site-local, deprecated but still routed in places
    IPv6Network("::/96"),  # IPv4-compatible, deprecated
    IPv6Network("3fff::/20"),  # documentation, RFC 9637
    IPv6Network("5f00::/16"),  # segment routing, RFC 9602
    IPv4Network("192.88.99.0/24"),  # 6to4 relays
    IPv4Network("192.0.0.0/24"),  # protocol assignments; 192.0.0.192 is one cloud's metadata
    IPv4Network("168.63.129.16/32"),  # another cloud's, at an address that looks public
)
_SIX_TO_FOUR = IPv6Network("2002::/16")
_ISATAP = frozenset({0x00005EFE, 0x02005EFE})  # the half of an interface id before its IPv4 address
_ATTEMPT_SECONDS = 8.0  # an address that does not answer must not use up the time of the next one
_RESOLVER_THREADS = 16  # a name server that does not answer holds a thread for seconds
# Ports no feed is served on, where a request could be taken for another protocol: the list of the Fetch standard,
# and two stores that take lines of text.
_REFUSED_PORTS = frozenset({
    1, 7, 9, 11, 13, 15, 17, 19, 20, 21, 22, 23, 25, 37, 42, 43, 53, 69, 77, 79, 87, 95, 101, 102, 103, 104,
    109, 110, 111, 113, 115, 117, 119, 123, 135, 137, 139, 143, 161, 179, 389, 427, 465, 512, 513, 514, 515,
    526, 530, 531, 532, 540, 548, 554, 556, 563, 587, 601, 636, 989, 990, 993, 995, 1719, 1720, 1723, 2049,
    3659, 4045, 4190, 5060, 5061, 6000, 6379, 6566, 6665, 6666, 6667, 6668, 6669, 6679, 6697, 10080, 11211,
})  # fmt: skip
_FETCH_HINT = "set fetch.allow_private if that is intended"


class AddressRefusedError(Exception):
    """The host or its port is none to connect to; nothing was connected."""


class HostNotFoundError(httpcore.ConnectError):
    """The host has no address."""


class Resolver(Protocol):
    """Says which addresses a name has."""

    async def addresses(self, host: str, port: int) -> Sequence[str]:
        """Return the numeric addresses, best first; raise OSError or UnicodeError where there are none."""


def is_public(address: IPv4Address | IPv6Address) -> bool:
    """Say whether this is an address on the public internet, seen through every form that embeds an IPv4 address."""
    if isinstance(address, IPv6Address):
        embedded = _embedded(address)
        if embedded is not None and not is_public(embedded):
            return False
        if embedded is not None and not _is_isatap(address):
            return True
    if any(address in network for network in _REFUSED if network.version == address.version):
        return False
    return address.is_global and not (address.is_multicast or address.is_reserved or address.is_unspecified)


def _embedded(address: IPv6Address) -> IPv4Address | None:
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    if address in _NAT64 or _is_isatap(address):
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return address.sixtofour if address in _SIX_TO_FOUR else None


def _is_isatap(address: IPv6Address) -> bool:
    return (int(address) >> 32) & 0xFFFFFFFF in _ISATAP


@lru_cache(maxsize=4096)
def _is_public_text(address: str) -> bool:
    return is_public(ip_address(address))


class SystemResolver:
    """The system's resolver, in threads of its own: a name server that hangs keeps no other work waiting."""

    def __init__(self, threads: int = _RESOLVER_THREADS) -> None:
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="resolver")

    async def addresses(self, host: str, port: int) -> Sequence[str]:
        """Return the numeric addresses of a name, or of a number however it is written."""
        try:
            return (str(ip_address(host)),)
        except ValueError:
            pass  # a name, or one of the number forms that only the system reads, such as 127.1
        loop = asyncio.get_running_loop()
        found = await loop.run_in_executor(self._threads, _look_up, host, port)
        return list(dict.fromkeys(found))

    def close(self) -> None:
        """Wait for nobody."""
        self._threads.shutdown(wait=False, cancel_futures=True)


def _look_up(host: str, port: int) -> list[str]:
    return [str(entry[4][0]) for entry in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]


class Guard:
    """Decides where connections may go. `refuse` makes the error that is raised, from the reason."""

    def __init__(
        self,
        *,
        allow_private: bool,
        resolver: Resolver | None = None,
        refuse: Callable[[str], Exception] = AddressRefusedError,
        hint: str = _FETCH_HINT,
    ) -> None:
        self._allow_private = allow_private
        self._resolver = resolver or SystemResolver()
        self._refuse = refuse
        self._hint = hint

    @property
    def allows_private(self) -> bool:
        """Whether all addresses may be connected to."""
        return self._allow_private

    async def checked_addresses(self, host: str, port: int) -> Sequence[str]:
        """Return the addresses of a host if every one of them may be connected to; it is asked for once.

        Raises HostNotFoundError, and what `refuse` makes.
        """
        if port in _REFUSED_PORTS or not 0 < port < 65536:
            raise self._refuse(f"port {port} of {host} is not one that web servers listen on")
        try:
            addresses = await self._resolver.addresses(host, port)
        except (OSError, UnicodeError) as error:
            raise HostNotFoundError(f"{host} cannot be resolved: {error}") from error
        if not addresses:
            raise HostNotFoundError(f"{host} has no address")
        for address in addresses if not self._allow_private else ():
            if not _is_public_text(address):
                place = host if host == address else f"{host} is at {address}, which"
                raise self._refuse(f"{place} is not on the public internet; {self._hint}")
        return addresses


class GuardedBackend(httpcore.AsyncNetworkBackend):
    """Connects where the guard lets it, to the very address that was checked."""

    def __init__(self, *, allow_private: bool = False, guard: Guard | None = None, dial: Dial = connect) -> None:
        self._guard = guard or Guard(allow_private=allow_private)
        self._dial = dial

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Connect to the first address of the host that answers, if all of them may be connected to."""
        addresses = await self._guard.checked_addresses(host, port)
        limit = min(timeout or _ATTEMPT_SECONDS, _ATTEMPT_SECONDS) if len(addresses) > 1 else timeout
        failure: Exception | None = None
        for address in addresses:
            try:
                return await self._dial(address, port, limit, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failure = error
        raise failure or HostNotFoundError(f"{host} has no address")

    async def sleep(self, seconds: float) -> None:
        """Wait, for httpcore's own retries."""
        await asyncio.sleep(seconds)
