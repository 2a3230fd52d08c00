"""A process that uses the embedded Valkey: `python -m tests.integration.runtime.valkey_user DATA_DIR [write|fork]`.

Prints `ready PID started|joined`, PID being the server's. With `write`, then prints each number after the server has
acknowledged it. With `fork`, forks a child that goes on for ever, and prints its pid. Else, or then, waits for the end
of its standard input and leaves.
"""

import asyncio
import os
import signal
import sys
from pathlib import Path

from redis.asyncio import Redis

from services.runtime.embedded_valkey import EmbeddedValkey


def fork_for_ever() -> int:
    """Fork as a pool of processes does, and return the child's pid."""
    child = os.fork()
    if child == 0:
        os.closerange(0, 3)
        signal.pause()
    return child


async def main(data_dir: Path, what: str) -> None:
    async with EmbeddedValkey(data_dir) as server, Redis.from_url(server.url) as client:
        pid = (await client.info("server"))["process_id"]
        print("ready", pid, "started" if server.started_here else "joined", flush=True)
        number = 0
        if what == "fork":
            print(fork_for_ever(), flush=True)
        while what == "write":
            await client.rpush("numbers", number)
            print(number, flush=True)
            number += 1
        await asyncio.to_thread(sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), "".join(sys.argv[2:])))
