"""Keeps the fetcher out of private networks: every address is checked before a connection is made to it.

A feed's URL comes from whoever adds feeds, and redirects from whoever serves them. Both could point inwards.
The name is resolved here and the connection goes to the very address that was checked, on every hop.
"""

import asyncio
import socket
from collections.abc import Iterable
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

import httpcore

_NAT64 = IPv6Network("64:ff9b::/96")
_REFUSED = (
    IPv6Network("64:ff9b:1::/48"),  # local-use NAT64: what it maps to is the network's own choice
    IPv6Network("2001::/32"),  # Teredo carries an IPv4 address nobody here can check
    IPv6Network("fec0::/10"),  # site-local, deprecated but still routed in places
    IPv6Network("::/96"),  # IPv4-compatible, deprecated
    IPv4Network("192.88.99.0/24"),  # 6to4 relays
)
_SIX_TO_FOUR = IPv6Network("2002::/16")
_ATTEMPT_SECONDS = 8.0  # an address that does not answer must not use up the time of the next one


class AddressRefusedError(Exception):
    """The host has an address that is not on the public internet."""


class HostNotFoundError(Exception):
    """The host has no address."""


def is_public(address: IPv4Address | IPv6Address) -> bool:
    """Say whether this is an address on the public internet, seen through every form that embeds an IPv4 address."""
    if isinstance(address, IPv6Address):
        embedded = _embedded(address)
        if embedded is not None:
            return is_public(embedded)
    if any(address in network for network in _REFUSED if network.version == address.version):
        return False
    return address.is_global and not (address.is_multicast or address.is_reserved or address.is_unspecified)


def _embedded(address: IPv6Address) -> IPv4Address | None:
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    if address in _NAT64:
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return address.sixtofour if address in _SIX_TO_FOUR else None


class GuardedBackend(httpcore.AsyncNetworkBackend):
    """Connects to public addresses only; with `allow_private`, to any."""

    def __init__(self, *, allow_private: bool) -> None:
        self._inner = httpcore.AnyIOBackend()
        self._allow_private = allow_private

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Connect to the first address of the host that answers, if all of them may be connected to."""
        addresses = await self._checked_addresses(host, port)
        limit = min(timeout or _ATTEMPT_SECONDS, _ATTEMPT_SECONDS) if len(addresses) > 1 else timeout
        failure: Exception | None = None
        for address in addresses:
            try:
                return await self._inner.connect_tcp(address, port, limit, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failure = error
        raise failure or HostNotFoundError(f"{host} has no address")

    async def sleep(self, seconds: float) -> None:
        """Wait, for httpcore's own retries."""
        await self._inner.sleep(seconds)

    async def _checked_addresses(self, host: str, port: int) -> list[str]:
        try:
            found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError) as error:
            raise HostNotFoundError(f"{host} cannot be resolved: {error}") from error
        addresses = list(dict.fromkeys(str(entry[4][0]) for entry in found))
        if not self._allow_private:
            for address in addresses:
                if not is_public(ip_address(address)):
                    raise AddressRefusedError(
                        f"{host} is at {address}, which is not on the public internet;"
                        " set fetch.allow_private if that is intended"
                    )
        return addresses
