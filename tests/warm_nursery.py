"""A process that has imported the program, and forks a child for every request: see `tests.warm_start`.

Between it and each child stands one that waits for the child's end, and tells its pid and its exit code.
"""

import importlib
import json
import os
import runpy
import signal
import socket
import sys
from typing import Any

IMPORTED = ("services.bootstrap", "services.cli.main", "services.configuration", "services.fetcher.parse_pool")
_MAX_REQUEST_BYTES = 1 << 20


def serve(connection: socket.socket) -> dict[str, Any] | None:
    """Fork for every request. Return None once nobody can ask any more; in a child, what it was asked for."""
    while True:
        raw, descriptors, _, _ = socket.recv_fds(connection, _MAX_REQUEST_BYTES, 4)
        while raw and not raw.endswith(b"\n"):
            raw += connection.recv(_MAX_REQUEST_BYTES)
        if not raw:
            return None
        if os.fork() == 0:
            connection.close()
            return _born(json.loads(raw), descriptors)
        for descriptor in descriptors:
            os.close(descriptor)


def _born(request: dict[str, Any], descriptors: list[int]) -> dict[str, Any]:
    status = descriptors.pop()
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    if (child := os.fork()) != 0:
        for descriptor in descriptors:
            os.close(descriptor)
        os.write(status, f"{child}\n".encode())
        _, how = os.waitpid(child, 0)
        os.write(status, f"{os.waitstatus_to_exitcode(how)}\n".encode())
        os._exit(0)
    os.close(status)
    for number, descriptor in enumerate(descriptors):
        os.dup2(descriptor, number)
        os.close(descriptor)
    return request


def run(request: dict[str, Any]) -> None:
    """Be the process that was asked for: its streams, its environment, its folder, its program."""
    sys.stdin, sys.stdout, sys.stderr = open(0), open(1, "w"), open(2, "w", buffering=1)  # noqa: SIM115
    os.environ.clear()
    os.environ.update(request["environ"])
    os.chdir(request["folder"])
    module, _, function = request["target"].partition(":")
    sys.argv = [module, *request["arguments"]]
    if function:
        getattr(importlib.import_module(module), function)()
    else:
        runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    for name in IMPORTED:
        importlib.import_module(name)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for those that wait
    if (wanted := serve(socket.socket(fileno=int(sys.argv[1])))) is not None:
        run(wanted)
