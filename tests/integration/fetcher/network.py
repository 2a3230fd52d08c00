"""A network to try the guard on: names with the addresses a test gives them, and connections that are counted."""

import socket
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from ipaddress import ip_address
from typing import Any

import httpcore

from services.fetcher.wire import connect

_watching: list[list[Any]] = []


def _audit(event: str, arguments: tuple[Any, ...]) -> None:
    if event == "socket.connect" and _watching:
        _watching[-1].append(arguments[1])


sys.addaudithook(_audit)


@contextmanager
def every_connect() -> Iterator[list[Any]]:
    """Collect the address of every connection that this process begins to open, whatever opens it."""
    _watching.append([])
    try:
        yield _watching[-1]
    finally:
        _watching.pop()


class Names:
    """A resolver: each name has a list of answers, given one after the other, the last one for ever."""

    def __init__(self, answers: Mapping[str, Sequence[Sequence[str]]]) -> None:
        self._answers = {name: list(given) for name, given in answers.items()}
        self.asked: list[str] = []

    async def addresses(self, host: str, port: int) -> Sequence[str]:
        self.asked.append(host)
        with suppress(ValueError):
            return [str(ip_address(host))]
        with suppress(OSError):
            return [socket.inet_ntoa(socket.inet_aton(host))]
        answers = self._answers.get(host)
        if not answers:
            raise OSError("no such name")
        return answers.pop(0) if len(answers) > 1 else answers[0]


class Internet:
    """Opens connections to public addresses, all of which lead to one port of this machine."""

    def __init__(self, port: int) -> None:
        self._port = port
        self.dialled: list[tuple[str, int]] = []

    async def __call__(
        self,
        address: str,
        port: int,
        timeout: float | None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        self.dialled.append((address, port))
        return await connect("127.0.0.1", self._port, timeout, local_address, socket_options)
