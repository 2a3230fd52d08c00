"""Where a request goes: an http address, read the one way that all of the fetcher reads it."""

from dataclasses import dataclass, field
from urllib.parse import unquote

import httpx

_PORTS = {"http": 80, "https": 443}


class BadTargetError(Exception):
    """This is no address that can be asked."""


@dataclass(frozen=True, slots=True)
class Target:
    """An http(s) address without fragment. `userinfo` (user:password) is kept out of `text`, which may be logged."""

    text: str
    scheme: str
    host: str
    port: int
    authority: bytes = field(repr=False)
    path: bytes = field(repr=False)
    userinfo: str | None = field(default=None, repr=False)

    @property
    def origin(self) -> str:
        """Return scheme, host and port as one text."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}:{self.port}"

    def may_share_secrets_with(self, other: "Target") -> bool:
        """Whether what this address is told may be told to `other`: the same origin, or the same host made safer."""
        if self.origin == other.origin:
            return True
        is_upgrade = (self.scheme, self.port, other.scheme, other.port) == ("http", 80, "https", 443)
        return self.host == other.host and is_upgrade

    def joined(self, location: str) -> "Target":
        """Return where a Location header of an answer from here leads, without any user name in it."""
        try:
            return _target(httpx.URL(self.text).join(location).copy_with(userinfo=b""))
        except httpx.InvalidURL as error:
            raise BadTargetError(str(error)) from error


def read_target(url: str) -> Target:
    """Read an address; raise BadTargetError where it is none that can be asked."""
    try:
        return _target(httpx.URL(url))
    except httpx.InvalidURL as error:
        raise BadTargetError(str(error)) from error


def _target(url: httpx.URL) -> Target:
    if url.scheme not in _PORTS:
        raise BadTargetError(f"{url.scheme or 'no scheme'}: only http and https addresses are fetched")
    host = url.raw_host.decode("ascii")
    if not host.strip("."):
        raise BadTargetError("the address names no host")
    if "%" in host:
        raise BadTargetError(f"{host} is no name of a host")
    if url.port == 0:
        raise BadTargetError("there is no port 0")
    port = _PORTS[url.scheme] if url.port is None else url.port
    text, userinfo = str(url), url.userinfo
    if userinfo or url.fragment:
        text = str(url.copy_with(userinfo=b"", fragment=None))
    credentials = unquote(userinfo.decode("ascii"), "latin-1") if userinfo else None
    return Target(text, url.scheme, host, port, url.netloc, url.raw_path, credentials)
